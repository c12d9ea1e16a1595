"""Cancelling a run that works: nothing of it is left, and its neighbour does not notice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.commands import CancelRun, RetryRun
from foredeck.services.host.queries import GetHistory, GetTranscript
from foredeck.services.rehearsal.exchange import Pause, Say
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House, OpenHouse, until
from tests.support.process_table import mentioning

pytestmark = pytest.mark.codex

BOTH = pytest.mark.parametrize("mode", [Mode.AGENT, Mode.DIRECT])


def stubborn(token: str) -> str:
    """Return a command that says ready-42 when it and its two children work for ever.

    One child has a session of its own, the other ignores SIGTERM, as does the command. It
    says so again and again, because codex may keep the first words back until the end.
    """
    forever = "touch up.$1; while :; do sleep 1; done"
    return (
        "trap '' TERM; "
        f"setsid sh -c '{forever}' {token} a & "
        f"sh -c 'trap \"\" TERM; {forever}' {token} b & "
        "while [ ! -e up.a ] || [ ! -e up.b ]; do sleep 0.05; done; "
        "echo $$ > command.pid; while :; do echo ready-$((40 + 2)); sleep 0.2; done"
    )


def waiting(token: str) -> str:
    """Return a command that ends when the file `go` is there."""
    return f"while [ ! -e go ]; do echo {token}-$((40 + 2)); sleep 0.2; done; echo over"


@BOTH
async def test_nothing_is_left_of_a_command_and_the_neighbour_goes_on(
    house: House, script: CrewScript, mode: Mode
) -> None:
    token, other = f"stays{new_id()}", f"goes{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    script.crew("two").codex["builder"] = commands(waiting(other))
    async with house.open(sandbox=Sandbox.DANGER_FULL_ACCESS) as home:
        one, two = await home.begin("one", mode), await home.begin("two", mode)
        await home.prints(one.id, "builder", "ready-42")
        await home.prints(two.id, "builder", f"{other}-42")
        jobs = [job.id for job in await home.jobs(one.id)]
        neighbours = mentioning(other)
        assert len(mentioning(token)) >= 3

        await home.host.do(CancelRun(one.id, "wrong plan"))

        detail = await home.detail(one.id)
        assert mentioning(token, detail.workspace, *jobs) == []
        await _hold_the_states(home, detail)
        assert mentioning(other) == neighbours
        (Path((await home.detail(two.id)).workspace) / "go").touch()
        assert (await home.rest(two.id)).run.state is RunState.SUCCESS


async def _hold_the_states(home: OpenHouse, detail: RunDetail) -> None:
    states = {step.key: step.state for step in detail.steps}
    assert detail.run.state is RunState.CANCELLED
    assert states.pop("planner") is StepState.SUCCESS
    assert set(states.values()) == {StepState.CANCELLED}
    builder = detail.steps[1]
    assert builder.reason == "wrong plan"
    assert (await home.jobs(detail.run.id))[-1].state is JobState.CANCELLED
    assert (await home.attempts(detail.run.id))["builder"][1][0].state is StepState.CANCELLED
    history = await home.host.ask(GetHistory(detail.run.id))
    assert {"run", "builder"} <= {e.subject for e in history if e.new == "cancelled"}
    entries = await home.host.ask(GetTranscript(detail.run.id))
    assert all(entry.complete for entry in entries)


@BOTH
async def test_in_the_sandbox(house: House, script: CrewScript, mode: Mode) -> None:
    token = f"boxed{new_id()}"
    script.crew("one").codex["builder"] = commands(stubborn(token))
    async with house.open() as home:
        one = await home.begin("one", mode)
        output = await home.prints(one.id, "builder", "ready-42")
        await home.host.do(CancelRun(one.id))
        detail = await home.detail(one.id)
        assert mentioning(token, detail.workspace) == []
        assert detail.run.state is RunState.CANCELLED
        assert "Stopped: cancelled by the user" in output.read_text()

        script.crew("one").codex["builder"] = commands("echo again-$((40 + 2))")
        await home.host.do(RetryRun(one.id))
        detail = await home.rest(one.id)
        assert detail.run.state is RunState.SUCCESS
        assert [step.attempt for step in detail.steps] == [1, 2, 1, 1]


@BOTH
async def test_while_the_model_speaks(house: House, script: CrewScript, mode: Mode) -> None:
    script.crew("one").trouble["builder"] = [Say("I am thinking"), Pause(600.0), Say("done")]
    async with house.open() as home:
        one = await home.begin("one", mode)
        output = await home.output(one.id, "builder")
        await until(lambda: "I am thinking" in output.read_text(), "the first words of the model")
        async with asyncio.timeout(60):
            await home.host.do(CancelRun(one.id))
        detail = await home.detail(one.id)
        assert detail.run.state is RunState.CANCELLED
        assert detail.steps[1].state is StepState.CANCELLED
        assert all(job.state is JobState.CANCELLED for job in (await home.jobs(one.id))[-1:])
        entries = await home.host.ask(GetTranscript(one.id))
        assert all(entry.complete for entry in entries)
        assert mentioning(detail.workspace) == []


async def test_before_the_first_step_has_begun(house: House) -> None:
    """A cancel right behind the start finds whatever has been started by then."""
    async with house.open() as home:
        one = await home.begin("one", Mode.DIRECT)
        await home.host.do(CancelRun(one.id))
        detail = await home.detail(one.id)
        assert detail.run.state is RunState.CANCELLED
        assert {step.state for step in detail.steps} == {StepState.CANCELLED}
        assert mentioning(detail.workspace) == []
