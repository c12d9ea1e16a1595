"""Graphs of steps as they are drawn: nothing overlaps, every line arrives, states move nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Face, Level
from foredeck.widgets.dag.canvas import EAST, NORTH, SOUTH, WEST, Canvas
from foredeck.widgets.dag.critical import CriticalPath, critical_path, needs_first
from foredeck.widgets.dag.graph import Graph, build, build_page
from foredeck.widgets.dag.paint import Scene, graph_row
from foredeck.widgets.dag.picture import Picture
from foredeck.widgets.dag.tracks import Net, Route, assign_tracks
from tests.support.big_graphs import BIG
from tests.ui.widget_app import NOW, ago, step_row

S = StepState
_TURN = {(0, -1): NORTH, (1, 0): EAST, (0, 1): SOUTH, (-1, 0): WEST}
_BACK = {NORTH: SOUTH, SOUTH: NORTH, EAST: WEST, WEST: EAST}


TITLES = ("A", "Build it", "日本語のタイトル", "A title that is far too long for any box " * 3)


@st.composite
def step_graphs(draw: st.DrawFn, most: int = 60) -> list[StepRow]:
    """Return steps in any order that need up to four others, near ones or any."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    count, reach = draw(st.integers(1, most)), draw(st.integers(1, most))
    names = [f"s{number}" for number in range(count)]
    chance.shuffle(names)
    steps = []
    for place, name in enumerate(names):
        before = names[max(0, place - reach) : place]
        needs = chance.sample(before, min(len(before), chance.randint(0, 4)))
        steps.append(step_row(name, title=chance.choice(TITLES), needs=tuple(needs)))
    chance.shuffle(steps)
    return steps


def check_boxes(graph: Graph) -> None:
    taken: set[tuple[int, int]] = set()
    for box in graph.layout.boxes.values():
        cells = {
            (x, y)
            for x in range(box.x, box.x + box.width)
            for y in range(box.y, box.y + box.height)
        }
        assert len(taken) + len(cells) == len(taken | cells)
        taken |= cells
    drawn = {(x, y) for x, y in cells_of(graph.lines)}
    assert not taken & drawn


def cells_of(canvas: Canvas) -> Iterator[tuple[int, int]]:
    return ((x, y) for y, row in canvas._rows.items() for x in row)


def check_edges(graph: Graph, steps: list[StepRow]) -> None:
    """Follow the drawn lines from each source: they lead to the head before each target."""
    assert set(graph.layout.paths) == {(need, s.key) for s in steps for need in s.needs}
    for (source, target), points in graph.layout.paths.items():
        own = graph._drawn([(source, target)])
        assert reached(own, points[0]) >= {points[-1]}
        x, y = points[-1]
        assert graph.arrows[y][x] in "►▼"
        ahead = (x + 1, y) if graph.layout.horizontal else (x, y + 1)
        assert graph.at(*ahead) == target
        x, y = points[0]
        behind = (x - 1, y) if graph.layout.horizontal else (x, y - 1)
        assert graph.at(*behind) == source
        for cell in cells_of(own):
            assert graph.lines.mask(*cell) & own.mask(*cell) == own.mask(*cell)


def check_no_false_lines(graph: Graph) -> None:
    """Edges run along the same line only where each source leads to each target."""
    users: dict[tuple[bool, int, int], set[tuple[str, str]]] = {}
    for edge, points in graph.layout.paths.items():
        for start, end in pairwise(points):
            (x0, y0), (x1, y1) = min(start, end), max(start, end)
            spans = [(True, x, y0) for x in range(x0, x1)] + [(False, x0, y) for y in range(y0, y1)]
            for span in spans:
                users.setdefault(span, set()).add(edge)
    for edges in users.values():
        for (source, _), (_, target) in permutations(edges, 2):
            assert (source, target) in graph.layout.paths


def reached(canvas: Canvas, start: tuple[int, int]) -> set[tuple[int, int]]:
    found, todo = {start}, [start]
    while todo:
        x, y = todo.pop()
        for (dx, dy), side in _TURN.items():
            there = (x + dx, y + dy)
            joined = canvas.mask(x, y) & side and canvas.mask(*there) & _BACK[side]
            if joined and there not in found:
                found.add(there)
                todo.append(there)
    return found


@settings(max_examples=120, deadline=None)
@given(step_graphs(), st.sampled_from([None, *Level]), st.integers(20, 220))
def test_boxes_never_overlap_and_every_line_connects_its_boxes(
    steps: list[StepRow], level: Level | None, width: int
) -> None:
    graph = build(steps, level, width, 40)
    check_boxes(graph)
    check_edges(graph, steps)
    check_no_false_lines(graph)


@pytest.mark.parametrize("name", BIG)
def test_five_hundred_steps_are_drawn_right(name: str) -> None:
    steps = BIG[name]()
    graph = build(steps, None, 120, 38)
    assert len(graph.layout.boxes) == 500
    check_boxes(graph)
    assert set(graph.layout.paths) == {(need, s.key) for s in steps for need in s.needs}
    for edge in list(graph.layout.paths)[::10]:
        points = graph.layout.paths[edge]
        assert reached(graph._drawn([edge]), points[0]) >= {points[-1]}


@settings(max_examples=40, deadline=None)
@given(step_graphs(20), st.data())
def test_states_move_no_box(steps: list[StepRow], data: st.DataObject) -> None:
    picture = Picture()
    picture.put(steps)
    picture.fit(100, 30)
    before = picture.graph
    changed = [
        replace(
            step,
            state=data.draw(st.sampled_from(list(S))),
            attempt=data.draw(st.integers(0, 4)),
            started_at=ago(data.draw(st.integers(0, 100_000))),
            summary="done",
        )
        for step in steps
    ]
    picture.put(changed)
    picture.fit(100, 30)
    assert picture.graph is before


@settings(max_examples=40, deadline=None)
@given(step_graphs(20), st.sampled_from(list(Level)), st.booleans())
def test_rows_are_as_wide_as_the_picture(
    steps: list[StepRow], level: Level, ascii_only: bool
) -> None:
    picture = Picture()
    picture.put(steps)
    picture.zoom(0)
    graph = build(steps, level, 100, 30)
    face = Face(level, graph.box_width, NOW, ascii_only=ascii_only)
    path = critical_path(steps, NOW).steps
    scene = Scene(
        graph,
        picture.by_key,
        face,
        steps[0].key,
        graph.lines_of(steps[0].key),
        frozenset(path),
        graph.lines_along(path),
    )
    from rich.cells import cell_len

    for y in range(graph.layout.height):
        cells, start = graph_row(scene, y, 0, graph.layout.width)
        assert start == 0
        assert sum(cell_len(text) for text, _ in cells) == graph.layout.width


def test_the_critical_path_does_not_depend_on_the_order_of_the_steps() -> None:
    steps = (
        step_row("end", needs=("slow", "quick")),
        step_row("slow", S.SUCCESS, needs=("top",), started_at=ago(90), ended_at=ago(10)),
        step_row("quick", S.SUCCESS, needs=("top",), started_at=ago(90), ended_at=ago(80)),
        step_row("top", S.SUCCESS, started_at=ago(100), ended_at=ago(90)),
    )
    assert critical_path(steps, NOW) == (("top", "slow", "end"), 90.0)
    assert [step.key for step in needs_first(steps)] == ["top", "slow", "quick", "end"]


def test_before_anything_has_run_the_critical_path_has_the_most_steps() -> None:
    steps = (
        step_row("a"),
        step_row("b", needs=("a",)),
        step_row("c", needs=("b",)),
        step_row("d", needs=("a",)),
        step_row("e", needs=("c", "d")),
    )
    assert critical_path(steps, NOW) == (("a", "b", "c", "e"), 0.0)


def test_the_critical_path_of_a_cycle_or_of_nothing() -> None:
    steps = (step_row("a", needs=("b",)), step_row("b", needs=("a",)))
    assert critical_path(steps, NOW) == CriticalPath()
    assert critical_path((), NOW) == CriticalPath()


def test_a_path_through_every_step_is_not_marked() -> None:
    chain = [step_row("a"), step_row("b", needs=("a",))]
    picture = Picture()
    picture.put(chain)
    picture.find_path(NOW)
    assert picture.path.steps == ("a", "b")
    assert not picture.marked
    picture.put([*chain, step_row("c", needs=("a",))])
    assert picture.find_path(NOW)
    assert picture.marked == ("a", "b")


def test_the_mark_goes_to_the_chain_that_has_become_longer() -> None:
    steps = [
        step_row("a", S.SUCCESS, started_at=ago(50), ended_at=ago(0)),
        step_row("b", S.RUNNING, started_at=ago(40)),
        step_row("c", needs=("a", "b")),
    ]
    picture = Picture()
    picture.put(steps)
    picture.fit(100, 30)
    picture.find_path(NOW)
    assert picture.marked == ("a", "c")
    assert not picture.find_path(NOW + timedelta(seconds=5))
    assert picture.find_path(NOW + timedelta(seconds=15))
    assert picture.marked == ("b", "c")


def test_heavy_lines_meet_light_ones() -> None:
    canvas, heavy = Canvas(), Canvas()
    canvas.paths([[(0, 1), (4, 1)], [(2, 0), (2, 2)]])
    heavy.paths([[(0, 1), (2, 1), (2, 2)]])
    assert [canvas.text(y, 0, 5, heavy) for y in range(3)] == ["  ╷  ", "╺━╅─╴", "  ╹  "]
    assert canvas.text(1, 0, 5, heavy, ascii_only=True) == "==#--"


def test_edges_to_the_same_targets_share_a_line() -> None:
    nets = [Net(vertex, vertex * 10, frozenset({45})) for vertex in range(10)]
    assert set(assign_tracks(nets).values()) == {Route(0)}


def test_a_page_is_as_wide_as_it_may_be_and_as_long_as_it_must() -> None:
    steps = BIG["chain"]()
    assert build_page(steps, 80, 60).layout.width <= 80
    wide = [step_row("a"), *(step_row(f"s{i}", needs=("a",)) for i in range(100))]
    assert build_page(wide, 80, 60).layout.width <= 80
