"""What commands answer about runs and projects."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foredeck.app.cli import answers, follow
from foredeck.app.cli.render import plain
from foredeck.services.domain.states import FINAL_RUNS, RunState, StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.queries import GetRun, GetSidebar
from tests.support import fake_host


async def _detail(host: fake_host.FakeHost) -> RunDetail:
    sidebar = await host.ask(GetSidebar())
    run = next(run for node in sidebar.projects for run in node.runs)
    return await host.ask(GetRun(run.id))


async def test_a_run_is_one_flat_object_with_its_steps(tmp_path: Path) -> None:
    answer = plain(answers.detail_answer(await _detail(fake_host.failed(tmp_path))))
    json.dumps(answer)
    nested = {name for name, value in answer.items() if isinstance(value, dict | list)}
    assert nested == {"steps"}
    assert answer["id"]
    failed = next(step for step in answer["steps"] if step["state"] == "failed")
    assert failed["error"]
    assert failed["failure_class"]


async def test_a_failed_run_is_shown_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = await _detail(fake_host.failed(tmp_path))
    answers.put_detail(detail)
    shown = capsys.readouterr().out
    failure = next(step.failure for step in detail.steps if step.failure)
    assert failure.message.split()[0] in shown
    assert failure.advice.split()[-1] in shown
    assert all(step.key in shown for step in detail.steps)


@pytest.mark.parametrize(("cost", "shown"), [(None, "unknown"), (0.124, "$0.12")])
async def test_the_cost_is_told_or_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cost: float | None, shown: str
) -> None:
    detail = replace(await _detail(fake_host.failed(tmp_path)), cost=cost)
    assert answers.detail_answer(detail)["cost_usd"] == cost
    answers.put_detail(detail)
    follow.put_result(detail, "table", advise=False)
    costs = [line for line in capsys.readouterr().out.splitlines() if "Cost" in line]
    assert [line.split()[-1] for line in costs] == [shown, shown]


async def test_the_result_of_a_run_that_ended_badly_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = await _detail(fake_host.failed(tmp_path))
    follow.put_result(detail, "table")
    assert f"foredeck runs retry {detail.run.id}" in capsys.readouterr().err
    follow.put_result(detail, "json", advise=False)
    said = capsys.readouterr()
    assert json.loads(said.out)["id"] == detail.run.id
    assert said.err == ""


@pytest.mark.parametrize("helps", [True, False])
async def test_a_retry_is_offered_only_where_it_may_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], helps: bool
) -> None:
    detail = await _detail(fake_host.failed(tmp_path))
    steps = tuple(
        replace(step, failure=replace(step.failure, retry_helps=helps)) if step.failure else step
        for step in detail.steps
    )
    follow.put_result(replace(detail, steps=steps), "table")
    assert ("runs retry" in capsys.readouterr().err) is helps


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59, "59s"), (61, "1m 01s"), (7260, "2h 01m")]
)
def test_durations_in_words(seconds: int, words: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert answers.taken(start, start + timedelta(seconds=seconds)) == words
    assert answers.seconds_between(start, start + timedelta(seconds=seconds)) == seconds


def test_what_has_not_begun_has_no_duration() -> None:
    assert answers.taken(None, None) == "–"
    assert answers.seconds_between(None, None) is None


def test_exit_codes() -> None:
    step = fake_host.step_row("builder", StepState.WAITING)
    codes = {
        state: follow.exit_code(fake_host.run_detail("r", state, (step,)))
        for state in {*FINAL_RUNS, RunState.WAITING}
    }
    assert codes == {
        RunState.SUCCESS: 0,
        RunState.WAITING: 4,
        RunState.FAILED: 1,
        RunState.PARTIAL_SUCCESS: 1,
        RunState.CANCELLED: 1,
    }
    held = fake_host.run_detail("r", RunState.WAITING, (replace(step, over_budget=True),))
    assert follow.exit_code(held) == 3
