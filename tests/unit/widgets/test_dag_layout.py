"""The graph's layout: nothing overlaps, every edge arrives, and it is always the same."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.widgets.dag.canvas import Canvas
from foredeck.widgets.dag.layers import acyclic, arrange, crossings, ranks
from foredeck.widgets.dag.layout import Box, Layout, Node, lay_out
from foredeck.widgets.dag.tracks import Net, Route, assign_tracks

Edges = list[tuple[int, int]]


@st.composite
def dags(draw: st.DrawFn) -> tuple[int, Edges]:
    count = draw(st.integers(1, 14))
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    order = draw(st.permutations(range(count)))
    return count, [(order[a], order[b]) for a, b in edges]


def lay(
    count: int, edges: Edges, *, horizontal: bool = False, size: tuple[int, int] = (9, 3)
) -> Layout:
    nodes = [Node(str(i), size[0] + i % 3, size[1]) for i in range(count)]
    return lay_out(nodes, [(str(a), str(b)) for a, b in edges], horizontal=horizontal)


def cells(box: Box) -> set[tuple[int, int]]:
    columns, rows = range(box.x, box.x + box.width), range(box.y, box.y + box.height)
    return {(x, y) for x in columns for y in rows}


def path_cells(points: tuple[tuple[int, int], ...]) -> set[tuple[int, int]]:
    found = set(points)
    for (x0, y0), (x1, y1) in pairwise(points):
        assert x0 == x1 or y0 == y1
        found |= {(x, y0) for x in range(min(x0, x1), max(x0, x1) + 1)}
        found |= {(x0 if x0 == x1 else x1, y) for y in range(min(y0, y1), max(y0, y1) + 1)}
    return found


@settings(max_examples=150, deadline=None)
@given(dags(), st.booleans())
def test_boxes_never_overlap_and_no_edge_runs_through_one(
    dag: tuple[int, Edges], horizontal: bool
) -> None:
    layout = lay(*dag, horizontal=horizontal)
    taken: set[tuple[int, int]] = set()
    for box in layout.boxes.values():
        assert not taken & cells(box)
        taken |= cells(box)
    for points in layout.paths.values():
        assert not taken & path_cells(points)
    everything = taken.union(*map(path_cells, layout.paths.values()))
    assert all(0 <= x < layout.width and 0 <= y < layout.height for x, y in everything)


@settings(max_examples=100, deadline=None)
@given(dags(), st.booleans())
def test_every_edge_leads_from_its_source_to_its_target(
    dag: tuple[int, Edges], horizontal: bool
) -> None:
    layout = lay(*dag, horizontal=horizontal)
    assert set(layout.paths) == {(str(a), str(b)) for a, b in dag[1]}
    for (source, target), points in layout.paths.items():
        start, end = layout.boxes[source], layout.boxes[target]
        first, last = points[0], points[-1]
        if horizontal:
            assert first[0] == start.x + start.width
            assert start.y <= first[1] < start.y + start.height
            assert last[0] == end.x - 1
            assert end.y <= last[1] < end.y + end.height
        else:
            assert first[1] == start.y + start.height
            assert start.x <= first[0] < start.x + start.width
            assert last[1] == end.y - 1
            assert end.x <= last[0] < end.x + end.width


@given(dags())
def test_the_layout_is_a_function_of_the_structure(dag: tuple[int, Edges]) -> None:
    assert lay(*dag) == lay(*dag)


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out([Node(k, 10, 3) for k in "abcd"], [("a", "b"), ("b", "c"), ("c", "d")])
    assert len({box.x for box in layout.boxes.values()}) == 1
    assert all(len({x for x, _ in points}) == 1 for points in layout.paths.values())
    assert layout.width == 10


def test_a_cycle_and_an_unknown_end_are_left_out() -> None:
    layout = lay_out(
        [Node(k, 5, 3) for k in "ab"], [("a", "b"), ("b", "a"), ("a", "zz"), ("a", "a")]
    )
    assert set(layout.paths) == {("a", "b")}
    assert acyclic(3, [(0, 1), (1, 2), (2, 0)]) == [(0, 1), (1, 2)]


def test_an_empty_graph_has_no_size() -> None:
    assert lay_out([], []) == Layout({}, {}, 0, 0, False)


def test_layers_are_the_longest_ways() -> None:
    assert ranks(4, [(0, 1), (1, 2), (0, 3), (2, 3)]) == [0, 1, 2, 3]


def test_sweeps_undo_a_crossing() -> None:
    layered = arrange(4, [(0, 3), (1, 2)])
    upper, lower = layered.layers
    assert crossings(upper, lower, layered.down) == 0
    assert crossings([0, 1], [2, 3], layered.down) == 1


def test_long_edges_of_one_source_share_their_dummies() -> None:
    layered = arrange(5, [(0, 1), (1, 2), (2, 3), (2, 4), (0, 3), (0, 4)])
    assert layered.chains[0, 3] == layered.chains[0, 4]
    assert len(layered.up) == 7


def test_overlapping_bundles_get_tracks_of_their_own() -> None:
    tracks = assign_tracks([Net(0, 0, frozenset({9})), Net(1, 5, frozenset({14}))])
    assert sorted(route.track for route in tracks.values()) == [0, 1]
    assert assign_tracks([Net(0, 3, frozenset({3}))]) == {}


def test_a_line_bends_before_it_would_run_into_another_one() -> None:
    # Net 1 leaves column 9, where net 0 arrives: net 1 must turn away first.
    tracks = assign_tracks([Net(0, 0, frozenset({9})), Net(1, 9, frozenset({20}))])
    assert tracks[1] < tracks[0]


def test_of_lines_that_would_each_have_to_bend_first_one_bends_twice() -> None:
    routes = assign_tracks([Net(0, 0, frozenset({9})), Net(1, 9, frozenset({0}))])
    assert routes[0] == Route(0, column=1, onward=2)
    assert routes[1] == Route(1)


def test_five_hundred_nodes_are_laid_out() -> None:
    edges = [(i, j) for i in range(500) for j in (i + 1 + i % 7, i + 3 + i % 11) if j < 500]
    layout = lay(500, edges)
    assert len(layout.boxes) == 500
    assert len(layout.paths) == len(set(edges))


def test_strokes_that_meet_become_junctions() -> None:
    canvas = Canvas()
    canvas.paths([[(2, 0), (2, 4)], [(0, 2), (4, 2)]])
    assert [canvas.text(y, 0, 5) for y in range(5)] == [
        "  ╷  ",
        "  │  ",
        "╶─┼─╴",
        "  │  ",
        "  ╵  ",
    ]
    assert canvas.text(2, 0, 5, ascii_only=True) == "--+--"
    assert canvas.text(9, 0, 3) == "   "
    assert canvas.mask(2, 2) == 15
    assert canvas.mask(50, 50) == 0


def test_corners_and_tees() -> None:
    canvas = Canvas()
    canvas.paths([[(0, 2), (0, 0), (4, 0), (4, 2)], [(2, 0), (2, 2)]])
    assert canvas.text(0, 0, 5) == "╭─┬─╮"
    with pytest.raises(ValueError, match="not straight"):
        canvas.paths([[(0, 0), (1, 1)]])
