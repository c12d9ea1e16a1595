"""A step without a verdict sends work back by its condition: fresh steps, so often and no more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import InvalidInput, StepFailed
from foredeck.services.domain.records import Failure, FailureClass, StepKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.domain.workflow import RetryPolicy, Rework, StepSpec
from foredeck.services.workflow import interventions, judging
from tests.integration.workflow.conftest import House
from tests.support.command_house import command, open_commands
from tests.support.dags import work
from tests.support.house import until
from tests.support.stages import Behaviour, fail, succeed

FAILED = 'steps.check.state == "failed"'
RED = fail(FailureClass.COMMAND)


def loop(when: str = FAILED, most: int = 1, **check: object) -> tuple[StepSpec, ...]:
    """Return a build whose check may send it back, and what follows both."""
    return (
        work("build", kind=StepKind.CODEX, prompt="Build it."),
        work("check", "build", rework=Rework("build", most, when), **check),
        work("ship", "check"),
    )


def calls(house: House) -> list[str]:
    return [key for key, _ in house.stages.calls]


def states(detail: RunDetail) -> dict[str, str]:
    return {step.key: step.state.value for step in detail.steps}


def saying(summary: str) -> Behaviour:
    async def behaviour(_task: StageTask) -> StageOutcome:
        return StageOutcome(summary)

    return behaviour


async def test_a_failed_check_sends_its_work_back_and_the_last_round_counts(house: House) -> None:
    house.stages.behaviours["check"] = RED
    detail = await house.ran(*loop())
    assert calls(house) == ["build", "check", "build#2", "check#2", "ship"]
    assert detail.run.state is RunState.SUCCESS
    assert detail.error == ""
    assert states(detail) == {
        "build": "success",
        "check": "failed",
        "ship": "success",
        "build#2": "success",
        "check#2": "success",
    }
    assert house.stages.tasks[2].rework_items == ("Check: It did not work.",)
    for key in (None, "check"):
        again = await house.runs.preview_retry(detail.run.id, key)
        assert not again.possible


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_no_more_rounds_than_it_says(house: House, most: int) -> None:
    rounds = ["", *(f"#{number}" for number in range(2, most + 2))]
    house.stages.behaviours |= {f"check{number}": RED for number in rounds}
    detail = await house.ran(*loop(most=most))
    assert calls(house) == [f"{id_}{number}" for number in rounds for id_ in ("build", "check")]
    assert detail.run.state is RunState.FAILED
    assert detail.error.count("\n") == 0
    assert "It did not work. That was the last round." in detail.error
    assert states(detail)["ship"] == "skipped"

    house.stages.calls.clear()
    house.stages.behaviours.clear()
    await house.orchestrator.retry(detail.run.id)
    detail = await house.finished(detail.run.id)
    assert calls(house) == [f"check{rounds[-1]}", "ship"]
    assert detail.run.state is RunState.SUCCESS


async def test_a_success_sends_work_back_too_if_its_condition_says_so(house: House) -> None:
    when = 'contains(steps.check.summary, "3 warnings")'
    house.stages.behaviours["check"] = saying("3 warnings")
    detail = await house.ran(*loop(when))
    assert calls(house) == ["build", "check", "build#2", "check#2", "ship"]
    assert detail.run.state is RunState.SUCCESS

    house.stages.calls.clear()
    house.stages.behaviours["check#2"] = saying("still 3 warnings")
    detail = await house.ran(*loop(when))
    assert calls(house) == ["build", "check", "build#2", "check#2"]
    assert detail.run.state is RunState.FAILED
    assert detail.error.startswith("Check #2: The work was to go back once more, by the condition")


async def test_where_the_condition_does_not_hold_a_failure_is_a_failure(house: House) -> None:
    house.stages.behaviours["check"] = RED
    detail = await house.ran(*loop('contains(steps.check.summary, "flaky")'))
    assert calls(house) == ["build", "check"]
    assert (detail.run.state, detail.error) == (RunState.FAILED, "Check: It did not work.")


async def test_retries_come_before_work_goes_back(house: House) -> None:
    house.stages.behaviours["check"] = fail(FailureClass.COMMAND, times=2)
    await house.ran(*loop(retries=RetryPolicy(max=1, delay=0.0)))
    assert house.stages.calls[:4] == [("build", 1), ("check", 1), ("check", 2), ("build#2", 1)]


async def test_a_condition_reads_the_end_of_the_output_of_a_failed_step(house: House) -> None:
    async def red(_task: StageTask) -> StageOutcome:
        tail = "FAILED test_it\n2 failed"
        raise StepFailed(Failure(FailureClass.COMMAND, "It ended with exit code 1.", "", tail))

    house.stages.behaviours["check"] = red
    detail = await house.ran(*loop('contains(steps.check.summary, "test_it")'))
    assert detail.run.state is RunState.SUCCESS
    told = house.stages.tasks[2].rework_items
    assert told == ("Check: It ended with exit code 1.\nFAILED test_it\n2 failed",)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (succeed, "Its condition for sending it back cannot be evaluated: "),
        (RED, "It did not work. Its condition for sending it back cannot be evaluated: "),
    ],
)
async def test_a_condition_that_cannot_be_evaluated_fails_the_step(
    house: House, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, said: str
) -> None:
    def broken(*_given: object) -> bool:
        raise InvalidInput("A number of 400 digits is too long.")

    monkeypatch.setattr(judging, "holds", broken)
    house.stages.behaviours["check"] = behaviour
    detail = await house.ran(*loop())
    assert states(detail) == {"build": "success", "check": "failed", "ship": "skipped"}
    assert said in detail.error
    assert detail.error.endswith("A number of 400 digits is too long.")


async def test_with_fail_fast_a_failure_that_is_done_again_stops_nothing(house: House) -> None:
    house.stages.behaviours["check"] = RED
    detail = await house.ran(*loop(), fail_fast=True)
    assert detail.run.state is RunState.SUCCESS


async def test_a_re_run_makes_the_rounds_void_and_a_new_failure_revives_them(house: House) -> None:
    house.stages.behaviours["check"] = fail(FailureClass.COMMAND, times=1)
    detail = await house.ran(*loop())
    run_id = detail.run.id
    for behaviour, expected in ((succeed, ["build", "check", "ship"]), (RED, None)):
        house.stages.behaviours["check"] = behaviour
        house.stages.calls.clear()
        await house.orchestrator.intervene(
            run_id, lambda tx: interventions.rerun(tx, run_id, "build")
        )
        detail = await house.finished(run_id)
        assert calls(house) == (expected or ["build", "check", "build#2", "check#2", "ship"])
        assert detail.run.state is RunState.SUCCESS
        assert len(detail.steps) == 5


async def test_a_failed_check_of_a_real_command_mends_over_the_death_of_its_host(
    tmp_path: Path,
) -> None:
    build = command("build", "echo x >> effects")
    text = (
        "touch up; until [ -e go ]; do sleep 0.05; done; cat effects; test $(wc -l < effects) = 2"
    )
    check = command("check", text, "build", rework=Rework("build", 2, FAILED))
    ship = command("ship", "cp effects shipped", "check")
    async with open_commands(tmp_path) as house:
        run_id = await house.start(build, check, ship)
        await until(lambda: (house.workspace / "up").exists(), "the check")
        await house.depart()
    (house.workspace / "go").touch()  # it fails while there is no host
    for _ in range(2):  # what a second host finds is done, and stays so
        async with open_commands(tmp_path) as house:
            await house.orchestrator.recover()
            detail = await house.finished(run_id)
            jobs = await house.jobs(run_id)
    assert detail.run.state is RunState.SUCCESS, detail.error
    assert [step.key for step in detail.steps] == ["build", "check", "ship", "build#2", "check#2"]
    assert [step.attempt for step in detail.steps] == [1] * 5
    assert detail.steps[1].state is StepState.FAILED
    assert Counter(job.prompt for job in jobs) == {
        build.command: 2,
        check.command: 2,
        ship.command: 1,
    }
    assert (house.workspace / "shipped").read_text() == "x\nx\n"
