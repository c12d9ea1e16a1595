"""A database that another program holds: under a running house, and under commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain.events import Event, NoticeRaised
from foredeck.services.domain.records import Mode
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import RunState
from foredeck.services.host.queries import GetHistory, GetTranscript, VerifyAudit
from tests.support.cli_desk import Desk, ended
from tests.support.crew_script import CrewScript, commands
from tests.support.house import PATIENCE, House
from tests.support.locker import Locker, locked
from tests.support.segments import texts

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


@BOTH
async def test_a_run_goes_on_when_it_is_free_and_nothing_is_lost(
    house: House, script: CrewScript, mode: Mode
) -> None:
    waiting = "while [ ! -e go ]; do echo here-$((40 + 2)); sleep 0.2; done; seq 1 500"
    script.crew("one").codex["builder"] = commands(waiting)
    async with house.open() as home:
        events = home.host.events()
        row = await home.begin("one", mode)
        await home.prints(row.id, "builder", "here-42")
        with locked(house.settings.data_dir / "foredeck.db"):
            (Path((await home.detail(row.id)).workspace) / "go").touch()
            notice = await next_notice(events)
            assert notice.severity == "warning"
            assert "locked by another program" in notice.message
            assert (await home.detail(row.id)).run.state is RunState.RUNNING
        detail = await home.rest(row.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        lines = "".join(texts(Path(detail.steps[1].output_path or ""), SegmentKind.OUTPUT))
        assert [line for line in lines.split() if line != "here-42"] == [
            str(number) for number in range(1, 501)
        ]
        assert all(entry.complete for entry in await home.host.ask(GetTranscript(row.id)))
        assert (await home.host.ask(GetHistory(row.id)))[-1].new == "success"
        assert (await home.host.ask(VerifyAudit())).broken is None


async def next_notice(events: AsyncIterator[Event]) -> NoticeRaised:
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, NoticeRaised):
                return event
    raise AssertionError("the host ended")


def test_a_command_says_that_it_waits_and_then_does_it(desk: Desk) -> None:
    assert desk.run("projects", "create", "first").code == 0
    other = Locker(desk.data / "foredeck.db")
    try:
        process = desk.start("projects", "create", "second", "--format", "json")
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "locked by another program" in line
        assert desk.run("projects", "list", "--format", "json").answer["total"] == 1
    finally:
        other.release()
    said = ended(process)
    assert said.code == 0, line
    assert said.answer["name"] == "second"
    assert desk.run("projects", "list", "--format", "json").answer["total"] == 2
