// Fetching a file through libcurl, which is loaded when it is needed and not before: with all that it pulls in it
// would double the time the program takes to start.
#pragma once

#include <stddef.h>

enum { HOWDAH_FETCHED = 0, HOWDAH_FETCH_FAILED = 1, HOWDAH_FETCH_STOPPED = 2 };

// Asked at least every 50 ms with the bytes that came and those that are expected (0 when unknown); not 0 stops.
typedef int (*howdah_fetch_watch)(void *context, long long done, long long total);

// Write what an http or https address gives to a file descriptor, at most `limit` bytes. Redirections are followed,
// from https to https only. Returns one of the numbers above; `reason` is the sentence of a failure.
int howdah_fetch(const char *address, int descriptor, long long limit, howdah_fetch_watch watch, void *context,
                 char *reason, size_t reason_size);
