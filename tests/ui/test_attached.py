"""A dashboard whose host is another process: leaving it, losing it, taking its place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from foredeck.app.application import ForedeckApp
from foredeck.app.connection import Connection
from foredeck.app.screens.jobs import JobsScreen
from foredeck.app.screens.modals.lost_host import LostHostDialog
from foredeck.services.domain.errors import OtherVersion
from foredeck.services.domain.states import RunState
from foredeck.services.host.queries import Ping
from foredeck.widgets.status_bar import StatusBar
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_host import FakeHost
from tests.support.fake_jobs import busy, own_job

_OTHER = "foredeck serve (4711)"


class OtherProcess:
    """Connects a dashboard to `first`; when that is gone, to `next_`, which may have to come.

    With `takes_over` the second connection is a host of the dashboard's own.
    """

    def __init__(self, first: FakeHost, next_: FakeHost) -> None:
        self.first, self.next_ = first, next_
        self.comes = asyncio.Event()
        self.connects = 0
        self.waiting = 0

    async def connect(self) -> Connection:
        self.connects += 1
        if self.connects > 1:
            return await self.next_.connect()
        return Connection(self.first, self.first.close, attached_to=_OTHER, reattach=self.reattach)

    async def reattach(self) -> Connection:
        self.waiting += 1
        try:
            await self.comes.wait()
        finally:
            self.waiting -= 1
        return Connection(
            self.next_,
            self.next_.close,
            attached_to="the dashboard (4712)",
            reattach=self.reattach,
        )


def status_text(pilot: Pilot[int]) -> str:
    bar = workbench_of(pilot).query_one(StatusBar)
    return "".join(text for text, _style in bar.rows(120)[0])


def is_lost(pilot: Pilot[int]) -> bool:
    return isinstance(pilot.app.screen, LostHostDialog)


@pytest.fixture
def other(tmp_path: Path) -> OtherProcess:
    return OtherProcess(fake_host.running(tmp_path), fake_host.running(tmp_path))


def shown(pilot: Pilot[int]) -> bool:
    workbench = workbench_of(pilot)
    return workbench._desk is not None and workbench.desk.view.detail is not None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_says_whose_the_host_is_and_leaves_without_a_question(
    other: OtherProcess, size: tuple[int, int]
) -> None:
    async with dashboard(other.first, size, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        await until(pilot, lambda: f"attached to {_OTHER}" in status_text(pilot))
        bar = workbench_of(pilot).query_one(StatusBar)
        narrow = "".join(text for text, _style in bar.rows(80)[0])
        assert f"attached to {_OTHER}" in narrow
        assert workbench_of(pilot).working()
        await pilot.press("q")
        await until(pilot, lambda: pilot.app._exit)
    assert other.first.closed
    assert other.first.done == []


@pytest.mark.parametrize("width", [30, 40, 60, 80])
async def test_a_link_that_fails_is_told_before_all_else(other: OtherProcess, width: int) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        bar = workbench_of(pilot).query_one(StatusBar)
        assert bar._status is not None
        bar.update_status(replace(bar._status, rehearsal=True, waiting_runs=1))
        bar.update_link("the host is gone: c-r", fails=True)
        line = "".join(text for text, _style in bar.rows(width)[0])
        assert line.startswith(" the host is gone: c-r")
        assert len(line) <= width
        assert ("REHEARSAL" in line) == (width >= 40)


async def test_a_host_that_does_not_answer_is_told_on_every_screen(tmp_path: Path) -> None:
    other = OtherProcess(busy(tmp_path), busy(tmp_path))
    goes_on = other.first.gates[Ping] = asyncio.Event()
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        await pilot.press("J")
        await until(pilot, lambda: f"{_OTHER} does not answer" in " ".join(messages(pilot)))
        assert f"{_OTHER} does not answer" in status_text(pilot)
        goes_on.set()
        await until(pilot, lambda: f"attached to {_OTHER}" in status_text(pilot))


async def test_every_action_goes_to_the_other_process(other: OtherProcess) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        await pilot.press("c")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: bool(other.first.done))


async def test_a_lost_host_is_replaced_by_this_process_with_one_key(other: OtherProcess) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        other.first.go_away()
        await until(pilot, lambda: is_lost(pilot))
        assert shown(pilot)  # what was read stays on the screen
        await until(pilot, lambda: other.first.closed and other.waiting == 1)
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot) and shown(pilot))
        assert (other.connects, other.waiting) == (2, 0)
        assert other.next_.asked
        assert "attached" not in status_text(pilot)
        assert workbench_of(pilot).failure is None
        app = pilot.app
        assert isinstance(app, ForedeckApp)
        assert app.is_host
    assert other.next_.closed


async def test_another_host_that_comes_first_is_attached_to(other: OtherProcess) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        other.first.go_away()
        await until(pilot, lambda: is_lost(pilot) and other.waiting == 1)
        other.comes.set()
        await until(pilot, lambda: not is_lost(pilot))
        await until(pilot, lambda: "attached to the dashboard (4712)" in status_text(pilot))
        assert "Attached to the dashboard (4712)." in messages(pilot)
        # Its changes are heard.
        (run,) = [d for d in other.next_.runs.values() if d.run.state is RunState.RUNNING]
        renamed = replace(run, run=replace(run.run, title="Renamed elsewhere"))
        other.next_.add_run(renamed)
        await until(pilot, lambda: workbench_of(pilot).desk.view.detail == renamed)


async def test_who_waits_may_still_take_over_and_reads_what_was_there(other: OtherProcess) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        other.first.go_away()
        await until(pilot, lambda: is_lost(pilot))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
        assert "ctrl+r takes over" in status_text(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "Cancel: The data is not open." in messages(pilot))
        assert shown(pilot)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: other.connects == 2 and shown(pilot))
        assert other.waiting == 0


async def test_leaving_while_the_host_is_gone_asks_nothing(other: OtherProcess) -> None:
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        other.first.go_away()
        await until(pilot, lambda: is_lost(pilot))
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))
        await pilot.press("q")
        await until(pilot, lambda: pilot.app._exit)
    assert (other.first.closed, other.waiting) == (True, 0)


async def test_a_next_host_that_cannot_be_talked_to_is_named(
    other: OtherProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse() -> Connection:
        raise OtherVersion("The host runs another version of Foredeck (9.9).")

    monkeypatch.setattr(other, "reattach", refuse)
    async with dashboard(other.first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        other.first.go_away()
        await until(pilot, lambda: "another version" in str(workbench_of(pilot).failure))


async def test_the_screen_of_jobs_reads_from_the_host_that_comes_after(tmp_path: Path) -> None:
    first, next_ = busy(tmp_path), busy(tmp_path)
    next_.jobs = [own_job("late", name="the next host's")]
    other = OtherProcess(first, next_)
    async with dashboard(first, connect=other.connect) as pilot:
        await until(pilot, lambda: shown(pilot))
        await pilot.press("J")
        screen = pilot.app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, lambda: screen.row is not None)
        first.go_away()
        await until(pilot, lambda: is_lost(pilot) and other.waiting == 1)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen.row is not None  # what was read stays on the screen
        await pilot.press("p")
        await until(pilot, lambda: "Pause: The data is not open." in messages(pilot))
        other.comes.set()
        await until(pilot, lambda: screen.row is not None and screen.row.id == "late")
