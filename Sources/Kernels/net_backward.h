// The backward pass: gradients of weights by Winograd F(3 x 3, m x m), and the layers between.
//
// A convolution's gradient of its input is a convolution with mirrored weights, so it needs nothing
// here. The gradient of the weights is, in the transformed domain, one product a component:
// transformed input times transformed gradient, summed over all tiles. A slab of tile rows is
// transformed at a time; each item then owns its part of the sum, so no result depends on the
// number of threads.

// MARK: Gradient of the weights

NK_INLINE void gradient_1d(const int points, const v16* d, v16* o) {
  if (points == NK_F4) {
    const v16 a = d[0] + d[2] * 0.5f, b = (d[1] + d[3] * 0.5f) * A1;
    const v16 c = d[0] + d[2] * 2.0f, e = (d[1] + d[3] * 2.0f) * A2;
    o[0] = d[0];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = d[3];
  } else if (points == NK_F4_TWICE) {
    const v16 a = d[0] + d[2], b = d[1] + d[3];
    const v16 c = d[0] + d[2] * 4.0f, e = d[1] * 2.0f + d[3] * 8.0f;
    o[0] = d[0];
    o[1] = a + b;
    o[2] = a - b;
    o[3] = c + e;
    o[4] = c - e;
    o[5] = d[3];
  } else {
    o[0] = d[0];
    o[1] = d[0] + d[1];
    o[2] = d[0] - d[1];
    o[3] = -d[1];
  }
}

// One tile of one plane of the gradient; outside counts as zero.
NK_INLINE void gradient_tile(const int points, const float* plane, int height, int width, int y0,
                             int x0, float* out, long step) {
  enum { MAX = 6 };
  const int m = points == NK_F2 ? 2 : 4, a = m + 2;
  v16 column[4][MAX];
  NK_UNROLL for (int x = 0; x < m; x++) {
    v16 d[4];
    NK_UNROLL for (int y = 0; y < m; y++) d[y] =
        y0 + y < height && x0 + x < width ? load(plane + ((long)(y0 + y) * width + x0 + x) * 16)
                                          : (v16){};
    gradient_1d(points, d, column[x]);
  }
  NK_UNROLL for (int i = 0; i < a; i++) {
    v16 d[4], q[MAX];
    NK_UNROLL for (int x = 0; x < m; x++) d[x] = column[x][i];
    gradient_1d(points, d, q);
    NK_UNROLL for (int k = 0; k < a; k++) store(out + (i * a + k) * step, q[k]);
  }
}

static void gradient_transform(const nk_weight_gradient* g, int z, int of_output) {
  static const float one = 1;
  const nk_plan* plan = g->plan;
  const nk_convolution* layer = g->layer;
  const int points = plane_points(plan), tiles = g->rows * plan->tiles_x;
  const long block_step = (long)layer->depth * tiles * 16;
  const tile_window w = {g->row, g->rows, 0, plan->tiles_x};
  if (!of_output) {
    transform_plane(layer, plan, w, z, &one, 1, g->inputs + (long)z * tiles * 16,
                    block_step * plan->in_blocks, block_step);
    return;
  }
  const long step = block_step * layer->out_blocks, plane = (long)layer->height * layer->width * 16;
  for (int ob = 0; ob < layer->out_blocks; ob++)
    for (int t = 0; t < tiles; t++) {
      const float* from = g->gradient + ((long)ob * layer->depth + z) * plane;
      float* to = g->outputs + ob * block_step + ((long)z * tiles + t) * 16;
      const int y = (g->row + t / plan->tiles_x) * plan->m, x = t % plan->tiles_x * plan->m;
      if (points == NK_F4)
        gradient_tile(NK_F4, from, layer->height, layer->width, y, x, to, step);
      else if (points == NK_F4_TWICE)
        gradient_tile(NK_F4_TWICE, from, layer->height, layer->width, y, x, to, step);
      else
        gradient_tile(NK_F2, from, layer->height, layer->width, y, x, to, step);
    }
}

// sum[i][0..15] += sum over t of x[t * 16 + i] * g[t * 16 + 0..15] for NK_OUTER inputs at a time.
#if NK_TILE >= 28
enum { NK_OUTER = 16 };
#elif NK_TILE >= 6
enum { NK_OUTER = 4 };
#else
enum { NK_OUTER = 2 };
#endif

static void outer(const float* x, const float* g, long count, float* sum) {
  for (int i0 = 0; i0 < 16; i0 += NK_OUTER) {
    v16 s[NK_OUTER];
    NK_UNROLL for (int i = 0; i < NK_OUTER; i++) s[i] = load(sum + (i0 + i) * 16);
    const float* p = x + i0;
    for (long t = 0; t < count; t++, p += 16) {
      const v16 d = load(g + t * 16);
      NK_UNROLL for (int i = 0; i < NK_OUTER; i++) s[i] = d * splat(p[i]) + s[i];
    }
    NK_UNROLL for (int i = 0; i < NK_OUTER; i++) store(sum + (i0 + i) * 16, s[i]);
  }
}

static void gradient_product(const nk_weight_gradient* g, int component, int out_block,
                             int in_block) {
  const nk_plan* plan = g->plan;
  const nk_convolution* layer = g->layer;
  // Where every voxel is there twice, the middle components of the input are zero.
  if (in_block >= blocks_of(layer, plan, component, 0)) return;
  const int depth = layer->depth, half = plan->taps / 2;
  const long plane = (long)g->rows * plan->tiles_x * 16, block_step = depth * plane;
  const float* x = g->inputs + ((long)component * plan->in_blocks + in_block) * block_step;
  const float* d = g->outputs + ((long)component * layer->out_blocks + out_block) * block_step;
  float* sum = g->sums
               + (((long)component * layer->out_blocks + out_block) * plan->in_blocks + in_block)
                     * plan->taps * 256;
  for (int k = 0; k < plan->taps; k++) {
    const int z0 = most(0, half - k), z1 = least(depth, depth + half - k);
    if (z1 > z0)
      outer(x + (z0 + k - half) * plane, d + z0 * plane, (z1 - z0) * (plane / 16), sum + k * 256);
  }
}

// Back from the transformed domain: taps [taps * 9][16 in][16 out].
static void gradient_finish(const nk_weight_gradient* g, int out_block, int in_block, float* taps) {
  const nk_plan* plan = g->plan;
  const int a = plan->m + 2, zs = plan->taps;
  const float (*w)[3] = weight_transform[plane_points(plan)];
  for (int k = 0; k < zs; k++)
    for (int e = 0; e < 256; e += 16) {
      v16 half[3][6];
      for (int y = 0; y < 3; y++)
        for (int j = 0; j < a; j++) {
          v16 s = (v16){};
          for (int i = 0; i < a; i++)
            s += load(g->sums
                      + ((((long)(i * a + j) * plan->out_blocks + out_block) * plan->in_blocks
                          + in_block)
                             * zs
                         + k)
                            * 256
                      + e)
                 * w[i][y];
          half[y][j] = s;
        }
      for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
          v16 s = (v16){};
          for (int j = 0; j < a; j++) s += half[y][j] * w[j][x];
          store(taps + ((k * 3 + y) * 3 + x) * 256 + e, s);
        }
    }
}

// MARK: GroupNorm and activation

static void norm_sums(const float* gradient, const float* value, long count, float* sums) {
  v16 g = (v16){}, gx = (v16){};
  for (long v = 0; v < count; v++) {
    const v16 d = load(gradient + v * 16);
    g += d;
    gx = d * load(value + v * 16) + gx;
  }
  store(sums, g);
  store(sums + 16, gx);
}

static void norm_apply(float* gradient, const float* value, long count, const float* a,
                       const float* b, const float* c, float slope, float factor, float* sums) {
  const v16 wa = load(a), wb = load(b), wc = load(c), low = splat(slope * factor),
            high = splat(factor);
  v16 total = (v16){};
  for (long v = 0; v < count; v++) {
    const v16 x = load(value + v * 16);
    v16 d = load(gradient + v * 16) * wa + (x * wb + wc);
    d = d * (x > 0.0f ? high : low);
    total += d;
    store(gradient + v * 16, d);
  }
  store(sums, total);
}

// MARK: Pooling and upsampling

static void pool_backward(const nk_source* s, int z_factor, int block, int z, const float* pooled,
                          float* gradient) {
  const v16 sign = load(s->scale + block * 16) < 0.0f ? splat(-1) : splat(1);
  const long row = (long)s->width * 16, plane = row * s->height;
  const long start = ((long)block * s->depth + (long)z * z_factor) * plane;
  const int height = s->height / 2, width = s->width / 2;
  const float* g = pooled + ((long)block * (s->depth / z_factor) + z) * height * (long)width * 16;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, g += 16) {
      const long corner = start + 2 * y * row + 2 * x * 16;
      v16 best = load(s->data + corner) * sign;
      for (int k = 1; k < 4 * z_factor; k++)
        best = larger(
            best,
            load(s->data + corner + (k >> 2) * plane + (k >> 1 & 1) * row + (k & 1) * 16) * sign);
      // The first voxel that has the maximum takes the gradient.
      v16 left = load(g);
      for (int k = 0; k < 4 * z_factor; k++) {
        const long at = corner + (k >> 2) * plane + (k >> 1 & 1) * row + (k & 1) * 16;
        const i16 here = load(s->data + at) * sign == best;
        store(gradient + at, load(gradient + at) + (here ? left : (v16){}));
        left = here ? (v16){} : left;
      }
    }
}

static void upsample_backward(const float* gradient, int depth, int height, int width, int z_factor,
                              int block, int z, float* output) {
  const long row = (long)width * 2 * 16, plane = row * height * 2;
  const float* from = gradient + ((long)block * depth * z_factor + (long)z * z_factor) * plane;
  float* to = output + ((long)block * depth + z) * height * (long)width * 16;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, to += 16) {
      v16 s = (v16){};
      for (int k = 0; k < z_factor; k++) {
        const float* p = from + k * plane + 2 * y * row + 2 * x * 16;
        s += (load(p) + load(p + 16)) + (load(p + row) + load(p + row + 16));
      }
      store(to, s);
    }
}

static void add(const float* from, float* to, long count) {
  for (long i = 0; i < count; i += 16) store(to + i, load(to + i) + load(from + i));
}

// MARK: Last and first layer

static void head_backward(const float* gradient, const float* activated, int channels, int mode,
                          const float* input, int in_blocks, long voxels, const float* weights,
                          float* output, float* sums, long begin, long end) {
  for (int i = 0; i < (in_blocks + 1) * channels * 16; i += 16) store(sums + i, (v16){});
  for (long v = begin; v < end; v += 16) {
    const int n = end - v < 16 ? (int)(end - v) : 16;
    v16 d[16], total = (v16){};
    for (int c = 0; c < channels; c++) {
      d[c] = (v16){};
      memcpy(&d[c], gradient + c * voxels + v, sizeof(float) * (size_t)n);
      total += d[c];
    }
    for (int c = 0; c < channels; c++) {
      v16 y = (v16){};
      memcpy(&y, activated + c * voxels + v, sizeof(float) * (size_t)n);
      d[c] = mode == 0 ? d[c] - exponential(y) * total : d[c] * (1.0f - y * y);
    }
    for (int b = 0; b < in_blocks; b++)
      for (int i = 0; i < n; i++) {
        const v16 x = load(input + (b * voxels + v + i) * 16);
        v16 s = (v16){};
        for (int c = 0; c < channels; c++) {
          const v16 dc = splat(d[c][i]);
          s = load(weights + (b * channels + c) * 16) * dc + s;
          store(sums + (b * channels + c) * 16, load(sums + (b * channels + c) * 16) + x * dc);
        }
        store(output + (b * voxels + v + i) * 16, s);
      }
    for (int c = 0; c < channels; c++) {
      float* to = sums + (in_blocks * channels + c) * 16;
      v16 kept = (v16){};
      for (int i = 0; i < n; i++) kept[i] = d[c][i];
      store(to, load(to) + kept);
    }
  }
}

static void stem_backward(const float* input, int channels, long stride, int taps, int depth,
                          int height, int width, const float* gradient, int out_block, int z,
                          float* sums) {
  const long plane = stride * (height + 2), channel = plane * (taps == 27 ? depth + 2 : depth);
  const float* g = gradient + ((long)out_block * depth + z) * height * (long)width * 16;
  for (int c = 0; c < channels; c++)
    for (int k = 0; k < taps / 9; k++) {
      v16 s[9];
      NK_UNROLL for (int t = 0; t < 9; t++) s[t] = (v16){};
      for (int y = 0; y < height; y++) {
        const float* p = input + c * channel + (z + k) * plane + y * stride;
        const float* d = g + (long)y * width * 16;
        for (int x = 0; x < width; x++) {
          const v16 dx = load(d + x * 16);
          NK_UNROLL for (int t = 0; t < 9; t++) s[t] =
              dx * splat(p[(t / 3) * stride + x + t % 3]) + s[t];
        }
      }
      for (int t = 0; t < 9; t++) store(sums + (c * taps + k * 9 + t) * 16, s[t]);
    }
}
