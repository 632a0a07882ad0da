"""Linking by assignment on the spots that AssignmentBench.swift has written: FILE FRAMES PER_FRAME FEW.

FILE holds x, y, z of each spot as float64, frame by frame. Prints laptrack_seconds, laptrack_links and
laptrack_sum (which says whether the links are ours) for the FEW first frames, as LapTrack is slow, and
scipy_seconds for the sparse matching alone of all frames, median of three.
"""

import statistics
import sys
import time

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

path, frames, per_frame, few = sys.argv[1], *map(int, sys.argv[2:5])
reach, least = 5.0, 1e-6
levels = list(np.fromfile(path).reshape(frames, per_frame, 3))

tables = []
for a, b in zip(levels[:-1], levels[1:]):
    pairs = cKDTree(a).sparse_distance_matrix(cKDTree(b), reach, output_type="coo_matrix")
    cost = pairs.data**2
    n, m = pairs.shape
    alternative = 1.05 * cost.max()
    rows = np.concatenate([pairs.row, np.arange(n), n + np.arange(m), n + pairs.col])
    columns = np.concatenate([pairs.col, m + np.arange(n), np.arange(m), m + pairs.row])
    data = np.concatenate(
        [cost, np.full(n, alternative), np.full(m, alternative), np.full(len(cost), cost.min())])
    tables.append(coo_matrix((data + least, (rows, columns))).tocsr())
times = []
for _ in range(3):
    start = time.perf_counter()
    for table in tables:
        min_weight_full_bipartite_matching(table)
    times.append(time.perf_counter() - start)
print("scipy_seconds", statistics.median(times))

try:
    from laptrack import LapTrack
except ImportError:
    sys.exit()
tracker = LapTrack(
    cutoff=reach**2,
    gap_closing_cutoff=reach**2,
    gap_closing_max_frame_count=2,
    splitting_cutoff=reach**2,
    alternative_cost_percentile=90,
    # TrackMate's percentile; LapTrack's own default takes the rank below.
    alternative_cost_percentile_interpolation="weibull",
)
start = time.perf_counter()
tree = tracker.predict(levels[:few])
print("laptrack_seconds", time.perf_counter() - start)
links = sorted((a[0] * per_frame + a[1], b[0] * per_frame + b[1]) for a, b in tree.edges())
print("laptrack_links", len(links))
print("laptrack_sum", sum((int(a) * 2654435761 + int(b) * 40503) % 1000000007 for a, b in links) % 1000000007)
