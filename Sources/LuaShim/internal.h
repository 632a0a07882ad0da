// What the files of LuaShim share with each other and nobody else sees.

#pragma once

#include "LuaShim.h"

#include <stdio.h>

// state.c: `bytes` outside Lua have come to hang behind a new object.
void hw_account(lua_State *L, size_t bytes);

// pool.c: the memory of a state. Resize as lua_Alloc has it; `old` is 0 for a new block.
enum { HW_POOL_LARGEST = 128 };
hw_pool *hw_pool_open(void);
void hw_pool_close(hw_pool *pool);
void *hw_pool_resize(hw_pool *pool, void *block, size_t old, size_t size);

// handles.c: raise what a Swift callback reported; does not return.
int hw_raise(lua_State *L, hw_box *box, int32_t status);

// errors.c: the metatable of error objects; make an error object from the pending error (may raise).
void hw_open_errors(lua_State *L);
void hw_make_error(lua_State *L, const char *kind, const char *message, size_t length);

// interrupt.c: coroutine.resume, wrap and close that keep track of the running coroutine (may raise).
void hw_open_coroutines(lua_State *L);
// Why the state, or one that runs it, was asked to stop.
static inline hw_stop_reason hw_reason_to_stop(const hw_box *box) {
  for (; box; box = box->outer) {
    if (box->stop_reason != HW_RUNNING) return (hw_stop_reason)box->stop_reason;
    if (box->process_stop && *box->process_stop) return HW_STOP_INTERRUPT;
  }
  return HW_RUNNING;
}
static inline bool hw_is_stopping(const hw_box *box) { return hw_reason_to_stop(box) != HW_RUNNING; }
// Raise the error that belongs to the reason to stop; does not return.
int hw_raise_stop(lua_State *L);

// sandbox.c: the allow list (may raise).
void hw_open_sandbox(lua_State *L);
// matcher.c: find, match, gmatch and gsub with a bounded number of steps (into the table on top).
void hw_open_matcher(lua_State *L);
