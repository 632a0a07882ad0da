"""h5py beside Howdah on one BigDataViewer file: milliseconds per timepoint for opening the file and reading
all whole volumes, for a box of each, and for writing a volume with the same chunks and filters."""

import os
import statistics
import sys
import time

import h5py


def median_ms(body, count, repeats=5):
    body()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times) / count


path = sys.argv[1]
with h5py.File(path) as f:
    names = sorted(k for k in f if k.startswith("t"))
    first = f[names[0] + "/s00/0/cells"]
    volume = first[...]
    options = dict(chunks=first.chunks, compression=first.compression,
                   compression_opts=first.compression_opts, shuffle=first.shuffle)


def read(selection):
    with h5py.File(path) as f:
        for name in names:
            f[name + "/s00/0/cells"][selection]


def write():
    """Howdah's files are on the disk when it is done, so the peer's shall be there too."""
    with h5py.File(path + ".peer", "w") as f:
        f.create_dataset("cells", data=volume, **options)
    with open(path + ".peer", "rb") as f:
        os.fsync(f.fileno())


print("whole", median_ms(lambda: read(...), len(names)))
print("box", median_ms(lambda: read((slice(20, 36), slice(190, 318), slice(200, 328))), len(names)))
start = time.perf_counter()
write()
print("write", 1000 * (time.perf_counter() - start))
os.remove(path + ".peer")
