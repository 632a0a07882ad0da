// How a kernel is compiled for several processors: put HK_MULTI before its definition.

#pragma once

#if defined(__x86_64__) && defined(__linux__)
#define HK_MULTI __attribute__((target_clones("avx512bw", "avx2", "default")))
#else
#define HK_MULTI
#endif

// No fused multiply-add: the clones would differ from the portable version in the last bit.
#pragma STDC FP_CONTRACT OFF
