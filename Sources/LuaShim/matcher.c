// Lua patterns that can be stopped: find, match, gmatch and gsub for all states. Hooks never fire inside
// the standard ones, and `("a?"):rep(30)..` or `%b()` on a long text keep those busy for hours.
//
// A pattern is compiled to items: one step each, executed forward only. An item that could also have matched
// otherwise leaves one choice on a stack; when a later item fails, the last choice is tried again. As the
// item number only grows, the stack holds at most one choice an item, captures need no undoing, and nothing
// recurses. Every character looked at counts as a step, and every 4096 steps the stop flag is asked.

#define _GNU_SOURCE // memmem

#include "internal.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum { MAX_CAPTURES = 32, POSITION = -1 };

typedef enum { SET, OPEN, CLOSE, POSITION_HERE, BACK, BALANCE, FRONTIER, TEXT_END, MATCHED } operation;

typedef struct {
  uint8_t op;
  uint8_t repeat; // 0, or one of '*', '+', '-', '?'
  uint8_t a, b;   // capture number, or the two characters of %b
  uint32_t set[8];
} item;

typedef struct {
  uint32_t item;
  bool lazy;
  const char *least, *now; // greedy: where it began and how far it is given back; lazy: `now` only
} choice;

typedef struct {
  const char *start;
  ptrdiff_t length; // or POSITION
} capture;

typedef struct {
  uint32_t items;
  uint32_t captures;
  bool anchored;
  choice *choices; // `items` of them
  item code[];
} program;

typedef struct {
  lua_State *L;
  hw_box *box;
  const program *program;
  const char *text, *end;
  uint32_t steps;
  capture captures[MAX_CAPTURES];
} machine;

// ---- Compiling -------------------------------------------------------------------------------------------

static void add(item *it, unsigned c) { it->set[(c & 255) >> 5] |= 1u << (c & 31); }
static bool has(const item *it, unsigned char c) { return it->set[c >> 5] >> (c & 31) & 1; }

static int is_zero(int c) { return c == 0; }

// The characters of %a and its like; a letter that names no class stands for itself.
static void add_class(item *it, unsigned char letter) {
  int (*test)(int) = NULL;
  switch (tolower(letter)) {
  case 'a': test = isalpha; break;
  case 'c': test = iscntrl; break;
  case 'd': test = isdigit; break;
  case 'g': test = isgraph; break;
  case 'l': test = islower; break;
  case 'p': test = ispunct; break;
  case 's': test = isspace; break;
  case 'u': test = isupper; break;
  case 'w': test = isalnum; break;
  case 'x': test = isxdigit; break;
  case 'z': test = is_zero; break; // from Lua 5.1, still understood
  }
  if (!test) {
    add(it, letter);
    return;
  }
  bool complement = isupper(letter);
  for (int c = 0; c < 256; c++) {
    if ((test(c) != 0) != complement) add(it, (unsigned)c);
  }
}

// `p` is behind "["; the result is behind "]".
static const char *compile_set(lua_State *L, item *it, const char *p, const char *end) {
  bool complement = p < end && *p == '^';
  if (complement) p++;
  for (bool first = true;; first = false) {
    if (p >= end) luaL_error(L, "malformed pattern (missing ']')");
    unsigned char c = (unsigned char)*p++;
    if (c == ']' && !first) break;
    if (c == '%') {
      if (p >= end) luaL_error(L, "malformed pattern (missing ']')");
      add_class(it, (unsigned char)*p++);
    } else if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
      for (unsigned k = c; k <= (unsigned char)p[1]; k++) add(it, k);
      p += 2;
    } else {
      add(it, c);
    }
  }
  if (complement) {
    for (int k = 0; k < 8; k++) it->set[k] = ~it->set[k];
  }
  return p;
}

// Push the program as a userdata. At most one item a character of the pattern, and one for the end.
static program *compile(lua_State *L, const char *p, size_t length, bool anchors) {
  const char *end = p + length;
  size_t most = length + 1;
  if (most > UINT32_MAX / 64) luaL_error(L, "pattern too long");
  size_t code = sizeof(program) + most * sizeof(item);
  program *program = lua_newuserdatauv(L, code + most * sizeof(choice), 0);
  memset(program, 0, code);
  program->choices = (choice *)((char *)program + code);
  uint8_t open[MAX_CAPTURES];
  int opened = 0;
  bool closed[MAX_CAPTURES] = {false};
  if (anchors && p < end && *p == '^') {
    program->anchored = true;
    p++;
  }
  while (p < end) {
    item *it = &program->code[program->items++];
    unsigned char c = (unsigned char)*p++;
    bool repeatable = false;
    if (c == '(') {
      if (program->captures >= MAX_CAPTURES) luaL_error(L, "too many captures");
      it->a = (uint8_t)program->captures++;
      if (p < end && *p == ')') {
        it->op = POSITION_HERE;
        closed[it->a] = true;
        p++;
      } else {
        it->op = OPEN;
        open[opened++] = it->a;
      }
    } else if (c == ')') {
      if (opened == 0) luaL_error(L, "invalid pattern capture");
      it->op = CLOSE;
      it->a = open[--opened];
      closed[it->a] = true;
    } else if (c == '$' && p == end) {
      it->op = TEXT_END;
    } else if (c == '%') {
      if (p >= end) luaL_error(L, "malformed pattern (ends with '%%')");
      c = (unsigned char)*p++;
      if (c == 'b') {
        if (end - p < 2) luaL_error(L, "malformed pattern (missing arguments to '%%b')");
        it->op = BALANCE;
        it->a = (uint8_t)p[0];
        it->b = (uint8_t)p[1];
        p += 2;
      } else if (c == 'f') {
        if (p >= end || *p != '[') luaL_error(L, "missing '[' after '%%f' in pattern");
        it->op = FRONTIER;
        p = compile_set(L, it, p + 1, end);
      } else if (isdigit(c)) {
        it->op = BACK;
        it->a = (uint8_t)(c - '1');
        if (c == '0' || it->a >= program->captures || !closed[it->a])
          luaL_error(L, "invalid capture index %%%d in pattern", c - '0');
      } else {
        it->op = SET;
        add_class(it, c);
        repeatable = true;
      }
    } else {
      it->op = SET;
      repeatable = true;
      if (c == '[') {
        p = compile_set(L, it, p, end);
      } else if (c == '.') {
        memset(it->set, 0xFF, sizeof it->set);
      } else {
        add(it, c);
      }
    }
    if (repeatable && p < end && strchr("*+-?", *p) && *p) it->repeat = (uint8_t)*p++;
  }
  if (opened) luaL_error(L, "unfinished capture");
  program->code[program->items++].op = MATCHED;
  return program;
}

// ---- Matching --------------------------------------------------------------------------------------------

static inline void step(machine *m) {
  if ((++m->steps & 4095) == 0 && hw_is_stopping(m->box)) hw_raise_stop(m->L);
}

// The end of the match that begins at `s`, or NULL.
static const char *run(machine *m, const char *s) {
  const program *program = m->program;
  choice *stack = program->choices;
  uint32_t at = 0, depth = 0;
  for (;;) {
    const item *it = &program->code[at];
    bool ok = true;
    step(m);
    switch (it->op) {
    case MATCHED: return s;
    case OPEN: m->captures[it->a].start = s; break;
    case CLOSE: m->captures[it->a].length = s - m->captures[it->a].start; break;
    case POSITION_HERE: m->captures[it->a] = (capture){s, POSITION}; break;
    case TEXT_END: ok = s == m->end; break;
    case BACK: {
      capture c = m->captures[it->a];
      ptrdiff_t length = c.length == POSITION ? 0 : c.length;
      ok = m->end - s >= length && memcmp(c.start, s, (size_t)length) == 0;
      m->steps += (uint32_t)length & 4095;
      if (ok) s += length;
      break;
    }
    case FRONTIER:
      ok = !has(it, s == m->text ? 0 : (unsigned char)s[-1])
           && has(it, s == m->end ? 0 : (unsigned char)*s);
      break;
    case BALANCE: {
      ok = s < m->end && (uint8_t)*s == it->a;
      if (!ok) break;
      ok = false;
      size_t nested = 1;
      for (const char *p = s + 1; p < m->end && !ok; p++) {
        step(m);
        if ((uint8_t)*p == it->b) {
          if (--nested == 0) {
            s = p + 1;
            ok = true;
          }
        } else if ((uint8_t)*p == it->a) {
          nested++;
        }
      }
      break;
    }
    case SET: {
      bool fits = s < m->end && has(it, (unsigned char)*s);
      if (it->repeat == 0) {
        ok = fits;
        if (ok) s++;
      } else if (it->repeat == '-') {
        stack[depth++] = (choice){at, true, s, s};
      } else if (it->repeat == '?') {
        if (fits) {
          stack[depth++] = (choice){at, false, s, s + 1};
          s++;
        }
      } else {
        const char *least = it->repeat == '+' ? s + 1 : s;
        ok = fits || it->repeat == '*';
        while (s < m->end && has(it, (unsigned char)*s)) {
          step(m);
          s++;
        }
        if (ok && s > least) stack[depth++] = (choice){at, false, least, s};
      }
      break;
    }
    }
    if (ok) {
      at++;
      continue;
    }
    // Back to the last item that could have gone on differently.
    for (;;) {
      if (depth == 0) return NULL;
      choice *c = &stack[depth - 1];
      step(m);
      if (c->lazy) {
        if (c->now < m->end && has(&program->code[c->item], (unsigned char)*c->now)) {
          s = ++c->now;
          at = c->item + 1;
          break;
        }
        depth--;
      } else if (c->now > c->least) {
        s = --c->now;
        at = c->item + 1;
        if (c->now == c->least) depth--;
        break;
      } else {
        depth--;
      }
    }
  }
}

// ---- Results ---------------------------------------------------------------------------------------------

static void push_capture(machine *m, uint32_t i, const char *s, const char *e) {
  if (i >= m->program->captures) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", (int)i + 1);
    lua_pushlstring(m->L, s, (size_t)(e - s));
  } else if (m->captures[i].length == POSITION) {
    lua_pushinteger(m->L, m->captures[i].start - m->text + 1);
  } else {
    lua_pushlstring(m->L, m->captures[i].start, (size_t)m->captures[i].length);
  }
}

// Push all captures, or the whole match when there are none and `whole`.
static int push_captures(machine *m, const char *s, const char *e, bool whole) {
  uint32_t count = m->program->captures == 0 && whole ? 1 : m->program->captures;
  luaL_checkstack(m->L, (int)count, "too many captures");
  for (uint32_t i = 0; i < count; i++) push_capture(m, i, s, e);
  return (int)count;
}

static machine begin(lua_State *L, const program *program, const char *text, size_t length) {
  machine m = {.L = L, .box = hw_box_of(L), .program = program, .text = text, .end = text + length};
  return m;
}

// The 0-based start for the argument `init`; more than `length` when it lies behind the text.
static size_t start_position(lua_State *L, int argument, size_t length) {
  lua_Integer init = luaL_optinteger(L, argument, 1);
  if (init > 0) return (size_t)init - 1;
  if (init == 0 || init < -(lua_Integer)length) return 0;
  return length - (size_t)(-init);
}

static int find_or_match(lua_State *L, bool find) {
  size_t length, pattern_length;
  const char *text = luaL_checklstring(L, 1, &length);
  const char *pattern = luaL_checklstring(L, 2, &pattern_length);
  size_t start = start_position(L, 3, length);
  if (start > length) {
    lua_pushnil(L);
    return 1;
  }
  bool plain = find && lua_toboolean(L, 4);
  if (find && !plain) {
    plain = true;
    for (size_t i = 0; i < pattern_length && plain; i++)
      plain = !memchr("^$*+?.([%-", pattern[i], 10);
  }
  if (plain) {
    const char *at = pattern_length == 0 ? text + start
                                         : memmem(text + start, length - start, pattern, pattern_length);
    if (!at) {
      lua_pushnil(L);
      return 1;
    }
    lua_pushinteger(L, at - text + 1);
    lua_pushinteger(L, at - text + (lua_Integer)pattern_length);
    return 2;
  }
  program *program = compile(L, pattern, pattern_length, true);
  machine m = begin(L, program, text, length);
  for (const char *s = text + start; s <= m.end; s++) {
    const char *e = run(&m, s);
    if (e) {
      if (!find) return push_captures(&m, s, e, true);
      lua_pushinteger(L, s - text + 1);
      lua_pushinteger(L, e - text);
      return 2 + push_captures(&m, s, e, false);
    }
    if (program->anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

static int find(lua_State *L) { return find_or_match(L, true); }
static int match(lua_State *L) { return find_or_match(L, false); }

// Upvalues: text, program, next position, end of the last match (0-based; -1 for none).
static int next_match(lua_State *L) {
  size_t length;
  const char *text = lua_tolstring(L, lua_upvalueindex(1), &length);
  machine m = begin(L, lua_touserdata(L, lua_upvalueindex(2)), text, length);
  lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));
  for (size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(3)); i <= length; i++) {
    const char *e = run(&m, text + i);
    if (!e || e - text == last) continue;
    lua_pushinteger(L, e - text);
    lua_copy(L, -1, lua_upvalueindex(3));
    lua_replace(L, lua_upvalueindex(4));
    return push_captures(&m, text + i, e, true);
  }
  return 0;
}

static int gmatch(lua_State *L) {
  size_t length, pattern_length;
  luaL_checklstring(L, 1, &length);
  const char *pattern = luaL_checklstring(L, 2, &pattern_length);
  size_t start = start_position(L, 3, length);
  lua_settop(L, 2);
  compile(L, pattern, pattern_length, false);
  lua_remove(L, 2);
  lua_pushinteger(L, (lua_Integer)(start > length ? length + 1 : start));
  lua_pushinteger(L, -1);
  lua_pushcclosure(L, next_match, 4);
  return 1;
}

// Add the replacement text with %0 to %9 filled in.
static void add_template(machine *m, luaL_Buffer *b, const char *s, const char *e) {
  size_t length;
  const char *r = lua_tolstring(m->L, 3, &length);
  for (size_t i = 0; i < length; i++) {
    if (r[i] != '%') {
      luaL_addchar(b, r[i]);
      continue;
    }
    char c = ++i < length ? r[i] : 0;
    if (c == '%') {
      luaL_addchar(b, '%');
    } else if (c == '0') {
      luaL_addlstring(b, s, (size_t)(e - s));
    } else if (c >= '1' && c <= '9') {
      push_capture(m, (uint32_t)(c - '1'), s, e);
      luaL_tolstring(m->L, -1, NULL);
      lua_remove(m->L, -2);
      luaL_addvalue(b);
    } else {
      luaL_error(m->L, "invalid use of '%%' in replacement string");
    }
  }
}

static void add_replacement(machine *m, luaL_Buffer *b, const char *s, const char *e, int type) {
  lua_State *L = m->L;
  if (type == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures(m, s, e, true), 1);
  } else if (type == LUA_TTABLE) {
    push_capture(m, 0, s, e);
    lua_gettable(L, 3);
  } else {
    add_template(m, b, s, e);
    return;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    luaL_addlstring(b, s, (size_t)(e - s));
  } else if (lua_isstring(L, -1)) {
    luaL_addvalue(b);
  } else {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  }
}

static int gsub(lua_State *L) {
  size_t length, pattern_length;
  const char *text = luaL_checklstring(L, 1, &length);
  const char *pattern = luaL_checklstring(L, 2, &pattern_length);
  int type = lua_type(L, 3);
  luaL_argexpected(L,
                   type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION
                       || type == LUA_TTABLE,
                   3, "string/function/table");
  lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)length + 1);
  if (type == LUA_TNUMBER) lua_tostring(L, 3);
  lua_settop(L, 3);
  program *program = compile(L, pattern, pattern_length, true);
  machine m = begin(L, program, text, length);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  const char *s = text, *last = NULL;
  lua_Integer count = 0;
  while (count < most) {
    const char *e = run(&m, s);
    if (e && e != last) {
      count++;
      add_replacement(&m, &b, s, e, type);
      s = last = e;
    } else if (s < m.end) {
      luaL_addchar(&b, *s++);
    } else {
      break;
    }
    if (program->anchored) break;
  }
  luaL_addlstring(&b, s, (size_t)(m.end - s));
  luaL_pushresult(&b);
  lua_pushinteger(L, count);
  return 2;
}

void hw_open_matcher(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", gsub}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
