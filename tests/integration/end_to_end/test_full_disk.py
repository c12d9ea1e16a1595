"""A disk that is full: under the output, and under everything."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from foredeck.services.domain.events import Event, NoticeRaised
from foredeck.services.domain.records import FailureClass, Mode
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import RetryRun
from foredeck.services.host.queries import GetTranscript
from tests.support.crew_script import CrewScript, commands
from tests.support.house import PATIENCE, House
from tests.support.process_table import mentioning
from tests.support.segments import texts
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
MANY = "seq 100000 150000"


@BOTH
async def test_output_that_has_no_room_fails_the_stage_and_is_there_after_a_retry(
    house: House, script: CrewScript, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(MANY)
    with small_disk(house.settings.data_dir / "output", "128k") as disk:
        async with house.open() as home:
            row = await home.begin("one", mode)
            detail = await home.rest(row.id)
            builder = detail.steps[1]
            assert detail.run.state is RunState.FAILED
            assert builder.failure is not None
            assert builder.failure.failure_class is FailureClass.DISK, builder.failure
            assert "no room" in builder.failure.message
            assert builder.failure.advice
            # What the disk had room for is there, from the beginning and without a gap.
            told = Path(builder.output_path or "").read_text().splitlines()
            kept = [line for line in told if line.isdecimal()][:-1]
            assert kept == numbers()[: len(kept)]
            assert len(kept) > 1000

            disk.resize("64m")
            await home.host.do(RetryRun(row.id))
            detail = await home.rest(row.id)
            assert detail.run.state is RunState.SUCCESS, detail.error
            assert printed(Path(detail.steps[1].output_path or "")) == numbers()


@BOTH
async def test_a_full_disk_under_everything_is_told_and_waited_out(
    house: House, script: CrewScript, mode: Mode
) -> None:
    waiting = "while [ ! -e go ]; do echo here-$((40 + 2)); sleep 0.2; done"
    script.crew("one").codex["builder"] = commands(f"{waiting}; {MANY}")
    with small_disk(house.settings.data_dir, "24m") as disk:
        async with house.open() as home:
            events = home.host.events()
            row = await home.begin("one", mode)
            await home.prints(row.id, "builder", "here-42")
            with disk.filled():
                (Path((await home.detail(row.id)).workspace) / "go").touch()
                notice = await next_notice(events)
            assert notice.severity == "error"
            assert "room" in notice.message or "full" in notice.message
            detail = await home.rest(row.id)
            if detail.run.state is RunState.FAILED:
                # An agent's message was to be stored at that moment: told, and a retry away.
                assert mode is Mode.AGENT
                assert [s.failure.failure_class for s in detail.steps if s.failure] == [
                    FailureClass.DISK
                ]
                await home.host.do(RetryRun(row.id))
                detail = await home.rest(row.id)
            assert detail.run.state is RunState.SUCCESS, detail.error
            output = printed(Path(detail.steps[1].output_path or ""))
            assert [line for line in output if line != "here-42"] == numbers()
            entries = await home.host.ask(GetTranscript(row.id))
            assert all(entry.complete for entry in entries)
        with sqlite3.connect(house.settings.data_dir / "foredeck.db") as link:
            assert link.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        link.close()


async def test_closing_does_not_wait_for_room_for_ever(house: House, script: CrewScript) -> None:
    """What could not be stored is found out by the next host."""
    forever = "while :; do echo here-$((40 + 2)); sleep 0.2; done"
    script.crew("one").codex["builder"] = commands(forever)
    with small_disk(house.settings.data_dir, "24m") as disk:
        async with AsyncExitStack() as stack:
            stack.callback(disk.empty)
            await stack.enter_async_context(asyncio.timeout(PATIENCE))
            home = await stack.enter_async_context(house.open())
            row = await home.begin("one", Mode.DIRECT)
            await home.prints(row.id, "builder", "here-42")
            disk.fill()
        assert mentioning(str(house.base)) == []
        script.crew("one").codex.clear()
        async with house.open() as home:
            assert (await home.rest(row.id)).run.state is RunState.WAITING
            await home.host.do(RetryRun(row.id))
            assert (await home.rest(row.id)).run.state is RunState.SUCCESS


async def next_notice(events: AsyncIterator[Event]) -> NoticeRaised:
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, NoticeRaised):
                return event
    raise AssertionError("the host ended")


def numbers() -> list[str]:
    return [str(number) for number in range(100000, 150001)]


def printed(path: Path) -> list[str]:
    return "".join(texts(path, SegmentKind.OUTPUT)).splitlines()
