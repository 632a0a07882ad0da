// The network kernels for AVX-512: 28 accumulators of 16 floats.

#include "include/NetworkKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), apply_to = function)

#define NK_TILE 28
#include "net_table.h"

NK_TABLE(nk_avx512, "avx512");

#pragma clang attribute pop

#endif
