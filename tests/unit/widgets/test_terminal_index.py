"""The line index and the file behind it: lines as they are, wherever they are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.segments import SUFFIX, Insertion, Segment, SegmentKind
from foredeck.widgets.terminal.line_index import (
    BLOCK,
    LINE_BYTES,
    LineIndex,
    Read,
    count_newlines,
    tail_rows,
)
from foredeck.widgets.terminal.output_file import STEP, OutputFile

_LENGTHS = st.one_of(
    st.integers(0, 90), st.sampled_from([LINE_BYTES, LINE_BYTES + 1, BLOCK - 1, BLOCK, 3 * BLOCK])
)


def reader(data: bytes) -> Read:
    return lambda offset, size: data[offset : offset + size]


def indexed(data: bytes, step: int = 1 << 30) -> LineIndex:
    index = LineIndex()
    while index.counted < len(data):
        end = min(len(data), index.counted + step)
        assert index.extend(count_newlines(reader(data), index.counted, end))
    return index


@given(st.lists(_LENGTHS, max_size=40), st.booleans(), st.integers(1, 3 * BLOCK))
def test_every_line_is_found(lengths: list[int], finished: bool, step: int) -> None:
    lines = [bytes([97 + n % 26]) * length for n, length in enumerate(lengths)]
    data = b"\n".join(lines) + (b"\n" if finished and lines else b"")
    expected = data.removesuffix(b"\n").split(b"\n") if data else []
    index = indexed(data, max(step, 997))
    assert index.lines == len(expected)
    for first in (0, len(expected) // 2, max(0, len(expected) - 3)):
        rows = index.rows(first, 5, reader(data))
        assert [row.length for row in rows] == [len(line) for line in expected[first : first + 5]]
        assert [row.data for row in rows] == [e[:LINE_BYTES] for e in expected[first : first + 5]]
        assert [index.line_of(row.start, reader(data)) for row in rows] == list(
            range(first, first + len(rows))
        )
    tail = tail_rows(len(data), 3, reader(data))
    assert [row.length for row in tail] == [len(line) for line in expected[-3:]]


def test_a_million_lines_take_less_than_a_byte_each() -> None:
    data = b"x" * 99 + b"\n"
    size = 100 * 1_000_000
    block = data * 2000

    def read(offset: int, size: int) -> bytes:
        start = offset % 100
        return (block * (size // len(block) + 2))[start : start + size]

    index = LineIndex()
    index.extend(count_newlines(read, 0, size))
    assert index.lines == 1_000_000
    assert index.memory < 1_000_000
    assert index.start_of(765_432, read) == 76_543_200


def test_of_a_long_line_any_part_can_be_read() -> None:
    line = bytes(range(97, 123)) * 10_000
    data = b"short\n" + line + b"\nend"
    row = indexed(data).rows(1, 1, reader(data), shift=100_001)[0]
    assert row.length == len(line)
    assert 0 < 100_001 - row.skipped < LINE_BYTES
    assert row.data == line[row.skipped : row.skipped + LINE_BYTES]


def test_forgotten_lines_are_counted_again() -> None:
    data = b"one\n" * 40_000
    index = indexed(data)
    index.forget(100_000)
    assert index.counted <= 100_000
    assert not index.extend(count_newlines(reader(data), 0, 10))
    assert index.extend(count_newlines(reader(data), index.counted, len(data)))
    assert index.lines == 40_000


# --- the file ----------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out.log"


def is_counted(file: OutputFile) -> bool:
    return file.complete


def texts(file: OutputFile) -> list[bytes]:
    return [row.data for row in file.rows(0, file.lines) if row is not None]


def test_a_file_that_comes_grows_shrinks_and_goes(path: Path) -> None:
    file = OutputFile(path)
    assert not file.poll()
    path.write_bytes(b"a\r\nunfin")
    assert file.poll().grown == 8
    assert texts(file) == [b"a\r", b"unfin"]
    with path.open("ab") as log:
        log.write(b"ished\nlast\n")
    assert file.poll()
    assert texts(file) == [b"a\r", b"unfinished", b"last"]
    assert not file.poll()
    path.write_bytes(b"new\n")
    assert file.poll().restarted
    assert texts(file) == [b"new"]
    replacement = path.with_name("other")
    replacement.write_bytes(b"replaced by a longer one\n")
    replacement.replace(path)
    assert file.poll().restarted
    assert texts(file) == [b"replaced by a longer one"]
    path.unlink()
    assert file.poll().restarted
    assert file.lines == 0
    file.close()


def test_an_insertion_moves_lines_and_parts(path: Path) -> None:
    records = path.with_name(path.name + SUFFIX)
    path.write_bytes(b"$ make\nMessage\n")
    records.write_text(
        Segment(0, SegmentKind.COMMAND, 0).to_line() + Segment(7, SegmentKind.MESSAGE, 0).to_line()
    )
    file = OutputFile(path)
    file.poll()
    path.write_bytes(b"$ make\nerror: x\nMessage\n")
    with records.open("a") as log:
        log.write(Segment(7, SegmentKind.OUTPUT, 0).to_line())
    file.poll()
    with records.open("a") as log:
        log.write(Insertion(6, 1).to_line() + "nonsense\n[]\n" + '{"at":')
    change = file.poll()
    assert change.inserted == (Insertion(6, 1),)
    assert texts(file) == [b"$ make", b"error: x", b"Message"]
    assert file.segments.kind_at(0) is SegmentKind.COMMAND
    assert file.segments.begins_at(8)
    file.close()


def test_a_large_file_shows_its_end_before_it_is_counted(path: Path) -> None:
    lines = [b"line %07d " % n + b"x" * 80 for n in range(3 * STEP // 80)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    file = OutputFile(path)
    file.poll()
    assert not is_counted(file)
    rows = file.rows(file.lines - 30, 30)
    assert [row.data for row in rows if row is not None] == lines[-30:]
    while not is_counted(file):
        assert file.catch_up()()()
    assert file.lines == len(lines)
    rows = file.rows(12_345, 2)
    assert [row.data for row in rows if row is not None] == lines[12_345:12_347]
    file.close()


def test_counting_that_was_overtaken_is_thrown_away(path: Path) -> None:
    path.write_bytes(b"line\n" * STEP)
    file = OutputFile(path)
    file.poll()
    take_it = file.catch_up()()
    path.write_bytes(b"line\n")
    file.poll()
    assert take_it() is False
    assert file.lines == 1
    file.close()


def test_something_else_than_a_file_is_no_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    file = OutputFile(fifo)
    assert not file.poll()
    file.close()
    file = OutputFile(tmp_path)
    assert not file.poll()
    assert file.lines == 0
    file.close()
