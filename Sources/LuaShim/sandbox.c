// The allow list: what a recipe's state contains. A function that is not put here does not exist in that
// state; what it may touch outside the state is decided in Swift, in SandboxPolicy.swift.
//
//   kept as they are   assert error getmetatable ipairs next pairs rawequal rawget rawlen rawset select
//                      tonumber tostring type _VERSION; math; utf8; most of string, table and coroutine
//   ours instead       load (text only), setmetatable (no __gc: finalizers run where no hook reaches), pcall
//                      and xpcall (a stop cannot be caught; the handler runs after the unwinding),
//                      collectgarbage (collect and count), string.rep (size), string.find match gmatch gsub
//                      (matcher.c), table.* (no metatables: a forged __len makes C loop 2^40 times),
//                      table.sort (can be stopped), coroutine.resume wrap close (interrupt.c)
//   left out           dofile loadfile require string.dump os io package debug; Swift adds print, require,
//                      and os and io functions that ask the policy

#include "internal.h"

#include <limits.h>
#include <string.h>

static int safe_load(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  const char *name = luaL_optstring(L, 2, text);
  bool own_env = !lua_isnone(L, 4);
  if (luaL_loadbufferx(L, text, length, name, "t") != LUA_OK) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  if (own_env) {
    lua_pushvalue(L, 4);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  }
  return 1;
}

static int safe_setmetatable(lua_State *L) {
  int type = lua_type(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
    return luaL_error(L, "cannot change a protected metatable");
  if (type == LUA_TTABLE) {
    lua_pushliteral(L, "__gc");
    if (lua_rawget(L, 2) != LUA_TNIL)
      return luaL_error(L, "a recipe cannot use __gc; use a <close> variable");
  }
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

// After a protected call: a stop goes on through every pcall.
static int finish_pcall(lua_State *L, int status, lua_KContext first) {
  if (hw_is_stopping(hw_box_of(L))) return hw_raise_stop(L);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  return lua_gettop(L) - (int)first;
}

static int safe_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  return finish_pcall(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish_pcall), 0);
}

// Stack: f, handler, true, results or error. The handler runs as an ordinary call, hooks on.
static int finish_xpcall(lua_State *L, int status, lua_KContext first) {
  (void)first;
  if (hw_is_stopping(hw_box_of(L))) return hw_raise_stop(L);
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - 1;
  lua_pushvalue(L, 1);
  lua_insert(L, -2);
  lua_call(L, 1, LUA_MULTRET);
  lua_pushboolean(L, 0);
  lua_replace(L, 2);
  return lua_gettop(L) - 1;
}

static int safe_xpcall(lua_State *L) { // f, handler, arguments
  luaL_checktype(L, 2, LUA_TFUNCTION);
  int arguments = lua_gettop(L) - 2;
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2); // f, handler, true, f, arguments
  lua_remove(L, 1);    // handler, true, f, arguments
  return finish_xpcall(L, lua_pcallk(L, arguments, LUA_MULTRET, 0, 0, finish_xpcall), 0);
}

static int safe_collectgarbage(lua_State *L) {
  static const char *const options[] = {"collect", "count", NULL};
  if (luaL_checkoption(L, 1, "collect", options) == 1) {
    lua_pushnumber(L, (lua_Number)hw_box_of(L)->used / 1024);
  } else {
    lua_pushinteger(L, lua_gc(L, LUA_GCCOLLECT));
  }
  return 1;
}

static int safe_rep(lua_State *L) { // upvalue 1: the standard function
  size_t length, separator = 0;
  luaL_checklstring(L, 1, &length);
  lua_Integer n = luaL_checkinteger(L, 2);
  luaL_optlstring(L, 3, "", &separator);
  const hw_box *box = hw_box_of(L);
  size_t most = box->limit ? box->limit / 4 : (size_t)1 << 30;
  if (n > 0 && length + separator > most / (size_t)n)
    return luaL_error(L, "not enough memory: string.rep would make more than %I bytes", (lua_Integer)most);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

// Refuse tables with metatables, then call the standard function (upvalue 1).
static int plain_tables(lua_State *L) {
  for (int i = 1; i <= lua_gettop(L); i++) {
    if (lua_type(L, i) == LUA_TTABLE && lua_getmetatable(L, i))
      return luaL_argerror(L, i, "a recipe gives table functions only tables without a metatable");
  }
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static int safe_move(lua_State *L) {
  lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Unsigned most = (lua_Unsigned)lua_rawlen(L, 1) + 1000000;
  if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= most)
    return luaL_argerror(L, 3, "too many elements to move");
  return plain_tables(L);
}



static int less_than(lua_State *L) {
  hw_box *box = hw_box_of(L);
  if (hw_is_stopping(box)) return hw_raise_stop(L);
  lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
  return 1;
}

static int safe_sort(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_isnoneornil(L, 2) && lua_rawlen(L, 1) > 100000) {
    lua_settop(L, 1);
    lua_pushcfunction(L, less_than);
  }
  return plain_tables(L);
}

// Replace t[name] by a closure over the standard function; t on top.
static void wrap(lua_State *L, const char *name, lua_CFunction f) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, f, 1);
  lua_setfield(L, -2, name);
}

static void drop(lua_State *L, const char *name) {
  lua_pushnil(L);
  lua_setfield(L, -2, name);
}

void hw_open_sandbox(lua_State *L) {
  static const luaL_Reg base[] = {{"load", safe_load},
                                  {"setmetatable", safe_setmetatable},
                                  {"pcall", safe_pcall},
                                  {"xpcall", safe_xpcall},
                                  {"collectgarbage", safe_collectgarbage},
                                  {NULL, NULL}};
  luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
  luaL_setfuncs(L, base, 0);
  drop(L, "dofile");
  drop(L, "loadfile");
  drop(L, "print");
  drop(L, "warn");
  lua_pop(L, 1);

  hw_open_coroutines(L);
  luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
  luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
  lua_pop(L, 2);

  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
  drop(L, "dump");
  wrap(L, "rep", safe_rep);
  hw_open_matcher(L);
  lua_pop(L, 1);
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);

  luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
  wrap(L, "concat", plain_tables);
  wrap(L, "insert", plain_tables);
  wrap(L, "remove", plain_tables);
  wrap(L, "unpack", plain_tables);
  wrap(L, "move", safe_move);
  wrap(L, "sort", safe_sort);
  lua_pop(L, 1);

  // No way to the standard libraries by the registry's list of loaded modules: nothing here reads it.
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

static int system_libraries(lua_State *L) {
  lua_pushcfunction(L, luaopen_io);
  lua_call(L, 0, 1);
  luaL_getmetatable(L, LUA_FILEHANDLE); // a script must not reach the metamethods of files
  lua_pushliteral(L, "file");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
  lua_pushcfunction(L, luaopen_os);
  lua_call(L, 0, 1);
  return 2;
}

int hw_push_system_libraries(lua_State *L) {
  lua_pushcfunction(L, system_libraries);
  return lua_pcall(L, 0, 2, 0);
}
