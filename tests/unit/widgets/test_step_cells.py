"""What stands under a step in the stage table."""

from datetime import UTC, datetime

from foredeck.services.domain.records import StepKind, TokenUsage
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow
from foredeck.widgets.step_cells import note_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHY = "Waits for the runs before it in this workspace, first “Build it”"


def row(state: StepState, reason: str) -> StepRow:
    return StepRow(
        id="1",
        key="planner",
        title="Planner",
        kind=StepKind.AGENT,
        state=state,
        needs=(),
        critical=True,
        attempt=0,
        max_attempts=3,
        started_at=None,
        ended_at=None,
        retry_at=None,
        usage=TokenUsage(),
        summary="",
        failure=None,
        verdict=None,
        reason=reason,
        output_path=None,
    )


def test_a_step_that_has_to_wait_for_another_run_says_so() -> None:
    assert note_of(row(StepState.PENDING, WHY), NOW) == (WHY, "state--waiting")


def test_a_step_that_only_waits_for_those_before_it_says_nothing() -> None:
    assert note_of(row(StepState.PENDING, ""), NOW) is None
