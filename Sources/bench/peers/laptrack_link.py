"""Linking by assignment on spots that wander as in AssignmentBench.swift: FRAMES PER_FRAME, prints
laptrack_seconds for TENTH of the frames (LapTrack is slow) and scipy_seconds for the sparse matching of all."""

import sys
import time

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

frames, per_frame = int(sys.argv[1]), int(sys.argv[2])
reach, least = 5.0, 1e-6
random = np.random.default_rng(7)
place = random.uniform(0, 100, (per_frame, 3))
levels = []
for _ in range(frames):
    levels.append(place)
    place = np.clip(place + 0.8 * random.normal(size=place.shape), 0, 100)

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
start = time.perf_counter()
for table in tables:
    min_weight_full_bipartite_matching(table)
print("scipy_seconds", time.perf_counter() - start)

try:
    from laptrack import LapTrack

    few = levels[: max(2, frames // 10)]
    start = time.perf_counter()
    LapTrack(cutoff=reach**2, gap_closing_cutoff=reach**2, splitting_cutoff=reach**2).predict(few)
    print("laptrack_seconds", time.perf_counter() - start)
except ImportError:
    pass
