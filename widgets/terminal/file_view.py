"""A widget that shows the lines of one growing file; the base of the output pane."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.segments import Insertion, SegmentKind
from foredeck.widgets.terminal.output_file import Change, OutputFile
from foredeck.widgets.terminal.row_painter import Line, RowStyles, notice, paint, read_line
from foredeck.widgets.terminal.search import Needle
from foredeck.widgets.terminal.viewport import Viewport

FRAME_RATE = 20.0
FLOOD_RATE = 6.0
"""Frames a second while more lines come than anyone can read: a frame is some 6 kB."""
IDLE_SECONDS = 0.25
_QUIET_SECONDS = 2.0
_CACHED_ROWS = 256
_COUNT_AFTER = 0.1
_EMPTY = "No output yet: it appears here while codex works."
_NO_FILE = "No output is selected."


class FileView(Widget):
    """Paints the rows in sight, and looks for new ones as often as is worth it.

    `frame_rate` (frames a second) bounds how often it is repainted; `empty_text` stands where
    nothing was printed yet. Nothing is painted and
    nothing is sent to the terminal while the file does not change.
    """

    DEFAULT_CSS = """
    FileView {
        width: 1fr;
        height: 1fr;
        background: $background;
        color: $foreground;
        .output--stage { text-style: bold; color: $primary; }
        .output--agent { color: $secondary; }
        .output--tool { color: $secondary; }
        .output--prompt { color: $secondary; }
        .output--reasoning { text-style: italic dim; }
        .output--command { text-style: bold; color: $accent; }
        .output--files { color: $success; }
        .output--note { text-style: dim; }
        .output--error { color: $error; }
        .output--match { text-style: reverse; }
        .output--current { text-style: underline; }
        .output--thumb { color: $primary; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"output--{name}"
        for name in (
            *("stage", "agent", "tool", "prompt", "reasoning", "command", "files", "note"),
            *("error", "match", "current", "thumb"),
        )
    }

    def __init__(
        self,
        *,
        frame_rate: float = FRAME_RATE,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.frame_rate = frame_rate
        self.title = ""
        self.empty_text = _EMPTY
        self.file: OutputFile | None = None
        self.view = Viewport()
        self.needle: Needle | None = None
        self.current: int | None = None
        self.shift = 0
        self._rows: dict[int, Line] = {}
        self._styles: RowStyles | None = None
        self._timer: Timer | None = None
        self._quiet = 0.0
        self._anchor = (-1, 0)
        self._counting: OutputFile | None = None

    @property
    def lines(self) -> int:
        """Number of lines; an estimate while a large file is being counted."""
        return self.view.total

    def moved(self) -> None:
        """Repaint, because other lines are in sight now."""
        if not self.view.follow:
            self._drop_anchor()
        self.refresh()

    def forget_rows(self) -> None:
        """Read the rows anew."""
        self._rows.clear()

    def visible_lines(self) -> list[Line]:
        """Return the lines in sight, as far as they are known."""
        return [line for number in self._visible if (line := self._line(number)) is not None]

    def visible_text(self) -> str:
        """Return what is in sight as plain text, one row per line."""
        return "\n".join(line.text.rstrip() for line in self.visible_lines())

    def show_file(self, path: Path | None, title: str = "") -> None:
        """Show an output file (that need not exist yet), from its end; None shows nothing."""
        self._close()
        self.title = safe_line(title)
        self.file = None if path is None else OutputFile(path)
        self.view = Viewport(height=self.size.height)
        self.current, self.shift, self._quiet = None, 0, 0.0
        self._anchor = (-1, 0)
        self._rows.clear()
        self._look()
        self.moved()
        self._schedule(1 / self.frame_rate)

    # --- the file ---------------------------------------------------------------------

    def on_mount(self) -> None:
        self._schedule(0.0)

    def on_unmount(self) -> None:
        self._close()

    def on_show(self) -> None:
        self._quiet = 0.0
        self._schedule(0.0)

    def on_hide(self) -> None:
        self._stop_timer()

    def on_resize(self, event: events.Resize) -> None:
        self.view.resize(event.size.height)
        self.refresh()

    def _schedule(self, delay: float) -> None:
        self._stop_timer()
        if self.file is not None and self.is_mounted and self.display:
            self._timer = self.set_timer(max(delay, 0.001), self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        frame = 1 / self.frame_rate
        before, in_sight = self.view.total, self._in_sight()
        if change := self._look():
            self._quiet = 0.0
            if change.inserted or change.restarted or self._in_sight() != in_sight:
                self.moved()
            if (self.view.total - before) * 4 >= self.view.height:
                frame = max(frame, 1 / FLOOD_RATE)
        else:
            self._quiet += frame
        self._schedule(frame if self._quiet < _QUIET_SECONDS else max(frame, IDLE_SECONDS))

    def _in_sight(self) -> tuple[object, ...]:
        """Return what must have changed before a repaint is of any use."""
        view = self.view
        growing = view.top + view.height >= view.total
        size = self.file.size if self.file is not None and growing else None
        return (view.top, view.thumb(), size)

    def _look(self) -> Change:
        """Read what is new in the file; the lines in sight stay where they are."""
        file = self.file
        if file is None:
            return Change()
        change = file.poll()
        if not change:
            return change
        if change.restarted:
            self.view.follow, self.current = True, None
        self._refit(file, change)
        if not file.complete and self._counting is not file:
            self._counting = file
            self._counter: Worker[None] = self.run_worker(
                partial(self._count, file), group="output-index"
            )
        return change

    def _refit(self, file: OutputFile, change: Change) -> None:
        if change.inserted or change.restarted or not file.complete:
            self._rows.clear()
        else:
            # The line that was unfinished may have grown.
            self._rows.pop(self.view.total - 1, None)
        self.view.grow(file.lines)
        if change.inserted:
            self.current = None
            self._follow_anchor(file, change.inserted)

    def _follow_anchor(self, file: OutputFile, insertions: Iterable[Insertion]) -> None:
        """Keep the first line in sight where it is although bytes were put in above it."""
        top, anchor = self._anchor
        if top == self.view.top and not self.view.follow and file.complete:
            for insertion in insertions:
                anchor += insertion.length if anchor > insertion.at else 0
            self.view.top = min(file.index.line_of(anchor, file.read), self.view.last_top)
            self._anchor = (self.view.top, anchor)

    def _drop_anchor(self) -> None:
        """Remember where the first line in sight begins: later, the file may have changed."""
        file = self.file
        if file is not None and file.complete and self.view.top != self._anchor[0]:
            self._anchor = (self.view.top, file.index.start_of(self.view.top, file.read))

    async def _count(self, file: OutputFile) -> None:
        """Count the lines of a large file beside the screen; its end is painted first."""
        await asyncio.sleep(_COUNT_AFTER)
        while file is self.file and not file.complete:
            take = await asyncio.to_thread(file.catch_up())
            take()
        if self._counting is file:
            self._counting = None
        if file is self.file:
            near_end = self.view.total - self.view.top <= self.view.height * 4
            self._rows.clear()
            self.view.grow(file.lines, from_end=near_end and not self.view.follow)
            self.moved()

    def _close(self) -> None:
        self._stop_timer()
        if self.file is not None:
            self.file.close()
            self.file = None

    # --- painting ---------------------------------------------------------------------

    def get_content_width(self, container: Size, viewport: Size) -> int:
        del viewport
        return container.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        del viewport, width
        return container.height

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = None

    def render_line(self, y: int) -> Strip:
        """Return one row of the screen."""
        width, styles, view = self.size.width, self._row_styles(), self.view
        if self.file is None or view.total == 0:
            text = _NO_FILE if self.file is None else self.empty_text
            return notice(f" {text}" if y == 0 else "", width, styles.base + styles.note)
        number = view.top + y
        thumb = view.thumb()
        room = width - 1 if thumb else width
        line = self._line(number) if number < view.total else None
        if line is None:
            reading = "…" if number < view.total else ""
            strip = notice(reading, room, styles.base)
        else:
            strip = paint(
                line,
                room,
                styles,
                shift=self.shift,
                needle=self.needle,
                current=number == self.current,
            )
        return strip if room == width else _with_bar(strip, width, styles, y in thumb)

    @property
    def _visible(self) -> range:
        return range(self.view.top, min(self.view.top + self.view.height, self.view.total))

    def _line(self, number: int) -> Line | None:
        """Return a line; the lines in sight are read together."""
        if number not in self._rows and self.file is not None:
            self._read_rows(self.file, number)
        return self._rows.get(number)

    def _read_rows(self, file: OutputFile, number: int) -> None:
        stop = max(number + 1, self.view.top + self.view.height)
        if len(self._rows) > _CACHED_ROWS:
            self._rows.clear()
        for place, raw in enumerate(file.rows(number, stop - number, self.shift), number):
            if raw is not None and place not in self._rows:
                kind, first = file.kind_of(raw)
                self._rows[place] = read_line(raw, kind, first=first)

    def _row_styles(self) -> RowStyles:
        if self._styles is None:
            component = self.get_component_rich_style
            kinds = {
                kind: component(f"output--{kind.value}", partial=True)
                for kind in SegmentKind
                if f"output--{kind.value}" in self.COMPONENT_CLASSES
            }
            self._styles = RowStyles(
                base=self.rich_style,
                match=component("output--match", partial=True),
                current=component("output--current", partial=True),
                note=component("output--note", partial=True),
                thumb=component("output--thumb", partial=True),
                kinds=kinds,
            )
        return self._styles


def _with_bar(strip: Strip, width: int, styles: RowStyles, is_thumb: bool) -> Strip:
    """Put the scroll bar's cell behind a row; within its last segment if it can be."""
    *before, last = strip
    if is_thumb:
        return Strip([*strip, Segment("▐", styles.base + styles.thumb)], width)
    return Strip([*before, Segment(f"{last.text} ", last.style)], width)
