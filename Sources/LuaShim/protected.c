// What Swift does with Lua that may raise (memory, metamethods, script code): each as a light C function run
// by lua_pcall, 9 ns on top of the bare call. Operands lie on the Lua stack; the C arguments travel in a
// struct on the C stack, whose address is passed as a light userdata.

#include "internal.h"

#include <string.h>

typedef struct {
  const char *s;
  size_t length;
  int64_t i;
  int a, b;
} operands;

// Run `f` on the `moved` values on top of the stack and the operands.
static int run(lua_State *L, lua_CFunction f, const operands *o, int moved, int results) {
  if (!lua_checkstack(L, 8)) {
    lua_pop(L, moved);
    return LUA_ERRMEM;
  }
  lua_pushcfunction(L, f);
  lua_pushlightuserdata(L, (void *)o);
  if (moved) lua_rotate(L, -2 - moved, 2);
  int status = lua_pcall(L, 1 + moved, results, 0);
  return status;
}

// As `run`, for functions whose failure only means "no memory": the message is dropped.
static int run_quietly(lua_State *L, lua_CFunction f, const operands *o, int moved, int results) {
  int status = run(L, f, o, moved, results);
  if (status != LUA_OK) {
    lua_pop(L, 1);
    hw_box_of(L)->out_of_memory = 1;
  }
  return status;
}

static int push_string(lua_State *L) {
  const operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->s, o->length);
  return 1;
}

int hw_push_string(lua_State *L, const char *s, size_t length) {
  return run_quietly(L, push_string, &(operands){.s = s, .length = length}, 0, 1);
}

static int push_table(lua_State *L) {
  const operands *o = lua_touserdata(L, 1);
  lua_createtable(L, o->a, o->b);
  return 1;
}

int hw_push_table(lua_State *L, int array, int record) {
  return run_quietly(L, push_table, &(operands){.a = array, .b = record}, 0, 1);
}

static int set_field(lua_State *L) { // operands, table, value
  const operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->s, o->length);
  lua_rotate(L, 3, 1);
  lua_rawset(L, 2);
  return 0;
}

int hw_set_field(lua_State *L, int index, const char *name, size_t length) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  return run_quietly(L, set_field, &(operands){.s = name, .length = length}, 2, 0);
}

static int set_index(lua_State *L) { // operands, table, value
  const operands *o = lua_touserdata(L, 1);
  lua_rawseti(L, 2, o->i);
  return 0;
}

int hw_set_index(lua_State *L, int index, int64_t i) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  return run_quietly(L, set_index, &(operands){.i = i}, 2, 0);
}

static int get_field(lua_State *L) { // operands, table
  const operands *o = lua_touserdata(L, 1);
  lua_pushlstring(L, o->s, o->length);
  lua_rawget(L, 2);
  return 1;
}

int hw_get_field(lua_State *L, int index, const char *name, size_t length) {
  lua_pushvalue(L, index);
  return run_quietly(L, get_field, &(operands){.s = name, .length = length}, 1, 1);
}

static int get_index(lua_State *L) { // operands, value, key
  lua_gettable(L, 2);
  return 1;
}

int hw_index(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  return run(L, get_index, &(operands){0}, 2, 1);
}

static int tostring(lua_State *L) {
  luaL_tolstring(L, 2, NULL);
  return 1;
}

int hw_tostring(lua_State *L, int index) {
  lua_pushvalue(L, index);
  return run(L, tostring, &(operands){0}, 1, 1);
}

static int load(lua_State *L) {
  const operands *o = lua_touserdata(L, 1);
  struct { const char *name; } *extra = (void *)(uintptr_t)o->i;
  if (luaL_loadbufferx(L, o->s, o->length, extra->name, "t") != LUA_OK) return lua_error(L);
  return 1;
}

int hw_load(lua_State *L, const char *text, size_t length, const char *chunk_name) {
  struct { const char *name; } extra = {chunk_name};
  return run(L, load, &(operands){.s = text, .length = length, .i = (int64_t)(uintptr_t)&extra}, 0, 1);
}

int hw_call(lua_State *L, int arguments, int results) {
  if (!lua_checkstack(L, 16)) {
    lua_pop(L, arguments + 1);
    hw_push_string(L, "stack overflow", 14);
    return LUA_ERRRUN;
  }
  return lua_pcall(L, arguments, results, 0);
}

// Message handler: {value=, traceback=}, made while the frames of the error are still there.
static int trace(lua_State *L) {
  lua_settop(L, 1);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_setfield(L, 2, "value");
  luaL_traceback(L, L, NULL, 1);
  lua_setfield(L, 2, "traceback");
  return 1;
}

int hw_call_traced(lua_State *L, int arguments, int results) {
  if (!lua_checkstack(L, 16)) {
    lua_pop(L, arguments + 1);
    hw_push_string(L, "stack overflow", 14);
    return LUA_ERRRUN;
  }
  int base = lua_gettop(L) - arguments;
  lua_pushcfunction(L, trace);
  lua_insert(L, base);
  int status = lua_pcall(L, arguments, results, base);
  lua_remove(L, base);
  return status;
}

static int make_ref(lua_State *L) { // operands, value
  lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
  return 1;
}

int hw_ref(lua_State *L) {
  if (run_quietly(L, make_ref, &(operands){0}, 1, 1) != LUA_OK) return LUA_NOREF;
  int ref = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return ref;
}

static int set_global(lua_State *L) { // operands, value
  const operands *o = lua_touserdata(L, 1);
  lua_setglobal(L, o->s);
  return 0;
}

int hw_set_global(lua_State *L, const char *name) {
  return run_quietly(L, set_global, &(operands){.s = name}, 1, 0);
}

static int get_global(lua_State *L) {
  const operands *o = lua_touserdata(L, 1);
  lua_pushglobaltable(L);
  lua_pushstring(L, o->s);
  lua_rawget(L, -2);
  return 1;
}

int hw_get_global(lua_State *L, const char *name) {
  return run_quietly(L, get_global, &(operands){.s = name}, 0, 1);
}

bool hw_has_tostring(lua_State *L, int index) {
  if (!lua_checkstack(L, 4) || !lua_getmetatable(L, index)) return false;
  lua_pushnil(L);
  bool found = false;
  while (hw_next(L, lua_absindex(L, -2)) == 1) {
    if (lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "__tostring") == 0) found = true;
    lua_pop(L, found ? 2 : 1);
    if (found) break;
  }
  lua_pop(L, 1);
  return found;
}

static int next_step(lua_State *L) { // operands, table, key
  if (lua_next(L, 2)) return 2;
  lua_pushnil(L);
  lua_pushnil(L);
  return 2;
}

int hw_next(lua_State *L, int index) {
  lua_pushvalue(L, index);
  lua_insert(L, -2);
  if (run(L, next_step, &(operands){0}, 2, 2) != LUA_OK) {
    lua_pop(L, 1);
    return 0;
  }
  if (lua_type(L, -2) != LUA_TNIL) return 1;
  lua_pop(L, 2);
  return 0;
}
