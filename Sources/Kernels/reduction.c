// Smallest, largest, sums and counts over rows, for each voxel type.

#include <math.h>
#include <string.h>

#include "Kernels.h"
#include "dispatch.h"

#define RANGE(NAME, TYPE, LOW, HIGH)                                                        \
  HK_MULTI void NAME(const TYPE *in, size_t count, TYPE *minimum, TYPE *maximum) {          \
    /* 64 running values let the loop run in vectors without reordering one comparison. */  \
    TYPE low[64], high[64];                                                                 \
    for (int j = 0; j < 64; j++) low[j] = HIGH, high[j] = LOW;                              \
    size_t i = 0;                                                                           \
    for (; i + 64 <= count; i += 64)                                                        \
      for (int j = 0; j < 64; j++) {                                                        \
        TYPE v = in[i + j];                                                                 \
        low[j] = v < low[j] ? v : low[j];                                                   \
        high[j] = v > high[j] ? v : high[j];                                                \
      }                                                                                     \
    for (; i < count; i++) {                                                                \
      low[0] = in[i] < low[0] ? in[i] : low[0];                                             \
      high[0] = in[i] > high[0] ? in[i] : high[0];                                          \
    }                                                                                       \
    for (int j = 1; j < 64; j++) {                                                          \
      low[0] = low[j] < low[0] ? low[j] : low[0];                                           \
      high[0] = high[j] > high[0] ? high[j] : high[0];                                      \
    }                                                                                       \
    *minimum = low[0];                                                                      \
    *maximum = high[0];                                                                     \
  }

RANGE(hk_range_u8, uint8_t, 0, UINT8_MAX)
RANGE(hk_range_u16, uint16_t, 0, UINT16_MAX)
RANGE(hk_range_float, float, -INFINITY, INFINITY)

HK_MULTI size_t hk_sums(const float *in, size_t count, double centre, double *sum,
                        double *squares) {
  // 16 running sums, whatever the vector length, so that every processor adds in the same order.
  double s[16] = {0}, q[16] = {0};
  uint64_t n[16] = {0};
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; j++) {
      double v = (double)in[i + j], d = v - centre;
      int is_number = v == v;
      s[j] += is_number ? v : 0;
      q[j] += is_number ? d * d : 0;
      n[j] += is_number;
    }
  for (int j = 0; i < count; i++, j++) {
    double v = (double)in[i], d = v - centre;
    if (v != v) continue;
    s[j] += v;
    q[j] += d * d;
    n[j]++;
  }
  *sum = 0;
  *squares = 0;
  size_t total = 0;
  for (int j = 0; j < 16; j++) {
    *sum += s[j];
    *squares += q[j];
    total += n[j];
  }
  return total;
}

#define CHOOSE(NAME, TYPE, OP)                                        \
  HK_MULTI void NAME(const TYPE *in, TYPE *best, size_t count) {      \
    for (size_t i = 0; i < count; i++)                                \
      best[i] = in[i] OP best[i] ? in[i] : best[i];                   \
  }

// The second comparison replaces a NaN that was there first.
#define CHOOSE_FLOAT(NAME, OP)                                                             \
  HK_MULTI void NAME(const float *in, float *best, size_t count) {                         \
    for (size_t i = 0; i < count; i++) {                                                   \
      float v = in[i], b = best[i];                                                        \
      best[i] = ((v OP b) | (b != b)) ? v : b;                                             \
    }                                                                                      \
  }

CHOOSE(hk_raise_u8, uint8_t, >)
CHOOSE(hk_raise_u16, uint16_t, >)
CHOOSE(hk_lower_u8, uint8_t, <)
CHOOSE(hk_lower_u16, uint16_t, <)
CHOOSE_FLOAT(hk_raise_float, >)
CHOOSE_FLOAT(hk_lower_float, <)

#define ACCUMULATE(NAME, TYPE)                                        \
  HK_MULTI void NAME(const TYPE *in, double *sums, size_t count) {    \
    for (size_t i = 0; i < count; i++) sums[i] += (double)in[i];      \
  }

ACCUMULATE(hk_accumulate_u8, uint8_t)
ACCUMULATE(hk_accumulate_u16, uint16_t)
ACCUMULATE(hk_accumulate_float, float)

void hk_count_u8(const uint8_t *in, size_t count, uint32_t *bins) {
  for (size_t i = 0; i < count; i++) bins[in[i]]++;
}

void hk_count_u16(const uint16_t *in, size_t count, uint32_t *bins) {
  for (size_t i = 0; i < count; i++) bins[in[i]]++;
}

// The bits of a float as an unsigned integer that orders as the float does (-0 just below +0).
static inline uint32_t ordered(float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

void hk_count_float_upper(const float *in, size_t count, uint32_t *bins) {
  for (size_t i = 0; i < count; i++)
    if (in[i] == in[i]) bins[ordered(in[i]) >> 16]++;
}

void hk_count_float_lower(const float *in, size_t count, uint32_t upper, uint32_t *bins) {
  for (size_t i = 0; i < count; i++) {
    uint32_t key = ordered(in[i]);
    if (key >> 16 == upper && in[i] == in[i]) bins[key & 0xFFFFu]++;
  }
}

void hk_histogram(const float *in, size_t count, float low, float high, double bins_per_unit,
                  size_t bin_count, uint64_t *bins) {
  for (size_t i = 0; i < count; i++) {
    float v = in[i];
    if (!(v >= low && v <= high)) continue;
    size_t bin = (size_t)(((double)v - (double)low) * bins_per_unit);
    bins[bin < bin_count ? bin : bin_count - 1]++;
  }
}
