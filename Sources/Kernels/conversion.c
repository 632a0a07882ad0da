// Conversions between voxel types, and arithmetic on rows of floats. Bound by memory.

#include "Kernels.h"
#include "dispatch.h"

HK_MULTI void hk_float_from_u8(const uint8_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = (float)in[i];
}

HK_MULTI void hk_float_from_u16(const uint16_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = (float)in[i];
}

// Adding 0.5 would round 0.49999997 up; truncating and looking at the rest is exact. The comparison
// that keeps positive values sends NaN to 0.
static inline int32_t rounded(float v, float limit) {
  v = v > 0 ? v : 0;
  v = v < limit ? v : limit;
  int32_t whole = (int32_t)v;
  return whole + (v - (float)whole >= 0.5f);
}

HK_MULTI void hk_u8_from_float(const float *in, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = (uint8_t)rounded(in[i], 255);
}

HK_MULTI void hk_u16_from_float(const float *in, uint16_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = (uint16_t)rounded(in[i], 65535);
}

HK_MULTI void hk_u16_from_u8(const uint8_t *in, uint16_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[i];
}

HK_MULTI void hk_u8_from_u16(const uint16_t *in, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[i] < 255 ? (uint8_t)in[i] : 255;
}

HK_MULTI void hk_add(const float *a, const float *b, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

HK_MULTI void hk_subtract(const float *a, const float *b, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] - b[i];
}

HK_MULTI void hk_multiply(const float *a, const float *b, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] * b[i];
}

HK_MULTI void hk_divide(const float *a, const float *b, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] / b[i];
}

HK_MULTI void hk_scale(const float *a, float scale, float offset, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] * scale + offset;
}

HK_MULTI void hk_mix(const float *a, const float *b, float weight, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] + weight * (b[i] - a[i]);
}

HK_MULTI void hk_threshold(const float *in, float threshold, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[i] > threshold;
}
