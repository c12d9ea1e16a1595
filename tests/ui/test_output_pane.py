"""The output pane in a terminal of 80×24: what is in sight, and what it says."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from foredeck.services.domain.safe_text import safe_text
from foredeck.services.domain.segments import SUFFIX, Insertion, Segment, SegmentKind
from foredeck.widgets.terminal.output_pane import OutputPane
from tests.support.hostile import HOSTILE


class PaneApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Message] = []

    def compose(self) -> ComposeResult:
        yield OutputPane(frame_rate=50)

    @property
    def pane(self) -> OutputPane:
        return self.query_one(OutputPane)

    def on_output_pane_follow_changed(self, message: Message) -> None:
        self.seen.append(message)

    def on_output_pane_search_progress(self, message: Message) -> None:
        self.seen.append(message)

    def on_output_pane_error_shown(self, message: Message) -> None:
        self.seen.append(message)


@asynccontextmanager
async def shown(path: Path | None) -> AsyncIterator[tuple[OutputPane, Pilot[None], PaneApp]]:
    app = PaneApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.focus()
        if path is not None:
            app.pane.show_file(path)
        await pilot.pause()
        yield app.pane, pilot, app


async def until(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "out.log"
    path.write_text("".join(f"line {n}\n" for n in range(1000)))
    return path


def rows(pane: OutputPane) -> list[str]:
    return [pane.render_line(y).text.rstrip(" ▐") for y in range(pane.size.height)]


async def test_empty_states(tmp_path: Path) -> None:
    async with shown(None) as (pane, _, _):
        assert "No output is selected" in rows(pane)[0]
    path = tmp_path / "later.log"
    async with shown(path) as (pane, _, _):
        assert "No output yet" in rows(pane)[0]
        path.write_text("here it is\n")
        await until(lambda: rows(pane)[0] == "here it is")
        path.unlink()
        await until(lambda: "No output yet" in rows(pane)[0])


async def test_it_follows_until_one_scrolls_up(log: Path) -> None:
    async with shown(log) as (pane, pilot, app):
        assert rows(pane)[-1] == "line 999"
        await pilot.press("k")
        assert pane.follow is False
        before = rows(pane)
        with log.open("a") as file:
            file.write("more\nunfinished")
        await until(lambda: pane.lines == 1002)
        assert rows(pane) == before
        await pilot.press("end")
        assert rows(pane)[-2:] == ["more", "unfinished"]
        with log.open("a") as file:
            file.write(" no more\n")
        await until(lambda: rows(pane)[-1] == "unfinished no more")
        assert [m.follow for m in app.seen if isinstance(m, OutputPane.FollowChanged)] == [
            False,
            True,
        ]


async def test_keys_go_everywhere(log: Path) -> None:
    async with shown(log) as (pane, pilot, _):
        await pilot.press("home")
        assert rows(pane)[0] == "line 0"
        for key, top in (
            *(("j", 1), ("down", 2), ("k", 1), ("pagedown", 24), ("ctrl+d", 35)),
            *(("ctrl+u", 24), ("pageup", 1), ("up", 0), ("G", 976)),
        ):
            await pilot.press(key)
            assert pane.view.top == top, key
        assert pane.follow


async def test_long_lines_are_cut_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"start\n" + b"0123456789" * 630_000 + b"\nend\n")
    async with shown(path) as (pane, pilot, _):
        await until(lambda: pane.file is not None and pane.file.complete)
        assert rows(pane)[0] == "start"
        assert rows(pane)[1].endswith("… +6.3 MB")
        assert rows(pane)[2] == "end"
        pane._shift_to(6_299_990)  # far beyond what a key reaches in a test
        await pilot.pause()
        assert rows(pane)[1].startswith("0123456789")
        await pilot.press("0")
        assert rows(pane)[0] == "start"
        await pilot.press("l")
        assert rows(pane)[1].startswith("8901234567")


async def test_search_steps_and_counts(log: Path) -> None:
    async with shown(log) as (pane, _, app):
        pane.search("LINE 99")
        await until(lambda: any(getattr(m, "done", False) for m in app.seen))
        assert app.seen[-1].summary == "no match"  # type: ignore[attr-defined]
        pane.search("line 99")
        await until(lambda: pane.current == 99)
        await until(lambda: app.seen[-1].summary == "line 100 · 11 matches")  # type: ignore[attr-defined]
        assert "line 99" in rows(pane)
        for forward, line in ((True, 990), (True, 991), (False, 990), (False, 99), (False, 999)):
            (pane.next_match if forward else pane.previous_match)()
            await until(lambda line=line: pane.current == line)  # type: ignore[misc]
        pane.clear_search()
        assert pane.current is None


async def test_errors_of_programs_and_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "out.log"
    parts = [
        (SegmentKind.PROMPT, "Fix the error: it failed\n"),
        (SegmentKind.COMMAND, "$ make\n"),
        (SegmentKind.OUTPUT, "x\n" * 50 + "a.c:1: error: no\n" + "y\n" * 50),
        (SegmentKind.ERROR, "The turn ended early.\nIt can be retried.\n"),
        (SegmentKind.NOTE, "0 failed\n" * 50),
    ]
    text, records = "", ""
    for kind, part in parts:
        records += Segment(len(text), kind, 0).to_line()
        text += part
    path.write_text(text)
    path.with_name(path.name + SUFFIX).write_text(records)
    lines = text.splitlines()
    async with shown(path) as (pane, _, app):
        pane.next_error()
        await until(lambda: pane.current == lines.index("a.c:1: error: no"))
        pane.next_error()
        await until(lambda: pane.current == lines.index("The turn ended early."))
        assert "The turn ended early." in rows(pane)
        pane.next_error()
        await until(lambda: len(app.seen) > 0 and getattr(app.seen[-1], "line", 0) is None)
        pane.previous_error()
        await until(lambda: pane.current == lines.index("a.c:1: error: no"))


async def test_an_insertion_above_leaves_the_rows_in_sight(log: Path) -> None:
    records = log.with_name(log.name + SUFFIX)
    records.write_text(Segment(0, SegmentKind.OUTPUT, 0).to_line())
    async with shown(log) as (pane, _, _):
        pane.show_line(500)
        before = rows(pane)
        data = log.read_bytes()
        with log.open("r+b") as file:
            file.write(b"late\nnews\n" + data)
        with records.open("a") as file_:
            file_.write(Insertion(0, 10).to_line())
        await until(lambda: pane.lines == 1002 and rows(pane) == before)
        pane.show_line(0)
        assert rows(pane)[:3] == ["late", "news", "line 0"]


async def test_a_hidden_pane_looks_at_nothing_and_catches_up(log: Path) -> None:
    async with shown(log) as (pane, pilot, _):
        pane.display = False
        await pilot.pause()
        with log.open("a") as file:
            file.write("while hidden\n")
        await until(lambda: pane._timer is None)
        pane.display = True
        await until(lambda: rows(pane)[-1:] == ["while hidden"])


async def test_another_file_replaces_everything(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.log"
    other.write_text("only this\n")
    async with shown(log) as (pane, pilot, _):
        await pilot.press("home")
        pane.show_file(other, "Other\x1b[2J")
        assert pane.follow
        assert rows(pane)[:2] == ["only this", ""]
        assert pane.title == "Other"


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_hostile_output(name: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.log"
    path.write_bytes(HOSTILE[name])
    async with shown(path) as (pane, pilot, _):
        await until(lambda: pane.file is not None and pane.file.complete)
        await pilot.press("home")
        for row in (pane.render_line(y) for y in range(24)):
            assert row.cell_length == 80
            assert all(unicodedata.category(c) not in {"Cc", "Cs"} for c in row.text)
        text = safe_text(HOSTILE[name][:5000], lines=9999).strip()
        assert any(row.strip() for row in rows(pane)) or not text
