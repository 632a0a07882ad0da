// Calls of Linux that Swift's Glibc module does not show, because the C library hides them by default.
#pragma once

// Exchange two paths in one step: afterwards each name stands for what the other one stood for. Returns 0, or
// -1 with errno (EINVAL where the file system cannot do it).
int howdah_exchange_paths(const char *a, const char *b);
