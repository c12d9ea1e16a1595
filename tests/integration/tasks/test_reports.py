"""The reports that tasks want: one for each end of a run, in the whole house (SPEC T5)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.records import Mode
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import TaskOptions, TaskWish
from foredeck.services.host.commands import RetryRun
from foredeck.services.host.report_requests import CreateReport, GetReport, ListReports
from foredeck.services.host.task_requests import CreateTask, ExecuteTask, GetExecution
from tests.integration.tasks.conftest import Answers
from tests.support.house import PATIENCE, House, OpenHouse, until

pytestmark = pytest.mark.codex


async def begun(here: OpenHouse) -> str:
    """Begin an execution of a task that wants a report; return the id of its run."""
    await here.project("shop")
    options = TaskOptions(mode=Mode.DIRECT)
    wish = TaskWish("look", "Look.", project="shop", options=options)
    await here.host.do(CreateTask(replace(wish, report=True, report_format="json")))
    return (await here.host.do(ExecuteTask("look"))).id


async def reports(here: OpenHouse, run_id: str, count: int) -> tuple[ReportRow, ...]:
    """Wait until there are so many reports about the run, and return them, newest first."""
    async with asyncio.timeout(PATIENCE):
        while True:
            page = await here.host.ask(ListReports(run_id))
            if page.total >= count:
                return page.items
            await asyncio.sleep(0.02)


def state_in(row: ReportRow) -> str:
    return str(json.loads(Path(row.path).read_bytes())["run"]["state"])


async def test_a_run_that_closing_stops_and_its_retry_leave_one_each(
    house: House, answers: Answers
) -> None:
    answers.command = "touch up; sleep 300"
    async with house.open() as here:
        run_id = await begun(here)
        up = Path((await here.detail(run_id)).workspace) / "up"
        await until(up.exists, "the command runs")
    answers.command = ""
    async with house.open() as here:
        (first,) = await reports(here, run_id, 1)
        assert (first.automatic, first.format) == (True, ReportFormat.JSON)
        assert state_in(first) == RunState.CANCELLED.value
        assert (await here.host.ask(GetExecution(run_id))).report_id == first.id
        await here.host.do(RetryRun(run_id))
        assert (await here.rest(run_id)).run.state is RunState.SUCCESS
        second, same = await reports(here, run_id, 2)
        assert (same.id, state_in(second)) == (first.id, RunState.SUCCESS.value)
        assert (await here.host.ask(GetExecution(run_id))).report_id == second.id
    async with house.open() as here:
        by_hand = await here.host.do(CreateReport(run_id, ReportFormat.JSON, "By hand"))
        assert (await here.host.ask(GetReport(by_hand.id))).title == "By hand"
        # Whatever was due at the start has come before: it is done one after the other.
        assert [row.id for row in await reports(here, run_id, 3)] == [
            by_hand.id,
            second.id,
            first.id,
        ]


async def test_where_reports_cannot_lie_a_person_is_told(house: House, answers: Answers) -> None:
    answers.command = ""
    async with house.open() as here:
        (house.settings.data_dir / "reports").write_text("in the way")
        events = here.services.bus.subscribe()
        run_id = await begun(here)
        async with asyncio.timeout(PATIENCE):
            async for event in events:
                if isinstance(event, NoticeRaised):
                    break
        assert isinstance(event, NoticeRaised)
        assert f"The report about run {run_id} could not be made" in event.message
        assert (await here.rest(run_id)).run.state is RunState.SUCCESS
    (house.settings.data_dir / "reports").unlink()
    async with house.open() as here:
        (row,) = await reports(here, run_id, 1)
        assert state_in(row) == RunState.SUCCESS.value
