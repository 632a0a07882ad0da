"""Makes laptrack.txt: what LapTrack (https://github.com/yfukai/laptrack) links on small made-up movies.

    pip install laptrack && python make_laptrack.py > laptrack.txt

Lines: `case NAME threshold gap frames split merge percentile` (thresholds are distances, 0 for "not allowed"),
`spot FRAME X Y Z`, `link A B` with spots numbered as listed.
"""

import numpy as np
from laptrack import LapTrack


def movie(seed, frames, spots, step, side, missing, births):
    """Wandering points, some of them missed, some of them dividing."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, side, (spots, 3))
    levels = []
    for _ in range(frames):
        seen = place[random.uniform(size=len(place)) > missing]
        levels.append(np.round(seen, 4))
        place = place + step * random.normal(size=place.shape)
        dividing = random.uniform(size=len(place)) < births
        place = np.vstack([place, place[dividing] + 1.5 * random.normal(size=(dividing.sum(), 3))])
    return levels


def case(name, levels, threshold, gap, frames, split, merge, percentile):
    print("case", name, threshold, gap, frames, split, merge, percentile)
    tracker = LapTrack(
        cutoff=threshold**2,
        gap_closing_cutoff=gap**2 if gap else False,
        gap_closing_max_frame_count=frames,
        splitting_cutoff=split**2 if split else False,
        merging_cutoff=merge**2 if merge else False,
        alternative_cost_percentile=percentile,
        # TrackMate's percentile; LapTrack's own default takes the rank below.
        alternative_cost_percentile_interpolation="weibull",
    )
    number = {}
    for t, level in enumerate(levels):
        for i, p in enumerate(level):
            number[t, i] = len(number)
            print("spot", t, *p)
    tree = tracker.predict(levels)
    for a, b in sorted((number[tuple(a)], number[tuple(b)]) for a, b in tree.edges()):
        print("link", a, b)


case("frames", movie(1, 8, 30, 0.7, 14, 0, 0), 4, 0, 0, 0, 0, 90)
case("gaps", movie(2, 10, 25, 0.6, 14, 0.08, 0), 3, 4, 3, 0, 0, 90)
case("splits", movie(3, 10, 20, 0.6, 16, 0.05, 0.05), 3, 3, 2, 4, 0, 90)
case("merges", movie(4, 10, 20, 0.6, 14, 0.06, 0.04), 3, 3, 2, 3.5, 3, 80)
case("crowded", movie(5, 6, 60, 1.0, 10, 0.05, 0.03), 5, 5, 2, 5, 5, 90)
