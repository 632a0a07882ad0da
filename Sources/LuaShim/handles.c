// Handles and objects: how `spot.x`, `spot:track()` and `volume.size` find their way.
//
// One metatable is shared by all light userdata of a state, so its metamethods switch on the kind in the top
// four bits. Each type has a table of members: a function is a method, an integer describes a property (low
// 32 bits: registry entry of the getter + 1; next 16: column + 1).
//
// There are three ways into Swift, the quickest that can serve is taken: a column is read here, without
// Swift; a reading gets ready operands and returns a number or a handle; every other entry gets the Lua stack
// through `hw_callbacks.run`, with its arguments checked here when they are of the common kinds, or through
// `hw_callbacks.dispatch`, which looks closer and finds the words for what is wrong.

#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ITERATOR_TYPE "howdah.iterator"

// ---- Checks --------------------------------------------------------------------------------------------

// The storage that a handle points into, NULL when the handle is stale.
static inline const hw_storage *current_storage(const hw_box *box, uint64_t h) {
  const hw_space *space = box->spaces[hw_handle_space(h)];
  if (!space) return NULL;
  const hw_storage *s = &space->storages[box->storage_of_kind[hw_handle_kind(h)]];
  uint32_t index = hw_handle_index(h);
  if (index >= s->count) return NULL;
  uint32_t g = *(const uint32_t *)((const char *)s->generation + (size_t)index * s->generation_stride);
  if (g & 0x80000000u) return NULL; // a free slot keeps the generation of what was there last
  return (((g & s->generation_mask) + space->offset) & 0xFFFFF) == hw_handle_generation(h) ? s : NULL;
}

bool hw_is_current(const hw_box *box, uint64_t h) { return current_storage(box, h) != NULL; }

// What is no userdata gives NULL here, and a full userdata its address, in which the bits of the kind are 0.
static inline bool is_handle(uint64_t h, int32_t type) { return type > 0 && (int32_t)hw_handle_kind(h) == type; }

// The raw length of a light userdata is 0.
hw_object *hw_to_object(lua_State *L, int index) {
  hw_object *o = lua_touserdata(L, index);
  return o && lua_rawlen(L, index) == sizeof(hw_object) && o->magic == HW_MAGIC ? o : NULL;
}

int32_t hw_type_of(lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TLIGHTUSERDATA) return (int32_t)hw_handle_kind(hw_to_handle(L, index));
  hw_object *o = hw_to_object(L, index);
  return o ? (int32_t)o->type : -1;
}

static inline int test(lua_State *L, const hw_box *box, int index, int32_t type) {
  if (type < HW_KINDS) {
    uint64_t h = hw_to_handle(L, index);
    if (!is_handle(h, type)) return 1;
    return current_storage(box, h) ? 0 : 2;
  }
  hw_object *o = hw_to_object(L, index);
  if (!o || (int32_t)o->type != type) return 1;
  return o->ref ? 0 : 2;
}

int hw_test(lua_State *L, int index, int32_t type) { return test(L, hw_box_of(L), index, type); }

// Whether the receiver and the arguments of an entry can be handed to it without another look.
static inline __attribute__((always_inline)) bool fits(lua_State *L, const hw_box *box, const hw_entry *e) {
  if (lua_gettop(L) - e->first + 1 > e->most) return false;
  if (e->receiver >= 0 && test(L, box, 1, e->receiver) != 0) return false;
  for (int i = 0; i < e->count; i++) {
    const hw_parameter *p = &e->parameters[i];
    int index = e->first + i, type = lua_type(L, index);
    if (p->mask & 1u << (type + 1)) continue;
    if (p->type >= 0 && test(L, box, index, p->type) == 0) continue;
    if (type != LUA_TNUMBER) return false;
    if (p->integers && !lua_isinteger(L, index)) return false;
    double x = lua_tonumber(L, index);
    if (!(x >= p->minimum && x <= p->maximum)) return false;
  }
  return true;
}

// ---- Dispatch ------------------------------------------------------------------------------------------

static int finish(lua_State *L, hw_box *box, int32_t status) {
  hw_sync(box);
  bool no_memory = box->out_of_memory;
  if (status >= 0 && !no_memory) return status;
  box->out_of_memory = 0;
  if (status >= 0) {
    static const char text[] = "not enough memory";
    hw_set_error(box, "limit", text, sizeof text - 1);
    status = HW_RAISE;
  }
  return hw_raise(L, box, status);
}

static int run(lua_State *L, hw_box *box, int32_t entry) {
  bool ready = fits(L, box, &box->entries[entry]);
  int32_t (*callback)(void *, lua_State *, int32_t) = ready ? box->callbacks.run : box->callbacks.dispatch;
  return finish(L, box, callback(box->host, L, entry));
}

static inline bool to_operand(lua_State *L, const hw_box *box, int index, int32_t type, hw_operand *o) {
  uint64_t h = hw_to_handle(L, index);
  if (!is_handle(h, type) || !current_storage(box, h)) return false;
  o->space = box->spaces[hw_handle_space(h)];
  o->handle = h;
  return true;
}

// Collect the arguments of a reading; false when one does not fit.
static inline __attribute__((always_inline)) bool to_operands(lua_State *L, const hw_box *box, const hw_entry *e, hw_reading *r) {
  for (int i = 0; i < e->count; i++) {
    const hw_parameter *p = &e->parameters[i];
    if (p->type >= 0) {
      if (!to_operand(L, box, e->first + i, p->type, &r->arguments[i])) return false;
    } else {
      if (lua_type(L, e->first + i) != LUA_TNUMBER) return false;
      r->arguments[i].number = lua_tonumber(L, e->first + i);
    }
  }
  return true;
}

// False when it is text that is too long for this way.
static inline bool push_reading(lua_State *L, const hw_entry *e, const hw_reading *r) {
  double d;
  uint64_t h;
  uint8_t text[HW_TEXT];
  intptr_t count;
  switch (e->reading) {
  case HW_READS_NUMBER: lua_pushnumber(L, e->number(r)); break;
  case HW_READS_NUMBER_OR_NIL:
    d = e->number(r);
    if (isnan(d)) {
      lua_pushnil(L);
    } else {
      lua_pushnumber(L, d);
    }
    break;
  case HW_READS_INTEGER: lua_pushinteger(L, e->integer(r)); break;
  case HW_READS_BOOLEAN: lua_pushboolean(L, e->truth(r)); break;
  case HW_READS_HANDLE:
    h = e->handle(r);
    if (h) {
      hw_push_handle(L, h);
    } else {
      lua_pushnil(L);
    }
    break;
  case HW_READS_TEXT:
    count = e->text(r, text);
    if (count == HW_LONG_TEXT) return false;
    if (count < 0) {
      lua_pushnil(L);
    } else {
      lua_pushlstring(L, (const char *)text, (size_t)count);
    }
    break;
  case HW_NO_READING: lua_pushnil(L); break;
  }
  return true;
}

void hw_push_reading(lua_State *L, int32_t entry) {
  hw_box *box = hw_box_of(L);
  const hw_entry *e = &box->entries[entry];
  hw_reading r;
  if (to_operand(L, box, 1, e->receiver, &r.receiver) && to_operands(L, box, e, &r)) {
    push_reading(L, e, &r);
  } else {
    lua_pushnil(L);
  }
}

static int run_entry(lua_State *L) {
  hw_box *box = hw_box_of(L);
  int32_t entry = (int32_t)lua_tointeger(L, lua_upvalueindex(1));
  const hw_entry *e = &box->entries[entry];
  if (e->reading) {
    hw_reading r;
    if (lua_gettop(L) == e->count + 1 && to_operand(L, box, 1, e->receiver, &r.receiver)
        && to_operands(L, box, e, &r) && push_reading(L, e, &r)) {
      return 1;
    }
  }
  return run(L, box, entry);
}

static int report_missing(lua_State *L, hw_box *box, int32_t type, int32_t writing) {
  return finish(L, box, box->callbacks.missing(box->host, L, type, writing));
}

// Push the value of a column; false when Swift has to be asked.
static inline bool push_column(lua_State *L, const hw_column *c, uint32_t index) {
  const char *p = (const char *)c->base + (size_t)index * c->stride;
  double d;
  switch (c->type) {
  case HW_COLUMN_F64: lua_pushnumber(L, *(const double *)p); return true;
  case HW_COLUMN_F64_OR_NIL: d = *(const double *)p; break;
  case HW_COLUMN_F32: lua_pushnumber(L, *(const float *)p); return true;
  case HW_COLUMN_F32_OR_NIL: d = *(const float *)p; break;
  case HW_COLUMN_I32: lua_pushinteger(L, *(const int32_t *)p); return true;
  case HW_COLUMN_U32: lua_pushinteger(L, *(const uint32_t *)p); return true;
  case HW_COLUMN_U16: lua_pushinteger(L, *(const uint16_t *)p); return true;
  case HW_COLUMN_INDEX: lua_pushinteger(L, index); return true;
  default: return false;
  }
  if (isnan(d)) {
    lua_pushnil(L);
  } else {
    lua_pushnumber(L, d);
  }
  return true;
}

// ---- Handles: upvalues 1 to 15 are the member tables by kind ---------------------------------------------

// A property whose code (see the top) is `code`, of the current or stale handle at index 1.
static int read_property(lua_State *L, hw_box *box, uint64_t h, lua_Integer code) {
  uint32_t column = (uint32_t)(code >> 32) & 0xFFFF;
  int32_t entry = (int32_t)(uint32_t)code - 1;
  const hw_entry *e = &box->entries[entry];
  if (column || e->reading) {
    const hw_storage *s = current_storage(box, h);
    if (s && column && push_column(L, &s->columns[column - 1], hw_handle_index(h))) return 1;
    if (s && e->reading) {
      hw_reading r = {.receiver = {.space = box->spaces[hw_handle_space(h)], .handle = h}};
      if (push_reading(L, e, &r)) return 1;
    }
  }
  lua_settop(L, 1);
  return run(L, box, entry);
}

static int light_index(lua_State *L) {
  hw_box *box = hw_box_of(L);
  uint64_t h = hw_to_handle(L, 1);
  uint32_t kind = hw_handle_kind(h);
  if (kind != 0) {
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex((int)kind));
    if (type == LUA_TFUNCTION) return 1;
    if (type == LUA_TNUMBER) return read_property(L, box, h, lua_tointeger(L, -1));
    lua_settop(L, 2); // for calls by hand, through the debug library
    int32_t dynamic = box->dynamic_getter[kind];
    if (dynamic) {
      int results = run(L, box, dynamic - 1);
      if (results > 0) return results;
    }
  }
  return report_missing(L, box, (int32_t)kind, 0);
}

static int light_newindex(lua_State *L) {
  hw_box *box = hw_box_of(L);
  uint32_t kind = hw_handle_kind(hw_to_handle(L, 1));
  if (kind != 0) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex((int)kind)) == LUA_TNUMBER) {
      int32_t entry = (int32_t)lua_tointeger(L, -1);
      lua_settop(L, 3);
      lua_remove(L, 2);
      return run(L, box, entry);
    }
    lua_settop(L, 3);
  }
  return report_missing(L, box, (int32_t)kind, 1);
}

// Any other metamethod of a handle: upvalue 1 is a table of entries by kind, upvalue 2 the name.
static int light_meta(lua_State *L) {
  hw_box *box = hw_box_of(L);
  for (int i = 1; i <= 2; i++) {
    if (lua_type(L, i) != LUA_TLIGHTUSERDATA) continue;
    if (lua_rawgeti(L, lua_upvalueindex(1), hw_handle_kind(hw_to_handle(L, i))) == LUA_TNUMBER) {
      int32_t entry = (int32_t)lua_tointeger(L, -1);
      lua_pop(L, 1);
      return run(L, box, entry);
    }
    lua_pop(L, 1);
  }
  const char *name = lua_tostring(L, lua_upvalueindex(2));
  if (strcmp(name, "__tostring") == 0) {
    lua_pushfstring(L, "handle: %p", lua_touserdata(L, 1));
    return 1;
  }
  return luaL_error(L, "attempt to use %s on a handle", name + 2);
}

// ---- Objects: upvalue 1 = members or setters, upvalue 2 = type number -------------------------------------

static int object_index(lua_State *L) {
  hw_box *box = hw_box_of(L);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    hw_object *o = hw_to_object(L, 1);
    if (o && o->array && lua_isinteger(L, 2)) {
      lua_Unsigned i = (lua_Unsigned)lua_tointeger(L, 2) - 1;
      if (i < o->count) {
        lua_pushnumber(L, o->array[i]);
      } else {
        lua_pushnil(L);
      }
      return 1;
    }
  }
  lua_pushvalue(L, 2);
  int found = lua_rawget(L, lua_upvalueindex(1));
  if (found == LUA_TFUNCTION) return 1;
  if (found == LUA_TNUMBER) {
    int32_t entry = (int32_t)(uint32_t)lua_tointeger(L, -1) - 1;
    lua_settop(L, 1);
    return run(L, box, entry);
  }
  lua_settop(L, 2);
  return report_missing(L, box, (int32_t)lua_tointeger(L, lua_upvalueindex(2)), 0);
}

// A name that the table of methods does not have; value 1 is that table. Upvalue 1 = type number.
static int missing_method(lua_State *L) {
  return report_missing(L, hw_box_of(L), (int32_t)lua_tointeger(L, lua_upvalueindex(1)), 0);
}

static int object_newindex(lua_State *L) {
  hw_box *box = hw_box_of(L);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNUMBER) {
    int32_t entry = (int32_t)lua_tointeger(L, -1);
    lua_settop(L, 3);
    lua_remove(L, 2);
    return run(L, box, entry);
  }
  lua_settop(L, 3);
  return report_missing(L, box, (int32_t)lua_tointeger(L, lua_upvalueindex(2)), 1);
}

// The slot is emptied before the release, so that a second call, or an object that another finalizer has
// kept, does no harm.
static int object_gc(lua_State *L) {
  hw_object *o = hw_to_object(L, 1);
  if (o && o->ref) {
    hw_box *box = hw_box_of(L);
    void *ref = o->ref;
    o->ref = NULL;
    o->array = NULL;
    o->count = 0;
    box->external -= o->bytes;
    o->bytes = 0;
    box->callbacks.release(ref);
  }
  return 0;
}

struct new_object {
  int32_t type;
  void *ref;
  const double *array;
  uint64_t count, bytes;
};

static int new_object(lua_State *L) {
  const struct new_object *a = lua_touserdata(L, 1);
  hw_object *o = lua_newuserdatauv(L, sizeof *o, 0);
  memset(o, 0, sizeof *o);
  lua_rawgeti(L, LUA_REGISTRYINDEX, hw_box_of(L)->metatables);
  lua_rawgeti(L, -1, a->type);
  lua_setmetatable(L, -3);
  lua_pop(L, 1);
  // Only now may the finalizer see the reference.
  o->type = (uint32_t)a->type;
  o->ref = a->ref;
  o->array = a->array;
  o->count = a->count;
  o->bytes = a->bytes;
  o->magic = HW_MAGIC;
  return 1;
}

int hw_push_object(lua_State *L, int32_t type, void *ref, const double *array, uint64_t count,
                   uint64_t bytes) {
  struct new_object a = {type, ref, array, count, bytes};
  if (!lua_checkstack(L, 8)) return LUA_ERRMEM;
  lua_pushcfunction(L, new_object);
  lua_pushlightuserdata(L, &a);
  int status = lua_pcall(L, 1, 1, 0);
  if (status != LUA_OK) {
    lua_pop(L, 1);
    return status;
  }
  if (bytes) hw_account(L, bytes);
  return LUA_OK;
}

// ---- Iterators over handles --------------------------------------------------------------------------------

typedef struct {
  uint64_t next, count;
  uint64_t handles[];
} iterator;

static int iterate(lua_State *L) {
  iterator *it = lua_touserdata(L, lua_upvalueindex(1));
  const hw_box *box = hw_box_of(L);
  while (it->next < it->count) {
    uint64_t h = it->handles[it->next++];
    if (hw_is_current(box, h)) {
      hw_push_handle(L, h);
      return 1;
    }
  }
  lua_pushnil(L);
  return 1;
}

static int new_iterator(lua_State *L) {
  uint64_t count = *(const uint64_t *)lua_touserdata(L, 1);
  if (count > (SIZE_MAX - sizeof(iterator)) / sizeof(uint64_t)) return luaL_error(L, "not enough memory");
  iterator *it = lua_newuserdatauv(L, sizeof *it + (size_t)count * sizeof(uint64_t), 0);
  it->next = 0;
  it->count = count;
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, iterate, 1);
  lua_pushlightuserdata(L, it->handles);
  return 2;
}

uint64_t *hw_push_iterator(lua_State *L, uint64_t count) {
  if (!lua_checkstack(L, 8)) return NULL;
  lua_pushcfunction(L, new_iterator);
  lua_pushlightuserdata(L, &count);
  if (lua_pcall(L, 1, 2, 0) != LUA_OK) {
    lua_pop(L, 1);
    return NULL;
  }
  uint64_t *handles = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return handles;
}

// ---- Description of types ------------------------------------------------------------------------------------

// Under metatables[type] lies {members=, setters=, name=} until hw_types_end turns it into metatables.

enum add_what { ADD_TYPE, ADD_METHOD, ADD_METHODS_ONLY, ADD_PROPERTY, ADD_META, ADD_END, ADD_ENTRY, ADD_CLOSURE };

struct add {
  enum add_what what;
  int32_t type;
  const char *name;
  int32_t entry, column, setter;
};

static void push_entry(lua_State *L, int32_t entry) {
  lua_pushinteger(L, entry);
  lua_pushcclosure(L, run_entry, 1);
}

static void make_object_metatable(lua_State *L, int description, lua_Integer type) {
  lua_newtable(L);
  int meta = lua_gettop(L);
  lua_getfield(L, description, "members");
  if (lua_getfield(L, description, "methods only") == LUA_TBOOLEAN) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, type);
    lua_pushcclosure(L, missing_method, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
  } else {
    lua_pop(L, 1);
    lua_pushinteger(L, type);
    lua_pushcclosure(L, object_index, 2);
  }
  lua_setfield(L, meta, "__index");
  lua_getfield(L, description, "setters");
  lua_pushinteger(L, type);
  lua_pushcclosure(L, object_newindex, 2);
  lua_setfield(L, meta, "__newindex");
  lua_pushcfunction(L, object_gc);
  lua_setfield(L, meta, "__gc");
  lua_getfield(L, description, "name");
  lua_pushvalue(L, -1);
  lua_setfield(L, meta, "__name");
  lua_setfield(L, meta, "__metatable"); // getmetatable gives the type's name and nothing more
  lua_getfield(L, description, "metas");
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    push_entry(L, (int32_t)lua_tointeger(L, -1));
    lua_remove(L, -2);
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_settable(L, meta);
  }
  lua_settop(L, meta);
}

// The shared metatable of handles; metas of all kinds are gathered into one table of entries by name.
static void make_light_metatable(lua_State *L, int types) {
  luaL_checkstack(L, HW_KINDS + 8, NULL);
  lua_pushlightuserdata(L, NULL);
  lua_newtable(L);
  int meta = lua_gettop(L);
  for (int writing = 0; writing < 2; writing++) {
    lua_settop(L, meta);
    for (int kind = 1; kind < HW_KINDS; kind++) {
      if (lua_rawgeti(L, types, kind) == LUA_TTABLE) {
        lua_getfield(L, -1, writing ? "setters" : "members");
      } else {
        lua_newtable(L);
      }
      lua_remove(L, -2);
    }
    lua_pushcclosure(L, writing ? light_newindex : light_index, HW_KINDS - 1);
    lua_setfield(L, meta, writing ? "__newindex" : "__index");
  }
  static const char *const names[] = {"__tostring", "__len", "__call", "__pairs", "__concat",
                                      "__add",      "__sub", "__mul",  "__div",   "__unm",
                                      "__lt",       "__le",  NULL};
  for (int n = 0; names[n]; n++) {
    lua_settop(L, meta);
    lua_newtable(L);
    bool any = n == 0;
    for (int kind = 1; kind < HW_KINDS; kind++) {
      if (lua_rawgeti(L, types, kind) == LUA_TTABLE) {
        lua_getfield(L, -1, "metas");
        if (lua_getfield(L, -1, names[n]) == LUA_TNUMBER) {
          any = true;
          lua_rawseti(L, meta + 1, kind);
        }
      }
      lua_settop(L, meta + 1);
    }
    if (!any) continue;
    lua_pushstring(L, names[n]);
    lua_pushcclosure(L, light_meta, 2);
    lua_setfield(L, meta, names[n]);
  }
  lua_settop(L, meta);
  lua_pushstring(L, "handle");
  lua_setfield(L, meta, "__metatable");
  lua_pushstring(L, "handle");
  lua_setfield(L, meta, "__name");
  lua_setmetatable(L, meta - 1);
  lua_settop(L, meta - 2);
}

static int add(lua_State *L) {
  const struct add *a = lua_touserdata(L, 1);
  int argument = lua_gettop(L); // ADD_CLOSURE: 2, the object
  lua_rawgeti(L, LUA_REGISTRYINDEX, hw_box_of(L)->metatables);
  int types = lua_gettop(L);
  lua_rawgeti(L, types, a->type);
  int description = lua_gettop(L);
  switch (a->what) {
  case ADD_TYPE:
    lua_createtable(L, 0, 4);
    lua_newtable(L);
    lua_setfield(L, -2, "members");
    lua_newtable(L);
    lua_setfield(L, -2, "setters");
    lua_newtable(L);
    lua_setfield(L, -2, "metas");
    lua_pushstring(L, a->name);
    lua_setfield(L, -2, "name");
    lua_rawseti(L, types, a->type);
    return 0;
  case ADD_METHOD:
    lua_getfield(L, description, "members");
    push_entry(L, a->entry);
    lua_setfield(L, -2, a->name);
    return 0;
  case ADD_METHODS_ONLY:
    lua_pushboolean(L, 1);
    lua_setfield(L, description, "methods only");
    return 0;
  case ADD_PROPERTY:
    lua_getfield(L, description, "members");
    lua_pushinteger(L, (lua_Integer)(uint32_t)(a->entry + 1) | (lua_Integer)(a->column + 1) << 32);
    lua_setfield(L, -2, a->name);
    if (a->setter >= 0) {
      lua_getfield(L, description, "setters");
      lua_pushinteger(L, a->setter);
      lua_setfield(L, -2, a->name);
    }
    return 0;
  case ADD_META:
    lua_getfield(L, description, "metas");
    lua_pushinteger(L, a->entry);
    lua_setfield(L, -2, a->name);
    return 0;
  case ADD_END:
    make_light_metatable(L, types);
    for (lua_Integer type = HW_KINDS; lua_rawgeti(L, types, type) == LUA_TTABLE; type++) {
      int d = lua_gettop(L);
      make_object_metatable(L, d, type);
      lua_rawseti(L, types, type);
      lua_settop(L, types);
    }
    return 0;
  case ADD_ENTRY:
    push_entry(L, a->entry);
    return 1;
  case ADD_CLOSURE:
    lua_pushinteger(L, a->entry);
    lua_pushvalue(L, argument);
    lua_pushcclosure(L, run_entry, 2);
    return 1;
  }
  return 0;
}

static int protected_add(lua_State *L, struct add a, int arguments, int results) {
  if (!lua_checkstack(L, 8)) return LUA_ERRMEM;
  lua_pushcfunction(L, add);
  lua_pushlightuserdata(L, &a);
  if (arguments) {
    lua_rotate(L, -3, -1); // function, light, object
  }
  int status = lua_pcall(L, 1 + arguments, results, 0);
  if (status != LUA_OK) lua_pop(L, 1);
  return status;
}

int hw_type_begin(lua_State *L, int32_t type, const char *name) {
  return protected_add(L, (struct add){ADD_TYPE, type, name, 0, 0, 0}, 0, 0);
}

int hw_type_method(lua_State *L, int32_t type, const char *name, int32_t entry) {
  return protected_add(L, (struct add){ADD_METHOD, type, name, entry, 0, 0}, 0, 0);
}

int hw_type_methods_only(lua_State *L, int32_t type) {
  return protected_add(L, (struct add){ADD_METHODS_ONLY, type, NULL, 0, 0, 0}, 0, 0);
}

int hw_type_property(lua_State *L, int32_t type, const char *name, int32_t column, int32_t getter,
                     int32_t setter) {
  return protected_add(L, (struct add){ADD_PROPERTY, type, name, getter, column, setter}, 0, 0);
}

int hw_type_meta(lua_State *L, int32_t type, const char *name, int32_t entry) {
  return protected_add(L, (struct add){ADD_META, type, name, entry, 0, 0}, 0, 0);
}

int hw_types_end(lua_State *L) {
  return protected_add(L, (struct add){ADD_END, 0, NULL, 0, 0, 0}, 0, 0);
}

int hw_push_entry(lua_State *L, int32_t entry) {
  return protected_add(L, (struct add){ADD_ENTRY, 0, NULL, entry, 0, 0}, 0, 1);
}

int hw_push_closure(lua_State *L, int32_t entry) {
  return protected_add(L, (struct add){ADD_CLOSURE, 0, NULL, entry, 0, 0}, 1, 1);
}

void hw_set_space(hw_box *box, uint32_t number, hw_space *space) {
  hw_space **slot = &box->spaces[number & 255];
  if (*slot) {
    uint32_t i = 0;
    while (box->open[i] != *slot) i++;
    box->open[i] = box->open[--box->open_count];
  }
  *slot = space;
  if (space) {
    space->number = number & 255;
    box->open[box->open_count++] = space;
  }
}

void hw_set_storage_of_kind(hw_box *box, uint32_t kind, uint8_t storage) {
  box->storage_of_kind[kind & 15] = storage;
}

void hw_set_dynamic_getter(hw_box *box, uint32_t kind, int32_t entry) {
  box->dynamic_getter[kind & 15] = entry + 1;
}

void hw_watch_number(hw_space *space, const uint64_t *number) {
  space->watched[space->watched_count] = number;
  space->seen[space->watched_count++] = *number;
}
