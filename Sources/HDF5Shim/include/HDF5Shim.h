// What Swift cannot get from hdf5.h (object macros over library globals), and the reading of data sets by
// libhdf5 in a child process. Everything here must be called by one thread at a time: Swift's HDF5Library
// lock sees to that.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ---- identifiers behind macros (hid_t is int64_t) ----

/// Initialise the library and turn off its printing of errors on the calling thread.
void howdah_h5_prepare(void);

int64_t howdah_h5_type_u8(void);
int64_t howdah_h5_type_u16(void);
int64_t howdah_h5_type_f32(void);
int64_t howdah_h5_type_f64(void);
int64_t howdah_h5_type_i32(void);
int64_t howdah_h5_plist_dataset_create(void);
int64_t howdah_h5_plist_file_access(void);
/// A new data type for fixed text of this length, to be closed with H5Tclose.
int64_t howdah_h5_new_text_type(size_t length);
/// Create (or replace) a file in the oldest, most widely readable format. Negative on failure.
int64_t howdah_h5_create(const char *path);
/// Open an existing file for reading and writing. Negative on failure.
int64_t howdah_h5_open_to_write(const char *path);

// ---- reading in a child process ----

enum {
  HOWDAH_H5_PENDING = 0,  // the child died before it could say anything
  HOWDAH_H5_OK = 1,
  HOWDAH_H5_ABSENT = 2,  // a link on the path does not exist
  HOWDAH_H5_FAILED = 3,  // the library reported an error
};

/// What the child finds out; lies in memory shared with it.
typedef struct {
  int32_t status;
  int32_t rank;
  int32_t is_float;
  int32_t is_signed;
  int32_t element_size;
  uint64_t shape[4];
  /// The element data begin here (when a box was asked for), in the machine's byte order.
  unsigned char data[];
} howdah_h5_result;

/// Memory that a child shares with its parent, with room for `data_bytes` of elements; NULL on failure.
howdah_h5_result *howdah_h5_share(size_t data_bytes);
void howdah_h5_unshare(howdah_h5_result *result, size_t data_bytes);

/// Start a child that describes the data set at `path`, and, when `origin` is not NULL, reads a box of it
/// into `result->data`. Returns its process id, or -1 (errno is set).
///
/// The child may use `cpu_seconds` of processor time and `memory` bytes more address space than the parent.
pid_t howdah_h5_start_read(
  const char *file, const char *path, const uint64_t *origin, const uint64_t *extent, int rank,
  howdah_h5_result *result, size_t data_bytes, unsigned cpu_seconds, size_t memory);
