"""One line of an output file → one row of the screen, cut to the row before it is styled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from foredeck.services.domain.segments import SegmentKind
from foredeck.widgets.terminal import ansi
from foredeck.widgets.terminal.line_index import RawLine
from foredeck.widgets.terminal.search import Needle

# Parts of which only the first line is a heading; the rest is ordinary text.
_HEADED = frozenset({SegmentKind.COMMAND, SegmentKind.AGENT, SegmentKind.TOOL, SegmentKind.MESSAGE})
# Adjoining tool calls are one part; each of them begins its line with this.
_TOOL_MARK = "→ ".encode()
_UNITS = ("bytes", "kB", "MB", "GB")


@dataclass(frozen=True, slots=True)
class RowStyles:
    """The styles of a pane; `kinds` lack those that look like ordinary output."""

    base: Style
    match: Style
    current: Style
    note: Style
    thumb: Style
    kinds: Mapping[SegmentKind, Style] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A line ready to be painted: its spans, its kind, and where it lies in the file."""

    raw: RawLine
    spans: list[ansi.Span]
    kind: SegmentKind | None

    @property
    def text(self) -> str:
        """The text without its colours."""
        return "".join(text for text, _ in self.spans)


def read_line(raw: RawLine, kind: SegmentKind | None, *, first: bool) -> Line:
    """Return what a row shows of a line; `first` says that a part begins with it."""
    more = raw.skipped + len(raw.data) < raw.length
    first = first or (kind is SegmentKind.TOOL and raw.data.startswith(_TOOL_MARK))
    shown = None if kind in _HEADED and not first else kind
    return Line(raw, ansi.parse(raw.data, cut=more), shown)


def paint(
    line: Line,
    width: int,
    styles: RowStyles,
    *,
    shift: int = 0,
    needle: Needle | None = None,
    current: bool = False,
) -> Strip:
    """Return a row of exactly `width` cells, from cell `shift` of the line on.

    A line that goes on to the right ends with `›`; of one that is too long to be read at
    once a mark says how many bytes are missing.
    """
    base = styles.base
    if line.kind is not None and line.kind in styles.kinds:
        base += styles.kinds[line.kind]
    if current:
        base += styles.current
    spans = line.spans
    if needle is not None and (places := needle.spans(line.text)):
        spans = _mark(spans, places, styles.match)
    missing = line.raw.length - line.raw.skipped - len(line.raw.data)
    mark = f"… +{human_bytes(missing)}" if missing > 0 else ""
    if not mark or len(mark) >= width:
        return _row(spans, base, shift - line.raw.skipped, width)
    row = _row(spans, base, shift - line.raw.skipped, width - len(mark))
    return Strip([*row, Segment(mark, base + styles.note)], width)


def notice(text: str, width: int, style: Style) -> Strip:
    """Return a row with a text of our own."""
    return _row([(text, None)], style, 0, width)


def human_bytes(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, place = float(count), 0
    while value >= 1000 and place < len(_UNITS) - 1:
        value /= 1000
        place += 1
    return f"{count} bytes" if place == 0 else f"{value:.1f} {_UNITS[place]}"


def _row(spans: list[ansi.Span], base: Style, shift: int, width: int) -> Strip:
    shift = max(0, shift)
    simple = all(cell_len(text) == len(text) for text, _ in spans)
    segments = (_slice if simple else _crop)(spans, base, shift, width)
    used = sum(segment.cell_length for segment in segments)
    total = sum(len(text) for text, _ in spans) if simple else None
    goes_on = shift + width < total if total is not None else used >= width > 0
    if goes_on:
        segments = _end_with(segments, "›", width)
    elif used < width:
        _pad(segments, base, width - used)
    return Strip(segments, width)


def _slice(spans: list[ansi.Span], base: Style, shift: int, width: int) -> list[Segment]:
    """Cut by characters: every one of them takes one cell."""
    segments: list[Segment] = []
    position = 0
    for text, style in spans:
        part = text[max(0, shift - position) : max(0, shift + width - position)]
        if part:
            segments.append(Segment(part, base if style is None else base + style))
        position += len(text)
        if position >= shift + width:
            break
    return segments


def _crop(spans: list[ansi.Span], base: Style, shift: int, width: int) -> list[Segment]:
    """Cut by cells: a wide character on the edge becomes a blank."""
    segments = [Segment(text, base if style is None else base + style) for text, style in spans]
    return list(Strip(segments).crop(shift, shift + width))


def _end_with(segments: list[Segment], mark: str, width: int) -> list[Segment]:
    kept = list(Strip(segments).crop(0, width - 1))
    used = sum(segment.cell_length for segment in kept)
    style = kept[-1].style if kept else None
    return [*kept, Segment(" " * (width - 1 - used) + mark, style)]


def _pad(segments: list[Segment], base: Style, count: int) -> None:
    """Fill the row up; within the last segment if it has the same style (fewer bytes)."""
    if segments and segments[-1].style is base:
        segments[-1] = Segment(segments[-1].text + " " * count, base)
    else:
        segments.append(Segment(" " * count, base))


def _mark(spans: list[ansi.Span], places: list[tuple[int, int]], style: Style) -> list[ansi.Span]:
    """Return the spans with `style` laid over some places of the text."""
    edges = sorted({edge for place in places for edge in place})
    starts = {start for start, _ in places}
    marked: list[ansi.Span] = []
    position, inside = 0, False
    for text, own in spans:
        end = position + len(text)
        while position < end:
            if edges and edges[0] == position:
                edge = edges.pop(0)
                inside = edge in starts
            stop = min(end, edges[0]) if edges else end
            part = text[len(text) - (end - position) : len(text) - (end - stop)]
            over = style if own is None else own + style
            marked.append((part, over if inside else own))
            position = stop
    return marked
