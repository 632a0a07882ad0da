"""Writes ctc.json: generated movies with every kind of tracking error, and what py-ctcmetrics 1.3.3 and
traccuracy 0.4.3 measure on them.

    pip install py-ctcmetrics==1.3.3 traccuracy==0.4.3 tifffile
    python make_ctc.py            (about two minutes)

A label image is a list of boxes [label, x0, y0, z0, x1, y1, z1] (last ones excluded), painted in order.
A movie is made as a graph of detections, so that every error is an edit of the graph, and then cut into
tracks of the Cell Tracking Challenge.
"""

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
import warnings

import numpy as np
import tifffile

warnings.filterwarnings("ignore")
from ctc_metrics.scripts.evaluate import evaluate_sequence
from traccuracy import run_metrics
from traccuracy.loaders import load_ctc_data
from traccuracy.matchers import CTCMatcher
from traccuracy.metrics import CellCycleAccuracy, CHOTAMetric, CTCMetrics


class Graph:
    """Detections: id -> (frame, box); links: id -> id of the parent."""

    def __init__(self):
        self.spots, self.parent, self.cut = {}, {}, set()
        self.next = 1

    def add(self, t, box, parent=None):
        i = self.next
        self.next += 1
        self.spots[i] = (t, tuple(box))
        if parent is not None:
            self.parent[i] = parent
        return i

    def remove(self, i):
        del self.spots[i]
        self.parent.pop(i, None)
        for c in [c for c, p in self.parent.items() if p == i]:
            del self.parent[c]

    def children(self, i):
        return [c for c, p in self.parent.items() if p == i]

    def copy(self):
        g = Graph()
        g.spots, g.parent, g.cut, g.next = dict(self.spots), dict(self.parent), set(self.cut), self.next
        return g

    def divisions(self):
        return [i for i in self.spots if len(self.children(i)) > 1]

    def tracks(self):
        """Label of every detection, and the rows label, begin, end, parent."""
        label, rows = {}, []
        for i in sorted(self.spots, key=lambda i: (self.spots[i][0], i)):
            p = self.parent.get(i)
            if p is not None and len(self.children(p)) == 1 and self.spots[p][0] == self.spots[i][0] - 1 \
                    and i not in self.cut:
                label[i] = label[p]
                rows[label[i] - 1][2] = self.spots[i][0]
            else:
                rows.append([len(rows) + 1, self.spots[i][0], self.spots[i][0], label[p] if p else 0])
                label[i] = len(rows)
        return label, rows


def simulate(rng, dims, frames, cells, size):
    g = Graph()
    half = (3, 3, 2 if dims == 3 else 0)

    def box(c):
        b = []
        for k in range(3):
            b.append(max(0, int(c[k]) - half[k]))
        for k in range(3):
            b.append(min(size[k], int(c[k]) + half[k] + 1))
        return b

    living = []
    for k in range(cells):
        living.append(([9 + 12 * (k % 4), 9 + 12 * (k // 4), size[2] // 2], None, rng.randint(-3, 3)))
    for t in range(frames):
        following = []
        for c, parent, age in living:
            i = g.add(t, box(c), parent)
            c = [min(size[k] - 4, max(3, c[k] + rng.randint(-1, 1))) if k < 2 else c[k] for k in range(3)]
            if age >= 3 and rng.random() < 0.45 and t < frames - 1:
                for side in (-4, 4):
                    following.append(([c[0] + side, c[1], c[2]], i, 0))
            elif rng.random() < 0.03:
                continue
            else:
                following.append((c, i, age + 1))
        living = following
    return g


def shift(box, d, size):
    b = list(box)
    for k in range(3):
        if 0 <= b[k] + d[k] and b[k + 3] + d[k] <= size[k]:
            b[k] += d[k]
            b[k + 3] += d[k]
    return b


def spoil(g, rng, kinds, size, strength):
    """A result: the truth with errors of these kinds."""
    g = g.copy()

    def some(items, share):
        items = sorted(items)
        n = max(1, int(len(items) * share)) if items else 0
        return rng.sample(items, min(n, len(items)))

    for kind in kinds:
        links = [(p, c) for c, p in g.parent.items()]
        if kind == "jitter":
            for i in list(g.spots):
                t, b = g.spots[i]
                g.spots[i] = (t, tuple(shift(b, [rng.randint(-1, 1), rng.randint(-1, 1), 0], size)))
        elif kind == "missed":
            for i in some(g.spots, 0.08 * strength):
                g.remove(i)
        elif kind == "gap":
            for i in some([i for i in g.spots if i in g.parent and len(g.children(i)) == 1], 0.08 * strength):
                if i not in g.parent or len(g.children(i)) != 1:
                    continue
                p, c = g.parent[i], g.children(i)[0]
                g.remove(i)
                g.parent[c] = p
        elif kind == "spurious":
            last = max(t for t, _ in g.spots.values())
            for _ in range(int(4 * strength)):
                t = rng.randint(0, last)
                x, y = rng.randint(0, size[0] - 4), rng.randint(0, size[1] - 4)
                b = [x, y, 0, x + 3, y + 3, max(1, size[2] // 2)]
                i = g.add(t, b)
                if t < last and rng.random() < 0.5:
                    g.add(t + 1, b, i)
        elif kind == "merged":
            for i in some(g.spots, 0.08 * strength):
                if i not in g.spots:
                    continue
                t, b = g.spots[i]
                near = [j for j in g.spots if j != i and g.spots[j][0] == t
                        and abs(g.spots[j][1][0] - b[0]) + abs(g.spots[j][1][1] - b[1]) < 14]
                if near:
                    o = g.spots[near[0]][1]
                    g.spots[i] = (t, tuple([min(b[k], o[k]) for k in range(3)] + [max(b[k], o[k]) for k in range(3, 6)]))
                    g.remove(near[0])
        elif kind == "split":
            for i in some(g.spots, 0.08 * strength):
                t, b = g.spots[i]
                m = rng.choice([(b[0] + b[3]) // 2, b[0] + 2, (b[0] + b[3] + 1) // 2])
                g.spots[i] = (t, (b[0], b[1], b[2], m, b[4], b[5]))
                g.add(t, (m, b[1], b[2], b[3], b[4], b[5]))
        elif kind == "wrong link":
            for p, c in some(links, 0.06 * strength):
                t = g.spots[p][0]
                others = [i for i in g.spots if g.spots[i][0] == t and i != p and not g.children(i)]
                if others:
                    g.parent[c] = rng.choice(sorted(others))
                else:
                    g.parent.pop(c, None)
        elif kind == "missed link":
            for p, c in some(links, 0.08 * strength):
                g.parent.pop(c, None)
        elif kind == "switch":
            for _ in range(int(2 * strength)):
                t = rng.randint(0, 4)
                pairs = [(p, c) for c, p in g.parent.items() if g.spots[p][0] == t and len(g.children(p)) == 1
                         and g.spots[c][0] == t + 1]
                if len(pairs) > 1:
                    (p, c), (q, d) = rng.sample(sorted(pairs), 2)
                    g.parent[c], g.parent[d] = q, p
        elif kind == "missed division":
            for i in some(g.divisions(), 0.5):
                g.parent.pop(g.children(i)[0])
        elif kind == "orphans":
            for i in some(g.divisions(), 0.4):
                for c in g.children(i):
                    g.parent.pop(c)
        elif kind == "false division":
            for p, c in some(links, 0.06 * strength):
                t = g.spots[c][0]
                orphans = [i for i in g.spots if g.spots[i][0] == t and i not in g.parent]
                if orphans and p in g.spots:
                    g.parent[rng.choice(sorted(orphans))] = p
                else:
                    g.add(t, shift(g.spots[c][1], [7, 0, 0], size), p)
        elif kind == "wrong parent":
            for i in some(g.divisions(), 0.5):
                t = g.spots[i][0]
                others = [j for j in g.spots if g.spots[j][0] == t and j != i]
                if others:
                    g.parent[g.children(i)[0]] = rng.choice(sorted(others))
        elif kind in ("early division", "late division"):
            for i in some(g.divisions(), 0.7):
                if len(g.children(i)) != 2:
                    continue
                a, b = sorted(g.children(i))
                by = rng.randint(1, 3)
                if kind == "early division":
                    for _ in range(by):
                        if i not in g.parent or len(g.children(g.parent[i])) != 1 \
                                or g.spots[i][0] - g.spots[g.parent[i]][0] != 1:
                            break
                        # The mother's half becomes a daughter of the frame before.
                        t, m = g.spots[i]
                        half = (m[0] + m[3]) // 2
                        g.spots[i] = (t, (m[0], m[1], m[2], half + 1, m[4], m[5]))
                        g.parent.pop(b)
                        extra = g.add(t, (half + 1, m[1], m[2], m[3], m[4], m[5]), g.parent[i])
                        g.parent[b] = extra
                        i, b = g.parent[i], extra
                        a = [c for c in g.children(i) if c != extra][0]
                else:
                    for _ in range(by):
                        ca, cb = g.children(a), g.children(b)
                        if len(ca) != 1 or len(cb) != 1 or g.spots[ca[0]][0] != g.spots[a][0] + 1:
                            break
                        g.parent[cb[0]] = a
                        g.remove(b)
                        a, b = sorted(g.children(a))[0], sorted(g.children(a))[-1]
        elif kind == "cut":
            g.cut |= set(some([c for c in g.parent], 0.1 * strength))
        else:
            raise ValueError(kind)
    return g


def boxes(g, label, frames):
    images = [[] for _ in range(frames)]
    for i in sorted(g.spots):
        t, b = g.spots[i]
        images[t].append([label[i], *map(int, b)])
    return images


def paint(image, size, dims, value=None):
    a = np.zeros((size[2], size[1], size[0]), np.uint16)
    for l, x0, y0, z0, x1, y1, z1 in image:
        a[z0:z1, y0:y1, x0:x1] = l
    return a if dims == 3 else a[0]


def hidden(g, label, frames, size, dims):
    """Detections without a voxel, because others cover them."""
    images = boxes(g, label, frames)
    lost = []
    for i, (t, _) in g.spots.items():
        if not (paint(images[t], size, dims) == label[i]).any():
            lost.append(i)
    return lost


def visible(g, frames, size, dims):
    while True:
        label, rows = g.tracks()
        lost = hidden(g, label, frames, size, dims)
        if not lost:
            return label, rows
        for i in lost:
            g.remove(i)


def permuted(rng, images, rows):
    new = list(range(1, len(rows) + 1))
    rng.shuffle(new)
    names = {0: 0} | {r[0]: 3 * n + 1 for r, n in zip(rows, new)}
    images = [[[names[b[0]], *b[1:]] for b in image] for image in images]
    rows = [[names[r[0]], r[1], r[2], names[r[3]]] for r in rows]
    rng.shuffle(rows)
    return images, rows


def write(folder, images, rows, prefix, table, size, dims):
    os.makedirs(folder)
    for t, image in enumerate(images):
        tifffile.imwrite(f"{folder}/{prefix}{t:03d}.tif", paint(image, size, dims), compression="zlib")
    with open(f"{folder}/{table}", "w") as f:
        for r in rows:
            f.write(" ".join(map(str, r)) + "\n")


def measure(case, size, dims):
    root = tempfile.mkdtemp()
    res, gt = f"{root}/01_RES", f"{root}/01_GT"
    write(res, case["result"], case["result_tracks"], "mask", "res_track.txt", size, dims)
    write(f"{gt}/TRA", case["truth"], case["truth_tracks"], "man_track", "man_track.txt", size, dims)
    os.makedirs(f"{gt}/SEG")
    for s in case["segmentation"]:
        a = paint(s["boxes"], size, dims)
        if "slice" in s:
            tifffile.imwrite(f"{gt}/SEG/man_seg_{s['frame']:03d}_{s['slice']:03d}.tif", a[s["slice"]])
        else:
            tifffile.imwrite(f"{gt}/SEG/man_seg{s['frame']:03d}.tif", a)
    wanted = ["Valid", "CHOTA", "BC", "CT", "CCA", "TF", "TRA", "DET", "LNK"]
    if case["segmentation"]:
        wanted.append("SEG")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        a = evaluate_sequence(res, gt, metrics=wanted, threads=1)
        assert a.get("Valid") == 1, (case["name"], a)
        a = {k: None if v is None else float(v) for k, v in a.items()}
        found, _ = run_metrics(
            load_ctc_data(f"{gt}/TRA"), load_ctc_data(res), CTCMatcher(),
            [CTCMetrics(), CHOTAMetric(), CellCycleAccuracy()])
    b = {}
    for r in found:
        b |= {k: None if np.isnan(v) else float(v) for k, v in r["results"].items()}
    shutil.rmtree(root)
    return a, b


def make(name, seed, kinds, dims=2, frames=9, cells=8, strength=1.0, cut=False, permute=False, slices=False):
    rng = random.Random(seed)
    size = (58, 46, 1) if dims == 2 else (58, 46, 7)
    truth = simulate(rng, dims, frames, cells, size)
    if cut:
        truth = spoil(truth, rng, ["gap", "cut"], size, 1)
    tl, tr = visible(truth, frames, size, dims)
    result = spoil(truth, rng, kinds, size, strength)
    if not cut:
        result.cut -= truth.cut
    rl, rr = visible(result, frames, size, dims)
    case = {"name": name, "size": size, "truth": boxes(truth, tl, frames), "truth_tracks": tr,
            "result": boxes(result, rl, frames), "result_tracks": rr, "segmentation": []}
    if permute:
        case["truth"], case["truth_tracks"] = permuted(rng, case["truth"], tr)
        case["result"], case["result_tracks"] = permuted(rng, case["result"], rr)
    for t in sorted(rng.sample(range(frames), 4)):
        # Outlines of some of the cells, drawn a little larger than the markers.
        some = rng.sample(case["truth"][t], max(1, len(case["truth"][t]) * 2 // 3))
        some = [[n + 1, max(0, b[1] - 1), b[2], b[3], min(size[0], b[4] + 1), b[5], b[6]]
                for n, b in enumerate(some)]
        if slices:
            for z in sorted(rng.sample(range(1, 6), 1 if slices == "one" else rng.randint(1, 3))):
                case["segmentation"].append({"frame": t, "slice": z, "boxes": some})
        else:
            case["segmentation"].append({"frame": t, "boxes": some})
    case["ctcmetrics"], case["traccuracy"] = measure(case, size, dims)
    a, b = case["ctcmetrics"], case["traccuracy"]
    differ = []
    for x, y in [("AOGM_FP", "fp_nodes"), ("AOGM_FN", "fn_nodes"), ("AOGM_NS", "ns_nodes"), ("AOGM_ED", "fp_edges"),
                 ("AOGM_EA", "fn_edges"), ("AOGM_EC", "ws_edges"), ("DET", "DET"), ("TRA", "TRA"), ("LNK", "LNK"),
                 ("CHOTA", "CHOTA"), ("CCA", "CCA")]:
        p, q = a.get(x), b.get(y)
        if (p is None) != (q is None) or (p is not None and abs(p - q) > 1e-9):
            differ.append(f"{x} {p} / {q}")
    print(name, len(tr), len(rr), {k: round(v, 4) if v is not None else v for k, v in a.items() if k in
          ("DET", "SEG", "TRA", "LNK", "CT", "TF", "CCA", "CHOTA", "BC(0)", "BC(3)")}, differ, flush=True)
    return case


kinds = ["jitter", "missed", "gap", "spurious", "merged", "split", "wrong link", "missed link", "switch",
         "missed division", "orphans", "false division", "wrong parent", "early division", "late division", "cut"]
cases = [make("perfect", 1, [])]
for k, kind in enumerate(kinds):
    cases.append(make(kind, 10 + k, [kind], dims=3 if k % 5 == 4 else 2, frames=12 if "division" in kind else 9,
                      strength=1.5, slices=k % 5 == 4 and "one"))
for k in range(4):
    rng = random.Random(k)
    cases.append(make(f"everything {k}", 40 + k, rng.sample(kinds, 8), dims=2 + k % 2, frames=14, cells=6,
                      strength=0.8, cut=k >= 2, slices=k == 1 or k == 3 and "one"))
cases.append(make("labels in any order", 50, ["jitter", "missed", "gap", "switch", "late division", "cut"],
                  frames=14, cells=6, permute=True))
cases.append(make("truth with gaps", 51, ["jitter", "wrong link", "early division"], frames=14, cells=6, cut=True))
cases.append(make("worse than nothing", 52, ["spurious"], frames=4, cells=1, strength=10))
here = os.path.dirname(os.path.abspath(__file__))
with open(f"{here}/ctc.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
