"""Linking by assignment on the spots that AssignmentBench.swift has written: FILE FRAMES PER_FRAME REACH.

FILE holds x, y, z of each spot as float64, frame by frame. Prints laptrack_seconds (`predict`: links),
laptrack_table_seconds (`predict_dataframe`: a data frame of tracks, as in its manual) and laptrack_sum (which says
whether the links are ours); scipy_seconds for the sparse matching alone of all frames and scipy_tree_seconds with the
search for pairs, median of three.
"""

import statistics
import sys
import time

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

path, frames, per_frame, reach = sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4])
least = 1e-6
levels = list(np.fromfile(path).reshape(frames, per_frame, 3))


def table(a, b):
    pairs = cKDTree(a).sparse_distance_matrix(cKDTree(b), reach, output_type="coo_matrix")
    cost = pairs.data**2
    n, m = pairs.shape
    alternative = 1.05 * cost.max()
    rows = np.concatenate([pairs.row, np.arange(n), n + np.arange(m), n + pairs.col])
    columns = np.concatenate([pairs.col, m + np.arange(n), np.arange(m), m + pairs.row])
    data = np.concatenate(
        [cost, np.full(n, alternative), np.full(m, alternative), np.full(len(cost), cost.min())])
    return coo_matrix((data + least, (rows, columns))).tocsr()


matching, whole = [], []
for _ in range(3):
    start = time.perf_counter()
    tables = [table(a, b) for a, b in zip(levels[:-1], levels[1:])]
    middle = time.perf_counter()
    for t in tables:
        min_weight_full_bipartite_matching(t)
    end = time.perf_counter()
    matching.append(end - middle)
    whole.append(end - start)
print("scipy_seconds", statistics.median(matching))
print("scipy_tree_seconds", statistics.median(whole))

try:
    import pandas
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
tree = tracker.predict(levels)
print("laptrack_seconds", time.perf_counter() - start)
links = sorted((a[0] * per_frame + a[1], b[0] * per_frame + b[1]) for a, b in tree.edges())
print("laptrack_sum", sum((int(a) * 2654435761 + int(b) * 40503) % 1000000007 for a, b in links) % 1000000007)
spots = pandas.DataFrame(np.concatenate(levels), columns=["x", "y", "z"])
spots["frame"] = np.repeat(np.arange(frames), per_frame)
start = time.perf_counter()
tracker.predict_dataframe(spots, ["x", "y", "z"], frame_col="frame")
print("laptrack_table_seconds", time.perf_counter() - start)
