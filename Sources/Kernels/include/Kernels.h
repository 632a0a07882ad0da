// The inner loops of Imaging. Plain C on contiguous rows: the caller splits work over threads and hands
// each call pieces of at most a few megabytes.
//
// What always holds: the functions allocate nothing, keep no state and may run on any thread. Each is
// compiled several times (AVX-512, AVX2, portable) and the loader picks one; every version gives the same
// bits, because products and sums are never fused and no sum is reordered.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "NetworkKernels.h"

// MARK: Convolution

// out[i] = weights[0] * rows[radius][i]
//        + sum over k = 1...radius of weights[k] * (rows[radius - k][i] + rows[radius + k][i])
// for i in 0 ..< count. `rows` has 2 * radius + 1 pointers, which may repeat; `out` overlaps none of them.
void hk_symmetric_sum(const float *const *rows, const float *weights, size_t radius, float *out,
                      size_t count);

// MARK: Conversion

void hk_float_from_u8(const uint8_t *in, float *out, size_t count);
void hk_float_from_u16(const uint16_t *in, float *out, size_t count);
// Round half away from zero, saturate; NaN becomes 0.
void hk_u8_from_float(const float *in, uint8_t *out, size_t count);
void hk_u16_from_float(const float *in, uint16_t *out, size_t count);
void hk_u16_from_u8(const uint8_t *in, uint16_t *out, size_t count);
void hk_u8_from_u16(const uint16_t *in, uint8_t *out, size_t count);

// MARK: Arithmetic on floats

// out[i] = a[i] op b[i]; `out` may be `a` or `b`.
void hk_add(const float *a, const float *b, float *out, size_t count);
void hk_subtract(const float *a, const float *b, float *out, size_t count);
void hk_multiply(const float *a, const float *b, float *out, size_t count);
void hk_divide(const float *a, const float *b, float *out, size_t count);
// out[i] = a[i] * scale + offset, in two roundings.
void hk_scale(const float *a, float scale, float offset, float *out, size_t count);
// out[i] = a[i] + weight * (b[i] - a[i])
void hk_mix(const float *a, const float *b, float weight, float *out, size_t count);
// out[i] = in[i] > threshold ? 1 : 0
void hk_threshold(const float *in, float threshold, uint8_t *out, size_t count);

// MARK: Reductions

// Smallest and largest value; NaN are left out (all NaN: minimum > maximum).
void hk_range_u8(const uint8_t *in, size_t count, uint8_t *minimum, uint8_t *maximum);
void hk_range_u16(const uint16_t *in, size_t count, uint16_t *minimum, uint16_t *maximum);
void hk_range_float(const float *in, size_t count, float *minimum, float *maximum);

// The sum of the values and of their squared distances from `centre`; NaN are left out. Returns how many
// values there were.
size_t hk_sums(const float *in, size_t count, double centre, double *sum, double *squares);

// best[i] = the larger (smaller) of best[i] and in[i]; a NaN gives way to the other value.
void hk_raise_u8(const uint8_t *in, uint8_t *best, size_t count);
void hk_raise_u16(const uint16_t *in, uint16_t *best, size_t count);
void hk_raise_float(const float *in, float *best, size_t count);
void hk_lower_u8(const uint8_t *in, uint8_t *best, size_t count);
void hk_lower_u16(const uint16_t *in, uint16_t *best, size_t count);
void hk_lower_float(const float *in, float *best, size_t count);

// sums[i] += in[i]
void hk_accumulate_u8(const uint8_t *in, double *sums, size_t count);
void hk_accumulate_u16(const uint16_t *in, double *sums, size_t count);
void hk_accumulate_float(const float *in, double *sums, size_t count);

// MARK: Counting

// bins[value] += 1
void hk_count_u8(const uint8_t *in, size_t count, uint32_t *bins);
void hk_count_u16(const uint16_t *in, size_t count, uint32_t *bins);
// Floats ordered as unsigned integers: bins[upper half of the key] += 1, NaN left out.
void hk_count_float_upper(const float *in, size_t count, uint32_t *bins);
// The same for the lower half of the keys whose upper half is `upper`.
void hk_count_float_lower(const float *in, size_t count, uint32_t upper, uint32_t *bins);
// Equal bins over low ... high, the last one closed; values outside and NaN are left out.
void hk_histogram(const float *in, size_t count, float low, float high, double bins_per_unit,
                  size_t bin_count, uint64_t *bins);

// MARK: Maxima

// Marks the voxels of a row that no neighbour exceeds: mask[i] = 1 when rows[4][i] > threshold and is at
// least every value at i - 1, i and i + 1 (inside 0 ..< count) of the nine rows around it, where missing
// rows are NULL; 0 otherwise. NaN are never marked and never exceed. `scratch` holds count + 2 floats.
// Returns the number of marks.
size_t hk_mark_maxima(const float *const rows[9], float threshold, float *scratch, uint8_t *mask,
                      size_t count);
