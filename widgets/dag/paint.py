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
    ascii_only = scene.face.ascii_only
    text = list(scene.graph.lines.text(y, start, end, scene.heavy, ascii_only=ascii_only))
    for x, arrow in scene.graph.arrows.get(y, {}).items():
        if start <= x < end:
            text[x - start] = _ASCII_HEADS[arrow] if ascii_only else arrow
    runs: Cells = []
    for x, character in enumerate(text, start):
        style = _edge_style(scene, x, y)
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + character, style)
        else:
            runs.append((character, style))
    return runs


def _edge_style(scene: Scene, x: int, y: int) -> str:
    if scene.lit and scene.lit.mask(x, y):
        return "ink--accent"
    return "ink--strong" if scene.heavy and scene.heavy.mask(x, y) else "ink--edge"
