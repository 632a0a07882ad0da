// Opening and closing a Lua state: the counting allocator, the box that ties the state to its Swift host,
// and the collection of memory that hangs behind objects (volumes, projects), which Lua cannot see.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

// Counts every byte; refuses growth over the limit, which Lua reports as "not enough memory".
static void *allocate(void *ud, void *block, size_t old, size_t size) {
  hw_box *box = ud;
  if (!block) old = 0; // for new blocks Lua passes a type tag here
  if (box->limit && size > old && box->used + (size - old) > box->limit) return NULL;
  void *result = hw_pool_resize(box->pool, block, old, size);
  if (result || size == 0) box->used = box->used - old + size;
  return result;
}

static int panic(lua_State *L) {
  const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error object";
  fprintf(stderr, "howdah: internal error: unprotected Lua error: %s\n", message);
  abort();
}

static int open_libraries(lua_State *L) {
  hw_box *box = hw_box_of(L);
  luaL_checkversion(L);
  if (box->sandboxed) {
    hw_open_sandbox(L);
  } else {
    luaL_openlibs(L);
    lua_getglobal(L, LUA_STRLIBNAME);
    hw_open_matcher(L); // Ctrl-C stops these; those of the library run on
    lua_pop(L, 1);
    hw_open_coroutines(L);
  }
  lua_newtable(L); // metatables by type number
  box->metatables = luaL_ref(L, LUA_REGISTRYINDEX);
  hw_open_errors(L);
  return 0;
}

hw_box *hw_open(void *host, hw_callbacks callbacks, size_t memory_limit, bool sandboxed) {
  hw_box *box = calloc(1, sizeof *box);
  if (!box) return NULL;
  box->pool = hw_pool_open();
  if (!box->pool) {
    free(box);
    return NULL;
  }
  box->host = host;
  box->callbacks = callbacks;
  box->sandboxed = sandboxed;
  box->collect_at = (size_t)256 << 20;
  box->main = lua_newstate(allocate, box);
  if (!box->main) {
    hw_pool_close(box->pool);
    free(box);
    return NULL;
  }
  lua_atpanic(box->main, panic);
  *(hw_box **)lua_getextraspace(box->main) = box;
  box->current = box->main;
  lua_gc(box->main, LUA_GCSTOP); // no collection while the state is built
  lua_pushcfunction(box->main, open_libraries);
  if (lua_pcall(box->main, 0, 0, 0) != LUA_OK) {
    hw_close(box);
    return NULL;
  }
  lua_gc(box->main, LUA_GCRESTART);
  lua_gc(box->main, LUA_GCGEN, 0, 0);
  box->limit = memory_limit;
  return box;
}

void hw_close(hw_box *box) {
  box->limit = 0;
  lua_close(box->main);
  hw_pool_close(box->pool);
  free(box->error_kind);
  free(box->error_message);
  free(box);
}

void hw_set_memory_limit(hw_box *box, size_t limit) { box->limit = limit; }

void hw_collect(lua_State *L) { lua_gc(L, LUA_GCCOLLECT); }

// Objects can hang hundreds of megabytes behind forty bytes of Lua memory. Collect when what hangs there has
// doubled since the last collection (and is at least 256 MB).
void hw_account(lua_State *L, size_t bytes) {
  hw_box *box = hw_box_of(L);
  box->external += bytes;
  if (box->external < box->collect_at) return;
  lua_gc(L, LUA_GCCOLLECT);
  size_t twice = box->external * 2, least = (size_t)256 << 20;
  box->collect_at = twice > least ? twice : least;
}
