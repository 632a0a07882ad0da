// The terminal: the only code that knows GNU Readline. All its globals are touched here.
//
// What always holds: Ctrl-C while a line is typed throws the line (and what was continued) away and comes back
// as CTERM_INTERRUPTED; other signals keep readline's own handling, which restores the terminal.

#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum { CTERM_LINE, CTERM_END, CTERM_INTERRUPTED } cterm_result;

// All completions of the word that starts at byte `start` of `line` and ends at `end`: a malloc'ed array of
// malloc'ed strings that ends with NULL, or NULL for none.
typedef char **(*cterm_completer)(void *context, const char *line, int start, int end);

// Set up editing; `history` is a file that is read now and appended to by cterm_add_history (NULL: none).
void cterm_open(const char *history, cterm_completer completer, void *context);
// Read a line with this prompt. CTERM_LINE: *line is malloc'ed, without the newline.
cterm_result cterm_read(const char *prompt, char **line);
// Read a line of standard input without editing.
cterm_result cterm_read_plain(char **line);
// Remember an input (it may have several lines).
void cterm_add_history(const char *input);
// Whether descriptor `fd` is a terminal.
bool cterm_is_terminal(int fd);
// Columns of the terminal, 80 when not known.
int cterm_width(void);
