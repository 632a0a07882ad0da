// Reading lines with GNU Readline. Setting rl_done from a signal hook does not end readline(); what works is an
// own rl_getc_function that waits with ppoll, so that a signal between the check and the wait is not lost,
// and answers Ctrl-C with an emptied line and a newline.

#define _GNU_SOURCE

#include "CTerm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;
static cterm_completer complete;
static void *complete_context;
static char *history_file;

static void on_interrupt(int signal) {
  (void)signal;
  interrupted = 1;
}

static int get_character(FILE *stream) {
  (void)stream;
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  for (;;) {
    rl_check_signals();
    sigprocmask(SIG_BLOCK, &block, &before);
    int ready = -1;
    if (!interrupted) {
      struct pollfd in = {.fd = fileno(rl_instream), .events = POLLIN};
      ready = ppoll(&in, 1, NULL, &before);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (interrupted) {
      rl_replace_line("", 0);
      return '\n';
    }
    if (ready < 0) continue;
    unsigned char c;
    ssize_t n = read(fileno(rl_instream), &c, 1);
    if (n == 1) return c;
    if (n == 0 || (errno != EINTR && errno != EAGAIN)) return EOF;
  }
}

static char **attempt(const char *text, int start, int end) {
  (void)text;
  rl_attempted_completion_over = 1;
  rl_completion_append_character = 0;
  char **found = complete ? complete(complete_context, rl_line_buffer, start, end) : NULL;
  if (!found || !found[0]) {
    free(found);
    return NULL;
  }
  size_t count = 0;
  while (found[count]) count++;
  char **matches = malloc((count + 2) * sizeof *matches);
  if (!matches) return NULL;
  // readline wants the longest common beginning first.
  size_t common = strlen(found[0]);
  for (size_t i = 1; i < count; i++) {
    size_t k = 0;
    while (k < common && found[i][k] == found[0][k]) k++;
    common = k;
  }
  matches[0] = strndup(found[0], common);
  if (count == 1) {
    free(found[0]);
    matches[1] = NULL;
  } else {
    memcpy(matches + 1, found, count * sizeof *found);
    matches[count + 1] = NULL;
  }
  free(found);
  return matches;
}

void cterm_open(const char *history, cterm_completer completer, void *context) {
  complete = completer;
  complete_context = context;
  rl_readline_name = "howdah";
  rl_catch_signals = 1;
  rl_change_environment = 0;
  rl_getc_function = get_character;
  rl_attempted_completion_function = attempt;
  // Words reach over dots and colons, so that `p.spots:at` is one word.
  rl_basic_word_break_characters = " \t\n\"'`><=;+-*/%^~#|&{}()[],";
  rl_completer_word_break_characters = rl_basic_word_break_characters;
  rl_completer_quote_characters = "";
  rl_variable_bind("enable-bracketed-paste", "off");
  using_history();
  stifle_history(2000);
  free(history_file);
  history_file = history ? strdup(history) : NULL;
  if (history_file) read_history(history_file);
}

cterm_result cterm_read(const char *prompt, char **line) {
  struct sigaction action, before;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  interrupted = 0;
  sigaction(SIGINT, &action, &before);
  *line = readline(prompt);
  sigaction(SIGINT, &before, NULL);
  if (interrupted) {
    interrupted = 0;
    free(*line);
    *line = NULL;
    return CTERM_INTERRUPTED;
  }
  return *line ? CTERM_LINE : CTERM_END;
}

cterm_result cterm_read_plain(char **line) {
  size_t size = 0;
  *line = NULL;
  ssize_t n = getline(line, &size, stdin);
  if (n < 0) {
    free(*line);
    *line = NULL;
    return CTERM_END;
  }
  if (n > 0 && (*line)[n - 1] == '\n') (*line)[n - 1] = 0;
  return CTERM_LINE;
}

void cterm_add_history(const char *input) {
  HIST_ENTRY *last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
  if (last && strcmp(last->line, input) == 0) return;
  // The file has a line an entry: several lines are joined.
  char *copy = strdup(input);
  if (!copy) return;
  for (char *p = copy; *p; p++) {
    if (*p == '\n') *p = ' ';
  }
  add_history(copy);
  free(copy);
  if (history_file && append_history(1, history_file) != 0) write_history(history_file);
}

bool cterm_is_terminal(int fd) { return isatty(fd) == 1; }

int cterm_width(void) {
  struct winsize size;
  if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}
