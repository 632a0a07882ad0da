// Weighted sums of rows: the one loop behind all separable filters.

#include "Kernels.h"
#include "dispatch.h"

// Outputs computed at a time. They stay in vector registers while all weights pass by, so the loop
// is bound by two loads a weight and vector, and writes each output once.
enum { BLOCK = 64 };

HK_MULTI
void hk_symmetric_sum(const float *const *rows, const float *weights, size_t radius, float *out,
                      size_t count) {
  size_t i = 0;
  for (; i + BLOCK <= count; i += BLOCK) {
    float sum[BLOCK];
    const float *centre = rows[radius] + i;
    for (int j = 0; j < BLOCK; j++) sum[j] = weights[0] * centre[j];
    for (size_t k = 1; k <= radius; k++) {
      const float *before = rows[radius - k] + i;
      const float *after = rows[radius + k] + i;
      const float w = weights[k];
      for (int j = 0; j < BLOCK; j++) sum[j] += w * (before[j] + after[j]);
    }
    for (int j = 0; j < BLOCK; j++) out[i + j] = sum[j];
  }
  for (; i < count; i++) {
    float sum = weights[0] * rows[radius][i];
    for (size_t k = 1; k <= radius; k++)
      sum += weights[k] * (rows[radius - k][i] + rows[radius + k][i]);
    out[i] = sum;
  }
}
