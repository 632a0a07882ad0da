# Makes the small TIFF files of this folder with tifffile (2026.3.3, numpy). Values follow the formula in
# TIFFTests.swift: value(t, c, z, y, x) = 1000 t + 300 c + 100 z + 10 y + x, modulo 256 for 8 bits.
#
#     python3 make.py
import numpy
import tifffile


def values(shape, dtype):
    t, c, z, y, x = numpy.indices(shape)
    v = 1000 * t + 300 * c + 100 * z + 10 * y + x
    return (v % 256 if dtype == "uint8" else v).astype(dtype)


size = (2, 2, 3, 4, 5)  # t c z y x
hyper = numpy.moveaxis(values(size, "uint16"), 1, 2)  # tifffile's ImageJ order: t z c y x
calibration = dict(imagej=True, resolution=(1 / 0.2768, 1 / 0.25))
metadata = {"spacing": 2.1605, "unit": "\\u00B5m", "axes": "TZCYX"}
tifffile.imwrite("hyperstack.tif", hyper, metadata=metadata, **calibration)
tifffile.imwrite("truncated.tif", hyper, metadata={**metadata, "truncate": True}, **calibration)
tifffile.imwrite("big-endian.tif", hyper, metadata=metadata, byteorder=">", **calibration)
stack = values((1, 1, 3, 4, 5), "uint8")[0, 0]
tifffile.imwrite("stack8.tif", stack, photometric="minisblack", metadata=None)
tifffile.imwrite(
    "float-deflate-bigtiff.tif", values((1, 1, 3, 4, 5), "float32")[0, 0], bigtiff=True,
    compression="zlib", predictor=True, photometric="minisblack", metadata=None)
tifffile.imwrite(
    "int16-tiled.tif", values((1, 1, 1, 20, 37), "int16")[0, 0, 0] - 500, tile=(16, 16),
    photometric="minisblack", metadata=None)
tifffile.imwrite(
    "rgb.tif", numpy.moveaxis(values((1, 3, 1, 4, 5), "uint8")[0, :, 0], 0, 2), photometric="rgb",
    metadata=None)
tifffile.imwrite(
    "lzw16.tif", values((1, 1, 3, 4, 5), "uint16")[0, 0], compression="lzw", rowsperstrip=3,
    photometric="minisblack", metadata=None)
