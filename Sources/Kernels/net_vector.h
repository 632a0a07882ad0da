// Vectors of 16 floats for the network kernels. The file is compiled once an instruction set; the
// compiler cuts the vectors to what the processor has. Nothing here may be seen by other files: no
// inline function of a header that is compiled for AVX-512 must ever be shared with portable code.

#pragma once

#include <string.h>

#include "include/NetworkKernels.h"

// Vectors wider than the processor's registers pass between functions of one file only.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float v16 __attribute__((ext_vector_type(16)));
typedef int i16 __attribute__((ext_vector_type(16)));

#define NK_INLINE static inline __attribute__((always_inline))
#define NK_UNROLL _Pragma("clang loop unroll(full)")
#define NK_UNROLL_SOME _Pragma("clang loop unroll_count(2)")

NK_INLINE v16 load(const float* p) { return *(const v16*)p; }
NK_INLINE void store(float* p, v16 v) { *(v16*)p = v; }
NK_INLINE v16 splat(float f) { return (v16)f; }
NK_INLINE v16 larger(v16 a, v16 b) { return a > b ? a : b; }
NK_INLINE v16 smaller(v16 a, v16 b) { return a < b ? a : b; }
NK_INLINE int least(int a, int b) { return a < b ? a : b; }
NK_INLINE int most(int a, int b) { return a > b ? a : b; }

// exp(x) for x <= 88 to about 1 ulp: x = n ln 2 + r, a polynomial in r (coefficients of Cephes'
// expf).
NK_INLINE v16 exponential(v16 x) {
  x = larger(x, splat(-87.0f));
  x = smaller(x, splat(88.0f));
  const v16 biased = x * 1.44269504088896341f + 12582912.0f;
  const v16 n = biased - 12582912.0f;
  v16 r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  v16 p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const i16 scale = (__builtin_convertvector(n, i16) + 127) << 23;
  return p * (v16)scale;
}

// log(x) for normal positive x to about 1 ulp (coefficients of Cephes' logf).
NK_INLINE v16 logarithm(v16 x) {
  const i16 bits = (i16)x;
  v16 e = __builtin_convertvector((bits >> 23) - 126, v16);
  v16 f = (v16)((bits & 0x007fffff) | 0x3f000000);
  const i16 small = f < 0.707106781186547524f;
  e = small ? e - 1.0f : e;
  f = (small ? f + f : f) - 1.0f;
  const v16 z = f * f;
  v16 p = splat(7.0376836292e-2f);
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  p = p * f * z;
  p = p + e * -2.12194440e-4f;
  p = p - 0.5f * z;
  return f + p + e * 0.693359375f;
}
