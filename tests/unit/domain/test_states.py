"""The one table of transitions, and the state of a run."""

import pytest

from foredeck.services.domain.errors import IllegalTransition
from foredeck.services.domain.states import (
    FINAL_JOBS,
    TRANSITIONS,
    JobState,
    QuestionState,
    RunState,
    StepState,
    check_transition,
    derive_run_state,
)
from tests.support.steps import make_step

S = StepState


def test_every_state_has_its_row_and_leads_only_to_its_own_kind() -> None:
    assert set(TRANSITIONS) == {RunState, StepState, JobState, QuestionState}
    for kind, table in TRANSITIONS.items():
        assert list(table) == list(kind)
        for old, news in table.items():
            assert all(type(new) is kind for new in news)
            assert old not in news


def test_an_illegal_transition_is_an_error_that_names_both_states() -> None:
    with pytest.raises(IllegalTransition, match=r"success .* running"):
        check_transition(S.SUCCESS, S.RUNNING)
    with pytest.raises(IllegalTransition):
        check_transition(RunState.SUCCESS, S.PENDING)


@pytest.mark.parametrize("state", sorted(FINAL_JOBS - {JobState.COMPLETED, JobState.CANCELLED}))
def test_only_a_job_that_ended_badly_may_be_queued_again(state: JobState) -> None:
    check_transition(state, JobState.QUEUED)


@pytest.mark.parametrize(
    ("states", "ready", "expected"),
    [
        ([S.SUCCESS, S.RUNNING, S.WAITING], False, RunState.RUNNING),
        ([S.SUCCESS, S.PENDING], True, RunState.RUNNING),
        ([S.WAITING, S.RETRY, S.FAILED], False, RunState.WAITING),
        ([S.RETRY, S.FAILED], False, RunState.RETRY),
        ([S.SUCCESS, S.FAILED, S.CANCELLED], False, RunState.FAILED),
        ([S.SUCCESS, S.CANCELLED], False, RunState.CANCELLED),
        ([S.SUCCESS, S.SKIPPED], False, RunState.SUCCESS),
    ],
)
def test_the_state_of_a_run_follows_from_its_steps(
    states: list[StepState], ready: bool, expected: RunState
) -> None:
    steps = [make_step(f"s{i}", state) for i, state in enumerate(states)]
    assert derive_run_state(steps, ready=ready) is expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([S.SUCCESS, S.RUNNING, S.PENDING], RunState.RUNNING),
        ([S.SUCCESS, S.PENDING], RunState.WAITING),
        ([S.RETRY, S.PENDING], RunState.WAITING),
        ([S.FAILED, S.SKIPPED], RunState.FAILED),
        ([S.SUCCESS, S.SUCCESS], RunState.SUCCESS),
    ],
)
def test_a_paused_run_with_work_left_waits(states: list[StepState], expected: RunState) -> None:
    steps = [make_step(f"s{i}", state) for i, state in enumerate(states)]
    assert derive_run_state(steps, ready=False, paused=True) is expected


def test_a_failed_step_that_is_not_critical_makes_a_partial_success() -> None:
    steps = [make_step("a", S.SUCCESS), make_step("b", S.FAILED, critical=False)]
    assert derive_run_state(steps, ready=False) is RunState.PARTIAL_SUCCESS
