// The inner loops of the networks. Activations are blocked: [channel / 16][z][y][x][16 channels],
// 64-byte aligned, channels padded with zeros to a multiple of 16. 2D is depth 1.
//
// The functions come in one table an instruction set; the caller picks a table once. They allocate
// nothing and keep no state. Each call does one piece ("item") of a layer, so the caller can share
// the pieces among threads; the result does not depend on who does which.

#pragma once

#include <stddef.h>

// Tell the processor that this thread only waits for a change in memory.
static inline void nk_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// What a layer reads: the stored value x of channel c counts as x * scale[c] + shift[c] (a
// GroupNorm that is never written). With up_yx or up_z set, the layer sees every voxel repeated
// twice along those axes.
typedef struct {
  const float* data;
  const float *scale, *shift;
  int blocks;                // blocks of 16 channels
  int depth, height, width;  // as stored
  int up_yx, up_z;           // 0 or 1
} nk_source;

// A 3x3 or 3x3x3 convolution with zero padding; upsampled sources come last:
//   out = activation((conv(concat(sources)) + bias [+ what is in output]) * factor),
// where activation(v) = max(v, slope * v).
typedef struct {
  nk_source sources[2];
  int source_count;
  int depth, height, width;
  int out_blocks;
  const float* weights;  // as nk_transform_weights writes them for the same plan
  const float* bias;     // out_blocks * 16
  float* output;
  int add_output;
  float factor, slope;
  // Sums and sums of squares of the outputs: [group][z][block][2][16] with plan.groups groups; or
  // NULL.
  float* sums;
} nk_convolution;

// How a convolution is cut. Depends on the shapes alone, except for the split of z and of the outputs
// over threads, which does not change any result.
typedef struct {
  int m;      // outputs of a tile along y and x: 2 or 4 (Winograd F(m x m, 3 x 3))
  int z;      // outputs of a tile along z: 2 or 4 (F(z, 3)); 1: the taps along z are plain
  int taps;   // taps along z, 1 or 3
  int twice;  // 1: some source is upsampled along y and x
  int in_blocks, out_blocks;
  int components;             // (m + 2)^2
  int z_components;           // z + 2, or the taps
  int tiles_y, tiles_x;       // tiles of a plane
  int band_rows, bands;       // rows of tiles of an item, and how many bands
  int chunk_columns, chunks;  // columns of tiles of an item, and how many chunks
  int z_per_item, z_items;    // planes of an item, and how many such ranges
  int o_items;                // ranges of output blocks
  int z_step;                 // planes (or tiles along z) transformed at a time
  int z_chunk;                // components along z transformed at a time
  int out_group;              // blocks of outputs computed together
  int groups;                 // bands * chunks
  int items;
  size_t scratch;  // floats of scratch an item needs
} nk_plan;

// Cut a convolution for about `threads` threads.
nk_plan nk_make_plan(int m, int z, int taps, int twice, int in_blocks, int out_blocks, int depth,
                     int height, int width, int threads);

// Floats of the transformed weights of a plan.
size_t nk_weight_count(const nk_plan* plan);

// The gradient of a convolution's weights, for a slab of `rows` rows of tiles from `row` on.
typedef struct {
  const nk_convolution* layer;
  const nk_plan* plan;    // m, taps, tiles and blocks of it are used; z must be 1
  const float* gradient;  // of the convolution's sum: [out block][z][y][x][16]
  int row, rows;
  float *inputs, *outputs;  // transformed: [component][block][z][tile][16]
  float* sums;              // [component][out block][in block][tap][16 in][16 out], added to
} nk_weight_gradient;

typedef struct {
  // "avx512", "avx2" or "portable".
  const char* name;

  // Weights [tap][16 in][16 out] of one pair of blocks to the plan's domain, inside the array that
  // nk_weight_count measures.
  void (*transform_weights)(const nk_plan* plan, const float* taps, int out_block, int in_block,
                            float* transformed);

  // One item of a convolution.
  void (*convolve)(const nk_convolution* layer, const nk_plan* plan, int item, float* scratch);

  // The first layer, of few plain input channels: planes of (height + 2) x stride floats, depth + 2
  // of them a channel, zero around. weights [out_block][in][27 or 9][16], bias; z is the item. sums
  // as above with one group, or NULL. With residual weights [out_block][in][16] also writes
  // residual_out = residual * input.
  void (*stem)(const float* input, int channels, long stride, int taps, int depth, int height,
               int width, const float* weights, const float* bias, float slope, int out_blocks,
               float* output, float* sums, const float* residual, float* residual_out, int z);

  // A 1x1 convolution of voxels begin ..< end: weights [out_block][in_block][16 in][16 out],
  // constant [out_block][16]. The source's scale and shift are in the weights and not applied.
  void (*pointwise)(const float* input, int in_blocks, long voxels, const float* weights,
                    const float* constant, int out_blocks, float* output, long begin, long end);

  // Max pooling by 2, 2 and z_factor of one plane of one block of channels. Channels with a
  // negative scale take the minimum, so that the pooled tensor goes with the same scale and shift.
  void (*pool)(const nk_source* source, int z_factor, int block, int z, float* output);

  // The last layer for voxels begin ..< end: 1x1 convolution to `channels` (at most 16) outputs
  // with weights [in_block][16 in][16 out] and constant [16], then log-softmax (mode 0), tanh (1),
  // or nothing (2); planes [channel][voxels].
  void (*head)(const float* input, int in_blocks, long voxels, const float* weights,
               const float* constant, int channels, int mode, float* output, long begin, long end);

  // sum[block][2][16] += all planes of all groups of sums.
  void (*reduce)(const float* sums, int groups, int depth, int blocks, double* sum);

  // MARK: Backward

  // Transform plane z of the input (of_output 0) or of the gradient (1) of a slab.
  void (*gradient_transform)(const nk_weight_gradient* g, int z, int of_output);
  // Add a slab's part of one component and pair of blocks to the sums.
  void (*gradient_product)(const nk_weight_gradient* g, int component, int out_block, int in_block);
  // The sums of one pair of blocks as weights [tap][16 in][16 out].
  void (*gradient_finish)(const nk_weight_gradient* g, int out_block, int in_block, float* taps);
  // sum[i][0..15] += sum over voxels of x[i] * g[0..15]; both [voxel][16].
  void (*outer)(const float* x, const float* g, long count, float* sum);
  // sums[0..15] = sum of the gradient, sums[16..31] = sum of gradient * value, over count voxels.
  void (*norm_sums)(const float* gradient, const float* value, long count, float* sums);
  // gradient = (gradient * a + value * b + c) * (value > 0 ? factor : factor * slope), and its sum.
  void (*norm_apply)(float* gradient, const float* value, long count, const float* a,
                     const float* b, const float* c, float slope, float factor, float* sums);
  // Add the gradient of one pooled plane of one block to the first maximum of each window.
  void (*pool_backward)(const nk_source* source, int z_factor, int block, int z,
                        const float* pooled, float* gradient);
  // output plane z (height x width of depth) = sums of the gradient over blocks of z_factor x 2
  // x 2.
  void (*upsample_backward)(const float* gradient, int depth, int height, int width, int z_factor,
                            int block, int z, float* output);
  // to += from
  void (*add)(const float* from, float* to, long count);
  // From the gradient of the activated output: the gradient of the input, weights
  // [in_block][channel][16], and sums [in_block][channel][16] of gradient * input with, behind
  // them, [channel][16] of the gradient in lanes.
  void (*head_backward)(const float* gradient, const float* activated, int channels, int mode,
                        const float* input, int in_blocks, long voxels, const float* weights,
                        float* output, float* sums, long begin, long end);
  // The gradient of the first layer's weights from plane z: sums [channel][tap][16].
  void (*stem_backward)(const float* input, int channels, long stride, int taps, int depth,
                        int height, int width, const float* gradient, int out_block, int z,
                        float* sums);
} nk_kernels;

// The table of an instruction set (0 portable, 1 AVX2, 2 AVX-512), or NULL when this machine lacks
// it.
const nk_kernels* nk_kernels_for(int level);
