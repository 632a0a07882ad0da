// The only code of Howdah that may call a Lua function that can raise.
//
// Lua raises by longjmp, and a longjmp that crosses a Swift frame leaks, leaves locks held and breaks the
// exclusivity runtime. What always holds: Swift calls only (a) functions of lua.h that cannot raise and
// (b) the functions of this header, which run whatever may raise under lua_pcall; and a Swift callback
// returns a status, on which the C frame above it raises after Swift has returned.
//
// Objects in Lua are of two kinds. A *handle* is a light userdata of 64 bits, {4 bits kind, 8 bits space,
// 20 bits generation, 32 bits index}: a spot, link or track; it costs no memory and compares and hashes by
// value. An *object* is a full userdata `hw_object` that owns one reference to a boxed Swift value.

#pragma once

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Only what Swift would otherwise have to unwrap in each body says that it is not null.
#pragma clang diagnostic ignored "-Wnullability-completeness"

typedef struct hw_box hw_box;
typedef struct hw_pool hw_pool;

// ---- Handles -------------------------------------------------------------------------------------------

enum { HW_KINDS = 16, HW_SPACES = 256, HW_COLUMNS = 32, HW_STORAGES = 2, HW_WATCHED = 4 };

// How the bytes of a column are read.
typedef enum {
  HW_COLUMN_NONE = 0,   // not there: ask Swift
  HW_COLUMN_F64,        // double
  HW_COLUMN_F64_OR_NIL, // double, NaN means nil
  HW_COLUMN_F32,        // float
  HW_COLUMN_F32_OR_NIL, // float, NaN means nil
  HW_COLUMN_I32,        // int32_t
  HW_COLUMN_U32,        // uint32_t
  HW_COLUMN_U16,        // uint16_t
  HW_COLUMN_INDEX       // the handle's own index; base and stride are not used
} hw_column_type;

typedef struct {
  const void *base;
  uint32_t stride; // bytes from one element to the next
  uint32_t type;   // hw_column_type
} hw_column;

// One kind of record (spots or links) of one data set.
typedef struct {
  const void *generation; // uint32_t values, `generation_stride` bytes apart
  uint32_t generation_stride;
  uint32_t generation_mask;
  uint32_t count; // slots; an index from here on is stale
  hw_column columns[HW_COLUMNS];
} hw_storage;

// What C knows of one data set. `offset` is added to generations so that a space that is used again for
// another data set never takes an old handle for one of its own. The columns may have moved when one of the
// watched numbers has changed (always, when none is watched).
typedef struct {
  hw_storage storages[HW_STORAGES];
  uint32_t offset, number;
  void *owner; // an unretained Swift object
  const uint64_t *watched[HW_WATCHED];
  uint64_t seen[HW_WATCHED];
  uint32_t watched_count;
  bool syncs_always; // whatever the watched numbers say
} hw_space;

static inline uint64_t hw_handle_make(uint32_t kind, uint32_t space, uint32_t generation, uint32_t index) {
  return (uint64_t)kind << 60 | (uint64_t)(space & 255) << 52 | (uint64_t)(generation & 0xFFFFF) << 32
         | index;
}
static inline uint32_t hw_handle_kind(uint64_t h) { return (uint32_t)(h >> 60); }
static inline uint32_t hw_handle_space(uint64_t h) { return (uint32_t)(h >> 52) & 255; }
static inline uint32_t hw_handle_generation(uint64_t h) { return (uint32_t)(h >> 32) & 0xFFFFF; }
static inline uint32_t hw_handle_index(uint64_t h) { return (uint32_t)h; }

// ---- Objects -------------------------------------------------------------------------------------------

#define HW_MAGIC 0x48774f62u

typedef struct {
  uint32_t magic;
  uint32_t type;       // type number in the registry, HW_KINDS or more
  void *ref;           // the boxed Swift value; NULL once released
  const double *array; // numbers that obj[1..count] reads, or NULL
  uint64_t count;
  uint64_t bytes; // memory outside Lua that goes with it
} hw_object;

// ---- Entries: what C knows of the registry -------------------------------------------------------------

// What fits a parameter. What does not is looked at by Swift, which has the declaration and the words.
typedef struct {
  uint32_t mask;           // bit 1 << (type + 1) for each Lua type (none = -1) that needs no further look
  int32_t type;            // handles or objects of this type fit; -1 for none
  bool integers;           // any integer fits
  double minimum, maximum; // a number in this range fits; none when minimum > maximum
  double default_number;   // for Swift
} hw_parameter;

// What a reading gets for its receiver and for each argument.
typedef struct {
  const hw_space *space; // of the handle
  uint64_t handle;       // current
  double number;
} hw_operand;

enum { HW_OPERANDS = 2 };

typedef struct {
  hw_operand receiver, arguments[HW_OPERANDS];
} hw_reading;

// What a reading gives.
typedef enum {
  HW_NO_READING = 0,
  HW_READS_NUMBER,
  HW_READS_NUMBER_OR_NIL, // NaN means nil
  HW_READS_INTEGER,
  HW_READS_BOOLEAN,
  HW_READS_HANDLE, // 0 means nil
  HW_READS_TEXT
} hw_reading_type;

// What a reading that gives text returns for nil and for text of more than HW_TEXT bytes.
enum { HW_TEXT = 64, HW_NIL_TEXT = -1, HW_LONG_TEXT = -2 };

// A registry entry. A *reading* is an entry of a handle type that only looks something up: its parameters
// are handles and numbers, it cannot fail, and its body is called with ready operands and nothing around it.
// All others are called through hw_callbacks.
typedef struct {
  int32_t receiver; // type number that value 1 must have; -1 when it is not looked at
  int32_t first;    // stack index of parameter 0
  int32_t most;     // the most values there may be from `first` on
  int32_t count;    // parameters
  const hw_parameter *parameters;
  hw_reading_type reading; // which of these is there
  double (*number)(const hw_reading *_Nonnull);
  intptr_t (*integer)(const hw_reading *_Nonnull);
  bool (*truth)(const hw_reading *_Nonnull);
  uint64_t (*handle)(const hw_reading *_Nonnull);
  // Writes at most HW_TEXT bytes and gives their number or one of the above; long text is fetched by dispatch.
  intptr_t (*text)(const hw_reading *_Nonnull, uint8_t *_Nonnull);
} hw_entry;

// ---- The state -----------------------------------------------------------------------------------------

typedef struct {
  // Run registry entry `entry` after looking at its receiver and arguments; returns the number of results on
  // the stack, or HW_RAISE with the pending error set (hw_set_error) or HW_RAISE_TOP with the error value on
  // top of the stack.
  int32_t (*dispatch)(void *host, lua_State *L, int32_t entry);
  // The same for a receiver and arguments that have been found to fit.
  int32_t (*run)(void *host, lua_State *L, int32_t entry);
  // The columns of a space may have moved: describe them again.
  void (*sync)(void *host, uint32_t space);
  // A name that type `type` does not have; `writing` tells which way. As dispatch.
  int32_t (*missing)(void *host, lua_State *L, int32_t type, int32_t writing);
  // Give back the reference that an object holds.
  void (*release)(void *ref);
} hw_callbacks;

enum { HW_RAISE = -1, HW_RAISE_TOP = -2 };

struct hw_box {
  void *host; // the Swift host, unretained
  hw_callbacks callbacks;
  lua_State *main;
  lua_State *current; // the running coroutine
  hw_box *outer;      // the state that runs this one (a recipe started by a recipe), for interruption
  const hw_entry *entries; // the host owns them
  hw_space *spaces[HW_SPACES];
  hw_space *open[HW_SPACES]; // those of `spaces` that are there
  uint32_t open_count;
  uint8_t storage_of_kind[HW_KINDS];
  int32_t dynamic_getter[HW_KINDS]; // entry + 1 that is asked for names a handle kind does not have
  int metatables; // registry reference: array of metatables by type number
  int sandboxed;
  // Memory
  hw_pool *pool;
  size_t used, limit;          // bytes of the Lua heap; limit 0 = none
  size_t external, collect_at; // bytes behind objects; when to collect
  // The pending error of a Swift callback
  char *error_kind, *error_message;
  size_t error_message_length;
  int out_of_memory; // a protected push failed since the callback began
  // Interruption (interrupt.c)
  volatile int stop_reason;
  volatile int *process_stop;
};

typedef enum { HW_RUNNING = 0, HW_STOP_INTERRUPT = 1, HW_STOP_TIME = 2 } hw_stop_reason;

// Open a state with the counting allocator and, in trusted states, the whole standard library. A limit of 0
// means no limit on memory. NULL when there is no memory.
hw_box *hw_open(void *host, hw_callbacks callbacks, size_t memory_limit, bool sandboxed);
// Close the state; every object is released.
void hw_close(hw_box *box);
static inline hw_box *hw_box_of(lua_State *L) { return *(hw_box **)lua_getextraspace(L); }
// Change the memory limit.
void hw_set_memory_limit(hw_box *box, size_t limit);

// ---- Binding (handles.c) -------------------------------------------------------------------------------

// Begin the description of type number `type`: a table of members and one of setters are kept for it.
int hw_type_begin(lua_State *L, int32_t type, const char *name);
// Add a method (a function value under this name).
int hw_type_method(lua_State *L, int32_t type, const char *name, int32_t entry);
// Add a property: read from column `column` (or -1) when that is there, by entry `getter` (or -1) when not.
int hw_type_property(lua_State *L, int32_t type, const char *name, int32_t column, int32_t getter,
                     int32_t setter);
// Add a metamethod, such as "__add".
int hw_type_meta(lua_State *L, int32_t type, const char *name, int32_t entry);
// Say that objects of `type` have methods and nothing else, so that Lua looks them up in a table.
int hw_type_methods_only(lua_State *L, int32_t type);
// All types are described: make the metatable that all handles share.
int hw_types_end(lua_State *L);
// Push a function that calls entry `entry`.
int hw_push_entry(lua_State *L, int32_t entry);

// Enter (or, with NULL, forget) the data set of number 1 to 255, and say which storage a kind belongs to and
// which entry knows its dynamic names.
void hw_set_space(hw_box *box, uint32_t number, hw_space *space);
void hw_set_storage_of_kind(hw_box *box, uint32_t kind, uint8_t storage);
void hw_set_dynamic_getter(hw_box *box, uint32_t kind, int32_t entry);
// Watch a number: columns may have moved when it has changed.
void hw_watch_number(hw_space *space, const uint64_t *number);
// Run a reading (not of text) whose receiver and arguments have been checked, and push its result.
void hw_push_reading(lua_State *L, int32_t entry);

// Look whether columns have moved; after every call into Swift and before every call of Lua.
static inline void hw_sync(hw_box *box) {
  for (uint32_t i = 0; i < box->open_count; i++) {
    hw_space *s = box->open[i];
    bool moved = s->watched_count == 0 || s->syncs_always;
    for (uint32_t k = 0; k < s->watched_count; k++) {
      uint64_t now = *s->watched[k];
      moved |= now != s->seen[k];
      s->seen[k] = now;
    }
    if (moved) box->callbacks.sync(box->host, s->number);
  }
}

// Whether the value at `index` is of this type (number < HW_KINDS: a handle): 0 yes, 1 no, 2 it is, but stale.
int hw_test(lua_State *L, int index, int32_t type);
// The type number of a handle or object, or -1.
int32_t hw_type_of(lua_State *L, int index);
// Whether a handle points to something that is still there.
bool hw_is_current(const hw_box *box, uint64_t handle);
// The 64 bits of a handle.
static inline uint64_t hw_to_handle(lua_State *L, int index) {
  return (uint64_t)(uintptr_t)lua_touserdata(L, index);
}
static inline void hw_push_handle(lua_State *L, uint64_t handle) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)handle);
}
// The object at `index`, or NULL.
hw_object *hw_to_object(lua_State *L, int index);
// Push a new object that takes over one reference to `ref`. On failure nothing is pushed, the reference stays
// the caller's, and the status of lua_pcall is returned.
int hw_push_object(lua_State *L, int32_t type, void *ref, const double *array, uint64_t count,
                   uint64_t bytes);
// Push an iterator function over `count` handles and return where the caller must write them; NULL without
// memory. Handles that have become stale are passed over.
uint64_t *hw_push_iterator(lua_State *L, uint64_t count);
// Push a function that calls entry `entry` with the object on top of the stack (popped) as upvalue 2.
int hw_push_closure(lua_State *L, int32_t entry);

// ---- Protected calls (protected.c): status of lua_pcall; results only when LUA_OK ------------------------

int hw_push_string(lua_State *L, const char *s, size_t length);
int hw_push_table(lua_State *L, int array, int record);
// t[name] = value on top (popped); t at the absolute `index`; raw. So for the next three.
int hw_set_field(lua_State *L, int index, const char *name, size_t length);
// t[i] = value on top (popped); raw.
int hw_set_index(lua_State *L, int index, int64_t i);
// Push t[name]; raw.
int hw_get_field(lua_State *L, int index, const char *name, size_t length);
// Push value[key] with metamethods; key is the top of the stack (popped).
int hw_index(lua_State *L, int index);
// Push tostring(value), with __tostring.
int hw_tostring(lua_State *L, int index);
// Whether the value has a __tostring of its own (not one of the registry's types).
bool hw_has_tostring(lua_State *L, int index);
// One step of a traversal: pops a key, pushes the next key and value; 1, or 0 at the end (or when the key
// has gone from the table) with nothing pushed.
int hw_next(lua_State *L, int index);
// Compile source text (never bytecode) and push the function; on failure the message is pushed.
int hw_load(lua_State *L, const char *text, size_t length, const char *chunk_name);
// Call the function below `arguments` values. On failure the error value is pushed (with a traceback kept,
// see hw_traceback).
int hw_call(lua_State *L, int arguments, int results);
// As hw_call, and the error value pushed is a table {value=, traceback=} made where the error happened.
int hw_call_traced(lua_State *L, int arguments, int results);
// Keep the value on top in the registry (popped) and return the reference, or LUA_NOREF without memory.
int hw_ref(lua_State *L);
static inline void hw_unref(lua_State *L, int ref) { luaL_unref(L, LUA_REGISTRYINDEX, ref); }
static inline void hw_push_ref(lua_State *L, int ref) { lua_rawgeti(L, LUA_REGISTRYINDEX, ref); }
// A full garbage collection.
void hw_collect(lua_State *L);
// Bytes in use by the Lua heap.
static inline size_t hw_memory(lua_State *L) { return hw_box_of(L)->used; }
// Set package.path-like string fields and globals: _G[name] = value on top (popped).
int hw_set_global(lua_State *L, const char *name);
int hw_get_global(lua_State *L, const char *name);
// Open the standard io and os libraries and push their tables (for the policy to hand out functions).
int hw_push_system_libraries(lua_State *L);

// ---- Errors ----------------------------------------------------------------------------------------------

// Note the error that the Swift callback is about to report by HW_RAISE.
void hw_set_error(hw_box *box, const char *kind, const char *message, size_t length);
// Push an error object {kind, message} with its metatable (protected; where = position of the caller).
int hw_push_error(lua_State *L, const char *kind, const char *message, size_t length);
// Whether the value is an error object made by the host.
bool hw_is_error(lua_State *L, int index);

// ---- Stopping (interrupt.c) -------------------------------------------------------------------------------

// Around every run of a state on this thread; runs may nest.
void hw_enter(hw_box *box);
void hw_leave(hw_box *box);
// Whether the running script was asked to stop; cheap, from any thread.
bool hw_should_stop(const hw_box *box);
hw_stop_reason hw_why_stop(const hw_box *box);
// Handle SIGINT from now on: stop the state that runs on this thread; the third in a row ends the process
// with 130. A state listens when its `process_stop` is hw_interrupt_flag().
void hw_install_interrupt(void);
volatile int *hw_interrupt_flag(void);
void hw_clear_interrupt(void);
// Forget a time limit that has struck, and its hook.
void hw_reset_stop(hw_box *box);

// Stop the state that runs on this thread after `seconds`. If it still runs `grace` seconds later, write
// `message` to standard error and end the process with `exit_code`; a negative code keeps on asking instead.
typedef struct hw_watch hw_watch;
hw_watch *hw_watch_begin(hw_box *box, double seconds, double grace, int exit_code, const char *message);
void hw_watch_end(hw_watch *watch);

// ---- Macros of lua.h that Swift does not see -------------------------------------------------------------

static inline int hw_registry_index(void) { return LUA_REGISTRYINDEX; }
static inline int hw_upvalue_index(int i) { return lua_upvalueindex(i); }
static inline void hw_pop(lua_State *L, int n) { lua_settop(L, -n - 1); }
static inline void hw_insert(lua_State *L, int i) { lua_rotate(L, i, 1); }
static inline void hw_remove(lua_State *L, int i) { lua_rotate(L, i, -1), lua_settop(L, -2); }
