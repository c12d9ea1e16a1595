"""What follows from how much of a budget is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.workflow.budget import Limit, judge, tokens_of


def limit(tokens: int | None = None, cost: float | None = None) -> Limit:
    return Limit("run", "r", tokens, cost)


@pytest.mark.parametrize(
    ("used", "warns", "stops"), [(799, False, False), (800, True, False), (1000, False, True)]
)
def test_a_budget_warns_at_80_percent_and_stops_at_100(used: int, warns: bool, stops: bool) -> None:
    standing = judge(limit(1000), used, None)
    assert (bool(standing.warnings), bool(standing.stop)) == (warns, stops)


def test_the_reason_says_how_much_and_what_to_do() -> None:
    stop = judge(limit(1_000_000), 1_200_000, None).stop
    assert stop == "budget: 1.2 of 1.0 M tokens used: raise it to go on"
    assert judge(limit(cost=1.5), 0, 2.0).stop == "budget: $2.00 of $1.50 used: raise it to go on"


def test_without_a_price_a_cost_is_warned_about_and_never_stops() -> None:
    standing = judge(limit(cost=1.0), 10**9, None)
    assert standing.stop == ""
    ((key, sentence),) = standing.warnings
    assert key == "run price"
    assert "a price is not known" in sentence


@given(st.integers(1, 10**12), st.integers(0, 10**13), st.floats(0.01, 1e6), st.floats(0, 1e7))
def test_it_stops_exactly_when_something_is_spent(
    tokens: int, used: int, cost: float, spent: float
) -> None:
    standing = judge(limit(tokens, cost), used, spent)
    assert bool(standing.stop) == (used >= tokens or spent >= cost)
    assert len(dict(standing.warnings)) == len(standing.warnings)


def test_tokens_are_said_in_the_unit_of_the_limit() -> None:
    assert tokens_of(50, 900) == "50 of 900 tokens"
    assert tokens_of(1_250, 1_000) == "1.2 of 1.0 k tokens"
