"""What tokens cost: only by the prices that a person has written down.

Foredeck brings no prices of its own: they change, and a wrong one is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from foredeck.services.domain.records import TokenUsage

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of one model.

    `cached_input` is for the part of the input that the service had in its cache. Reasoning
    is part of the output and costs the same.
    """

    input: float
    cached_input: float
    output: float

    def of(self, usage: TokenUsage) -> float:
        """Return what these tokens cost, in US dollars."""
        fresh = max(0, usage.input - usage.cached_input)
        dollars = (
            fresh * self.input + usage.cached_input * self.cached_input + usage.output * self.output
        )
        return dollars / _PER


def cost(usages: Iterable[tuple[str, TokenUsage]], prices: Mapping[str, Price]) -> float | None:
    """Return what models and their tokens cost together, in US dollars.

    None when a model that was used has no price: a part of the sum would be taken for the
    whole. Nothing used costs nothing, if there are prices at all.
    """
    if not prices:
        return None
    total = 0.0
    for model, usage in usages:
        if usage == TokenUsage():
            continue
        price = prices.get(model)
        if price is None:
            return None
        total += price.of(usage)
    return total
