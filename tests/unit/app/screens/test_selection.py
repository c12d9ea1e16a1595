"""Which stage is shown when nobody chose one, and what a choice survives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foredeck.app.screens.selection import (
    Selection,
    current_step,
    first_run,
    project_of,
    working_runs,
)
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import ProjectNode, Sidebar
from tests.support.fake_host import ago, project_row, run_detail, step_row

P, R, S, F, W = (
    StepState.PENDING,
    StepState.RUNNING,
    StepState.SUCCESS,
    StepState.FAILED,
    StepState.WAITING,
)


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ((P, P, P), 0),
        ((R, P, P), 0),
        ((S, R, P), 1),
        ((S, F, StepState.SKIPPED), 1),
        ((S, S, S), 2),
        ((S, P, P), 0),
        ((F, R, P), 1),
        ((S, W, P), 1),
        ((S, StepState.RETRY, P), 1),
    ],
)
def test_the_stage_where_things_happen_is_shown(states: tuple[StepState, ...], shown: int) -> None:
    keys = ("planner", "builder", "qa_qc")
    steps = tuple(step_row(key, state) for key, state in zip(keys, states, strict=True))
    step = current_step(steps)
    assert step is not None
    assert step.key == keys[shown]


def test_a_run_without_stages_shows_none() -> None:
    assert current_step(()) is None


def test_a_chosen_stage_stays_chosen_until_another_run_is_selected() -> None:
    steps = (step_row("planner", S), step_row("builder", R))
    detail = run_detail("r1", RunState.RUNNING, steps)
    selection = Selection()
    assert selection.choose_run("r1", "p1")
    followed = selection.step_of(detail)
    selection.step_key = "planner"
    chosen = selection.step_of(detail)
    assert followed is not None
    assert chosen is not None
    assert (followed.key, chosen.key) == ("builder", "planner")
    assert not selection.choose_run("r1", "p1")
    assert selection.step_key == "planner"
    assert selection.choose_run("r2", "p1")
    assert selection.step_key is None


def test_a_chosen_stage_that_is_gone_gives_way_to_the_running_one() -> None:
    detail = run_detail("r1", RunState.RUNNING, (step_row("planner", R),))
    selection = Selection(run_id="r1", step_key="builder#2")
    step = selection.step_of(detail)
    assert step is not None
    assert step.key == "planner"


def _sidebar() -> Sidebar:
    done = run_detail("new", RunState.SUCCESS, ()).run
    works = replace(run_detail("old", RunState.RUNNING, ()).run, created_at=ago(9_999))
    other = replace(works, id="older", created_at=ago(99_999), project_id="p2")
    return Sidebar(
        (ProjectNode(project_row(), (done, works)), ProjectNode(project_row("p2", "b"), (other,)))
    )


def test_the_dashboard_opens_with_the_newest_run_that_works() -> None:
    run = first_run(_sidebar())
    assert run is not None
    assert run.id == "old"
    assert first_run(Sidebar(())) is None


def test_the_tree_knows_the_project_of_a_run() -> None:
    assert project_of(_sidebar(), "older") == "p2"
    assert project_of(_sidebar(), "nowhere") is None
    assert project_of(None, "older") is None


def test_the_runs_at_work_are_the_active_ones() -> None:
    assert [run.id for run in working_runs(_sidebar())] == ["old", "older"]
    assert working_runs(None) == ()
