"""The cells of one row of a graph: boxes, and the edges between them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Face, Marks, box_row

if TYPE_CHECKING:
    from foredeck.widgets.dag.canvas import Canvas
    from foredeck.widgets.dag.graph import Graph
    from foredeck.widgets.painting import Cells

_ASCII_HEADS = {"►": ">", "▼": "v"}


class Scene(NamedTuple):
    """A graph as it looks now: the steps by key, how boxes are drawn, what is selected.

    `lit` holds the edges of the selected step, `path` the steps and `heavy` the edges of
    the critical path; both stand out from the others.
    """

    graph: Graph
    steps: dict[str, StepRow]
    face: Face
    chosen: str | None = None
    lit: Canvas | None = None
    path: frozenset[str] = frozenset()
    heavy: Canvas | None = None


def graph_row(scene: Scene, y: int, left: int, right: int) -> tuple[Cells, int]:
    """Return the cells of row `y` that cover the columns left…right, and where they start.

    A box at the left edge is returned whole, so the start may be before `left`.
    """
    boxes = scene.graph.rows.get(y, ())
    visible = [box for box in boxes if box.x < right and box.x + box.width > left]
    start = x = min([left, *(box.x for box in visible)])
    cells: Cells = []
    for box in visible:
        cells += _edges(scene, y, x, box.x)
        marks = Marks(box.key == scene.chosen, box.key in scene.path)
        cells += box_row(scene.steps[box.key], y - box.y, scene.face, marks)
        x = box.x + box.width
    return [*cells, *_edges(scene, y, x, right)], start


def _edges(scene: Scene, y: int, start: int, end: int) -> Cells:
    """Return the edge characters of a stretch between boxes."""
    if start >= end:
        return []
    ascii_only = scene.face.ascii_only
    if not scene.graph.lines.row(y):
        return [(" " * (end - start), "ink--edge")]
    text = list(scene.graph.lines.text(y, start, end, scene.heavy, ascii_only=ascii_only))
    for x, arrow in scene.graph.arrows.get(y, {}).items():
        if start <= x < end:
            text[x - start] = _ASCII_HEADS[arrow] if ascii_only else arrow
    return _styled(text, _styles(scene, y, start, end))


def _styles(scene: Scene, y: int, start: int, end: int) -> list[str]:
    """Return the component class of each cell: the selected step's edges, the path, the rest."""
    lit = scene.lit.row(y) if scene.lit else {}
    heavy = scene.heavy.row(y) if scene.heavy else {}
    if not lit and not heavy:
        return ["ink--edge"] * (end - start)
    return [
        "ink--accent" if x in lit else "ink--strong" if x in heavy else "ink--edge"
        for x in range(start, end)
    ]


def _styled(text: list[str], styles: list[str]) -> Cells:
    """Return the characters with neighbours of one style in one cell."""
    cells: Cells = []
    begin = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or styles[index] != styles[begin]:
            cells.append(("".join(text[begin:index]), styles[begin]))
            begin = index
    return cells
