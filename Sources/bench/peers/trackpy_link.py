"""Linking speed of trackpy on spots that wander as in LinkBench.swift: FRAMES PER_FRAME -> spots_per_second."""

import sys
import time

import numpy as np
import trackpy

frames, per_frame = int(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(7)
place = random.uniform(0, 100, (per_frame, 3))
levels = []
for _ in range(frames):
    levels.append(place)
    place = np.clip(place + 0.8 * random.normal(size=place.shape), 0, 100)
trackpy.quiet()
for _ in trackpy.link_iter(levels[:10], search_range=5):
    pass
start = time.perf_counter()
for _ in trackpy.link_iter(levels, search_range=5):
    pass
print("spots_per_second", frames * per_frame / (time.perf_counter() - start))
