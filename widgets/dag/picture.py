"""The picture of a run as the view shows it: the layout, and what stands out in it (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from foredeck.services.domain.views import StepRow
from foredeck.widgets.dag.boxes import Face, Level, Structure, structure_of
from foredeck.widgets.dag.critical import CriticalPath, critical_path
from foredeck.widgets.dag.paint import Scene, graph_row

if TYPE_CHECKING:
    from foredeck.widgets.dag.canvas import Canvas
    from foredeck.widgets.dag.graph import Graph
    from foredeck.widgets.dag.layout import Box
    from foredeck.widgets.painting import Cells

# Steps and needs together: up to so many are laid out within a frame.
_SMALL = 150


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be laid out: these steps, at a level or as much as fits, for a pane's size.

    Two of them are alike where the same layout comes of both: states do not count.
    """

    steps: Sequence[StepRow] = field(compare=False, repr=False)
    structure: Structure
    level: Level | None
    width: int
    height: int

    @property
    def is_large(self) -> bool:
        """Whether it takes longer than a screen may stand still."""
        return len(self.structure) + sum(len(needs) for *_, needs in self.structure) > _SMALL

    def build(self) -> Graph:
        """Lay it out; on any thread."""
        # The layout is not needed for the first paint: most often the graph is not shown.
        from foredeck.widgets.dag.graph import build

        return build(self.steps, self.level, self.width, self.height)


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
        self._built_for: Wish | None = None
        self._lit: Canvas | None = None
        self._heavy: Canvas | None = None

    def put(self, steps: Sequence[StepRow]) -> None:
        """Take the steps as they are now; a layout in which some are not there is dropped.

        One that only lacks some is shown until there is a new one.
        """
        self.steps = tuple(steps)
        self.by_key = {step.key: step for step in self.steps}
        if self.graph is not None and not self.graph.layout.boxes.keys() <= self.by_key.keys():
            self.graph = None

    def wish(self, width: int, height: int) -> Wish | None:
        """Return what has to be laid out for a pane of this size; None if it is."""
        wanted = Wish(self.steps, structure_of(self.steps), self._level, width, height)
        is_there = wanted == self._built_for and self.graph is not None
        return None if is_there or not self.steps else wanted

    def take(self, wish: Wish, graph: Graph) -> None:
        """Show the layout that came of a wish."""
        self._built_for = wish
        self.graph = graph
        self._heavy = None

    def fit(self, width: int, height: int) -> None:
        """Lay the steps out for a pane of this size, unless they are."""
        if wish := self.wish(width, height):
            self.take(wish, wish.build())

    def zoom(self, step: int) -> None:
        """Make the boxes say more (1) or less (-1), or as much as fits (0), from `fit` on."""
        if self.graph is not None:
            # A layout of the level may be under way still.
            before = self.graph.level if self._level is None else self._level
            level = max(Level.DOT, min(Level.FULL, before + step))
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
