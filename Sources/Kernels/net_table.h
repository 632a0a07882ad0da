// The kernels compiled for one instruction set, and their table. A file sets NK_TILE and the target of its
// functions, includes this once, and names its table with NK_TABLE.

#include "net_vector.h"

#include "net_gemm.h"

#include "net_winograd.h"

#include "net_layers.h"

#include "net_backward.h"

// clang-format off
#define NK_TABLE(symbol, name) \
  const nk_kernels symbol = { \
    name, transform_weights, convolve, stem, pointwise, \
    pool, head, reduce, gradient_transform, \
    gradient_product, gradient_finish, outer, norm_sums, \
    norm_apply, pool_backward, upsample_backward, add, \
    head_backward, stem_backward \
  }
// clang-format on
