// Voxels that no neighbour exceeds.

#include <math.h>

#include "Kernels.h"
#include "dispatch.h"

HK_MULTI
static void largest_of_rows(const float *const rows[9], float *best, size_t count) {
  for (size_t i = 0; i < count; i++) best[i] = -INFINITY;
  for (int r = 0; r < 9; r++) {
    const float *row = rows[r];
    if (!row) continue;
    for (size_t i = 0; i < count; i++) best[i] = row[i] > best[i] ? row[i] : best[i];
  }
}

HK_MULTI
static size_t mark(const float *centre, const float *best, float threshold, uint8_t *mask,
                   size_t count) {
  uint32_t marks = 0;
  for (size_t i = 0; i < count; i++) {
    float v = centre[i];
    uint8_t is = (v > threshold) & (v >= best[i]) & (v >= best[i + 1]) & (v >= best[i + 2]);
    mask[i] = is;
    marks += is;
  }
  return marks;
}

size_t hk_mark_maxima(const float *const rows[9], float threshold, float *scratch, uint8_t *mask,
                      size_t count) {
  // One value beyond each end, so that the ends need no case of their own.
  scratch[0] = -INFINITY;
  scratch[count + 1] = -INFINITY;
  largest_of_rows(rows, scratch + 1, count);
  return mark(rows[4], scratch, threshold, mask, count);
}
