"""Cases with every kind of tracking error, scored by traccuracy (pip install traccuracy).

Writes evaluation.txt. For each case:
  case NAME MAX_DISTANCE
  spot truth|result ID T X Y Z          link truth|result SOURCE TARGET
  expect spots|links TP FP FN           expect divisions TOLERANCE TP FP FN
"""

import copy
import pathlib

import networkx as nx
import numpy as np
from traccuracy import TrackingGraph
from traccuracy._tracking_graph import NodeFlag
from traccuracy.matchers import PointMatcher
from traccuracy.track_errors._divisions import evaluate_division_events
from traccuracy.track_errors._basic import classify_basic_errors
from traccuracy.matchers._matched import Matched

MAX_DISTANCE = 2.5
FRAMES = 7


def truth(random):
    graph = nx.DiGraph()
    living = []

    def spot(t, place):
        n = graph.number_of_nodes()
        graph.add_node(n, t=t, x=place[0], y=place[1], z=place[2])
        return n

    for _ in range(4):
        place = random.uniform(0, 14, 3)
        living.append((spot(0, place), place))
    for t in range(1, FRAMES):
        following = []
        for node, place in living:
            fate = random.uniform()
            steps = 2 if fate < 0.2 else 0 if fate > 0.96 else 1
            for k in range(steps):
                offset = random.normal(0, 0.5, 3) + (2.0 * (2 * k - 1) if steps == 2 else 0)
                new = place + offset
                child = spot(t, new)
                graph.add_edge(node, child)
                following.append((child, new))
        living = following[:14]
    return graph


def shift_division(graph, random):
    """Move a division one frame later or earlier by sharing or splitting a stretch of track."""
    mothers = [n for n in graph if graph.out_degree(n) == 2]
    random.shuffle(mothers)
    for mother in mothers:
        a, b = graph.successors(mother)
        if graph.out_degree(a) == 1 and graph.out_degree(b) == 1:
            (next_b,) = graph.successors(b)
            graph.remove_node(b)
            graph.add_edge(a, next_b)  # now a divides, one frame later
            return


def result(graph, random, kinds):
    graph = copy.deepcopy(graph)
    for n in graph:
        for axis in "xyz":
            graph.nodes[n][axis] += random.normal(0, 0.35)
    if "shift" in kinds:
        for _ in range(2):
            shift_division(graph, random)
    if "missed" in kinds:
        for n in random.choice(sorted(graph), 5, replace=False):
            graph.remove_node(int(n))
    if "extra" in kinds:
        for k in range(5):
            place = random.uniform(-2, 16, 3)
            graph.add_node(
                1000 + k, t=int(random.integers(FRAMES)), x=place[0], y=place[1], z=place[2])
    if "cut" in kinds:
        edges = sorted(graph.edges)
        for k in random.choice(len(edges), 5, replace=False):
            graph.remove_edge(*edges[k])
    if "swap" in kinds:
        for _ in range(30):
            edges = sorted(graph.edges)
            (a, b), (c, d) = (edges[k] for k in random.choice(len(edges), 2, replace=False))
            if graph.nodes[a]["t"] == graph.nodes[c]["t"] and a != c:
                graph.remove_edges_from([(a, b), (c, d)])
                graph.add_edges_from([(a, d), (c, b)])
    return nx.convert_node_labels_to_integers(graph, ordering="sorted")


def score(a, b, tolerance):
    gt = TrackingGraph(copy.deepcopy(a), frame_key="t", location_keys=("x", "y", "z"))
    pred = TrackingGraph(copy.deepcopy(b), frame_key="t", location_keys=("x", "y", "z"))
    matched = PointMatcher(threshold=MAX_DISTANCE).compute_mapping(gt, pred)
    evaluate_division_events(matched, max_frame_buffer=tolerance)
    gt, pred = matched.gt_graph, matched.pred_graph
    nodes = len(matched.mapping)
    right = sum(
        1 for u, v in gt.graph.edges
        if (m := matched.get_gt_pred_match(u)) is not None
        and (n := matched.get_gt_pred_match(v)) is not None and pred.graph.has_edge(m, n))
    divisions = len(gt.get_nodes_with_flag(NodeFlag.TP_DIV))
    for n in gt.get_nodes_with_flag(NodeFlag.FN_DIV):
        if not np.isnan(gt.graph.nodes[n].get("min_buffer_correct", np.nan)):
            divisions += 1
    return (
        (nodes, b.number_of_nodes() - nodes, a.number_of_nodes() - nodes),
        (right, b.number_of_edges() - right, a.number_of_edges() - right),
        (divisions, len(pred.get_divisions()) - divisions, len(gt.get_divisions()) - divisions),
    )


def main():
    kinds = ["", "missed", "extra", "cut", "swap", "shift", "shift missed", "extra cut swap",
             "missed extra cut swap shift", "missed extra cut swap shift"]
    lines = []
    for k, kind in enumerate(kinds):
        random = np.random.default_rng(100 + k)
        a = truth(random)
        b = result(a, random, kind.split())
        lines.append(f"case {k}_{kind.replace(' ', '_') or 'jitter'} {MAX_DISTANCE}")
        for name, graph in (("truth", a), ("result", b)):
            for n, d in sorted(graph.nodes(data=True)):
                lines.append(f"spot {name} {n} {d['t']} {d['x']:.6f} {d['y']:.6f} {d['z']:.6f}")
                for axis in "xyz":
                    d[axis] = round(d[axis], 6)
            for u, v in sorted(graph.edges):
                lines.append(f"link {name} {u} {v}")
        for tolerance in range(3):
            spots, links, divisions = score(a, b, tolerance)
            if tolerance == 0:
                lines.append("expect spots %d %d %d" % spots)
                lines.append("expect links %d %d %d" % links)
            # With exchanged links traccuracy may accept a shifted division whose daughters lead to one
            # and the same later daughter; Howdah asks for two different ones.
            if tolerance == 0 or "swap" not in kind:
                lines.append("expect divisions %d %d %d %d" % (tolerance, *divisions))
    pathlib.Path(__file__).with_name("evaluation.txt").write_text("\n".join(lines) + "\n")


main()
