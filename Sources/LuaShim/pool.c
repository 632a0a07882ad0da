// Small blocks for a Lua state. A collection frees them by the thousand, and the C library then takes its slow
// way for each: here a freed block goes on a list of its size and the next one comes from there.
//
// What always holds: a block of up to HW_POOL_LARGEST bytes comes from a slab and goes back on the list of its
// size, larger ones come from malloc; slabs are freed with the state.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = 16, CLASSES = HW_POOL_LARGEST / STEP, SLAB = 1 << 15 };

struct block {
  struct block *next;
};

struct hw_pool {
  struct block *free[CLASSES];
  char *next, *end; // what is left of the newest slab
  struct block *slabs;
};

hw_pool *hw_pool_open(void) { return calloc(1, sizeof(hw_pool)); }

void hw_pool_close(hw_pool *pool) {
  for (struct block *slab = pool->slabs; slab;) {
    struct block *next = slab->next;
    free(slab);
    slab = next;
  }
  free(pool);
}

static inline size_t class_of(size_t size) { return (size - 1) / STEP; }

static void *take_fresh(hw_pool *pool, size_t size) {
  if ((size_t)(pool->end - pool->next) < size) {
    struct block *slab = malloc(SLAB);
    if (!slab) return NULL;
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->next = (char *)slab + STEP;
    pool->end = (char *)slab + SLAB;
  }
  void *block = pool->next;
  pool->next += size;
  return block;
}

static void *take(hw_pool *pool, size_t size) {
  if (size > HW_POOL_LARGEST) return malloc(size);
  size_t class = class_of(size);
  struct block *block = pool->free[class];
  if (!block) return take_fresh(pool, (class + 1) * STEP);
  pool->free[class] = block->next;
  return block;
}

static void give(hw_pool *pool, void *block, size_t size) {
  if (size > HW_POOL_LARGEST) {
    free(block);
    return;
  }
  struct block *freed = block;
  size_t class = class_of(size);
  freed->next = pool->free[class];
  pool->free[class] = freed;
}

void *hw_pool_resize(hw_pool *pool, void *block, size_t old, size_t size) {
  if (size == 0) {
    if (old) give(pool, block, old);
    return NULL;
  }
  if (old == 0) return take(pool, size);
  if (old > HW_POOL_LARGEST && size > HW_POOL_LARGEST) return realloc(block, size);
  if (old <= HW_POOL_LARGEST && size <= HW_POOL_LARGEST && class_of(old) == class_of(size)) return block;
  void *moved = take(pool, size);
  // Lua takes it for granted that a block can shrink; one that is larger than its list says does no harm.
  if (!moved) return size < old ? block : NULL;
  memcpy(moved, block, old < size ? old : size);
  give(pool, block, old);
  return moved;
}
