"""The cells of one row of a graph: boxes, and the edges between them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Face, box_row
from foredeck.widgets.painting import Cells

if TYPE_CHECKING:
    from foredeck.widgets.dag.canvas import Canvas
    from foredeck.widgets.dag.graph import Graph

_ASCII_HEADS = {"►": ">", "▼": "v"}


class Scene(NamedTuple):
    """A graph as it looks now: the steps by key, how boxes are drawn, what is selected.

    `lit` holds the edges of the selected step, which stand out from the others.
    """

    graph: Graph
    steps: dict[str, StepRow]
    face: Face
    chosen: str | None
    lit: Canvas | None


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
        step = scene.steps[box.key]
        cells += box_row(step, y - box.y, scene.face, chosen=box.key == scene.chosen)
        x = box.x + box.width
    return [*cells, *_edges(scene, y, x, right)], start


def _edges(scene: Scene, y: int, start: int, end: int) -> Cells:
    """Return the edge characters of a stretch between boxes."""
    ascii_only = scene.face.ascii_only
    text = scene.graph.lines.text(y, start, end, ascii_only=ascii_only)
    for x, arrow in scene.graph.arrows.get(y, {}).items():
        if start <= x < end:
            head = _ASCII_HEADS[arrow] if ascii_only else arrow
            text = text[: x - start] + head + text[x - start + 1 :]
    runs: Cells = []
    for x, character in enumerate(text, start):
        style = "ink--accent" if scene.lit and scene.lit.mask(x, y) else "ink--edge"
        if runs and runs[-1][1] == style:
            runs[-1] = (runs[-1][0] + character, style)
        else:
            runs.append((character, style))
    return runs
