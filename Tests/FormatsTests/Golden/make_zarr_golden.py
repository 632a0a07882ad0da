"""Zarr v2 arrays as zarr-python writes them: python make_zarr_golden.py (needs zarr 3 and numcodecs)."""
import os, shutil
import numpy, zarr, numcodecs

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zarr")
shutil.rmtree(here, ignore_errors=True)
z, y, x = numpy.mgrid[0:5, 0:6, 0:7]
values = 100 * z + 10 * y + x


def make(name, dtype, chunks, compressor, **more):
    array = zarr.create_array(
        store=os.path.join(here, name), shape=values.shape, chunks=chunks, dtype=dtype,
        compressors=compressor, zarr_format=2, **more)
    return array


make("zlib_f2", "<f2", (2, 4, 4), numcodecs.Zlib(3))[...] = values / 8
make("gzip_u2", "<u2", (5, 6, 7), numcodecs.GZip(5))[...] = values
make("none_u1", "|u1", (1, 3, 7), None)[...] = values % 256
part = make("part_f4", "<f4", (2, 3, 4), numcodecs.Zlib(1), fill_value=-1.5,
            chunk_key_encoding={"name": "v2", "separator": "/"})
part[0:2, 0:3, 0:4] = values[0:2, 0:3, 0:4]
