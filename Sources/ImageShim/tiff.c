// TIFF over libtiff. Each open file has its own error handler (libtiff 4.5), which keeps the first message;
// pages are addressed by the file offset of their directory, so that reaching one does not walk the others.

#include "ImageShim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tiffio.h>

struct HowdahTIFF {
  TIFF *tif;
  uint64_t first;  // offset of the first directory
  uint64_t chosen; // offset of the present directory
  char message[256];
};

// No single allocation of libtiff may exceed this: a strip or tile of real microscopy is far smaller.
static const tmsize_t largest_allocation = (tmsize_t)1 << 31;

static int on_error(TIFF *tif, void *user, const char *module, const char *format, va_list list) {
  HowdahTIFF *tiff = user;
  (void)tif;
  (void)module;
  if (!tiff->message[0]) vsnprintf(tiff->message, sizeof tiff->message, format, list);
  return 1;
}

static int on_warning(TIFF *tif, void *user, const char *module, const char *format, va_list list) {
  (void)tif;
  (void)user;
  (void)module;
  (void)format;
  (void)list;
  return 1;
}

static int fail(HowdahTIFF *tiff, const char *otherwise, char *message, size_t size) {
  snprintf(message, size, "%s", tiff->message[0] ? tiff->message : otherwise);
  tiff->message[0] = 0;
  return 0;
}

static HowdahTIFF *open_with(const char *path, const char *mode, char *message, size_t size) {
  HowdahTIFF *tiff = calloc(1, sizeof *tiff);
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (tiff && options) {
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, tiff);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, tiff);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, largest_allocation);
    tiff->tif = TIFFOpenExt(path, mode, options);
    if (!tiff->tif) fail(tiff, "is no TIFF file", message, size);
  } else {
    snprintf(message, size, "no memory");
  }
  if (options) TIFFOpenOptionsFree(options);
  if (tiff && tiff->tif) return tiff;
  free(tiff);
  return NULL;
}

HowdahTIFF *howdah_tiff_open(const char *path, char *message, size_t size) {
  // "m": no memory mapping, which a file that shrinks would turn into a crash.
  HowdahTIFF *tiff = open_with(path, "rm", message, size);
  if (tiff) tiff->first = tiff->chosen = TIFFCurrentDirOffset(tiff->tif);
  return tiff;
}

void howdah_tiff_close(HowdahTIFF *tiff) {
  if (tiff) TIFFClose(tiff->tif);
  free(tiff);
}

static int choose(HowdahTIFF *tiff, uint64_t directory) {
  if (directory == 0) directory = tiff->first;
  if (directory == tiff->chosen) return 1;
  tiff->chosen = 0;
  if (!TIFFSetSubDirectory(tiff->tif, directory)) return 0;
  tiff->chosen = directory;
  return 1;
}

static void describe(TIFF *tif, HowdahTIFFPage *page) {
  float x = 0, y = 0;
  memset(page, 0, sizeof *page);
  TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &page->width);
  TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &page->height);
  TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &page->bits);
  TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &page->samples);
  TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &page->format);
  TIFFGetFieldDefaulted(tif, TIFFTAG_RESOLUTIONUNIT, &page->unit);
  TIFFGetFieldDefaulted(tif, TIFFTAG_COMPRESSION, &page->compression);
  TIFFGetField(tif, TIFFTAG_XRESOLUTION, &x);
  TIFFGetField(tif, TIFFTAG_YRESOLUTION, &y);
  page->x_resolution = x;
  page->y_resolution = y;
  page->swapped = TIFFIsByteSwapped(tif) != 0;
}

int howdah_tiff_page(HowdahTIFF *tiff, uint64_t directory, HowdahTIFFPage *page, uint64_t *next,
                     char *message, size_t size) {
  TIFF *tif = tiff->tif;
  tiff->message[0] = 0;
  if (!choose(tiff, directory)) return fail(tiff, "has an unreadable page", message, size);
  describe(tif, page);
  uint32_t pieces = TIFFIsTiled(tif) ? TIFFNumberOfTiles(tif) : TIFFNumberOfStrips(tif);
  page->contiguous = page->compression == COMPRESSION_NONE && !TIFFIsTiled(tif);
  for (uint32_t k = 0; k < pieces; k++) {
    int error = 0;
    uint64_t count = TIFFGetStrileByteCountWithErr(tif, k, &error);
    uint64_t offset = error ? 0 : TIFFGetStrileOffsetWithErr(tif, k, &error);
    if (error) return fail(tiff, "has a page without data", message, size);
    if (k == 0) page->offset = offset;
    if (offset != page->offset + page->stored) page->contiguous = 0;
    if (count > UINT64_MAX - page->stored) return fail(tiff, "has an impossible size", message, size);
    page->stored += count;
  }
  // libtiff knows the next offset only by going there.
  *next = 0;
  if (!TIFFLastDirectory(tif)) {
    tiff->chosen = 0;
    if (!TIFFReadDirectory(tif)) return fail(tiff, "has an unreadable page", message, size);
    *next = TIFFCurrentDirOffset(tif);
    tiff->chosen = *next;
  }
  return 1;
}

const char *howdah_tiff_description(HowdahTIFF *tiff, uint64_t directory) {
  char *text = NULL;
  tiff->message[0] = 0;
  if (!choose(tiff, directory)) return NULL;
  return TIFFGetField(tiff->tif, TIFFTAG_IMAGEDESCRIPTION, &text) ? text : NULL;
}

// Copies one sample of `count` pixels out of interleaved ones.
static void gather(char *to, const char *from, size_t count, size_t bytes, size_t samples,
                   size_t sample) {
  if (samples == 1) {
    memcpy(to, from, count * bytes);
    return;
  }
  from += sample * bytes;
  for (size_t k = 0; k < count; k++) memcpy(to + k * bytes, from + k * bytes * samples, bytes);
}

static int read_strips(TIFF *tif, const HowdahTIFFPage *page, int separate, uint16_t sample,
                       char *pixels, char *buffer, tmsize_t buffer_size) {
  size_t bytes = page->bits / 8, samples = separate ? 1 : page->samples;
  uint32_t rows = 0;
  TIFFGetFieldDefaulted(tif, TIFFTAG_ROWSPERSTRIP, &rows);
  if (rows == 0 || rows > page->height) rows = page->height;
  for (uint32_t y = 0; y < page->height; y += rows) {
    uint32_t n = page->height - y < rows ? page->height - y : rows;
    size_t wanted = (size_t)n * page->width * samples * bytes;
    uint32_t strip = TIFFComputeStrip(tif, y, separate ? sample : 0);
    if (wanted > (size_t)buffer_size) return 0;
    tmsize_t got = TIFFReadEncodedStrip(tif, strip, buffer, (tmsize_t)wanted);
    if (got < 0 || (size_t)got != wanted) return 0;
    gather(pixels + (size_t)y * page->width * bytes, buffer, (size_t)n * page->width, bytes,
           samples, separate ? 0 : sample);
  }
  return 1;
}

static int read_tiles(TIFF *tif, const HowdahTIFFPage *page, int separate, uint16_t sample,
                      char *pixels, char *buffer, tmsize_t buffer_size) {
  size_t bytes = page->bits / 8, samples = separate ? 1 : page->samples;
  uint32_t tw = 0, th = 0;
  TIFFGetField(tif, TIFFTAG_TILEWIDTH, &tw);
  TIFFGetField(tif, TIFFTAG_TILELENGTH, &th);
  if (tw == 0 || th == 0) return 0;
  if ((double)tw * th * samples * bytes > (double)buffer_size) return 0;
  for (uint64_t y = 0; y < page->height; y += th)
    for (uint64_t x = 0; x < page->width; x += tw) {
      uint32_t tile = TIFFComputeTile(tif, (uint32_t)x, (uint32_t)y, 0, separate ? sample : 0);
      if (TIFFReadEncodedTile(tif, tile, buffer, buffer_size) < 0) return 0;
      size_t w = page->width - x < tw ? page->width - x : tw;
      size_t h = page->height - y < th ? page->height - y : th;
      for (size_t r = 0; r < h; r++)
        gather(pixels + ((y + r) * page->width + x) * bytes, buffer + r * tw * samples * bytes, w,
               bytes, samples, separate ? 0 : sample);
    }
  return 1;
}

int howdah_tiff_read(HowdahTIFF *tiff, uint64_t directory, uint16_t sample, void *pixels, size_t size,
                     char *message, size_t message_size) {
  TIFF *tif = tiff->tif;
  HowdahTIFFPage page;
  uint16_t planar = PLANARCONFIG_CONTIG;
  tiff->message[0] = 0;
  if (!choose(tiff, directory)) return fail(tiff, "has an unreadable page", message, message_size);
  describe(tif, &page);
  if ((double)page.width * page.height * (page.bits / 8) != (double)size || sample >= page.samples)
    return fail(tiff, "changed while it was read", message, message_size);
  TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &planar);
  int separate = planar == PLANARCONFIG_SEPARATE;
  tmsize_t piece = TIFFIsTiled(tif) ? TIFFTileSize(tif) : TIFFStripSize(tif);
  // A strip that claims more rows than the image has is cut to the image.
  double whole = (double)page.width * page.height * page.samples * (page.bits / 8);
  if (!TIFFIsTiled(tif) && (double)piece > whole) piece = (tmsize_t)whole;
  if (piece <= 0 || piece > largest_allocation)
    return fail(tiff, "has a strip or tile of an impossible size", message, message_size);
  char *buffer = malloc((size_t)piece);
  if (!buffer) return fail(tiff, "no memory for a strip or tile", message, message_size);
  int done = TIFFIsTiled(tif)
                 ? read_tiles(tif, &page, separate, sample, pixels, buffer, piece)
                 : read_strips(tif, &page, separate, sample, pixels, buffer, piece);
  free(buffer);
  return done ? 1 : fail(tiff, "ends inside its pixel data", message, message_size);
}

HowdahTIFF *howdah_tiff_create(const char *path, int big, char *message, size_t size) {
  return open_with(path, big ? "w8" : "w", message, size);
}

int howdah_tiff_append(HowdahTIFF *tiff, uint32_t width, uint32_t height, uint16_t bits,
                       uint16_t format, double x_resolution, double y_resolution, int deflate,
                       const char *description, const void *pixels, char *message, size_t size) {
  TIFF *tif = tiff->tif;
  tiff->message[0] = 0;
  TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(tif, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, format);
  TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tif, TIFFTAG_COMPRESSION, deflate ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
  TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, height);
  if (x_resolution > 0 && y_resolution > 0) {
    TIFFSetField(tif, TIFFTAG_XRESOLUTION, x_resolution);
    TIFFSetField(tif, TIFFTAG_YRESOLUTION, y_resolution);
    TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, RESUNIT_NONE);
  }
  if (description) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, description);
  size_t bytes = (size_t)width * height * (bits / 8);
  // libtiff may swap or predict inside the buffer it is given only when the byte order is not the
  // machine's or a predictor is set; neither is the case.
  if (TIFFWriteEncodedStrip(tif, 0, (void *)pixels, (tmsize_t)bytes) != (tmsize_t)bytes ||
      !TIFFWriteDirectory(tif))
    return fail(tiff, "cannot be written", message, size);
  return 1;
}

int howdah_tiff_finish(HowdahTIFF *tiff, char *message, size_t size) {
  tiff->message[0] = 0;
  int done = TIFFFlush(tiff->tif);
  if (!done) fail(tiff, "cannot be written", message, size);
  TIFFClose(tiff->tif);
  free(tiff);
  return done;
}
