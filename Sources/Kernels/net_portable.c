// The network kernels for Any processor: 2 columns in 8 registers of 4 floats.

#include "include/NetworkKernels.h"

#define NK_TILE 2
#include "net_vector.h"

#include "net_gemm.h"

#include "net_winograd.h"

#include "net_layers.h"

#include "net_backward.h"

const nk_kernels nk_portable = {"portable",
                                transform_weights,
                                convolve,
                                stem,
                                pointwise,
                                pool,
                                head,
                                reduce,
                                gradient_transform,
                                gradient_product,
                                gradient_finish,
                                outer,
                                norm_sums,
                                norm_apply,
                                pool_backward,
                                upsample_backward,
                                add,
                                head_backward,
                                stem_backward};
