"""When an action applies, and the sentence that says why it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foredeck.app.screens.actions import ACTIONS, Situation, why_not
from foredeck.services.domain.states import RunState, StepState
from tests.support.fake_host import run_detail, step_row


def situation(state: RunState, step: StepState, *, output: str | None = "/o.log") -> Situation:
    row = step_row("builder", step, output_path=output)
    return Situation(connected=True, run=run_detail("r", state, (row,)), step=row)


def in_graph(state: RunState, step: StepState, *, asked: int = 0) -> Situation:
    return replace(situation(state, step), pane="graph", asked=asked)


@pytest.mark.parametrize(
    ("action", "where", "reason"),
    [
        ("retry", situation(RunState.FAILED, StepState.FAILED), ""),
        ("retry", situation(RunState.CANCELLED, StepState.CANCELLED), ""),
        ("retry", situation(RunState.RUNNING, StepState.FAILED), ""),
        (
            "retry",
            situation(RunState.RUNNING, StepState.RUNNING),
            "The run is running: nothing in it has failed.",
        ),
        (
            "retry",
            situation(RunState.SUCCESS, StepState.SUCCESS),
            "The run is finished: nothing in it has failed.",
        ),
        ("cancel", situation(RunState.RUNNING, StepState.RUNNING), ""),
        ("cancel", situation(RunState.CREATED, StepState.PENDING), ""),
        (
            "cancel",
            situation(RunState.PARTIAL_SUCCESS, StepState.FAILED),
            "The run is partly finished already: there is nothing to stop.",
        ),
        ("cancel", Situation(connected=True), "Select a run first."),
        ("pause", situation(RunState.RUNNING, StepState.RUNNING), ""),
        (
            "pause",
            situation(RunState.SUCCESS, StepState.SUCCESS),
            "The run is finished: there is nothing to pause.",
        ),
        ("rerun", situation(RunState.SUCCESS, StepState.SUCCESS), ""),
        (
            "rerun",
            situation(RunState.RUNNING, StepState.SUCCESS),
            "The run is running: pause it and let the stage under way end, or stop it.",
        ),
        ("skip", situation(RunState.FAILED, StepState.FAILED), ""),
        (
            "skip",
            situation(RunState.RUNNING, StepState.RUNNING),
            "The stage cannot be skipped: it is running.",
        ),
        ("prompt", Situation(connected=True), "Select a run first."),
        ("restart", situation(RunState.RUNNING, StepState.RUNNING), ""),
        ("search", Situation(connected=True), "Select a run first."),
        ("project_settings", Situation(connected=True), "Select a project first."),
        ("workflow", Situation(connected=True), "Select a project first."),
        ("workflow", Situation(connected=True, project_id="p1"), ""),
        ("retry", in_graph(RunState.RUNNING, StepState.FAILED), ""),
        (
            "retry",
            in_graph(RunState.FAILED, StepState.SUCCESS),
            "Builder has succeeded. R runs it and everything after it again.",
        ),
        ("answer", in_graph(RunState.RUNNING, StepState.RUNNING, asked=1), ""),
        (
            "answer",
            in_graph(RunState.RUNNING, StepState.RUNNING),
            "Builder asks nothing just now.",
        ),
        ("answer", situation(RunState.RUNNING, StepState.RUNNING), "Nothing is asked just now."),
        (
            "search",
            situation(RunState.RUNNING, StepState.PENDING, output=None),
            "This stage has no output yet.",
        ),
        ("next_error", situation(RunState.RUNNING, StepState.RUNNING), ""),
        ("new_run", Situation(connected=True), ""),
        ("new_run", Situation(), "The data is not open yet."),
        ("new_run", Situation(failed=True), "The data is not open."),
        ("reload", Situation(), "The data is not open yet."),
        ("reload", Situation(failed=True), ""),
        ("help", Situation(), ""),
        ("ask_quit", Situation(), ""),
    ],
)
def test_an_action_says_why_it_does_not_apply(action: str, where: Situation, reason: str) -> None:
    assert why_not(action, where) == reason


def test_a_run_that_is_being_cancelled_is_left_alone() -> None:
    row = step_row("builder", StepState.RUNNING)
    run = run_detail("r", RunState.RUNNING, (row,))
    where = Situation(connected=True, run=run, step=row, cancelling=True)
    assert why_not("cancel", where) == why_not("retry", where) == "The run is being cancelled."


def test_no_key_means_two_things() -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))


def test_every_action_is_described() -> None:
    assert all(action.description and action.keys for action in ACTIONS)


def test_every_action_fits_on_one_line_of_the_help_at_80_columns() -> None:
    assert [a.name for a in ACTIONS if len(a.description) > 55] == []
