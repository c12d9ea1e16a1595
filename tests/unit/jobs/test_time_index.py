"""When what was printed: marks are in order, whoever makes them, and a torn line is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foredeck.services.domain import clock
from foredeck.services.jobs.time_index import NAME, TimeIndex, marks

BEGINNING = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Each look at the clock is a second later; `time.monotonic` as well."""
    found = [BEGINNING]

    def now() -> datetime:
        found.append(found[-1] + timedelta(seconds=1))
        return found[-1]

    monkeypatch.setattr(clock, "now", now)
    monkeypatch.setattr("time.monotonic", lambda: (now() - BEGINNING).total_seconds())
    return found


def sizes(directory: Path) -> list[tuple[int, int]]:
    return [(mark.output, mark.errors) for _, mark in marks(directory / NAME)]


@pytest.mark.usefixtures("moments")
def test_only_news_are_marked(tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    index = TimeIndex(str(tmp_path / "log"), str(errors))
    index.note(0)
    assert not (tmp_path / NAME).exists()
    for output in (3, 3, 8):
        index.note(output)
    errors.write_bytes(b"oops")
    index.note(8)
    assert sizes(tmp_path) == [(3, 0), (8, 0), (8, 4)]
    found = [mark.moment for _, mark in marks(tmp_path / NAME)]
    assert found == sorted(found)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_not_too_many_are_made_but_the_last_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 7.0)
    index = TimeIndex(str(tmp_path / "log"), None)
    for output in range(1, 100):
        index.note(output)
    index.note(100, last=True)
    assert sizes(tmp_path) == [(1, 0), (100, 0)]


@pytest.mark.usefixtures("moments")
def test_the_next_host_marks_only_what_is_new(tmp_path: Path) -> None:
    TimeIndex(str(tmp_path / "log"), None).note(5)
    other = TimeIndex(str(tmp_path / "log"), None)
    other.note(5)  # it reads all of it again
    other.note(9)
    assert sizes(tmp_path) == [(5, 0), (9, 0)]


def test_what_is_no_mark_is_left_out(tmp_path: Path) -> None:
    whole = b"1000000 1 0\nnonsense\n2000000 2 x\n" + b"9" * 40 + b" 1 1\n3000000 4 2\n"
    (tmp_path / NAME).write_bytes(whole + b"4000000 9")
    found = list(marks(tmp_path / NAME))
    assert [(mark.output, mark.errors) for _, mark in found] == [(1, 0), (4, 2)]
    assert found[-1][0] == len(whole)
    assert list(marks(tmp_path / NAME, len(whole))) == []
    assert list(marks(tmp_path / "missing")) == []


def test_an_index_that_cannot_be_written_ends_no_job(tmp_path: Path) -> None:
    TimeIndex(str(tmp_path / "gone" / "log"), None).note(5)


@pytest.mark.usefixtures("moments")
def test_what_an_earlier_host_has_surely_heard_is_not_read_again(tmp_path: Path) -> None:
    index = TimeIndex(str(tmp_path / "log"), None)
    assert not index.is_there()
    assert index.heard() == 0
    for output in range(1, 10):  # two seconds each
        index.note(output)
    assert index.is_there()
    assert TimeIndex(str(tmp_path / "log"), None).heard() == 4
