"""A person speaks to the real codex while it works, and queues what comes after."""

from __future__ import annotations

from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.records import Mode, Role
from foredeck.services.domain.states import RunState
from foredeck.services.host.commands import FollowUpRun, SteerRun
from foredeck.services.host.queries import GetTranscript
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, OpenHouse

pytestmark = pytest.mark.codex

WAITING = "while [ ! -e go ]; do echo works-$((40 + 2)); sleep 0.1; done"
BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


async def go_on(home: OpenHouse, run_id: str) -> None:
    (Path((await home.detail(run_id)).workspace) / "go").touch()


async def said_by_person(home: OpenHouse, run_id: str) -> list[str]:
    entries = await home.host.ask(GetTranscript(run_id, "builder"))
    return [entry.content for entry in entries if entry.role is Role.USER]


def heard(model: ModelServer, text: str) -> list[str]:
    """Return the conversations in which codex told the model that."""
    told = (request for request in model.requests if text in request.user_texts)
    return [request.headers.get("thread-id", "") for request in told]


async def test_the_working_turn_reads_it_before_its_next_thought(
    house: House, script: CrewScript, model: ModelServer
) -> None:
    script.crew("one").codex["builder"] = commands(WAITING)
    async with house.open() as home:
        run = await home.begin("one", Mode.AGENT)
        await home.prints(run.id, "builder", "works-42")
        words = "[run one] [work of builder] Leave the tests alone."
        await home.host.do(SteerRun(run.id, words))
        await go_on(home, run.id)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert heard(model, words)
        assert len([job for job in await home.jobs(run.id) if job.step_id]) == 1
        output = Path(detail.steps[1].output_path or "").read_text()
        assert f"You said to codex: {words}" in output
        assert f"Said to the working codex: {words}" in await said_by_person(home, run.id)


async def test_a_run_that_has_ended_has_nobody_to_say_it_to(
    house: House, script: CrewScript
) -> None:
    async with house.open() as home:
        run = await home.begin("one", Mode.DIRECT)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        for command in (SteerRun(run.id, "hello"), FollowUpRun(run.id, "hello")):
            with pytest.raises(Conflict, match="is success already: no turn") as caught:
                await home.host.do(command)
            assert "runs restart" in caught.value.advice
        with pytest.raises(InvalidInput, match="empty"):
            await home.host.do(SteerRun(run.id, "  "))


@BOTH
async def test_what_is_queued_is_the_next_turn_of_the_thread_once(
    house: House, script: CrewScript, model: ModelServer, mode: Mode
) -> None:
    script.crew("one").codex["builder"] = commands(WAITING)
    async with house.open() as home:
        run = await home.begin("one", mode)
        await home.prints(run.id, "builder", "works-42")
        words = [f"[run one] [work of builder] {text}" for text in ("Then this.", "And that.")]
        for text in words:
            await home.host.do(FollowUpRun(run.id, text))
        await go_on(home, run.id)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        jobs = [job for job in await home.jobs(run.id) if job.step_id == detail.steps[1].id]
        assert [job.prompt for job in jobs[1:]] == words
        assert len({job.thread_id for job in jobs}) == 1
        shown = await said_by_person(home, run.id)
        assert [text for text in shown if text.startswith("Queued")] == [
            f"Queued for codex: {text}" for text in words
        ]
        async with home.services.store.transaction() as tx:
            assert await tx.follow_ups.waiting(run.id) == ()
