"""Searching a file in slices finds what searching it whole finds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.widgets.terminal import search
from foredeck.widgets.terminal.line_index import Read
from foredeck.widgets.terminal.search import ErrorLines, Needle, is_error
from foredeck.widgets.terminal.viewport import Viewport


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SLICE", 7)


def reader(data: bytes) -> Read:
    return lambda offset, size: data[offset : offset + size]


def hits(scan: Iterator[int | None]) -> list[int]:
    return [hit for hit in scan if hit is not None]


@given(st.text("abA\n", max_size=60), st.text("abA", min_size=1, max_size=4))
def test_words(text: str, word: str) -> None:
    data, needle = text.encode(), Needle(word)
    flags = re.IGNORECASE if word == word.lower() else re.NOFLAG
    expected = [m.start() for m in re.finditer(f"(?={word})", text, flags)]
    assert hits(needle.forward(reader(data), 0, len(data))) == expected
    assert hits(needle.backward(reader(data), 0, len(data))) == expected[::-1]
    middle = len(data) // 2
    assert hits(needle.forward(reader(data), middle, len(data))) == [
        hit for hit in expected if hit >= middle
    ]


def test_counting() -> None:
    data = b"ab " * 50
    assert sum(Needle("ab").counts(reader(data), len(data))) == 50


@given(
    st.lists(st.sampled_from(["ok", "", "error: x", "0 failed", "1 failed", "x" * 30]), max_size=20)
)
def test_error_lines(lines: list[str]) -> None:
    data = "\n".join(lines).encode()
    starts = [0]
    for line in lines[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    expected = [
        start for start, line in zip(starts, lines, strict=False) if is_error(line.encode())
    ]
    assert hits(ErrorLines().forward(reader(data), 0, len(data))) == expected
    assert hits(ErrorLines().backward(reader(data), 0, len(data))) == expected[::-1]


@pytest.mark.parametrize(
    "line",
    [
        b"error: nothing fits",
        b"src/x.c:3: fatal error: no such file",
        b"FAILED tests/test_a.py::test_b",
        b"Traceback (most recent call last):",
        b"ValueError: no",
        b"thread 'main' panicked at src/main.rs:1",
        b"\x1b[1;31mERROR\x1b[0m it broke",
        b"== 2 failed, 3 passed ==",
    ],
)
def test_errors(line: bytes) -> None:
    assert is_error(line)


@pytest.mark.parametrize(
    "line", [b"0 failed, 3 passed", b"no errors found", b"failsafe on", b"terror", b"0 errors"]
)
def test_no_errors(line: bytes) -> None:
    assert not is_error(line)


def test_the_viewport_follows_until_it_is_moved() -> None:
    view = Viewport(height=10)
    view.grow(100)
    assert (view.top, view.percent) == (90, 100)
    view.scroll(-1)
    view.grow(200)
    assert (view.top, view.follow) == (89, False)
    view.scroll(1000)
    assert view.follow
    view.show(50)
    assert (view.top, view.follow) == (47, False)
    assert view.thumb().start in range(10)
    view.grow(5)
    assert (view.top, list(view.thumb())) == (0, [])
