"""The Builder's work is checked with a command, with the real codex, in both modes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import RunState
from foredeck.services.rehearsal.exchange import Action, Call, ModelRequest, Say
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.crew_script import CrewScript, commands
from tests.support.house import House

pytestmark = pytest.mark.codex

CHECK = "test -e fixed || { echo not fixed yet; exit 3; }"


@dataclass
class Mending:
    """The crew; asked to mend what the check found, codex does."""

    crew: CrewScript
    asked: int = 0

    def reply(self, request: ModelRequest) -> Sequence[Action]:
        if "not fixed yet" not in request.prompt:
            return self.crew.reply(request)
        if request.turn_outputs:
            return [Say("Fixed.")]
        self.asked += 1
        return [Call("exec_command", {"cmd": "touch fixed", "yield_time_ms": 30_000})]


@pytest.mark.parametrize("mode", [Mode.DIRECT, Mode.AGENT])
async def test_codex_puts_right_what_the_check_finds(
    house: House, model: ModelServer, script: CrewScript, mode: Mode
) -> None:
    script.crew("checked").codex["builder"] = commands("touch made")
    mending = Mending(script)
    model.script = mending
    async with house.open(verify=CHECK) as home:
        run = await home.begin("checked", mode)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert mending.asked == 1
        assert (Path(detail.workspace) / "fixed").exists()
        jobs = [job for job in await home.jobs(run.id) if job.type == "shell_command"]
        assert [job.exit_code for job in jobs] == [3, 0]
        builder = [j for j in await home.jobs(run.id) if j.step_id == jobs[0].step_id]
        turns = [job for job in builder if job.type == "codex"]
        assert turns[-1].thread_id == turns[-2].thread_id, "the same conversation"


async def test_a_check_that_never_passes_fails_the_stage(
    house: House, model: ModelServer, script: CrewScript
) -> None:
    model.script = Mending(script)
    async with house.open(verify="echo not fixed yet; exit 9") as home:
        run = await home.begin("hopeless", Mode.DIRECT)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.FAILED
        failure = detail.steps[1].failure
        assert failure is not None
        assert "ended with exit code 9, also after 2 rounds of repair" in failure.message
        assert model.script.asked == 2
