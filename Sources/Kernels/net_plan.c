// How the convolutions are cut, and which table of kernels this machine can use.

#include "include/NetworkKernels.h"

extern const nk_kernels nk_portable;
#if defined(__x86_64__)
extern const nk_kernels nk_avx2, nk_avx512;
#endif

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }
static int parts(int count, int size) { return (count + size - 1) / size; }

// Tiles along z: everything that a range of columns needs lies in scratch.
static void cut_tiles(nk_plan* p, int units, int threads) {
  const int tiles = p->band_rows * p->chunk_columns;
  // Where the weights overflow the second-level cache, two passes of the matrix product share them.
  const int large = p->in_blocks * p->out_blocks >= 8;
  int step = least(most(1, (large ? 32 : 28) / tiles), units);
  const int need = threads > 1 ? 2 * threads : 1;
  p->z_items = p->groups >= need ? 1 : least(parts(need, p->groups), parts(units, step));
  // No item should take long: it is between two items that a pass can be stopped.
  const double work = 512.0 * p->components * p->z_components * p->in_blocks * p->out_blocks * tiles;
  p->z_items = most(p->z_items, least((int)(work * units / 4e8) + 1, parts(units, step)));
  step = least(step, parts(units, p->z_items));
  p->o_items = p->groups * p->z_items >= need || p->in_blocks < 4
                   ? 1
                   : least(parts(need, p->groups * p->z_items), p->out_blocks);
  p->z_step = parts(units, parts(units, step));
  p->z_per_item = parts(parts(units, p->z_items), p->z_step) * p->z_step * p->z;
  const long columns = (long)tiles * p->z_step;
  const long inputs = p->components * p->in_blocks * columns * 16;
  // Transformed inputs should fit into the second-level cache, sums of products into a few megabytes.
  p->z_chunk = p->z_components;
  while (p->z_chunk > 1 && p->z_chunk * inputs > 200 * 1024)
    p->z_chunk = p->z_chunk == 6 ? 3 : p->z_chunk == 4 ? 2 : 1;
  const long products = p->components * p->z_components * columns * 16;
  const int outputs = parts(p->out_blocks, p->o_items);
  p->out_group = p->z_chunk == p->z_components && p->in_blocks < 4
                     ? 1
                     : least(outputs, most(1, (int)((1 << 20) / products)));
  // Rows of scratch are 16 floats longer than what they hold.
  p->scratch = (size_t)(p->z_chunk * (inputs + p->components * 16L)
                        + p->out_group * (products + p->components * p->z_components * 16L));
}

// Plain taps along z: transformed planes lie in a ring.
static void cut_planes(nk_plan* p, int depth, int threads) {
  const int tiles = p->band_rows * p->chunk_columns;
  const long plane = (long)p->components * p->in_blocks * tiles * 16;
  // As many planes at a time as half a megabyte holds, but where weights are large, enough planes
  // that each block of them is read rarely.
  int step = (int)((600 * 1024) / (plane * 4)) - (p->taps - 1);
  if (p->in_blocks >= 8 || (p->in_blocks >= 4 && p->out_blocks >= 4)) step = most(step, 8);
  step = most(1, least(step, depth));
  p->z_items = p->groups >= 2 * threads ? 1 : least(parts(2 * threads, p->groups), depth);
  const double work = 512.0 * p->components * p->taps * p->in_blocks * p->out_blocks * tiles;
  p->z_items = most(p->z_items, least((int)(work * depth / 4e8) + 1, depth));
  if (p->z_items > 1) step = least(step, parts(depth, p->z_items));
  p->z_step = step;
  p->z_per_item = parts(parts(depth, p->z_items), step) * step;
  p->z_chunk = 1;
  p->o_items = p->out_group = 1;
  p->scratch = (size_t)(plane * (step + p->taps - 1)
                        + (long)p->components * least(tiles, 28) * 16 * step);
}

nk_plan nk_make_plan(int m, int z, int taps, int twice, int in_blocks, int out_blocks, int depth,
                     int height, int width, int threads) {
  nk_plan p = {.m = m,
               .z = z,
               .taps = taps,
               .twice = twice,
               .in_blocks = in_blocks,
               .out_blocks = out_blocks,
               .components = (m + 2) * (m + 2),
               .z_components = z > 1 ? z + 2 : taps};
  p.tiles_y = parts(height, m);
  p.tiles_x = parts(width, m);
  // Bands of about 16 to 28 tiles: enough columns for the matrix product, few enough for the cache.
  p.chunks = parts(p.tiles_x, z > 1 ? 28 : 32);
  p.chunk_columns = parts(p.tiles_x, p.chunks);
  p.band_rows = 1;
  if (p.chunks == 1 && p.tiles_x < 16) {
    p.band_rows = least(p.tiles_y, 16 / p.tiles_x);
    if (p.tiles_y >= 2 * p.band_rows && p.tiles_x * p.band_rows * 2 <= 28) p.band_rows *= 2;
  }
  p.bands = parts(p.tiles_y, p.band_rows);
  p.band_rows = parts(p.tiles_y, p.bands);
  p.groups = p.bands * p.chunks;
  if (z > 1)
    cut_tiles(&p, parts(depth, z), threads);
  else
    cut_planes(&p, depth, threads);
  p.z_items = parts(depth, p.z_per_item);
  p.items = p.groups * p.z_items * p.o_items;
  return p;
}

size_t nk_weight_count(const nk_plan* p) {
  return (size_t)p->out_blocks * (size_t)p->components * (size_t)p->z_components
         * (size_t)p->in_blocks * 256;
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
