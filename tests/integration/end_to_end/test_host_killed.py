"""The host is killed in the middle of a turn; the next one finds out and goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from foredeck.services.domain.errors import HostBusy
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode, TokenUsage
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.host.commands import RetryRun
from foredeck.services.host.queries import GetHistory, GetTranscript
from tests.integration.end_to_end.test_cancel import stubborn
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, OpenHouse, has_line, until
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex


@pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])
async def test_the_next_host_shows_the_truth_and_goes_on(
    house: House, script: CrewScript, mode: Mode
) -> None:
    token = f"orphan{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    async with another_host(house, mode) as (process, run_id):
        output = house.settings.data_dir / "output" / run_id / "builder.1.log"
        await until(lambda: has_line(output, "ready-42"), "the command of the builder")
        with pytest.raises(HostBusy):
            async with house.open():
                pass
        process.send_signal(signal.SIGKILL)
        await process.wait()
    written = output.read_bytes()
    assert len(mentioning("app-server", token)) > 1

    script.crew("one").codex["builder"] = commands("echo built > built.txt")
    async with house.open() as home:
        await _hold_the_truth(home, run_id, token)
        assert output.read_bytes().startswith(written)

        await home.host.do(RetryRun(run_id))
        detail = await home.rest(run_id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert [step.attempt for step in detail.steps] == [1, 2, 1, 1]
        assert (Path(detail.workspace) / "built.txt").exists()
        assert all(entry.complete for entry in await home.host.ask(GetTranscript(run_id)))
        attempts = (await home.attempts(run_id))["builder"][1]
        assert [a.state for a in attempts] == [StepState.FAILED, StepState.SUCCESS]
        assert all(attempt.ended_at for attempt in attempts)
        spent = sum((step.usage for step in detail.steps), TokenUsage())
        assert detail.run.usage == spent


async def _hold_the_truth(home: OpenHouse, run_id: str, token: str) -> None:
    detail = await home.detail(run_id)
    builder = detail.steps[1]
    assert detail.run.state is RunState.WAITING
    assert detail.steps[0].state is StepState.SUCCESS
    assert builder.state is StepState.WAITING
    assert "Retry" in builder.reason
    assert builder.ended_at is not None
    (job,) = [job for job in await home.jobs(run_id) if job.state is not JobState.COMPLETED]
    assert job.state is JobState.LOST
    assert mentioning(token, detail.workspace, job.id) == []
    client = await home.services.codex.connect()
    thread = await client.call("thread/read", {"threadId": job.thread_id, "includeTurns": False})
    assert thread["thread"]["status"]["type"] != "active"
    history = await home.host.ask(GetHistory(run_id))
    assert {e.subject for e in history if e.actor == "recovery"} >= {"run", "builder"}


@asynccontextmanager
async def another_host(
    house: House, mode: Mode
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Host the run `[run one]` in a process of its own; yields it and the run's id."""
    arguments = [str(house.base), str(house.settings.base_url), "one", mode.value]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.host_program", *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        env={**os.environ},
    )
    assert process.stdout is not None
    try:
        run_id = (await process.stdout.readline()).decode().strip()
        assert run_id
        yield process, run_id
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
