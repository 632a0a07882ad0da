// What Formats needs of libpng and libtiff, without their longjmp, varargs and global error handlers.
// Every function that can fail returns 0 or NULL and leaves a text in `message` (always terminated);
// nothing is printed. Buffers belong to the caller.
#pragma once

#include <stddef.h>
#include <stdint.h>

// --- PNG -------------------------------------------------------------------------------------------

// Write an image: `channels` 1 (gray), 3 (RGB) or 4 (RGBA), `bits` 8 or 16 (16 in the machine's byte
// order), rows from top to bottom, each `stride` bytes after the one before.
int howdah_png_write(const char *path, const void *pixels, uint32_t width, uint32_t height,
                     size_t stride, int channels, int bits, int level, char *message,
                     size_t message_size);

// Read the size and kind of an image.
int howdah_png_info(const char *path, uint32_t *width, uint32_t *height, int *channels, int *bits,
                    char *message, size_t message_size);

// Read the pixels as `howdah_png_write` takes them, into width * height * channels * bits / 8 bytes as
// `howdah_png_info` said. Palettes and less than 8 bits are expanded.
int howdah_png_read(const char *path, void *pixels, size_t size, char *message, size_t message_size);

// --- TIFF ------------------------------------------------------------------------------------------

typedef struct HowdahTIFF HowdahTIFF;

// The kind of one page (directory) of a TIFF file.
typedef struct {
  uint32_t width, height;
  uint16_t bits;        // per sample
  uint16_t samples;     // per pixel
  uint16_t format;      // 1 unsigned, 2 signed, 3 floating point
  uint16_t unit;        // of the resolution: 1 none, 2 inch, 3 centimetre
  double x_resolution;  // pixels per unit, 0 when absent
  double y_resolution;
  uint64_t stored;      // bytes of pixel data that the page stores in the file
  uint64_t offset;      // where they begin
  uint16_t compression; // 1 none
  int contiguous;       // whether they are one uncompressed piece
  int swapped;          // whether the byte order of the file is not the machine's
} HowdahTIFFPage;

HowdahTIFF *howdah_tiff_open(const char *path, char *message, size_t message_size);
void howdah_tiff_close(HowdahTIFF *tiff);

// Describe the page at the file offset `directory`; 0 is the first page. `next` is set to the next page's
// offset, 0 at the end. Going from page to page in file order notices a chain that bites its tail.
int howdah_tiff_page(HowdahTIFF *tiff, uint64_t directory, HowdahTIFFPage *page, uint64_t *next,
                     char *message, size_t message_size);

// The ImageDescription of the page at `directory`, or NULL. Valid until the next call.
const char *howdah_tiff_description(HowdahTIFF *tiff, uint64_t directory);

// Read sample `sample` of all pixels of the page at `directory` into width * height samples of bits / 8
// bytes each, in the machine's byte order. `size` is the size of the buffer and must be exactly that.
int howdah_tiff_read(HowdahTIFF *tiff, uint64_t directory, uint16_t sample, void *pixels, size_t size,
                     char *message, size_t message_size);

// Create a file: BigTIFF when `big`.
HowdahTIFF *howdah_tiff_create(const char *path, int big, char *message, size_t message_size);

// Append a page of one sample a pixel. `description` may be NULL. `format` as in HowdahTIFFPage,
// `deflate` 0 stores. The resolution is left out when 0 and has no unit.
int howdah_tiff_append(HowdahTIFF *tiff, uint32_t width, uint32_t height, uint16_t bits,
                       uint16_t format, double x_resolution, double y_resolution, int deflate,
                       const char *description, const void *pixels, char *message,
                       size_t message_size);

// Finish writing and close; 0 when something could not be written. Frees `tiff` in any case.
int howdah_tiff_finish(HowdahTIFF *tiff, char *message, size_t message_size);
