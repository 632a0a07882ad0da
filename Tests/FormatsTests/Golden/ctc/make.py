"""Writes a tiny sequence of the Cell Tracking Challenge (01, 01_GT, 01_RES) with tifffile, and expected.json:
what numpy finds in it and what py-ctcmetrics 1.3.3 measures.

    pip install py-ctcmetrics==1.3.3 tifffile imagecodecs
    python make.py
"""

import contextlib
import io
import json
import os
import shutil

import numpy as np
import tifffile
from ctc_metrics.scripts.evaluate import evaluate_sequence

here = os.path.dirname(os.path.abspath(__file__))
size = (4, 12, 16)  # z, y, x
truth = {  # label: (first frame, parent, corners of its boxes frame by frame)
    1: (0, 0, [(1, 1, 1), (1, 1, 2)]),
    2: (2, 1, [(1, 0, 1), (1, 0, 0)]),
    5: (2, 1, [(1, 5, 3), (1, 6, 4)]),
    9: (0, 0, [(0, 6, 9), (0, 6, 9), (0, 6, 10), (0, 6, 11)]),
}
result = {
    3: (0, 0, [(1, 1, 1), (1, 1, 2)]),
    4: (2, 3, [(1, 0, 2), (1, 0, 1)]),
    6: (2, 3, [(1, 5, 3), (1, 6, 5)]),
    7: (0, 0, [(0, 6, 9), (0, 6, 9)]),
    8: (3, 7, [(0, 6, 11)]),
}


def frames(tracks):
    stack = np.zeros((4, *size), np.uint16)
    for label, (first, _, corners) in tracks.items():
        for k, (z, y, x) in enumerate(corners):
            stack[first + k, z:z + 3, y:y + 5, x:x + 4] = label
    return stack


def table(tracks):
    return "".join(f"{l} {b} {b + len(c) - 1} {p}\n" for l, (b, p, c) in tracks.items())


for name in ["01", "01_GT", "01_RES"]:
    shutil.rmtree(f"{here}/{name}", ignore_errors=True)
for name in ["01", "01_GT/TRA", "01_GT/SEG", "01_RES"]:
    os.makedirs(f"{here}/{name}")
gt, res = frames(truth), frames(result)
for t in range(4):
    tifffile.imwrite(f"{here}/01/t{t:03d}.tif", (gt[t] * 10 + t).astype(np.uint8), compression="lzw")
    tifffile.imwrite(f"{here}/01_GT/TRA/man_track{t:03d}.tif", gt[t], compression="zlib")
    tifffile.imwrite(f"{here}/01_RES/mask{t:03d}.tif", res[t], compression="lzw")
open(f"{here}/01_GT/TRA/man_track.txt", "w").write(table(truth))
open(f"{here}/01_RES/res_track.txt", "w").write(table(result))
for t, z in [(0, 1), (2, 2), (3, 1)]:
    tifffile.imwrite(f"{here}/01_GT/SEG/man_seg_{t:03d}_{z:03d}.tif", gt[t, z])

spots = []
for t in range(4):
    for label in np.unique(gt[t])[1:]:
        p = np.argwhere(gt[t] == label)[:, ::-1]
        spots.append({"t": t, "label": int(label), "center": p.mean(0).tolist(),
                      "covariance": np.cov(p.T, bias=True).tolist()})
with contextlib.redirect_stdout(io.StringIO()):
    measures = evaluate_sequence(f"{here}/01_RES", f"{here}/01_GT", threads=1)
keys = ["DET", "SEG", "TRA", "LNK", "CT", "TF", "BC(0)", "BC(3)", "CCA", "CHOTA", "AOGM"]
json.dump({"spots": spots, "measures": {k: None if measures[k] is None else float(measures[k]) for k in keys}},
          open(f"{here}/expected.json", "w"), indent=1)
