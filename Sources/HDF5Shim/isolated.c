// Reading a data set with libhdf5 in a child process. The library may crash, loop or ask for gigabytes when
// a file is damaged; here that ends the child only. The child is a fork that never returns to Swift: it
// calls the library and _exit, nothing else, so it does not matter that other threads are gone.

#define _GNU_SOURCE

#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "HDF5Shim.h"

howdah_h5_result *howdah_h5_share(size_t data_bytes) {
  void *memory = mmap(NULL, sizeof(howdah_h5_result) + data_bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void howdah_h5_unshare(howdah_h5_result *result, size_t data_bytes) {
  munmap(result, sizeof(howdah_h5_result) + data_bytes);
}

/// Whether every link on the path exists. Ends at the first that does not.
static int path_exists(hid_t file, const char *path) {
  char prefix[1024];
  size_t length = strlen(path);
  if (length >= sizeof prefix) return 0;
  for (size_t i = 1; i <= length; i++) {
    if (path[i] != '/' && path[i] != 0) continue;
    memcpy(prefix, path, i);
    prefix[i] = 0;
    if (H5Lexists(file, prefix, H5P_DEFAULT) <= 0) return 0;
  }
  return 1;
}

/// Returns the status to report.
static int describe_and_read(hid_t file, const char *path, const uint64_t *origin,
                             const uint64_t *extent, int rank, howdah_h5_result *result,
                             size_t data_bytes) {
  if (!path_exists(file, path)) return HOWDAH_H5_ABSENT;
  hid_t data = H5Dopen2(file, path, H5P_DEFAULT);
  if (data < 0) return HOWDAH_H5_FAILED;
  hid_t space = H5Dget_space(data);
  hid_t type = H5Dget_type(data);
  int axes = H5Sget_simple_extent_ndims(space);
  H5T_class_t class = H5Tget_class(type);
  if (axes < 1 || axes > 4 || (class != H5T_INTEGER && class != H5T_FLOAT)) return HOWDAH_H5_FAILED;
  hsize_t shape[4];
  if (H5Sget_simple_extent_dims(space, shape, NULL) < 0) return HOWDAH_H5_FAILED;
  hid_t native = H5Tget_native_type(type, H5T_DIR_ASCEND);
  size_t size = H5Tget_size(native);
  if (size != 1 && size != 2 && size != 4 && size != 8) return HOWDAH_H5_FAILED;
  result->rank = axes;
  for (int i = 0; i < axes; i++) result->shape[i] = shape[i];
  result->is_float = class == H5T_FLOAT;
  result->is_signed = class == H5T_FLOAT || H5Tget_sign(type) == H5T_SGN_2;
  result->element_size = (int32_t)size;
  if (!origin) return HOWDAH_H5_OK;

  if (rank != axes) return HOWDAH_H5_FAILED;
  hsize_t start[4], count[4];
  size_t bytes = size;
  for (int i = 0; i < axes; i++) {
    start[i] = origin[i];
    count[i] = extent[i];
    bytes *= extent[i];
  }
  if (bytes > data_bytes) return HOWDAH_H5_FAILED;
  if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0)
    return HOWDAH_H5_FAILED;
  hid_t memory = H5Screate_simple(axes, count, NULL);
  if (H5Dread(data, native, memory, space, H5P_DEFAULT, result->data) < 0) return HOWDAH_H5_FAILED;
  return HOWDAH_H5_OK;
}

/// Bytes of address space of this process.
static size_t address_space(void) {
  unsigned long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f) {
    if (fscanf(f, "%lu", &pages) != 1) pages = 0;
    fclose(f);
  }
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(int what, size_t value) {
  struct rlimit r = {value, value};
  setrlimit(what, &r);
}

pid_t howdah_h5_start_read(const char *file, const char *path, const uint64_t *origin,
                           const uint64_t *extent, int rank, howdah_h5_result *result,
                           size_t data_bytes, unsigned cpu_seconds, size_t memory) {
  result->status = HOWDAH_H5_PENDING;
  size_t space = address_space();
  pid_t pid = fork();
  if (pid != 0) return pid;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A crash here is expected and reported by the parent: no core file, and no handler of the host.
  int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, cpu_seconds);
  if (space > 0) limit(RLIMIT_AS, space + memory);
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t id = H5Fopen(file, H5F_ACC_RDONLY, H5P_DEFAULT);
  result->status = id < 0 ? HOWDAH_H5_FAILED
                          : describe_and_read(id, path, origin, extent, rank, result, data_bytes);
  _exit(0);
}
