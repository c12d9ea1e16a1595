"""Colours stay, everything else that could command a terminal does not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from foredeck.services.domain.segments import SegmentKind
from foredeck.widgets.terminal.ansi import Span, parse
from foredeck.widgets.terminal.line_index import LINE_BYTES, RawLine
from foredeck.widgets.terminal.row_painter import RowStyles, paint, read_line
from foredeck.widgets.terminal.search import Needle
from tests.support.hostile import HOSTILE

_BASE = Style(color="white", bgcolor="black")
_STYLES = RowStyles(
    base=_BASE,
    match=Style(reverse=True),
    current=Style(underline=True),
    note=Style(dim=True),
    thumb=Style(),
    kinds={SegmentKind.COMMAND: Style(bold=True)},
)


def text_of(spans: list[Span]) -> str:
    return "".join(text for text, _ in spans)


def styled(data: bytes) -> list[tuple[str, str]]:
    return [(text, str(style or "")) for text, style in parse(data)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"plain", [("plain", "")]),
        (b"\x1b[31mred\x1b[0m no", [("red", "color(1)"), (" no", "")]),
        (b"\x1b[1;4;38;5;200mx", [("x", "bold underline color(200)")]),
        (b"\x1b[48;2;1;2;3mx\x1b[49my", [("x", "on #010203"), ("y", "")]),
        (b"\x1b[97mx\x1b[39;7my", [("x", "color(15)"), ("y", "reverse")]),
        (b"\x1b[2;3mx\x1b[22;23my", [("x", "dim italic"), ("y", "")]),
        (b"ok \x1b[8mhidden\x1b[28m", [("ok hidden", "")]),
        (b"\x1b[30;40mblack on black", [("black on black", "")]),
        (b"\x1b[38;5mbroken", [("broken", "")]),
        (b"\x1b[?31mprivate", [("private", "")]),
        (b"10%\r\x1b[32m20%", [("␍", ""), ("20%", "color(2)")]),
        (b"old\x1b[2K\x1b[1Gnew", [("␍", ""), ("new", "")]),
        (b"end\r", [("end", "")]),
        (b"a\x1b[2Jb\x1b]0;t\x07c", [("abc", "")]),
        (b"a\tb\x1b[31m\tc", [("a       b", ""), ("       c", "color(1)")]),
        (b"\x1b[" + b"9" * 5000 + b"mx", [("x", "")]),
    ],
)
def test_examples(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert [(text, style.replace("none", "")) for text, style in styled(data)] == expected


@given(st.binary(max_size=120) | st.text(max_size=60).map(lambda s: s.encode("utf-8", "replace")))
def test_no_control_leaves(data: bytes) -> None:
    shown = text_of(parse(data.replace(b"\n", b"")))
    assert all(unicodedata.category(c) not in {"Cc", "Cs", "Zl", "Zp"} for c in shown)


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_lines_make_whole_rows(name: str) -> None:
    for line in HOSTILE[name].split(b"\n", 50)[:50]:
        raw = RawLine(0, line[:LINE_BYTES], len(line))
        strip = paint(read_line(raw, None, first=True), 40, _STYLES)
        assert strip.cell_length == 40
        assert sum(segment.cell_length for segment in strip) == 40
        assert all(unicodedata.category(c) not in {"Cc", "Cs"} for c in strip.text)


def row(data: bytes, width: int = 20, shift: int = 0, length: int | None = None) -> str:
    line = RawLine(0, data, len(data) if length is None else length)
    return paint(read_line(line, None, first=True), width, _STYLES, shift=shift).text


def test_rows_are_cut_and_say_so() -> None:
    assert row(b"short") == "short" + " " * 15
    assert row(b"x" * 30) == "x" * 19 + "›"
    assert row(b"abcdefghij" * 3, shift=15) == "fghijabcdefghij     "
    assert row("中文字".encode() * 9) == "中文字中文字中文字 ›"
    assert row("a中文".encode(), width=4) == "a中›"
    assert row(b"x" * 4096, length=6_300_000).endswith("… +6.3 MB")


def test_matches_and_kinds_are_styled() -> None:
    raw = RawLine(0, b"say \x1b[31mhello\x1b[0m there", 23)
    line = read_line(raw, SegmentKind.COMMAND, first=True)
    strip = paint(line, 20, _STYLES, needle=Needle("lo the"), current=True)
    marked = [s.text for s in strip if s.style is not None and s.style.reverse]
    assert marked == ["lo", " the"]
    assert all(s.style is not None and s.style.bold and s.style.underline for s in strip)


def test_each_of_several_adjoining_tool_calls_looks_like_one() -> None:
    call = RawLine(0, "→ list_files()".encode(), 16)
    more = RawLine(0, b"what it was given", 17)
    assert read_line(call, SegmentKind.TOOL, first=False).kind is SegmentKind.TOOL
    assert read_line(more, SegmentKind.TOOL, first=False).kind is None
