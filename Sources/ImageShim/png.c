// PNG over libpng. The only setjmp of this file is in `begin`'s callers; libpng's longjmp never leaves it.

#include "ImageShim.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  jmp_buf escape;
  char *message;
  size_t message_size;
} Trap;

static void on_error(png_structp png, png_const_charp text) {
  Trap *trap = png_get_error_ptr(png);
  snprintf(trap->message, trap->message_size, "%s", text);
  longjmp(trap->escape, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static int system_error(char *message, size_t size) {
  snprintf(message, size, "%s", strerror(errno));
  return 0;
}

// A pixel row in the machine's order is turned by libpng when the machine is little-endian.
static int little_endian(void) {
  const uint16_t one = 1;
  return *(const uint8_t *)&one;
}

int howdah_png_write(const char *path, const void *pixels, uint32_t width, uint32_t height,
                     size_t stride, int channels, int bits, int level, char *message,
                     size_t message_size) {
  static const int types[] = {0, PNG_COLOR_TYPE_GRAY, 0, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
  Trap trap = {.message = message, .message_size = message_size};
  FILE *file = fopen(path, "wb");
  if (!file) return system_error(message, message_size);
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, &trap, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  volatile int done = 0;
  if (!info) {
    snprintf(message, message_size, "no memory");
  } else if (setjmp(trap.escape) == 0) {
    png_init_io(png, file);
    png_set_compression_level(png, level);
    png_set_IHDR(png, info, width, height, bits, types[channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    if (bits == 16 && little_endian()) png_set_swap(png);
    for (uint32_t y = 0; y < height; y++)
      png_write_row(png, (png_const_bytep)pixels + (size_t)y * stride);
    png_write_end(png, NULL);
    done = 1;
  }
  png_destroy_write_struct(&png, &info);
  if (fclose(file) != 0 && done) return system_error(message, message_size);
  return done;
}

// Opens the file and reads its header, expanded to whole bytes. Runs inside the caller's setjmp.
static void header(png_structp png, png_infop info, FILE *file) {
  png_init_io(png, file);
  // A declared size beyond this would not fit the buffers of any caller.
  png_set_user_limits(png, 1 << 20, 1 << 20);
  png_read_info(png, info);
  png_set_expand(png);
  if (png_get_bit_depth(png, info) == 16 && little_endian()) png_set_swap(png);
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY_ALPHA) png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

int howdah_png_info(const char *path, uint32_t *width, uint32_t *height, int *channels, int *bits,
                    char *message, size_t message_size) {
  Trap trap = {.message = message, .message_size = message_size};
  FILE *file = fopen(path, "rb");
  if (!file) return system_error(message, message_size);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &trap, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  volatile int done = 0;
  if (!info) {
    snprintf(message, message_size, "no memory");
  } else if (setjmp(trap.escape) == 0) {
    header(png, info, file);
    *width = png_get_image_width(png, info);
    *height = png_get_image_height(png, info);
    *channels = png_get_channels(png, info);
    *bits = png_get_bit_depth(png, info);
    done = 1;
  }
  png_destroy_read_struct(&png, &info, NULL);
  fclose(file);
  return done;
}

int howdah_png_read(const char *path, void *pixels, size_t size, char *message,
                    size_t message_size) {
  Trap trap = {.message = message, .message_size = message_size};
  FILE *file = fopen(path, "rb");
  if (!file) return system_error(message, message_size);
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &trap, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  png_bytep *volatile rows = NULL;
  volatile int done = 0;
  if (!info) {
    snprintf(message, message_size, "no memory");
  } else if (setjmp(trap.escape) == 0) {
    header(png, info, file);
    size_t row = png_get_rowbytes(png, info);
    uint32_t height = png_get_image_height(png, info);
    if (row * height != size) png_error(png, "the file changed while it was read");
    rows = malloc(sizeof(png_bytep) * (height ? height : 1));
    if (!rows) png_error(png, "no memory");
    for (uint32_t y = 0; y < height; y++) rows[y] = (png_bytep)pixels + row * y;
    png_read_image(png, rows);
    png_read_end(png, NULL);
    done = 1;
  }
  free(rows);
  png_destroy_read_struct(&png, &info, NULL);
  fclose(file);
  return done;
}
