// The layers besides the 3x3 convolutions: first layer, 1x1 convolution, pooling, last layer, sums.

// MARK: First layer

// `count` voxels of a row: a window of taps over plain planes, all channels, one block of outputs.
NK_INLINE void stem_voxels(const int count, const float* input, int channels, long row, long plane,
                           long channel, int taps, const float* weights, v16* sum) {
  for (int c = 0; c < channels; c++)
    for (int t = 0; t < taps; t++, weights += 16) {
      const float* p = input + c * channel + (t / 9) * plane + (t / 3 % 3) * row + t % 3;
      const v16 w = load(weights);
      NK_UNROLL for (int i = 0; i < count; i++) sum[i] = w * splat(p[i]) + sum[i];
    }
}

static void stem(const float* input, int channels, long stride, int taps, int depth, int height,
                 int width, const float* weights, const float* bias, float slope, int out_blocks,
                 float* output, float* sums, const float* residual, float* residual_out, int z) {
  enum { STEP = 8 };
  const long plane = stride * (height + 2), channel = plane * (taps == 27 ? depth + 2 : depth);
  const int center = taps == 27 ? 1 : 0;
  for (int ob = 0; ob < out_blocks; ob++) {
    v16 total = (v16){}, squares = (v16){};
    const v16 b = load(bias + ob * 16);
    for (int y = 0; y < height; y++) {
      float* out = output + (((long)ob * depth + z) * height + y) * (long)width * 16;
      const float* from = input + z * plane + y * stride;
      for (int x = 0; x < width;) {
        const int n = width - x >= STEP ? STEP : 1;
        v16 sum[STEP];
        NK_UNROLL for (int i = 0; i < STEP; i++) sum[i] = b;
        const float* w = weights + (long)ob * channels * taps * 16;
        if (n == STEP)
          stem_voxels(STEP, from + x, channels, stride, plane, channel, taps, w, sum);
        else
          stem_voxels(1, from + x, channels, stride, plane, channel, taps, w, sum);
        NK_UNROLL for (int i = 0; i < STEP; i++) if (i < n) {
          const v16 v = larger(sum[i], sum[i] * slope);
          total += v;
          squares = v * v + squares;
          store(out + (x + i) * 16, v);
        }
        x += n;
      }
      if (residual) {
        float* to = residual_out + (out - output);
        const float* middle = from + center * plane + stride + 1;
        for (int x = 0; x < width; x++) {
          v16 s = (v16){};
          for (int c = 0; c < channels; c++)
            s = load(residual + ((long)ob * channels + c) * 16) * splat(middle[c * channel + x])
                + s;
          store(to + x * 16, s);
        }
      }
    }
    if (sums) {
      store(sums + ((long)z * out_blocks + ob) * 32, total);
      store(sums + ((long)z * out_blocks + ob) * 32 + 16, squares);
    }
  }
}

// MARK: 1x1 convolution

// n voxels (at most 16) of one block of outputs.
static void pointwise_voxels(int n, const float* input, long block_step, int in_blocks,
                             const float* weights, v16 constant, float* out) {
  gemm(n, &input, 0, 1, block_step, in_blocks, weights, 0, out);
  for (int i = 0; i < n; i++) store(out + i * 16, load(out + i * 16) + constant);
}

static void pointwise(const float* input, int in_blocks, long voxels, const float* weights,
                      const float* constant, int out_blocks, float* output, long begin, long end) {
  for (int ob = 0; ob < out_blocks; ob++)
    for (long v = begin; v < end; v += 16)
      pointwise_voxels(end - v < 16 ? (int)(end - v) : 16, input + v * 16, voxels * 16, in_blocks,
                       weights + (long)ob * in_blocks * 256, load(constant + ob * 16),
                       output + ((long)ob * voxels + v) * 16);
}

// MARK: Pooling

static void pool(const nk_source* s, int z_factor, int block, int z, float* output) {
  const i16 negative = load(s->scale + block * 16) < 0.0f;
  const long row = (long)s->width * 16, plane = row * s->height;
  const float* in = s->data + ((long)block * s->depth + (long)z * z_factor) * plane;
  const int height = s->height / 2, width = s->width / 2;
  float* out = output + ((long)block * (s->depth / z_factor) + z) * height * (long)width * 16;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, out += 16) {
      const float* p = in + 2 * y * row + 2 * x * 16;
      v16 high = load(p), low = high;
      for (int dz = 0; dz < z_factor; dz++)
        for (int dy = 0; dy < 2; dy++) {
          const float* q = p + dz * plane + dy * row;
          const v16 a = load(q), b = load(q + 16);
          high = larger(high, larger(a, b));
          low = smaller(low, smaller(a, b));
        }
      store(out, negative ? low : high);
    }
}

// MARK: Last layer

static void head(const float* input, int in_blocks, long voxels, const float* weights,
                 const float* constant, int channels, int mode, float* output, long begin,
                 long end) {
  float logits[256] __attribute__((aligned(64)));
  memset(logits, 0, sizeof logits);
  for (long v = begin; v < end; v += 16) {
    const int n = end - v < 16 ? (int)(end - v) : 16;
    pointwise_voxels(n, input + v * 16, voxels * 16, in_blocks, weights, load(constant), logits);
    v16 value[16];
    for (int c = 0; c < channels; c++)
      for (int i = 0; i < 16; i++) value[c][i] = logits[i * 16 + c];
    if (mode == 0) {
      v16 top = value[0], sum = (v16){};
      for (int c = 1; c < channels; c++) top = larger(top, value[c]);
      for (int c = 0; c < channels; c++) sum += exponential(value[c] - top);
      const v16 log_sum = logarithm(sum);
      for (int c = 0; c < channels; c++) value[c] = value[c] - top - log_sum;
    } else if (mode == 1) {
      for (int c = 0; c < channels; c++) {
        const v16 limited = smaller(larger(value[c], splat(-20)), splat(20));
        value[c] = 1.0f - 2.0f / (exponential(limited + limited) + 1.0f);
      }
    }
    for (int c = 0; c < channels; c++)
      memcpy(output + c * voxels + v, &value[c], sizeof(float) * (size_t)n);
  }
}

// MARK: Sums

static void reduce(const float* sums, int groups, int depth, int blocks, double* sum) {
  for (long p = 0; p < (long)groups * depth; p++)
    for (int c = 0; c < 32 * blocks; c++) sum[c] += (double)sums[p * 32 * blocks + c];
}
