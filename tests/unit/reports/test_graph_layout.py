"""Where the boxes of a graph stand."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.reports.graph_layout import (
    BETWEEN_LAYERS,
    BOX_HEIGHT,
    BOX_WIDTH,
    MOST_BOXES,
    Graph,
    lay_out,
    strips,
)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Any needs between a few steps: unknown ones, double ones and circles among them."""
    keys = [f"s{number}" for number in range(draw(st.integers(1, 12)))]
    need = st.sampled_from([*keys, "unknown"])
    return {key: draw(st.lists(need, max_size=4)) for key in keys}


def _laid_out(needs: dict[str, list[str]]) -> Graph:
    graph = lay_out(needs)
    assert graph is not None
    return graph


@given(graphs())
def test_every_step_has_a_box_of_its_own_within_the_drawing(needs: dict[str, list[str]]) -> None:
    graph = _laid_out(needs)
    assert sorted(box.key for box in graph.boxes) == sorted(needs)
    for box in graph.boxes:
        assert -0.01 <= box.x <= graph.width - BOX_WIDTH + 0.01
        assert 0 <= box.y <= graph.height - BOX_HEIGHT
    for one, other in combinations(graph.boxes, 2):
        apart = abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT
        assert apart


@given(graphs())
def test_edges_lead_down_from_box_to_box_and_pass_beneath_none(
    needs: dict[str, list[str]],
) -> None:
    graph = _laid_out(needs)
    boxes = {box.key: box for box in graph.boxes}
    for edge in graph.edges:
        assert edge.source in needs[edge.target]
        source, target = boxes[edge.source], boxes[edge.target]
        assert edge.points[0] == (source.x + BOX_WIDTH / 2, source.y + BOX_HEIGHT)
        assert edge.points[-1] == (target.x + BOX_WIDTH / 2, target.y)
        assert all(above[1] < below[1] for above, below in pairwise(edge.points))
        for x, y in edge.points[1:-1]:
            inside = [box for box in graph.boxes if box.x < x < box.x + BOX_WIDTH and box.y == y]
            assert not inside


def test_a_graph_without_circles_keeps_every_need() -> None:
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c", "a"]}
    graph = _laid_out(needs)
    drawn = {(edge.source, edge.target) for edge in graph.edges}
    assert drawn == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")}


def test_the_same_steps_give_the_same_drawing() -> None:
    needs = {f"s{number}": [f"s{number // 2}"] for number in range(20)}
    assert lay_out(needs) == lay_out(needs)


def test_no_drawing_of_nothing_or_of_too_much() -> None:
    assert lay_out({}) is None
    assert lay_out({f"s{number}": [] for number in range(MOST_BOXES + 1)}) is None
    chain = {f"s{number}": [f"s{below}" for below in range(number)] for number in range(60)}
    assert lay_out(chain) is None


@given(graphs(), st.floats(1.0, 400.0))
def test_the_parts_of_a_drawing_are_the_drawing(needs: dict[str, list[str]], room: float) -> None:
    graph = _laid_out(needs)
    parts = strips(graph, room)
    top, boxes = 0.0, []
    for part in parts:
        assert part.height <= max(room, BOX_HEIGHT + BETWEEN_LAYERS)
        for box in part.boxes:
            assert 0 <= box.y <= part.height - BOX_HEIGHT
            boxes.append((box.key, box.x, box.y + top))
        for edge in graph.edges:
            shown = any((e.source, e.target) == (edge.source, edge.target) for e in part.edges)
            assert shown == (edge.points[0][1] < top + part.height and edge.points[-1][1] > top)
        top += part.height
    assert top == pytest.approx(graph.height)
    assert sorted(boxes) == sorted((box.key, box.x, box.y) for box in graph.boxes)
