"""Rows of styled cells, and the widgets that paint them.

A row is a list of cells, a cell is plain text with the names of its component classes
(`"state--running"`, `"ink--strong ink--bold"`). Text is never markup. Colours come from the
theme through the component classes that `PaintedWidget` and `LineView` declare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from foredeck.services.domain.clock import now
from foredeck.widgets.formats import shorten
from foredeck.widgets.state_style import STATE_CLASSES

if TYPE_CHECKING:
    from textual.geometry import Size

Cell: TypeAlias = tuple[str, str]
Cells: TypeAlias = list[Cell]

CURSOR_CLASS = "row--cursor"
CURSOR_BLURRED_CLASS = "row--cursor-blurred"
COMPONENT_CLASSES: frozenset[str] = STATE_CLASSES | {
    "ink--strong",
    "ink--bold",
    "ink--muted",
    "ink--faint",
    "ink--accent",
    "ink--rule",
    "ink--edge",
    "ink--label",
    CURSOR_CLASS,
    CURSOR_BLURRED_CLASS,
}


def app_now(widget: Widget) -> datetime:
    """Return the time by the app's own clock (`App.now`, a still one in tests), else by ours."""
    clock = getattr(widget.app, "now", None)
    moment = clock() if callable(clock) else None
    return moment if isinstance(moment, datetime) else now()


def component_css(widget: str) -> str:
    """Return the default CSS that gives the component classes of `widget` their tokens."""
    states = ("pending", "running", "success", "failed", "retry", "waiting", "partial", "cancelled")
    rules = [f".state--{state} {{ color: $state-{state}; }}" for state in states]
    return f"""
{widget} {{
    {" ".join("& > " + rule for rule in rules)}
    & > .state--skipped {{ color: $state-skipped; text-style: $state-skipped-style; }}
    & > .ink--strong {{ color: $ink-strong; }}
    & > .ink--bold {{ text-style: bold; }}
    & > .ink--muted {{ color: $ink-muted; }}
    & > .ink--faint {{ color: $ink-faint; }}
    & > .ink--accent {{ color: $accent; }}
    & > .ink--rule {{ color: $rule; }}
    & > .ink--edge {{ color: $edge; }}
    & > .ink--label {{
        color: $label-ink; background: $label-ground; text-style: $label-style;
    }}
    & > .row--cursor {{ background: $row-cursor; text-style: $row-cursor-style; }}
    & > .row--cursor-blurred {{ background: $row-cursor-blurred; }}
}}
"""


def width_of(cells: Iterable[Cell]) -> int:
    """Return the width of a row in terminal cells."""
    return sum(cell_len(text) for text, _ in cells)


def fit(cells: Sequence[Cell], width: int) -> Cells:
    """Return `cells` cut to `width`; the cell that does not fit ends in an ellipsis."""
    fitted: Cells = []
    for text, style in cells:
        length = cell_len(text)
        if length > width:
            fitted.append((shorten(text, width), style))
            return fitted
        fitted.append((text, style))
        width -= length
    return fitted


def spread(left: Sequence[Cell], right: Sequence[Cell], width: int) -> Cells:
    """Return one row with `right` flush right; `left` gives way when both do not fit."""
    room = width - width_of(right)
    if room <= 0:
        return fit(right, width)
    left = fit(left, room - 1 if right else room)
    return [*left, (" " * (room - width_of(left)), ""), *right]


class PaintStyles:
    """The Rich styles behind the component classes of one widget, kept until the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._cache: dict[str, Style] = {}

    def clear(self) -> None:
        """Forget everything: the theme or the focus has changed."""
        self._cache.clear()

    def style(self, names: str) -> Style:
        """Return the partial style of component classes separated by spaces."""
        if (style := self._cache.get(names)) is None:
            style = Style.null()
            for name in names.split():
                style += self._widget.get_component_rich_style(name, partial=True)
            self._cache[names] = style
        return style

    def paint(self, cells: Sequence[Cell], width: int, base: Style, row: str = "") -> Strip:
        """Return a strip of exactly `width` cells over `base`; `row` is a class of the row.

        A reversed cursor row gives up the colours of its cells: reversed, they would turn
        into blocks of as many colours (it happens with the 16-colour theme only).
        """
        ground = base + self.style(row) if row else base
        plain = bool(ground.reverse)
        segments = [
            Segment(text, ground if plain else ground + self.style(names)) for text, names in cells
        ]
        return Strip(segments).adjust_cell_length(width, ground)


class PaintedWidget(Widget):
    """A small widget of a few painted rows that does not scroll."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = component_css("PaintedWidget") + "PaintedWidget { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self.paint_styles = PaintStyles(self)

    def rows(self, width: int) -> list[Cells]:
        """Return the rows to show at this width; subclasses say what they are."""
        raise NotImplementedError

    @property
    def ascii_only(self) -> bool:
        """Whether the app asks for ASCII glyphs (class `-ascii` on the app)."""
        return self.app.has_class("-ascii")

    def notify_style_update(self) -> None:
        self.paint_styles.clear()
        super().notify_style_update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del container, viewport
        return max(1, len(self.rows(width)))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        rows = self.rows(width)
        return self.paint_styles.paint(rows[y] if y < len(rows) else [], width, self.rich_style)
