// The network kernels for AVX2 with fused multiply-add: 6 columns in 12 registers.

#include "include/NetworkKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define NK_TILE 6
#include "net_vector.h"

#include "net_gemm.h"

#include "net_winograd.h"

#include "net_layers.h"

const nk_kernels nk_avx2 = {"avx2", transform_weights, convolve, stem, pointwise, pool, head,
                            reduce};

#pragma clang attribute pop

#endif
