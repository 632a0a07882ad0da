// Error objects: tables {kind=, message=, where=} with a metatable that turns them into text. Swift leaves
// an error in the box and returns; it becomes a Lua error here, where no Swift frame is left.

#include "internal.h"

#include <stdlib.h>
#include <string.h>

static const char error_key = 0; // its address keys the metatable in the registry

static int error_tostring(lua_State *L) {
  lua_settop(L, 1);
  lua_pushstring(L, "where");
  if (lua_rawget(L, 1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushstring(L, "");
  }
  lua_pushstring(L, "message");
  if (lua_rawget(L, 1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushstring(L, "error");
  }
  lua_concat(L, 2);
  return 1;
}

void hw_open_errors(lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushstring(L, "error");
  lua_setfield(L, -2, "__name");
  lua_pushstring(L, "error");
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &error_key);
}

bool hw_is_error(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

void hw_make_error(lua_State *L, const char *kind, const char *message, size_t length) {
  luaL_checkstack(L, 6, NULL);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
  lua_pushlstring(L, message, length);
  lua_setfield(L, -2, "message");
  luaL_where(L, 1);
  lua_setfield(L, -2, "where");
  lua_rawgetp(L, LUA_REGISTRYINDEX, &error_key);
  lua_setmetatable(L, -2);
}

static char *copy(const char *s, size_t length) {
  char *result = malloc(length + 1);
  if (result) {
    memcpy(result, s, length);
    result[length] = 0;
  }
  return result;
}

void hw_set_error(hw_box *box, const char *kind, const char *message, size_t length) {
  free(box->error_kind);
  free(box->error_message);
  box->error_kind = copy(kind, strlen(kind));
  box->error_message = copy(message, length);
  box->error_message_length = length;
}

int hw_raise(lua_State *L, hw_box *box, int32_t status) {
  if (status == HW_RAISE_TOP) return lua_error(L);
  if (!box->error_kind || !box->error_message) return luaL_error(L, "not enough memory");
  hw_make_error(L, box->error_kind, box->error_message, box->error_message_length);
  return lua_error(L);
}

struct make_error {
  const char *kind, *message;
  size_t length;
};

static int make_error(lua_State *L) {
  const struct make_error *a = lua_touserdata(L, 1);
  hw_make_error(L, a->kind, a->message, a->length);
  return 1;
}

int hw_push_error(lua_State *L, const char *kind, const char *message, size_t length) {
  struct make_error a = {kind, message, length};
  if (!lua_checkstack(L, 8)) return LUA_ERRMEM;
  lua_pushcfunction(L, make_error);
  lua_pushlightuserdata(L, &a);
  return lua_pcall(L, 1, 1, 0);
}
