"""A step whose output file cannot be made, or cannot be written any more."""

import errno
import os
from pathlib import Path

import pytest

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.records import FailureClass
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.jobs import append_file
from tests.integration.workflow.conftest import House
from tests.support.stages import succeed


async def fails_as_disk(house: House) -> None:
    run = await house.new_run()
    await house.orchestrator.start(run.id)
    detail = await house.finished(run.id)
    assert detail.run.state is RunState.FAILED
    step = detail.steps[0]
    assert step.state is StepState.FAILED
    assert step.failure
    assert step.failure.failure_class is FailureClass.DISK
    assert step.failure.advice
    async with house.store.transaction() as tx:
        attempt = await tx.attempts.latest(step.id)
    assert attempt
    assert attempt.state is StepState.FAILED


async def test_a_file_that_cannot_be_made_fails_the_step(house: House, tmp_path: Path) -> None:
    (tmp_path / "data" / "output").write_text("in the way")
    await fails_as_disk(house)
    assert house.stages.calls == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
async def test_a_file_that_cannot_be_written_fails_the_step(
    house: House, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    async def talks(task: StageTask) -> StageOutcome:
        monkeypatch.setattr(append_file.AppendFile, "append", refuse)
        task.output.write("words\n")
        return await succeed(task)

    def refuse(_file: object, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    house.stages.behaviours["planner"] = talks
    await fails_as_disk(house)
