// The network kernels for AVX2 with fused multiply-add: 6 columns in 12 registers.

#include "include/NetworkKernels.h"

#if defined(__x86_64__)

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define NK_TILE 6
#include "net_table.h"

NK_TABLE(nk_avx2, "avx2");

#pragma clang attribute pop

#endif
