"""What tokens cost."""

import pytest

from foredeck.services.domain.records import TokenUsage
from foredeck.services.pricing import Price, cost

PRICES = {"big": Price(1.25, 0.125, 10.0), "small": Price(0.25, 0.025, 2.0)}
MILLION = TokenUsage(1_000_000, 400_000, 100_000, 50_000)


def test_cached_input_has_its_own_price_and_reasoning_is_output() -> None:
    assert cost([("big", MILLION)], PRICES) == pytest.approx(0.6 * 1.25 + 0.4 * 0.125 + 1.0)


def test_models_add_up_each_at_its_price() -> None:
    alone = [cost([(model, MILLION)], PRICES) for model in PRICES]
    assert cost([("big", MILLION), ("small", MILLION)], PRICES) == pytest.approx(
        sum(part or 0 for part in alone)
    )


@pytest.mark.parametrize("model", ["other", ""])
def test_one_price_that_is_missing_makes_the_whole_unknown(model: str) -> None:
    assert cost([("big", MILLION), (model, TokenUsage(1))], PRICES) is None
    assert cost([("big", MILLION), (model, TokenUsage())], PRICES) is not None


def test_nothing_used_costs_nothing_where_there_are_prices() -> None:
    assert cost([], PRICES) == 0
    assert cost([], {}) is None


def test_more_cached_than_there_was_is_never_paid_back() -> None:
    assert cost([("big", TokenUsage(0, 1_000_000))], PRICES) == pytest.approx(0.125)
