"""The command that a run's result advises: it has to be the one that really goes on."""

from __future__ import annotations

from typing import Any

import pytest

from foredeck.app.cli.follow import way_on
from foredeck.app.screens.actions import Situation, why_not
from foredeck.services.codex.failures import lost
from foredeck.services.domain.clock import now
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail
from tests.support.fake_host import project_row, run_detail, step_row

LOST = run_detail("r1", RunState.WAITING, (step_row("builder", StepState.WAITING, failure=lost()),))


def held(**changes: Any) -> RunDetail:
    """Return a run that waits for a larger budget and has used 14,250 tokens."""
    step = step_row("builder", StepState.WAITING, over_budget=True)
    project = project_row(name="my shop")
    return run_detail("r1", RunState.WAITING, (step,), project=project, **changes)


@pytest.mark.parametrize(
    ("detail", "command"),
    [
        (held(budget_tokens=1), "runs budget r1 --tokens 28500"),
        (held(budget_cost=1.0, cost=1.25), "runs budget r1 --cost 2.50"),
        (held(), "projects set 'my shop' budget_tokens=N, and then runs resume r1"),
        (LOST, "runs resume r1"),
        (run_detail("r1", RunState.RUNNING, (), paused_at=now()), "runs resume r1"),
        (run_detail("r1", RunState.FAILED, ()), "runs retry r1"),
    ],
)
def test_the_advice_goes_on_with_the_run(detail: RunDetail, command: str) -> None:
    assert way_on(detail) == command


def test_a_run_whose_turn_was_lost_can_be_resumed_and_retried() -> None:
    situation = Situation(connected=True, run=LOST)
    assert why_not("pause", situation) == ""
    assert why_not("retry", situation) == ""
