"""Closing the container while a run works."""

from __future__ import annotations

import pytest

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.host.commands import RetryRun
from tests.integration.end_to_end.test_cancel import stubborn
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex


async def test_a_working_run_is_stopped_and_stored(house: House, script: CrewScript) -> None:
    token = f"closed{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    async with house.open() as home:
        one = await home.begin("one", Mode.AGENT)
        output = await home.prints(one.id, "builder", "ready-42")
        assert len(mentioning("app-server", token)) > 1
    assert mentioning(token, str(house.base)) == []
    assert "Stopped: Foredeck was closed" in output.read_text()

    script.crew("one").codex.clear()
    async with house.open() as home:
        detail = await home.detail(one.id)
        assert detail.run.state is RunState.CANCELLED
        assert detail.steps[1].state is StepState.CANCELLED
        assert detail.steps[1].reason == "Foredeck was closed"
        assert [job.state for job in await home.jobs(one.id)] == [JobState.CANCELLED]
        await home.host.do(RetryRun(one.id))
        assert (await home.rest(one.id)).run.state is RunState.SUCCESS
