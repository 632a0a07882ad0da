"""Writes golden.json: what numpy and scipy make of small volumes. Run: python make.py (numpy, scipy)."""

import json
import pathlib

import numpy as np
from scipy import ndimage

rng = np.random.default_rng(7)
golden = {}


def keep(name, array):
    array = np.asarray(array)
    golden[name] = {
        "shape": list(array.shape),
        "values": [float(f"{v:.9g}") for v in array.astype(float).ravel()],
    }


def volume(name, z, y, x, kind):
    if kind == "float":
        v = rng.normal(100, 30, (z, y, x)).astype(np.float32)
    else:
        v = rng.integers(0, 65536 if kind == "uint16" else 256, (z, y, x)).astype(kind)
    keep(name, v)
    return v


# Gaussian: odd sizes, a kernel longer than an axis, 2D, one row.
for name, shape, sigma in [
    ("box", (5, 7, 11), (0.8, 1.5, 2.2)),
    ("reach", (3, 4, 5), (2.0, 0.0, 3.0)),
    ("flat", (1, 9, 13), (1.0, 1.2, 0.7)),
    ("line", (1, 1, 17), (1.0, 1.0, 2.0)),
]:
    v = volume(f"gaussian.{name}.in", *shape, "float")
    keep(f"gaussian.{name}.sigma", sigma[::-1])
    keep(f"gaussian.{name}.out", ndimage.gaussian_filter(v.astype(float), sigma))
v = volume("gaussian.uint16.in", 4, 6, 9, "uint16")
keep("gaussian.uint16.out", ndimage.gaussian_filter(v.astype(float), 1.0))
keep("dog.out", ndimage.gaussian_filter(v.astype(float), 1.0) - ndimage.gaussian_filter(v.astype(float), 1.6))

# Percentiles and histograms.
ps = [0, 0.1, 1, 25, 50, 66.6, 99, 99.9, 100]
keep("percentile.p", ps)
for kind in ["uint8", "uint16", "float"]:
    v = volume(f"percentile.{kind}.in", 3, 5, 7, kind)
    keep(f"percentile.{kind}.out", np.percentile(v.astype(float), ps))
    counts, edges = np.histogram(v, bins=10)
    keep(f"histogram.{kind}.out", counts)
    keep(f"std.{kind}.out", [v.astype(float).mean(), v.astype(float).std()])

# Components and moments.
for name, shape, density in [("solid", (6, 9, 10), 0.3), ("flat", (1, 12, 15), 0.45)]:
    m = (rng.random(shape) < density).astype(np.uint8)
    keep(f"label.{name}.in", m)
    six, _ = ndimage.label(m)
    all_, count = ndimage.label(m, np.ones((3, 3, 3)))
    keep(f"label.{name}.six", six)
    keep(f"label.{name}.twentysix", all_)
    w = rng.integers(1, 1000, shape).astype(np.uint16)
    keep(f"moments.{name}.intensity", w)
    rows = []
    for label in range(1, count + 1):
        p = np.argwhere(all_ == label)[:, ::-1].astype(float)
        i = w[all_ == label].astype(float)
        c = np.cov(p.T, bias=True)
        wc = np.cov(p.T, bias=True, aweights=i)
        u = np.triu_indices(3)
        rows.append(
            [len(p), *p.mean(0), *c[u], i.sum(), *np.average(p, axis=0, weights=i), *wc[u]]
        )
    keep(f"moments.{name}.out", rows)

# Linear resampling with aligned corners.
v = volume("resample.in", 4, 5, 6, "float")
for name, (nz, ny, nx) in [("up", (7, 9, 8)), ("down", (2, 3, 4)), ("one", (1, 1, 3))]:
    axes = [
        np.linspace(0, m - 1, n) if n > 1 else np.zeros(1)
        for m, n in zip(v.shape, (nz, ny, nx))
    ]
    grid = np.meshgrid(*axes, indexing="ij")
    keep(f"resample.{name}.out", ndimage.map_coordinates(v.astype(float), grid, order=1))

# Maxima of a smooth field (no plateaus): the plain definition.
v = ndimage.gaussian_filter(rng.normal(0, 1, (9, 20, 21)), (0.8, 1.3, 1.3)).astype(np.float32)
keep("maxima.in", v)
keep("maxima.out", np.argwhere(v == ndimage.maximum_filter(v, 3, mode="constant", cval=-9))[:, ::-1])
rz, ry, rx = 2, 4, 4
z, y, x = np.mgrid[-rz : rz + 1, -ry : ry + 1, -rx : rx + 1]
foot = (z / rz) ** 2 + (y / ry) ** 2 + (x / rx) ** 2 <= 1
both = (v == ndimage.maximum_filter(v, footprint=foot, mode="constant", cval=-9)) & (
    v == ndimage.maximum_filter(v, 3, mode="constant", cval=-9)
)
keep("maxima.wide.out", np.argwhere(both)[:, ::-1])

path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden, separators=(",", ":")).replace("},", "},\n") + "\n")
