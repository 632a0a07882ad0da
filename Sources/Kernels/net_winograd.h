// Winograd convolution F(m x m, 3 x 3) in each plane (Lavin & Gray 2016), m = 4 or 2, with the taps
// along z either plain or by F(2, 3) as well ("pairs" of planes).
//
// An item is a band of tile rows over a range of z. Its input tiles are transformed once for a few
// planes (this stays in the second-level cache), then for every block of 16 outputs and every
// component of the transformed domain one matrix product; the inverse transform, bias, residual,
// activation and the sums for a GroupNorm happen on the way out, in registers.

// MARK: One-dimensional transforms

NK_INLINE void input_1d(const int m, const v16* d, v16* o) {
  if (m == 4) {
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
NK_INLINE void input_1d_twice(const int m, const v16* d, v16* o) {
  if (m == 4) {
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

NK_INLINE void output_1d(const int m, const v16* d, v16* o) {
  if (m == 4) {
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

static const float weights_4[6][3] = {{0.25f, 0, 0},
                                      {-1.0f / 6, -1.0f / 6, -1.0f / 6},
                                      {-1.0f / 6, 1.0f / 6, -1.0f / 6},
                                      {1.0f / 24, 1.0f / 12, 1.0f / 6},
                                      {1.0f / 24, -1.0f / 12, 1.0f / 6},
                                      {0, 0, 1}};
static const float weights_2[4][3] = {
    {1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};

// MARK: Weights

// Transformed weights are [component][z][out block][in block][16 in][16 out], z = taps or the 4 of
// F(2, 3).
static void transform_weights(const nk_plan* plan, const float* taps, int out_block, int in_block,
                              float* transformed) {
  const int a = plan->m + 2, zs = plan->pairs ? 4 : plan->taps;
  const float (*g)[3] = plan->m == 4 ? weights_4 : weights_2;
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
        const long step = (long)plan->out_blocks * plan->in_blocks * 256;
        float* to = transformed + (i * a + j) * zs * step
                    + ((long)out_block * plan->in_blocks + in_block) * 256 + e;
        if (plan->pairs) {
          const v16 p = planes[0][i][j], q = planes[1][i][j], r = planes[2][i][j];
          store(to, p);
          store(to + step, (p + q + r) * 0.5f);
          store(to + 2 * step, (p - q + r) * 0.5f);
          store(to + 3 * step, r);
        } else {
          for (int z = 0; z < plan->taps; z++) store(to + z * step, planes[z][i][j]);
        }
      }
  }
}

// MARK: Input

// What one row of tiles reads: value = scale * (first[...] + sign * second[...]) + shift.
typedef struct {
  const float *first, *second;  // planes of one block of channels
  float sign;
  v16 scale, shift;
} plane_mix;

// Transform one row of tiles of one block of channels: component k of tile t goes to out + k * step
// + t * 16. The planes have height rows and width columns; the first tile begins at row y0 and
// column x0 of them. With `twice` every stored voxel stands for two along y and x, and the
// components that are zero are left out. Rows (edge) and columns outside count as zero.
NK_INLINE void input_row(const int m, const int edge, const int two, const int twice,
                         const plane_mix mix, const int height, const int width, int y0, int x0,
                         int tiles, float* out, long step) {
  enum { MAX = 6 };
  const int a = m + 2;                      // components along an axis
  const int reach = twice ? m / 2 + 2 : a;  // voxels that a tile reads along an axis
  const float *first[MAX], *second[MAX];
  v16 scale[MAX], shift[MAX];
  NK_UNROLL for (int y = 0; y < reach; y++) {
    const int inside = y0 + y >= 0 && y0 + y < height;
    const long row = inside ? (long)(y0 + y) * width * 16 : 0;
    first[y] = mix.first + row;
    second[y] = two ? mix.second + row : 0;
    if (edge) {
      scale[y] = inside ? mix.scale : (v16){};
      shift[y] = inside ? mix.shift : (v16){};
    }
  }
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
        v16 v = load(first[y] + (long)x * 16);
        if (two) v = load(second[y] + (long)x * 16) * mix.sign + v;
        d[y] = edge ? v * scale[y] + shift[y] : v * mix.scale + mix.shift;
      }
      if (twice)
        input_1d_twice(m, d, column[k]);
      else
        input_1d(m, d, column[k]);
    }
    NK_UNROLL for (int i = 0; i < a; i++) {
      if (twice && i == 2) continue;
      v16 d[MAX], q[MAX];
      NK_UNROLL for (int k = 0; k < reach; k++) d[k] = column[k][i];
      if (twice)
        input_1d_twice(m, d, q);
      else
        input_1d(m, d, q);
      NK_UNROLL for (int k = 0; k < a; k++) if (!twice || k != 2)
          store(out + (i * a + k) * step + t * 16, q[k]);
    }
  }
}

#define NK_ROW(NAME, M, EDGE, TWO, TWICE)                                                         \
  static __attribute__((noinline)) void NAME(const plane_mix* mix, int height, int width, int y0, \
                                             int x0, int tiles, float* out, long step) {          \
    input_row(M, EDGE, TWO, TWICE, *mix, height, width, y0, x0, tiles, out, step);                \
  }
#define NK_ROWS(M)                  \
  NK_ROW(row_##M##_000, M, 0, 0, 0) \
  NK_ROW(row_##M##_001, M, 0, 0, 1) \
  NK_ROW(row_##M##_010, M, 0, 1, 0) \
  NK_ROW(row_##M##_011, M, 0, 1, 1) \
  NK_ROW(row_##M##_100, M, 1, 0, 0) \
  NK_ROW(row_##M##_101, M, 1, 0, 1) \
  NK_ROW(row_##M##_110, M, 1, 1, 0) \
  NK_ROW(row_##M##_111, M, 1, 1, 1)
NK_ROWS(2)
NK_ROWS(4)

// [m == 4][edge][two][twice]
typedef void (*row_function)(const plane_mix*, int, int, int, int, int, float*, long);
#define NK_ROW_TABLE(M)                                                 \
  {                                                                     \
    {{row_##M##_000, row_##M##_001}, {row_##M##_010, row_##M##_011}}, { \
      {row_##M##_100, row_##M##_101}, { row_##M##_110, row_##M##_111 }  \
    }                                                                   \
  }
static const row_function row_table[2][2][2][2] = {NK_ROW_TABLE(2), NK_ROW_TABLE(4)};

// The tiles of one item.
typedef struct {
  int row, rows;        // first row of tiles, and how many
  int column, columns;  // first column of tiles, and how many
} tile_window;

// Transform the tiles of a window from plane z0 of the layer's grid plus, when sign is not 0, sign
// times plane z1 (planes outside count as zero). Tile t of block b, component k: out + k * step + b
// * block_step + t * 16.
static void transform_plane(const nk_convolution* layer, int m, tile_window w, int z0, int z1,
                            float sign, float* out, long step, long block_step) {
  const int inside0 = z0 >= 0 && z0 < layer->depth;
  const int inside1 = sign != 0 && z1 >= 0 && z1 < layer->depth;
  const int a = m + 2;
  int block = 0;
  for (int s = 0; s < layer->source_count; s++) {
    const nk_source* source = &layer->sources[s];
    const long plane = (long)source->height * source->width * 16;
    for (int b = 0; b < source->blocks; b++, block++) {
      float* to = out + block * block_step;
      if (!inside0 && !inside1) {
        for (int k = 0; k < a * a; k++)
          memset(to + k * step, 0, sizeof(float) * 16 * (size_t)(w.rows * w.columns));
        continue;
      }
      const float* base = source->data + (long)b * source->depth * plane;
      const float* p0 = base + (long)(z0 >> source->up_z) * plane;
      const float* p1 = base + (long)(z1 >> source->up_z) * plane;
      const v16 scale = load(source->scale + b * 16), shift = load(source->shift + b * 16);
      const int two = inside0 && inside1;
      plane_mix mix = {inside0 ? p0 : p1, two ? p1 : 0, sign, scale, shift};
      if (two) {
        mix.shift = shift * (1.0f + sign);
      } else if (!inside0) {
        mix.scale = scale * sign;
        mix.shift = shift * sign;
      }
      const int twice = source->up_yx, stride = twice ? m / 2 : m, reach = stride + 2;
      for (int r = 0; r < w.rows; r++) {
        const int y0 = (w.row + r) * stride - 1;
        const int edge = y0 < 0 || y0 + reach > source->height;
        row_table[m == 4][edge][two][twice](&mix, source->height, source->width, y0,
                                            w.column * stride - 1, w.columns,
                                            to + (long)r * w.columns * 16, step);
      }
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

// Inverse transform of one tile; component k is products[k * step], or with `pairs` the sum of
// three with the signs of F(2, 3) (second: the second plane of the pair), pair_step floats apart.
NK_INLINE void output_tile(const int m, const int pairs, const int second, const int add,
                           const float* products, long step, long pair_step, const output_plane* o,
                           int y, int x, v16* sum, v16* squares) {
  enum { MAX = 6 };
  const int a = m + 2;
  v16 half[4][MAX];
  NK_UNROLL for (int j = 0; j < a; j++) {
    v16 d[MAX], r[4];
    NK_UNROLL for (int i = 0; i < a; i++) {
      const float* p = products + (i * a + j) * step;
      if (!pairs) {
        d[i] = load(p);
      } else if (!second) {
        d[i] = load(p) + load(p + pair_step) + load(p + 2 * pair_step);
      } else {
        d[i] = load(p + pair_step) - load(p + 2 * pair_step) - load(p + 3 * pair_step);
      }
    }
    output_1d(m, d, r);
    NK_UNROLL for (int k = 0; k < m; k++) half[k][j] = r[k];
  }
  float* to = o->output + ((long)y * o->width + x) * 16;
  if (y + m <= o->height && x + m <= o->width) {
    NK_UNROLL for (int k = 0; k < m; k++) {
      v16 r[4];
      output_1d(m, half[k], r);
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
    output_1d(m, half[k], r);
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

#define NK_TILES(NAME, M, PAIRS, SECOND, ADD)                                                      \
  static __attribute__((noinline)) void NAME(const float* products, long step, long pair_step,     \
                                             const output_plane* o, tile_window w, int first,      \
                                             int count, float* sums) {                             \
    v16 sum = sums ? load(sums) : (v16){}, squares = sums ? load(sums + 16) : (v16){};             \
    for (int t = 0; t < count; t++)                                                                \
      output_tile(M, PAIRS, SECOND, ADD, products + t * 16, step, pair_step, o,                    \
                  (w.row + (first + t) / w.columns) * M, (w.column + (first + t) % w.columns) * M, \
                  &sum, &squares);                                                                 \
    if (sums) {                                                                                    \
      store(sums, sum);                                                                            \
      store(sums + 16, squares);                                                                   \
    }                                                                                              \
  }
NK_TILES(tiles_2, 2, 0, 0, 0)
NK_TILES(tiles_2_add, 2, 0, 0, 1)
NK_TILES(tiles_2_first, 2, 1, 0, 0)
NK_TILES(tiles_2_first_add, 2, 1, 0, 1)
NK_TILES(tiles_2_second, 2, 1, 1, 0)
NK_TILES(tiles_2_second_add, 2, 1, 1, 1)
NK_TILES(tiles_4, 4, 0, 0, 0)
NK_TILES(tiles_4_add, 4, 0, 0, 1)
NK_TILES(tiles_4_first, 4, 1, 0, 0)
NK_TILES(tiles_4_first_add, 4, 1, 0, 1)
NK_TILES(tiles_4_second, 4, 1, 1, 0)
NK_TILES(tiles_4_second_add, 4, 1, 1, 1)

typedef void (*tiles_function)(const float*, long, long, const output_plane*, tile_window, int, int,
                               float*);
// [m == 4][0 plain, 1 first of a pair, 2 second][add]
static const tiles_function tiles_table[2][3][2] = {{{tiles_2, tiles_2_add},
                                                     {tiles_2_first, tiles_2_first_add},
                                                     {tiles_2_second, tiles_2_second_add}},
                                                    {{tiles_4, tiles_4_add},
                                                     {tiles_4_first, tiles_4_first_add},
                                                     {tiles_4_second, tiles_4_second_add}}};

// Write tiles first ..< first + count of plane z for one block of outputs.
static void write_tiles(const nk_convolution* layer, const nk_plan* plan, int group, tile_window w,
                        int kind, int out_block, int z, const float* products, long step,
                        long pair_step, int first, int count) {
  const long plane = (long)layer->height * layer->width * 16;
  const output_plane o = {layer->output + ((long)out_block * layer->depth + z) * plane,
                          layer->height,
                          layer->width,
                          load(layer->bias + out_block * 16),
                          layer->factor,
                          layer->slope};
  float* sums =
      layer->sums
          ? layer->sums + ((long)(group * layer->depth + z) * layer->out_blocks + out_block) * 32
          : 0;
  tiles_table[plan->m == 4][kind][layer->add_output](products, step, pair_step, &o, w, first, count,
                                                     sums);
}

// MARK: Items

// The blocks of input channels that component c of plane k of F(2, 3) reads: where every voxel is
// there twice, the middle component is zero, so the sources from the first upsampled one on are
// left out.
static int blocks_of(const nk_convolution* layer, const nk_plan* plan, int c, int k) {
  const int a = plan->m + 2, zero_yx = c / a == 2 || c % a == 2, zero_z = plan->pairs && k == 2;
  int blocks = 0;
  for (int s = 0; s < layer->source_count; s++) {
    const nk_source* source = &layer->sources[s];
    if ((source->up_yx && zero_yx) || (source->up_z && zero_z)) break;
    blocks += source->blocks;
  }
  return blocks;
}

// Plain taps: a ring of transformed planes, z_step planes of output at a time.
static void convolve_taps(const nk_convolution* layer, const nk_plan* plan, int group,
                          tile_window w, int z0, int z1, float* scratch) {
  const int a = plan->m + 2, components = a * a, ring = plan->z_step + plan->taps - 1;
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
      transform_plane(layer, plan->m, w, have, 0, 0, scratch + (have % ring) * plane, step,
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
          write_tiles(layer, plan, group, w, 0, ob, q,
                      products + (long)(q - z) * components * n * 16, (long)n * 16, 0, first, n);
      }
    }
  }
}

// F(2, 3) along z: the tiles of z_step pairs of planes are the columns of one matrix.
static void convolve_pairs(const nk_convolution* layer, const nk_plan* plan, int group,
                           tile_window w, int z0, int z1, float* scratch) {
  const int a = plan->m + 2, components = a * a, tiles = w.rows * w.columns;
  // Combinations of the four planes before, at and behind a pair: first plane, second plane, sign.
  static const int mixes[4][3] = {{-1, 1, -1}, {0, 1, 1}, {1, 0, -1}, {0, 2, -1}};
  for (int z = z0; z < z1; z += 2 * plan->z_step) {
    const int pairs = least(plan->z_step, (z1 - z + 1) / 2), columns = pairs * tiles;
    const long block_step = (long)columns * 16, step = block_step * plan->in_blocks;
    float* products = scratch + 4L * components * plan->in_blocks * plan->z_step * tiles * 16;
    for (int p = 0; p < pairs; p++)
      for (int k = 0; k < 4; k++)
        transform_plane(
            layer, plan->m, w, z + 2 * p + mixes[k][0], z + 2 * p + mixes[k][1], (float)mixes[k][2],
            scratch + (long)k * components * step + (long)p * tiles * 16, step, block_step);
    const int pieces = (columns + NK_COLUMNS - 1) / NK_COLUMNS;
    const long weight_step = (long)layer->out_blocks * plan->in_blocks * 256,
               product_step = (long)components * 4;
    for (int piece = 0; piece < pieces; piece++) {
      const int first = columns * piece / pieces, n = columns * (piece + 1) / pieces - first;
      for (int ob0 = 0; ob0 < layer->out_blocks; ob0 += plan->out_group) {
        const int ob1 = least(layer->out_blocks, ob0 + plan->out_group);
        for (int c = 0; c < components; c++)
          for (int k = 0; k < 4; k++) {
            const float* v = scratch + (long)(k * components + c) * step + first * 16;
            const float* weights = layer->weights + (long)(c * 4 + k) * weight_step;
            const int blocks = blocks_of(layer, plan, c, k);
            for (int ob = ob0; ob < ob1; ob++)
              gemm(n, &v, 0, 1, block_step, blocks, weights + (long)ob * plan->in_blocks * 256, 0,
                   products + ((ob - ob0) * product_step + k * components + c) * n * 16);
          }
        // A piece may span several pairs.
        for (int ob = ob0; ob < ob1; ob++)
          for (int done = 0; done < n;) {
            const int pair = (first + done) / tiles, tile = (first + done) % tiles;
            const int count = least(n - done, tiles - tile);
            for (int second = 0; second < 2 && z + 2 * pair + second < z1; second++)
              write_tiles(layer, plan, group, w, 1 + second, ob, z + 2 * pair + second,
                          products + (ob - ob0) * product_step * n * 16 + done * 16, (long)n * 16,
                          (long)components * n * 16, tile, count);
            done += count;
          }
      }
    }
  }
}

static void convolve(const nk_convolution* layer, const nk_plan* plan, int item, float* scratch) {
  const int z_item = item % plan->z_items, group = item / plan->z_items;
  const int chunk = group % plan->chunks, band = group / plan->chunks;
  tile_window w = {band * plan->band_rows, 0, plan->tiles_x * chunk / plan->chunks, 0};
  w.rows = least(plan->band_rows, plan->tiles_y - w.row);
  w.columns = plan->tiles_x * (chunk + 1) / plan->chunks - w.column;
  const int z0 = z_item * plan->z_per_item, z1 = least(layer->depth, z0 + plan->z_per_item);
  if (layer->sums)
    for (int z = z0; z < z1; z++)
      memset(layer->sums + (long)(group * layer->depth + z) * layer->out_blocks * 32, 0,
             sizeof(float) * 32 * (size_t)layer->out_blocks);
  if (plan->pairs)
    convolve_pairs(layer, plan, group, w, z0, z1, scratch);
  else
    convolve_taps(layer, plan, group, w, z0, z1, scratch);
}
