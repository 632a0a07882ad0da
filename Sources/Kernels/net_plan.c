// How the convolutions are cut, and which table of kernels this machine can use.

#include "include/NetworkKernels.h"

extern const nk_kernels nk_portable;
#if defined(__x86_64__)
extern const nk_kernels nk_avx2, nk_avx512;
#endif

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }
static int parts(int count, int size) { return (count + size - 1) / size; }

nk_plan nk_make_plan(int m, int pairs, int taps, int in_blocks, int out_blocks, int depth,
                     int height, int width, int threads) {
  nk_plan p = {
      .m = m, .pairs = pairs, .taps = taps, .in_blocks = in_blocks, .out_blocks = out_blocks};
  const int components = (m + 2) * (m + 2);
  p.tiles_y = parts(height, m);
  p.tiles_x = parts(width, m);
  // Bands of about 16 to 28 tiles: enough columns for the matrix product, few enough for the cache.
  p.chunks = parts(p.tiles_x, 32);
  p.chunk_columns = parts(p.tiles_x, p.chunks);
  p.band_rows = 1;
  if (p.chunks == 1 && p.tiles_x < 16) {
    p.band_rows = least(p.tiles_y, 16 / p.tiles_x);
    if (p.tiles_y >= 2 * p.band_rows && p.tiles_x * p.band_rows * 2 <= 28) p.band_rows *= 2;
  }
  p.bands = parts(p.tiles_y, p.band_rows);
  p.band_rows = parts(p.tiles_y, p.bands);
  p.groups = p.bands * p.chunks;
  const int tiles = p.band_rows * p.chunk_columns;
  // Planes at a time: as many as half a megabyte holds, but where weights are large, enough planes
  // that each block of them is read rarely. Pairs share nothing, so one is enough when it has
  // enough tiles.
  const long plane = (long)components * in_blocks * tiles * 16;
  const int unit = pairs ? 2 : 1;
  const int units = parts(depth, unit);
  int step = parts(14, tiles);
  if (!pairs) {
    step = (int)((600 * 1024) / (plane * 4)) - (taps - 1);
    if (in_blocks >= 8 || (in_blocks >= 4 && out_blocks >= 4)) step = most(step, 8);
  }
  step = most(1, least(step, units));
  // Split z only where there are too few bands for the threads.
  int z_items = p.groups >= 2 * threads ? 1 : least(parts(2 * threads, p.groups), units);
  if (z_items > 1) step = least(step, parts(units, z_items));
  p.z_step = step;
  p.z_per_item = parts(parts(units, z_items), step) * step * unit;
  p.z_items = parts(depth, p.z_per_item);
  p.items = p.groups * p.z_items;
  const int columns = least(tiles * (pairs ? step : 1), 28);
  // With many inputs the transformed tiles of a pair overflow the cache: then each is read once for
  // all outputs.
  p.out_group = pairs && in_blocks >= 4 ? least(out_blocks, 16) : 1;
  p.scratch =
      (size_t)plane * (size_t)(pairs ? 4 * step : step + taps - 1)
      + (size_t)components * (size_t)columns * 16 * (size_t)(pairs ? 4 * p.out_group : step);
  return p;
}

size_t nk_weight_count(const nk_plan* p) {
  return (size_t)p->out_blocks * (size_t)((p->m + 2) * (p->m + 2))
         * (size_t)(p->pairs ? 4 : p->taps) * (size_t)p->in_blocks * 256;
}

const nk_kernels* nk_kernels_for(int level) {
  if (level == 0) return &nk_portable;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (level == 1) return avx2 ? &nk_avx2 : 0;
  if (level == 2)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")
                   && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
               ? &nk_avx512
               : 0;
#endif
  return 0;
}
