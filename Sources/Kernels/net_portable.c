// The network kernels for any processor: 2 columns in 8 registers of 4 floats.

#include "include/NetworkKernels.h"

#define NK_TILE 2
#include "net_table.h"

NK_TABLE(nk_portable, "portable");
