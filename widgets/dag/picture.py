"""The picture of a run as the view shows it: the layout, and what stands out in it (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Face, Level, structure_of
from foredeck.widgets.dag.critical import CriticalPath, critical_path
from foredeck.widgets.dag.paint import Scene, graph_row

if TYPE_CHECKING:
    from foredeck.widgets.dag.canvas import Canvas
    from foredeck.widgets.dag.graph import Graph
    from foredeck.widgets.dag.layout import Box
    from foredeck.widgets.painting import Cells


class Picture:
    """The steps, their layout for a size, the selected step's edges, the critical path.

    The layout is made again only when steps, needs, level or size change; states and times
    change what stands in the boxes.
    """

    def __init__(self) -> None:
        self.steps: tuple[StepRow, ...] = ()
        self.by_key: dict[str, StepRow] = {}
        self.graph: Graph | None = None
        self.path = CriticalPath()
        self.marked: tuple[str, ...] = ()
        """The steps that are drawn as the critical path."""
        self._level: Level | None = None
        self._built_for: tuple[object, ...] = ()
        self._lit: Canvas | None = None
        self._heavy: Canvas | None = None

    def put(self, steps: Sequence[StepRow]) -> None:
        """Take the steps as they are now; a layout of other steps is dropped."""
        self.steps = tuple(steps)
        self.by_key = {step.key: step for step in self.steps}
        if self.graph is not None and self.graph.structure != structure_of(self.steps):
            self.graph = None

    def fit(self, width: int, height: int) -> None:
        """Lay the steps out for a pane of this size, unless they are."""
        wanted = (structure_of(self.steps), self._level, width, height)
        if not self.steps or (wanted == self._built_for and self.graph is not None):
            return
        # The layout is not needed for the first paint: most often the graph is not shown.
        from foredeck.widgets.dag.graph import build

        self._built_for = wanted
        self.graph = build(self.steps, self._level, width, height)
        self._heavy = None

    def zoom(self, step: int) -> None:
        """Make the boxes say more (1) or less (-1), or as much as fits (0), from `fit` on."""
        if self.graph is not None:
            level = max(Level.DOT, min(Level.FULL, self.graph.level + step))
            self._level = Level(level) if step else None

    def light(self, key: str | None) -> None:
        """Let the edges of a step stand out."""
        self._lit = self.graph.lines_of(key) if self.graph and key else None

    def find_path(self, now: datetime) -> bool:
        """Work the critical path out; say whether another one is to be marked."""
        self.path = critical_path(self.steps, now)
        before = self.marked
        self.marked = self.path.steps if self.path.marked_in(len(self.steps)) else ()
        changed = self.marked != before
        if self.graph is not None and (changed or self._heavy is None):
            self._heavy = self.graph.lines_along(self.marked)
        return changed

    def box(self, key: str | None) -> Box | None:
        """Return where a step's box is."""
        return self.graph.layout.boxes.get(key) if self.graph and key else None

    def face(self, now: datetime, *, pulse: bool = False, ascii_only: bool = False) -> Face:
        """Return how the boxes are drawn now."""
        graph = self.graph
        level, width = (graph.level, graph.box_width) if graph else (Level.DOT, 0)
        return Face(level, width, now, pulse, ascii_only)

    def row(
        self, y: int, left: int, right: int, face: Face, chosen: str | None
    ) -> tuple[Cells, int]:
        """Return the cells of row `y` (`graph_row`); none before there is a layout."""
        if self.graph is None:
            return [], left
        path = frozenset(self.marked)
        scene = Scene(self.graph, self.by_key, face, chosen, self._lit, path, self._heavy)
        return graph_row(scene, y, left, right)
