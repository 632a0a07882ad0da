// Stopping a running script. A count hook on every instruction doubles the time of tight loops, so none is
// set while a script runs freely; a signal sets it on the running coroutine when the script has to stop. To
// know which one runs, resume, wrap and close are our own. The hook stays set and raises again at every
// instruction, so a script that catches the error is stopped by the next one.
//
// State of this file is per process by nature: the signal handlers and the interrupt flag. Which state is
// running is per thread, so several hosts may run on several threads.

#include "internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Thread_local hw_box *active; // the innermost state that runs on this thread
static volatile int interrupted;     // Ctrl-C since hw_clear_interrupt
static volatile int interrupts;      // how often
static pthread_t interpreter;        // the thread that gets forwarded SIGINTs

void hw_enter(hw_box *box) {
  box->outer = active;
  active = box;
}

void hw_leave(hw_box *box) {
  active = box->outer;
  box->outer = NULL;
}

int hw_raise_stop(lua_State *L) {
  if (hw_reason_to_stop(hw_box_of(L)) == HW_STOP_TIME) {
    static const char text[] = "the time limit (--max-time) is over";
    hw_make_error(L, "limit", text, sizeof text - 1);
  } else {
    static const char text[] = "interrupted";
    hw_make_error(L, "interrupted", text, sizeof text - 1);
  }
  return lua_error(L);
}

static void stop_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (hw_is_stopping(hw_box_of(L))) {
    hw_raise_stop(L);
  } else {
    lua_sethook(L, NULL, 0, 0); // left from a stop that is over
  }
}

static void set_stop_hook(lua_State *L) {
  lua_sethook(L, stop_hook, LUA_MASKCOUNT, 1);
}

bool hw_should_stop(const hw_box *box) { return hw_is_stopping(box); }

hw_stop_reason hw_why_stop(const hw_box *box) { return hw_reason_to_stop(box); }

volatile int *hw_interrupt_flag(void) { return &interrupted; }

// As lua.c does, the handler sets the hook itself: lua_sethook only writes fields that the interpreter reads.
static void hook_active(void) {
  if (active && hw_is_stopping(active)) set_stop_hook(active->current);
}

static void on_interrupt(int signal) {
  int saved = errno;
  if (!active && !pthread_equal(pthread_self(), interpreter)) {
    pthread_kill(interpreter, signal);
    errno = saved;
    return;
  }
  interrupted = 1;
  interrupts += 1;
  if (interrupts >= 3) _exit(130);
  hook_active();
  errno = saved;
}

static void on_wake(int signal) {
  (void)signal;
  int saved = errno;
  hook_active();
  errno = saved;
}

void hw_install_interrupt(void) {
  interpreter = pthread_self();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL); // no SA_RESTART: a read at the prompt must end
}

void hw_clear_interrupt(void) {
  interrupted = 0;
  interrupts = 0;
}

static void install_wake(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_wake;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGURG, &action, NULL); // ignored by default, so a late one does no harm
  // Worker threads of Dispatch block all signals.
  sigset_t wake;
  sigemptyset(&wake);
  sigaddset(&wake, SIGURG);
  pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
}

void hw_reset_stop(hw_box *box) {
  box->stop_reason = HW_RUNNING;
  lua_sethook(box->main, NULL, 0, 0);
}

// ---- Time limits ---------------------------------------------------------------------------------------

struct hw_watch {
  pthread_t thread, target;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  hw_box *box;
  double seconds, grace;
  int exit_code;
  char *message;
  bool done;
};

static struct timespec later(double seconds) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  double whole = (double)(time_t)seconds;
  t.tv_sec += (time_t)whole;
  t.tv_nsec += (long)((seconds - whole) * 1e9);
  if (t.tv_nsec >= 1000000000L) {
    t.tv_nsec -= 1000000000L;
    t.tv_sec += 1;
  }
  return t;
}

// Wait until the watched run is done (true) or the time has come (false).
static bool wait_until(hw_watch *w, struct timespec t) {
  while (!w->done) {
    if (pthread_cond_timedwait(&w->changed, &w->mutex, &t) == ETIMEDOUT) return w->done;
  }
  return true;
}

// At the limit, ask the state to stop and knock until it has; after the grace, end the process.
static void *watch(void *argument) {
  hw_watch *w = argument;
  pthread_mutex_lock(&w->mutex);
  if (!wait_until(w, later(w->seconds))) {
    w->box->stop_reason = HW_STOP_TIME;
    struct timespec end = later(w->grace);
    bool over = false;
    while (!w->done && !over) {
      pthread_kill(w->target, SIGURG);
      wait_until(w, later(0.01));
      struct timespec now = later(0);
      over = now.tv_sec > end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec >= end.tv_nsec);
      if (w->exit_code < 0) over = false; // keep knocking for ever
    }
    if (!w->done) {
      if (write(2, w->message, strlen(w->message)) < 0) _exit(w->exit_code);
      _exit(w->exit_code);
    }
  }
  pthread_mutex_unlock(&w->mutex);
  return NULL;
}

hw_watch *hw_watch_begin(hw_box *box, double seconds, double grace, int exit_code,
                         const char *message) {
  install_wake();
  hw_watch *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->target = pthread_self();
  w->box = box;
  w->seconds = seconds < 1e9 ? seconds : 1e9;
  w->grace = grace;
  w->exit_code = exit_code;
  w->message = strdup(message);
  pthread_mutex_init(&w->mutex, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&w->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  if (!w->message || pthread_create(&w->thread, NULL, watch, w) != 0) {
    free(w->message);
    free(w);
    return NULL;
  }
  return w;
}

void hw_watch_end(hw_watch *w) {
  if (!w) return;
  pthread_mutex_lock(&w->mutex);
  w->done = true;
  pthread_cond_signal(&w->changed);
  pthread_mutex_unlock(&w->mutex);
  pthread_join(w->thread, NULL);
  pthread_cond_destroy(&w->changed);
  pthread_mutex_destroy(&w->mutex);
  free(w->message);
  free(w);
}

// ---- Coroutines ------------------------------------------------------------------------------------------

static lua_State *coroutine_at(lua_State *L, int index) {
  lua_State *co = lua_tothread(L, index);
  luaL_argexpected(L, co, index, "coroutine");
  return co;
}

// Move `arguments` values over and run `co`; the number of results (on co), or -1 with the error on co. The
// stop flag is looked at on both sides, so that no signal falls between two coroutines.
static int resume(lua_State *L, lua_State *co, int arguments) {
  hw_box *box = hw_box_of(L);
  if (!lua_checkstack(co, arguments)) {
    lua_pushliteral(L, "too many arguments to resume");
    lua_xmove(L, co, 1);
    return -1;
  }
  lua_xmove(L, co, arguments);
  box->current = co;
  if (hw_is_stopping(box)) set_stop_hook(co);
  int results = 0;
  int status = lua_resume(co, L, arguments, &results);
  box->current = L;
  if (hw_is_stopping(box)) {
    set_stop_hook(L);
    hw_raise_stop(L);
  }
  if (status != LUA_OK && status != LUA_YIELD) return -1;
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    lua_xmove(L, co, 1);
    return -1;
  }
  return results;
}

static int co_resume(lua_State *L) {
  lua_State *co = coroutine_at(L, 1);
  int results = resume(L, co, lua_gettop(L) - 1);
  if (results < 0) {
    lua_pushboolean(L, 0);
    lua_xmove(co, L, 1);
    return 2;
  }
  lua_pushboolean(L, 1);
  lua_xmove(co, L, results);
  return results + 1;
}

// Run the pending `<close>` variables of `co`, as the running coroutine.
static int reset(lua_State *L, lua_State *co) {
  hw_box *box = hw_box_of(L);
  box->current = co;
  int status = lua_resetthread(co);
  box->current = L;
  if (hw_is_stopping(box)) hw_raise_stop(L);
  return status;
}

static int co_wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int results = resume(L, co, lua_gettop(L));
  if (results >= 0) {
    lua_xmove(co, L, results);
    return results;
  }
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) reset(L, co);
  lua_xmove(co, L, 1);
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, co_wrapped, 1);
  return 1;
}

static int co_close(lua_State *L) {
  lua_State *co = coroutine_at(L, 1);
  lua_Debug ar;
  bool suspended = co != L && (lua_status(co) != LUA_OK || lua_getstack(co, 0, &ar) == 0);
  if (!suspended) return luaL_error(L, "cannot close a running coroutine");
  if (reset(L, co) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

void hw_open_coroutines(lua_State *L) {
  static const luaL_Reg ours[] = {
      {"resume", co_resume}, {"wrap", co_wrap}, {"close", co_close}, {NULL, NULL}};
  luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
  luaL_setfuncs(L, ours, 0);
  lua_pop(L, 1);
}
