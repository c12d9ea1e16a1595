"""When a failed step is tried again by itself: pure arithmetic."""

from __future__ import annotations

from foredeck.services.domain.records import FailureClass, StepKind
from foredeck.services.domain.workflow import Backoff, RetryPolicy

# Failures that may pass by themselves. The others (a wrong key, a spent quota, a verdict)
# come back the same until a person changes something, so trying again only costs.
TRANSIENT = frozenset({FailureClass.NETWORK, FailureClass.CRASH})
# A command costs no tokens, and most that fail now and then say so by their exit code.
_OF_COMMANDS = TRANSIENT | {FailureClass.COMMAND, FailureClass.TIMEOUT}


def delay_before(policy: RetryPolicy, retry: int, chance: float = 0.5) -> float:
    """Return the seconds to wait before the `retry`-th retry (from 1), SPEC D3.

    `chance` in [0, 1) spreads the delay by ±`policy.jitter`; 0.5 means no spread. It is never
    more than `policy.max_delay`.
    """
    if policy.backoff is Backoff.EXPONENTIAL:
        # The exponent is bounded because 2.0 ** 1024 overflows before the cap applies.
        delay = policy.delay * 2.0 ** min(retry - 1, 60)
    elif policy.backoff is Backoff.LINEAR:
        delay = policy.delay * retry
    else:
        delay = policy.delay
    capped = min(delay, policy.max_delay)
    spread = capped * (1 + policy.jitter * (2 * chance - 1))
    return min(max(0.0, spread), policy.max_delay)


def may_retry(
    failure_class: FailureClass, attempt: int, max_attempts: int, kind: StepKind = StepKind.AGENT
) -> bool:
    """Return whether attempt number `attempt` (from 1) is followed by another by itself."""
    classes = _OF_COMMANDS if kind is StepKind.COMMAND else TRANSIENT
    return failure_class in classes and attempt < max_attempts
