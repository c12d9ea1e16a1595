"""Steps for tests of pure logic."""

from foredeck.services.domain.records import Step, StepKind
from foredeck.services.domain.states import StepState


def make_step(
    key: str,
    state: StepState = StepState.PENDING,
    needs: tuple[str, ...] = (),
    *,
    critical: bool = True,
    attempt: int | None = None,
    position: int = 0,
) -> Step:
    """Return a step; it has had an attempt unless it is pending or skipped."""
    began = 0 if state in (StepState.PENDING, StepState.SKIPPED) else 1
    return Step(
        id=f"id-{key}",
        run_id="run",
        key=key,
        spec_id=key.partition("#")[0],
        position=position,
        kind=StepKind.AGENT,
        title=key.title(),
        needs=needs,
        critical=critical,
        state=state,
        attempt=began if attempt is None else attempt,
        max_attempts=3,
    )
