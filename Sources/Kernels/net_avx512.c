// The network kernels for AVX-512: 28 accumulators of 16 floats.

#include "include/NetworkKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)

#define NK_TILE 28
#include "net_vector.h"

#include "net_gemm.h"

#include "net_winograd.h"

#include "net_layers.h"

#include "net_backward.h"

const nk_kernels nk_avx512 = {"avx512",
                              transform_weights,
                              convolve,
                              stem,
                              pointwise,
                              pool,
                              head,
                              reduce,
                              gradient_transform,
                              gradient_product,
                              gradient_finish,
                              outer,
                              norm_sums,
                              norm_apply,
                              pool_backward,
                              upsample_backward,
                              add,
                              head_backward,
                              stem_backward};

#pragma clang attribute pop

#endif
