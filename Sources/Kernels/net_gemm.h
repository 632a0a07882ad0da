// The matrix product in the heart of every convolution: 16 output channels of up to NK_COLUMNS
// tiles or voxels.
//
//   out[i][0..15] = sum over k in k0 ..< k1, block b, channel c of
//                   columns[k][b * stride + i * 16 + c] * weights[k * weight_step + (b * 16 + c) *
//                   16 + 0..15]
//
// The sums stay in registers: NK_TILE columns at a time, one vector of weights and NK_TILE
// broadcasts a step, so it is bound by the multiply-add units. Every loop over the accumulators
// must be unrolled: one that is not makes the compiler keep a copy of them in memory, at a third of
// the speed.

enum { NK_COLUMNS = 28 };

#define NK_GEMM(N)                                                                              \
  static __attribute__((noinline)) void gemm_##N(const float* const* columns, int k0, int k1,   \
                                                 long stride, int blocks, const float* weights, \
                                                 long weight_step, float* out) {                \
    v16 sum[N];                                                                                 \
    NK_UNROLL for (int i = 0; i < N; i++) sum[i] = (v16){};                                     \
    for (int k = k0; k < k1; k++) {                                                             \
      const float* x = columns[k];                                                              \
      const float* w = weights + k * weight_step;                                               \
      for (int b = 0; b < blocks; b++, x += stride) {                                           \
        _Pragma("clang loop unroll_count(4)") for (int c = 0; c < 16; c++, w += 16) {           \
          const v16 wc = load(w);                                                               \
          __builtin_prefetch(w + 32 * 16);                                                      \
          NK_UNROLL for (int i = 0; i < N; i++) sum[i] = wc * splat(x[i * 16 + c]) + sum[i];    \
        }                                                                                       \
      }                                                                                         \
    }                                                                                           \
    NK_UNROLL for (int i = 0; i < N; i++) store(out + i * 16, sum[i]);                          \
  }

typedef void (*gemm_function)(const float* const*, int, int, long, int, const float*, long, float*);

NK_GEMM(1)
NK_GEMM(2)
#if NK_TILE >= 6
NK_GEMM(3)
NK_GEMM(4)
NK_GEMM(5)
NK_GEMM(6)
#endif
#if NK_TILE >= 28
NK_GEMM(7)
NK_GEMM(8)
NK_GEMM(9)
NK_GEMM(10)
NK_GEMM(11)
NK_GEMM(12)
NK_GEMM(13)
NK_GEMM(14)
NK_GEMM(15)
NK_GEMM(16)
NK_GEMM(17)
NK_GEMM(18)
NK_GEMM(19)
NK_GEMM(20)
NK_GEMM(21)
NK_GEMM(22)
NK_GEMM(23)
NK_GEMM(24)
NK_GEMM(25)
NK_GEMM(26)
NK_GEMM(27)
NK_GEMM(28)
static const gemm_function gemm_table[29] = {
    0,       gemm_1,  gemm_2,  gemm_3,  gemm_4,  gemm_5,  gemm_6,  gemm_7,  gemm_8,  gemm_9,
    gemm_10, gemm_11, gemm_12, gemm_13, gemm_14, gemm_15, gemm_16, gemm_17, gemm_18, gemm_19,
    gemm_20, gemm_21, gemm_22, gemm_23, gemm_24, gemm_25, gemm_26, gemm_27, gemm_28};
#elif NK_TILE >= 6
static const gemm_function gemm_table[7] = {0, gemm_1, gemm_2, gemm_3, gemm_4, gemm_5, gemm_6};
#else
static const gemm_function gemm_table[3] = {0, gemm_1, gemm_2};
#endif

// Any number of columns, in pieces of nearly equal width.
static void gemm(int n, const float* const* columns, int k0, int k1, long stride, int blocks,
                 const float* weights, long weight_step, float* out) {
#if NK_TILE >= 28
  gemm_table[n](columns, k0, k1, stride, blocks, weights, weight_step, out);
#else
  const int pieces = (n + NK_TILE - 1) / NK_TILE;
  for (int p = 0; p < pieces; p++) {
    const int begin = n * p / pieces, end = n * (p + 1) / pieces;
    const float* shifted[3];
    for (int k = k0; k < k1; k++) shifted[k] = columns[k] + begin * 16;
    gemm_table[end - begin](shifted, k0, k1, stride, blocks, weights, weight_step,
                            out + begin * 16);
  }
#endif
}
