// The identifiers that hdf5.h hides behind macros, as functions.

#include <hdf5.h>

#include "HDF5Shim.h"

void howdah_h5_prepare(void) {
  H5open();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

int64_t howdah_h5_type_u8(void) { return H5T_STD_U8LE; }
int64_t howdah_h5_type_u16(void) { return H5T_STD_U16LE; }
int64_t howdah_h5_type_f32(void) { return H5T_IEEE_F32LE; }
int64_t howdah_h5_type_f64(void) { return H5T_IEEE_F64LE; }
int64_t howdah_h5_type_i32(void) { return H5T_STD_I32LE; }
int64_t howdah_h5_plist_dataset_create(void) { return H5P_DATASET_CREATE; }
int64_t howdah_h5_plist_file_access(void) { return H5P_FILE_ACCESS; }

int64_t howdah_h5_new_text_type(size_t length) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  // At least one byte: HDF5 has no text of length 0.
  H5Tset_size(type, length > 0 ? length : 1);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  return type;
}

int64_t howdah_h5_create(const char *path) {
  return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

int64_t howdah_h5_open_to_write(const char *path) {
  return H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
}
