// Winograd convolution F(m x m, 3 x 3) in each plane (Lavin & Gray 2016), m = 4 or 2, with the taps
// along z either plain or by F(z, 3) as well, z = 4 or 2.
//
// An item is a band of tile rows over a range of z. Its input tiles are transformed (this stays in
// the second-level cache), then for every block of 16 outputs and every component of the transformed
// domain one matrix product; the inverse transform, bias, residual, activation and the sums for a
// GroupNorm happen on the way out, in registers.
//
// F(4, 3) evaluates polynomials at 0, infinity and four more points. +-1/sqrt 2 and +-sqrt 2 keep all
// numbers near 1 and so round half as much as the usual +-1 and +-2. Those are used in planes that are
// upsampled: where every value is there twice, the polynomial vanishes at -1, and a sixth of the
// products along an axis need not be done.

// Points of a transform along an axis.
enum { NK_F2, NK_F4, NK_F4_TWICE };

// Floats between rows of scratch: strides of whole pages would all fall into the same lines of the
// cache.
#ifndef NK_PAD
#define NK_PAD 16
#endif

static const float A1 = 0.70710678118654752f, A2 = 1.41421356237309505f;

// MARK: One-dimensional transforms

NK_INLINE void input_1d(const int points, const v16* d, v16* o) {
  if (points == NK_F4) {
    const v16 a = d[4] - d[2] * 2.0f, b = d[3] - d[1] * 2.0f;
    const v16 c = d[4] - d[2] * 0.5f, e = d[3] - d[1] * 0.5f;
    o[0] = d[0] - d[2] * 2.5f + d[4];
    o[1] = a + b * A1;
    o[2] = a - b * A1;
    o[3] = c + e * A2;
    o[4] = c - e * A2;
    o[5] = d[1] - d[3] * 2.5f + d[5];
  } else if (points == NK_F4_TWICE) {
    const v16 a = d[4] - d[2] * 4.0f, b = d[3] - d[1] * 4.0f;
    const v16 c = d[4] - d[2], e = (d[3] - d[1]) * 2.0f;
    o[0] = d[0] * 4.0f - d[2] * 5.0f + d[4];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = d[1] * 4.0f - d[3] * 5.0f + d[5];
  } else {
    o[0] = d[0] - d[2];
    o[1] = d[1] + d[2];
    o[2] = d[2] - d[1];
    o[3] = d[1] - d[3];
  }
}

// The same for a row of voxels that are each there twice: d holds the m / 2 + 2 different ones.
// Component 2 is zero and is not written.
NK_INLINE void input_1d_twice(const int points, const v16* d, v16* o) {
  if (points == NK_F4_TWICE) {
    const v16 a = d[2] - d[1] * 4.0f, b = d[2] - d[1];
    o[0] = d[0] * 4.0f - d[1] * 5.0f + d[2];
    o[1] = a + a;
    o[3] = b * 3.0f;
    o[4] = -b;
    o[5] = d[1] * 4.0f - d[2] * 5.0f + d[3];
  } else {
    o[0] = d[0] - d[1];
    o[1] = d[1] + d[1];
    o[3] = d[1] - d[2];
  }
}

NK_INLINE void output_1d(const int points, const v16* d, v16* o) {
  if (points == NK_F4) {
    const v16 a = d[1] + d[2], b = (d[1] - d[2]) * A1, c = d[3] + d[4], e = d[3] - d[4];
    o[0] = d[0] + a + c;
    o[1] = b + e * A2;
    o[2] = a * 0.5f + c * 2.0f;
    o[3] = b * 0.5f + d[5] + e * (2 * A2);
  } else if (points == NK_F4_TWICE) {
    const v16 a = d[1] + d[2], b = d[1] - d[2], c = d[3] + d[4], e = d[3] - d[4];
    o[0] = d[0] + a + c;
    o[1] = b + e * 2.0f;
    o[2] = a + c * 4.0f;
    o[3] = b + e * 8.0f + d[5];
  } else {
    o[0] = d[0] + d[1] + d[2];
    o[1] = d[1] - d[2] - d[3];
  }
}

// The weights' transform: [points][component][tap].
static const float weight_transform[3][6][3] = {
    {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}},
    {{1, 0, 0},
     {-2.0f / 3, -0.47140452079103168f, -1.0f / 3},
     {-2.0f / 3, 0.47140452079103168f, -1.0f / 3},
     {1.0f / 6, 0.23570226039551584f, 1.0f / 3},
     {1.0f / 6, -0.23570226039551584f, 1.0f / 3},
     {0, 0, 1}},
    {{0.25f, 0, 0},
     {-1.0f / 6, -1.0f / 6, -1.0f / 6},
     {-1.0f / 6, 1.0f / 6, -1.0f / 6},
     {1.0f / 24, 1.0f / 12, 1.0f / 6},
     {1.0f / 24, -1.0f / 12, 1.0f / 6},
     {0, 0, 1}}};

NK_INLINE int plane_points(const nk_plan* plan) {
  return plan->m == 2 ? NK_F2 : plan->twice ? NK_F4_TWICE : NK_F4;
}

// MARK: Weights

// Transformed weights are [component][z component][out block][in block][16 in][16 out].
static void transform_weights(const nk_plan* plan, const float* taps, int out_block, int in_block,
                              float* transformed) {
  const int a = plan->m + 2, zs = plan->z_components;
  const float (*g)[3] = weight_transform[plane_points(plan)];
  const float (*gz)[3] = weight_transform[plan->z == 4 ? NK_F4 : NK_F2];
  const long step = (long)plan->out_blocks * plan->in_blocks * 256;
  for (int e = 0; e < 256; e += 16) {
    v16 planes[3][6][6];
    for (int z = 0; z < plan->taps; z++) {
      v16 half[6][3];
      for (int i = 0; i < a; i++)
        for (int x = 0; x < 3; x++) {
          v16 s = (v16){};
          for (int y = 0; y < 3; y++) s += load(taps + ((z * 3 + y) * 3 + x) * 256 + e) * g[i][y];
          half[i][x] = s;
        }
      for (int i = 0; i < a; i++)
        for (int j = 0; j < a; j++)
          planes[z][i][j] = half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
    }
    for (int i = 0; i < a; i++)
      for (int j = 0; j < a; j++) {
        float* to = transformed + (i * a + j) * zs * step
                    + ((long)out_block * plan->in_blocks + in_block) * 256 + e;
        for (int z = 0; z < zs; z++)
          store(to + z * step, plan->z == 1 ? planes[z][i][j]
                                            : planes[0][i][j] * gz[z][0] + planes[1][i][j] * gz[z][1]
                                                  + planes[2][i][j] * gz[z][2]);
      }
  }
}

// MARK: Input

// What one row of tiles reads: a sum of up to four planes of one block of channels, each times its
// factor, plus a shift.
typedef struct {
  const float* planes[4];
  v16 factors[4];
  v16 shift;
} plane_mix;

// Transform one row of tiles of one block of channels: component k of tile t goes to out + k * step
// + t * 16. The planes have height rows and width columns; the first tile begins at row y0 and
// column x0 of them. With `twice` every stored voxel stands for two along y and x, and the
// components that are zero are left out. Rows (edge) and columns outside count as zero.
NK_INLINE void input_row(const int points, const int edge, const int count, const int twice,
                         const plane_mix mix, const int height, const int width, int y0, int x0,
                         int tiles, float* out, long step) {
  enum { MAX = 6 };
  const int m = points == NK_F2 ? 2 : 4;
  const int a = m + 2;                      // components along an axis
  const int reach = twice ? m / 2 + 2 : a;  // voxels that a tile reads along an axis
  const long row = (long)width * 16, first = (long)y0 * row;
  v16 column[MAX][MAX];
  for (int t = 0; t < tiles; t++) {
    NK_UNROLL for (int k = 0; k < reach; k++) {
      if (k < 2 && t > 0) {
        NK_UNROLL for (int i = 0; i < a; i++) column[k][i] = column[k + reach - 2][i];
        continue;
      }
      const int x = x0 + t * (reach - 2) + k;
      if (x < 0 || x >= width) {
        NK_UNROLL for (int i = 0; i < a; i++) column[k][i] = (v16){};
        continue;
      }
      v16 d[MAX];
      NK_UNROLL for (int y = 0; y < reach; y++) {
        if (edge && (y0 + y < 0 || y0 + y >= height)) {
          d[y] = (v16){};
          continue;
        }
        const long at = first + y * row + (long)x * 16;
        d[y] = load(mix.planes[0] + at) * mix.factors[0] + mix.shift;
        NK_UNROLL for (int p = 1; p < count; p++)
          d[y] = load(mix.planes[p] + at) * mix.factors[p] + d[y];
      }
      if (twice)
        input_1d_twice(points, d, column[k]);
      else
        input_1d(points, d, column[k]);
    }
    NK_UNROLL for (int i = 0; i < a; i++) {
      if (twice && i == 2) continue;
      v16 d[MAX], q[MAX];
      NK_UNROLL for (int k = 0; k < reach; k++) d[k] = column[k][i];
      if (twice)
        input_1d_twice(points, d, q);
      else
        input_1d(points, d, q);
      NK_UNROLL for (int k = 0; k < a; k++) if (!twice || k != 2)
          store(out + (i * a + k) * step + t * 16, q[k]);
    }
  }
}

typedef void (*row_function)(const plane_mix*, int, int, int, int, int, float*, long);

#define NK_ROW(NAME, POINTS, EDGE, COUNT, TWICE)                                                  \
  static __attribute__((noinline)) void NAME(const plane_mix* mix, int height, int width, int y0, \
                                             int x0, int tiles, float* out, long step) {          \
    input_row(POINTS, EDGE, COUNT, TWICE, *mix, height, width, y0, x0, tiles, out, step);         \
  }
// row_<points>_<twice><edge><count>
#define NK_ROWS(POINTS, TWICE)                     \
  NK_ROW(row_##POINTS##_##TWICE##01, POINTS, 0, 1, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##02, POINTS, 0, 2, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##03, POINTS, 0, 3, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##04, POINTS, 0, 4, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##11, POINTS, 1, 1, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##12, POINTS, 1, 2, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##13, POINTS, 1, 3, TWICE) \
  NK_ROW(row_##POINTS##_##TWICE##14, POINTS, 1, 4, TWICE)
NK_ROWS(0, 0)
NK_ROWS(0, 1)
NK_ROWS(1, 0)
NK_ROWS(2, 0)
NK_ROWS(2, 1)

// [points][twice][edge][planes - 1]; NK_F4 is not for upsampled sources.
#define NK_ROW_TABLE(P, T)                                                                         \
  {                                                                                                \
    {row_##P##_##T##01, row_##P##_##T##02, row_##P##_##T##03, row_##P##_##T##04}, {                \
      row_##P##_##T##11, row_##P##_##T##12, row_##P##_##T##13, row_##P##_##T##14                   \
    }                                                                                              \
  }
static const row_function row_table[3][2][2][4] = {{NK_ROW_TABLE(0, 0), NK_ROW_TABLE(0, 1)},
                                                   {NK_ROW_TABLE(1, 0), {{0}}},
                                                   {NK_ROW_TABLE(2, 0), NK_ROW_TABLE(2, 1)}};

// The input's transform along z, [z == 4][component][plane]; plane 0 is the one before the tile.
static const float z_input[2][6][6] = {
    {{1, 0, -1}, {0, 1, 1}, {0, -1, 1}, {0, 1, 0, -1}},
    {{1, 0, -2.5f, 0, 1},
     {0, -1.41421356237309505f, -2, 0.70710678118654752f, 1},
     {0, 1.41421356237309505f, -2, -0.70710678118654752f, 1},
     {0, -0.70710678118654752f, -0.5f, 1.41421356237309505f, 1},
     {0, 0.70710678118654752f, -0.5f, -1.41421356237309505f, 1},
     {0, 1, 0, -2.5f, 0, 1}}};

// The tiles of one item.
typedef struct {
  int row, rows;        // first row of tiles, and how many
  int column, columns;  // first column of tiles, and how many
} tile_window;

// Transform the tiles of a window from a sum of planes of the layer's grid, z0 + j with factor
// factors[j] (planes outside count as zero). Tile t of block b, component k: out + k * step + b *
// block_step + t * 16.
static void transform_plane(const nk_convolution* layer, const nk_plan* plan, tile_window w, int z0,
                            const float* factors, int count, float* out, long step,
                            long block_step) {
  const int m = plan->m, points = plane_points(plan);
  int block = 0;
  for (int s = 0; s < layer->source_count; s++) {
    const nk_source* source = &layer->sources[s];
    const long plane = (long)source->height * source->width * 16;
    // The stored planes; those that are there twice come together.
    int planes = 0, places[4];
    float weights[4], sum = 0;
    for (int j = 0; j < count; j++) {
      const int z = z0 + j;
      if (factors[j] == 0 || z < 0 || z >= layer->depth) continue;
      sum += factors[j];
      if (planes > 0 && places[planes - 1] == z >> source->up_z) {
        weights[planes - 1] += factors[j];
      } else {
        places[planes] = z >> source->up_z;
        weights[planes++] = factors[j];
      }
    }
    const int twice = source->up_yx, stride = twice ? m / 2 : m, reach = stride + 2;
    for (int b = 0; b < source->blocks; b++, block++) {
      float* to = out + block * block_step;
      if (planes == 0) {
        for (int k = 0; k < plan->components; k++)
          memset(to + k * step, 0, sizeof(float) * 16 * (size_t)(w.rows * w.columns));
        continue;
      }
      const v16 scale = load(source->scale + b * 16);
      plane_mix mix = {.shift = load(source->shift + b * 16) * sum};
      for (int p = 0; p < planes; p++) {
        mix.planes[p] = source->data + ((long)b * source->depth + places[p]) * plane;
        mix.factors[p] = scale * weights[p];
      }
      for (int r = 0; r < w.rows; r++) {
        const int y0 = (w.row + r) * stride - 1;
        const int edge = y0 < 0 || y0 + reach > source->height;
        row_table[points][twice][edge][planes - 1](&mix, source->height, source->width, y0,
                                                   w.column * stride - 1, w.columns,
                                                   to + (long)r * w.columns * 16, step);
      }
    }
  }
}

// The same for all components along z of one tile along z, which begins at plane z + 1: a voxel is
// read once. Component k along z of component c is at out + (k * components + c) * step.
//
// One column of voxels of a row of tiles at a time goes through the transforms along y and z.
typedef struct {
  const float* planes[6];  // row y0 of the planes of one block of channels, or NULL outside
  v16 scale, shift;
  int y0, height, width;
} tile_rows;

NK_INLINE void input_column(const int points, const int z, const int edge, const int twice,
                            const tile_rows* rows, int x, float* out) {
  const int a = points == NK_F2 ? 4 : 6, depth = z + 2;
  const int reach = twice ? a / 2 + 1 : a;
  const long row = (long)rows->width * 16;
  v16 c[6][6];
  NK_UNROLL for (int p = 0; p < depth; p++) {
    if (edge && !rows->planes[p]) {
      NK_UNROLL for (int i = 0; i < a; i++) c[p][i] = (v16){};
      continue;
    }
    const float* from = rows->planes[p] + (long)x * 16;
    // Too many streams for the hardware's prefetcher.
    NK_UNROLL for (int y = 0; y < reach; y++) __builtin_prefetch(from + y * row + (reach - 2) * 16);
    v16 d[6];
    NK_UNROLL for (int y = 0; y < reach; y++) d[y] =
        edge && (rows->y0 + y < 0 || rows->y0 + y >= rows->height)
            ? (v16){}
            : load(from + y * row) * rows->scale + rows->shift;
    if (twice)
      input_1d_twice(points, d, c[p]);
    else
      input_1d(points, d, c[p]);
  }
  NK_UNROLL for (int i = 0; i < a; i++) {
    if (twice && i == 2) continue;
    v16 d[6], q[6];
    NK_UNROLL for (int p = 0; p < depth; p++) d[p] = c[p][i];
    input_1d(z == 4 ? NK_F4 : NK_F2, d, q);
    NK_UNROLL for (int p = 0; p < depth; p++) store(out + (p * a + i) * 16, q[p]);
  }
}

NK_INLINE void input_tiles(const int points, const int z, const int edge, const int twice,
                           const tile_rows* rows, int x0, int tiles, float* out, long step) {
  const int a = points == NK_F2 ? 4 : 6, depth = z + 2;
  const int reach = twice ? a / 2 + 1 : a;
  float memory[6][36 * 16] __attribute__((aligned(64)));
  float* column[6];
  for (int k = 0; k < reach; k++) column[k] = memory[k];
  for (int t = 0; t < tiles; t++) {
    if (t > 0)
      for (int k = 0; k < 2; k++) {
        float* kept = column[reach - 2 + k];
        column[reach - 2 + k] = column[k];
        column[k] = kept;
      }
    for (int k = t > 0 ? 2 : 0; k < reach; k++) {
      const int x = x0 + t * (reach - 2) + k;
      if (x < 0 || x >= rows->width)
        memset(column[k], 0, sizeof memory[0]);
      else
        input_column(points, z, edge, twice, rows, x, column[k]);
    }
    for (int e = 0; e < depth * a; e++) {
      if (twice && e % a == 2) continue;
      v16 d[6], q[6];
      NK_UNROLL for (int k = 0; k < reach; k++) d[k] = load(column[k] + e * 16);
      if (twice)
        input_1d_twice(points, d, q);
      else
        input_1d(points, d, q);
      NK_UNROLL for (int k = 0; k < a; k++) if (!twice || k != 2)
          store(out + (e * a + k) * step + t * 16, q[k]);
    }
  }
}

typedef void (*input_function)(const tile_rows*, int, int, float*, long);

#define NK_INPUT(POINTS, TWICE, Z, EDGE)                                                          \
  static __attribute__((noinline)) void input_##POINTS##_##TWICE##Z##EDGE(                        \
      const tile_rows* rows, int x0, int tiles, float* out, long step) {                          \
    input_tiles(POINTS, Z, EDGE, TWICE, rows, x0, tiles, out, step);                              \
  }
#define NK_INPUTS(POINTS, TWICE) \
  NK_INPUT(POINTS, TWICE, 2, 0)  \
  NK_INPUT(POINTS, TWICE, 2, 1)  \
  NK_INPUT(POINTS, TWICE, 4, 0)  \
  NK_INPUT(POINTS, TWICE, 4, 1)
NK_INPUTS(0, 0)
NK_INPUTS(0, 1)
NK_INPUTS(1, 0)
NK_INPUTS(2, 0)
NK_INPUTS(2, 1)

// [points][twice][z == 4][edge]
#define NK_INPUT_TABLE(P, T) \
  { {input_##P##_##T##20, input_##P##_##T##21}, {input_##P##_##T##40, input_##P##_##T##41} }
static const input_function input_table[3][2][2][2] = {
    {NK_INPUT_TABLE(0, 0), NK_INPUT_TABLE(0, 1)},
    {NK_INPUT_TABLE(1, 0), {{0}}},
    {NK_INPUT_TABLE(2, 0), NK_INPUT_TABLE(2, 1)}};

static void transform_tiles(const nk_convolution* layer, const nk_plan* plan, tile_window w, int z,
                            float* out, long step, long block_step) {
  const int m = plan->m, points = plane_points(plan), depth = plan->z + 2;
  int block = 0;
  for (int s = 0; s < layer->source_count; s++) {
    const nk_source* source = &layer->sources[s];
    const long row = (long)source->width * 16, plane = row * source->height;
    const int twice = source->up_yx, stride = twice ? m / 2 : m, reach = stride + 2;
    const int outside = z < 0 || z + depth > layer->depth;
    for (int b = 0; b < source->blocks; b++, block++)
      for (int r = 0; r < w.rows; r++) {
        const int y0 = (w.row + r) * stride - 1;
        tile_rows rows = {.scale = load(source->scale + b * 16),
                          .shift = load(source->shift + b * 16),
                          .y0 = y0,
                          .height = source->height,
                          .width = source->width};
        for (int p = 0; p < depth; p++)
          rows.planes[p] = z + p < 0 || z + p >= layer->depth
                               ? 0
                               : source->data
                                     + ((long)b * source->depth + ((z + p) >> source->up_z)) * plane
                                     + y0 * row;
        const int edge = outside || y0 < 0 || y0 + reach > source->height;
        input_table[points][twice][plan->z == 4][edge](
            &rows, w.column * stride - 1, w.columns,
            out + block * block_step + (long)r * w.columns * 16, step);
      }
  }
}

// MARK: Output

// Everything the last step needs for one tile of one plane.
typedef struct {
  float* output;  // plane of one block of channels
  int height, width;
  v16 bias;
  float factor, slope;
} output_plane;

// The last step of the inverse transform of one tile, along x: half[r][j] is component j of row r.
NK_INLINE void output_rows(const int points, const int add, v16 (*half)[6], const output_plane* o,
                           int y, int x, v16* sum, v16* squares) {
  const int m = points == NK_F2 ? 2 : 4;
  float* to = o->output + ((long)y * o->width + x) * 16;
  if (y + m <= o->height && x + m <= o->width) {
    NK_UNROLL for (int k = 0; k < m; k++) {
      v16 r[4];
      output_1d(points, half[k], r);
      NK_UNROLL for (int i = 0; i < m; i++) {
        float* p = to + ((long)k * o->width + i) * 16;
        v16 v = r[i] + o->bias;
        if (add) v += load(p);
        v = v * o->factor;
        v = larger(v, v * o->slope);
        *sum += v;
        *squares = v * v + *squares;
        store(p, v);
      }
    }
    return;
  }
  for (int k = 0; k < least(m, o->height - y); k++) {
    v16 r[4];
    output_1d(points, half[k], r);
    for (int i = 0; i < least(m, o->width - x); i++) {
      float* p = to + ((long)k * o->width + i) * 16;
      v16 v = r[i] + o->bias;
      if (add) v += load(p);
      v = v * o->factor;
      v = larger(v, v * o->slope);
      *sum += v;
      *squares = v * v + *squares;
      store(p, v);
    }
  }
}

// Tiles first ..< first + count of a window, of `planes` planes; component k of tile t of plane q is
// at products + (q * components + k) * step + t * 16. With z > 1 the q are components along z, which
// become planes here.
NK_INLINE void output_tiles(const int points, const int z, const int add, const float* products,
                            long step, const output_plane* o, int planes, tile_window w, int first,
                            int count, float* const* sums) {
  const int m = points == NK_F2 ? 2 : 4, a = m + 2, components = a * a;
  const int depth = z > 1 ? z + 2 : 1, points_z = z == 4 ? NK_F4 : NK_F2;
  v16 sum[4], squares[4];
  for (int q = 0; q < planes; q++) {
    sum[q] = sums[q] ? load(sums[q]) : (v16){};
    squares[q] = sums[q] ? load(sums[q] + 16) : (v16){};
  }
  for (int t = 0; t < count; t++) {
    const int y = (w.row + (first + t) / w.columns) * m;
    const int x = (w.column + (first + t) % w.columns) * m;
    for (int q = 0; q < (z > 1 ? 1 : planes); q++) {
      v16 half[4][4][6];
      if (t + 1 < count)
        for (int k = 0; k < planes; k++)
          NK_UNROLL for (int i = 0; i < m; i++) NK_UNROLL for (int j = 0; j < m; j++)
              __builtin_prefetch(o[k].output + ((long)(y + i) * o->width + x + m + j) * 16, 1);
      const float* p = products + ((long)q * components * step) + t * 16;
      for (int j = 0; j < a; j++) {
        v16 c[4][6];
        NK_UNROLL for (int i = 0; i < a; i++) {
          v16 d[6], r[4];
          NK_UNROLL for (int k = 0; k < depth; k++) d[k] =
              load(p + (long)(k * components + i * a + j) * step);
          if (z > 1) {
            output_1d(points_z, d, r);
            NK_UNROLL for (int k = 0; k < z; k++) c[k][i] = r[k];
          } else {
            c[0][i] = d[0];
          }
        }
        NK_UNROLL for (int k = 0; k < z; k++) {
          v16 r[4];
          output_1d(points, c[k], r);
          NK_UNROLL for (int i = 0; i < m; i++) half[k][i][j] = r[i];
        }
      }
      if (z > 1)
        for (int k = 0; k < planes; k++)
          output_rows(points, add, half[k], &o[k], y, x, &sum[k], &squares[k]);
      else
        output_rows(points, add, half[0], &o[q], y, x, &sum[q], &squares[q]);
    }
  }
  for (int q = 0; q < planes; q++)
    if (sums[q]) {
      store(sums[q], sum[q]);
      store(sums[q] + 16, squares[q]);
    }
}

typedef void (*tiles_function)(const float*, long, const output_plane*, int, tile_window, int, int,
                               float* const*);

#define NK_TILES(POINTS, Z, ADD)                                                                   \
  static __attribute__((noinline)) void tiles_##POINTS##_##Z##_##ADD(                              \
      const float* products, long step, const output_plane* o, int planes, tile_window w,          \
      int first, int count, float* const* sums) {                                                  \
    output_tiles(POINTS, Z, ADD, products, step, o, planes, w, first, count, sums);                \
  }
#define NK_TILES_Z(POINTS) \
  NK_TILES(POINTS, 1, 0)   \
  NK_TILES(POINTS, 1, 1)   \
  NK_TILES(POINTS, 2, 0)   \
  NK_TILES(POINTS, 2, 1)   \
  NK_TILES(POINTS, 4, 0)   \
  NK_TILES(POINTS, 4, 1)
NK_TILES_Z(0)
NK_TILES_Z(1)
NK_TILES_Z(2)

// [points][z / 2][add]
#define NK_TILES_TABLE(P)                                                                         \
  {                                                                                               \
    {tiles_##P##_1_0, tiles_##P##_1_1}, {tiles_##P##_2_0, tiles_##P##_2_1}, {                     \
      tiles_##P##_4_0, tiles_##P##_4_1                                                            \
    }                                                                                             \
  }
static const tiles_function tiles_table[3][3][2] = {NK_TILES_TABLE(0), NK_TILES_TABLE(1),
                                                    NK_TILES_TABLE(2)};

// Write tiles first ..< first + count of planes z ..< z + planes (at most 4) for one block of
// outputs.
static void write_tiles(const nk_convolution* layer, const nk_plan* plan, int group, tile_window w,
                        int out_block, int z, int planes, const float* products, long step,
                        int first, int count) {
  const long plane = (long)layer->height * layer->width * 16;
  output_plane o[4];
  float* sums[4];
  for (int q = 0; q < planes; q++) {
    o[q] = (output_plane){layer->output + ((long)out_block * layer->depth + z + q) * plane,
                          layer->height,
                          layer->width,
                          load(layer->bias + out_block * 16),
                          layer->factor,
                          layer->slope};
    sums[q] = layer->sums ? layer->sums
                                + ((long)(group * layer->depth + z + q) * layer->out_blocks
                                   + out_block)
                                      * 32
                          : 0;
  }
  tiles_table[plane_points(plan)][plan->z / 2][layer->add_output](products, step, o, planes, w,
                                                                  first, count, sums);
}

// MARK: Items

// The blocks of input channels that component c in the plane and k along z read: where every voxel is
// there twice, the middle component is zero, so the sources from the first upsampled one on are left
// out.
static int blocks_of(const nk_convolution* layer, const nk_plan* plan, int c, int k) {
  const int a = plan->m + 2, zero_yx = c / a == 2 || c % a == 2, zero_z = plan->z == 2 && k == 2;
  int blocks = 0;
  for (int s = 0; s < layer->source_count; s++) {
    const nk_source* source = &layer->sources[s];
    if ((source->up_yx && zero_yx) || (source->up_z && zero_z)) break;
    blocks += source->blocks;
  }
  return blocks;
}

// Plain taps: a ring of transformed planes, z_step planes of output at a time.
static void convolve_planes(const nk_convolution* layer, const nk_plan* plan, int group,
                            tile_window w, int z0, int z1, float* scratch) {
  static const float one = 1;
  const int components = plan->components, ring = plan->z_step + plan->taps - 1;
  const int tiles = w.rows * w.columns, half = plan->taps / 2;
  const long block_step = (long)tiles * 16, step = block_step * plan->in_blocks,
             plane = step * components;
  const int pieces = (tiles + NK_COLUMNS - 1) / NK_COLUMNS;
  const long weight_step = (long)layer->out_blocks * plan->in_blocks * 256;
  float* products = scratch + plane * ring;
  int have = most(0, z0 - half);
  for (int z = z0; z < z1; z += plan->z_step) {
    const int end = least(z1, z + plan->z_step);
    for (; have < least(layer->depth, end + half); have++)
      transform_plane(layer, plan, w, have, &one, 1, scratch + (have % ring) * plane, step,
                      block_step);
    for (int p = 0; p < pieces; p++) {
      const int first = tiles * p / pieces, n = tiles * (p + 1) / pieces - first;
      for (int ob = 0; ob < layer->out_blocks; ob++) {
        for (int c = 0; c < components; c++) {
          const float* weights = layer->weights + (long)c * plan->taps * weight_step
                                 + (long)ob * plan->in_blocks * 256;
          for (int q = z; q < end; q++) {
            const float* columns[3];
            for (int i = 0; i < plan->taps; i++)
              columns[i] = scratch + ((q + i - half + ring) % ring) * plane + c * step + first * 16;
            gemm(n, columns, most(0, half - q), least(plan->taps, layer->depth - q + half),
                 block_step, blocks_of(layer, plan, c, 0), weights, weight_step,
                 products + ((long)(q - z) * components + c) * n * 16);
          }
        }
        for (int q = z; q < end; q++)
          write_tiles(layer, plan, group, w, ob, q, 1,
                      products + (long)(q - z) * components * n * 16, (long)n * 16, first, n);
      }
    }
  }
}

// F(z, 3) along z: the tiles of z_step steps along z are the columns of one matrix.
static void convolve_tiles(const nk_convolution* layer, const nk_plan* plan, int group,
                           tile_window w, int z0, int z1, int ob_begin, int ob_end,
                           float* scratch) {
  const int components = plan->components, tiles = w.rows * w.columns, zs = plan->z_components;
  const long weight_step = (long)layer->out_blocks * plan->in_blocks * 256;
  const float (*factors)[6] = z_input[plan->z == 4];
  for (int z = z0; z < z1; z += plan->z * plan->z_step) {
    const int steps = least(plan->z_step, (z1 - z + plan->z - 1) / plan->z);
    const int columns = steps * tiles, pieces = (columns + NK_COLUMNS - 1) / NK_COLUMNS;
    const long block_step = (long)columns * 16, step = block_step * plan->in_blocks + NK_PAD;
    const long product_step = (long)columns * 16 + NK_PAD;
    float* products = scratch + (long)plan->z_chunk * components * step;
    for (int ob0 = ob_begin; ob0 < ob_end; ob0 += plan->out_group) {
      const int ob1 = least(ob_end, ob0 + plan->out_group);
      for (int k0 = 0; k0 < zs; k0 += plan->z_chunk) {
        // The same for every group of outputs when all of it is there.
        if (plan->z_chunk == zs) {
          for (int s = 0; s < steps && ob0 == ob_begin; s++)
            transform_tiles(layer, plan, w, z + s * plan->z - 1, scratch + (long)s * tiles * 16,
                            step, block_step);
        } else {
          for (int k = k0; k < k0 + plan->z_chunk; k++)
            for (int s = 0; s < steps; s++)
              transform_plane(layer, plan, w, z + s * plan->z - 1, factors[k], zs,
                              scratch + (long)(k - k0) * components * step + (long)s * tiles * 16,
                              step, block_step);
        }
        for (int c = 0; c < components; c++)
          for (int k = k0; k < k0 + plan->z_chunk; k++) {
            const float* inputs = scratch + ((long)(k - k0) * components + c) * step;
            const float* weights = layer->weights + (long)(c * zs + k) * weight_step;
            const int blocks = blocks_of(layer, plan, c, k);
            for (int ob = ob0; ob < ob1; ob++)
              for (int p = 0; p < pieces; p++) {
                const int first = columns * p / pieces, n = columns * (p + 1) / pieces - first;
                const float* v = inputs + first * 16;
                gemm(n, &v, 0, 1, block_step, blocks, weights + (long)ob * plan->in_blocks * 256, 0,
                     products + (((long)(ob - ob0) * zs + k) * components + c) * product_step
                         + first * 16);
              }
          }
      }
      for (int ob = ob0; ob < ob1; ob++)
        for (int s = 0; s < steps; s++) {
          const int first_plane = z + s * plan->z;
          write_tiles(layer, plan, group, w, ob, first_plane, least(plan->z, z1 - first_plane),
                      products + (long)(ob - ob0) * zs * components * product_step
                          + (long)s * tiles * 16,
                      product_step, 0, tiles);
        }
    }
  }
}

static void convolve(const nk_convolution* layer, const nk_plan* plan, int item, float* scratch) {
  const int o_item = item % plan->o_items, z_item = item / plan->o_items % plan->z_items;
  const int group = item / plan->o_items / plan->z_items;
  const int chunk = group % plan->chunks, band = group / plan->chunks;
  tile_window w = {band * plan->band_rows, 0, plan->tiles_x * chunk / plan->chunks, 0};
  w.rows = least(plan->band_rows, plan->tiles_y - w.row);
  w.columns = plan->tiles_x * (chunk + 1) / plan->chunks - w.column;
  const int z0 = z_item * plan->z_per_item, z1 = least(layer->depth, z0 + plan->z_per_item);
  const int ob0 = layer->out_blocks * o_item / plan->o_items,
            ob1 = layer->out_blocks * (o_item + 1) / plan->o_items;
  if (layer->sums)
    for (int z = z0; z < z1; z++)
      memset(layer->sums + ((long)(group * layer->depth + z) * layer->out_blocks + ob0) * 32, 0,
             sizeof(float) * 32 * (size_t)(ob1 - ob0));
  if (plan->z > 1)
    convolve_tiles(layer, plan, group, w, z0, z1, ob0, ob1, scratch);
  else
    convolve_planes(layer, plan, group, w, z0, z1, scratch);
}
