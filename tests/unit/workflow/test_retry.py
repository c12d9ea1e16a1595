"""When a failed step is tried again by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.records import FailureClass, StepKind
from foredeck.services.domain.workflow import Backoff, RetryPolicy
from foredeck.services.workflow.retry import delay_before, may_retry


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff.EXPONENTIAL, [2.0, 4.0, 8.0, 10.0]),
        (Backoff.LINEAR, [2.0, 4.0, 6.0, 8.0]),
        (Backoff.CONSTANT, [2.0, 2.0, 2.0, 2.0]),
    ],
)
def test_the_delay_grows_as_the_policy_says(backoff: Backoff, delays: list[float]) -> None:
    policy = RetryPolicy(delay=2.0, backoff=backoff, max_delay=10.0)
    assert [delay_before(policy, retry) for retry in range(1, 5)] == delays


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_delay_never_exceeds_the_cap_however_it_is_spread(retry: int, chance: float) -> None:
    policy = RetryPolicy(delay=1.0, max_delay=60.0, jitter=0.2)
    assert 0 <= delay_before(policy, retry, chance) <= 60


@pytest.mark.parametrize("kind", list(StepKind))
def test_only_what_may_pass_by_itself_is_tried_again(kind: StepKind) -> None:
    assert may_retry(FailureClass.NETWORK, 1, 3, kind)
    assert not may_retry(FailureClass.NETWORK, 3, 3, kind)
    assert not may_retry(FailureClass.AUTHENTICATION, 1, 3, kind)


@pytest.mark.parametrize("failure_class", [FailureClass.COMMAND, FailureClass.TIMEOUT])
def test_only_a_command_is_tried_again_after_its_exit_code_or_its_time(
    failure_class: FailureClass,
) -> None:
    assert may_retry(failure_class, 1, 3, StepKind.COMMAND)
    assert not may_retry(failure_class, 1, 3, StepKind.CODEX)
    assert not may_retry(failure_class, 3, 3, StepKind.COMMAND)
