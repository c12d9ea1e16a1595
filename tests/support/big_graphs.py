"""Graphs of five hundred steps: a chain, a fan-out, layers, and anything at all."""

from __future__ import annotations

import random
from collections.abc import Callable

from foredeck.services.domain.views import StepRow
from tests.ui.widget_app import step_row

SIZE = 500
_PER_LAYER = 25


def chain() -> list[StepRow]:
    """Return steps one after the other."""
    return [step_row(f"s{i}", needs=(f"s{i - 1}",) if i else ()) for i in range(SIZE)]


def fan_out() -> list[StepRow]:
    """Return one step, 498 that need it, and one that needs them all."""
    names = [f"s{i}" for i in range(1, SIZE - 1)]
    middle = [step_row(name, needs=("s0",)) for name in names]
    return [step_row("s0"), *middle, step_row("end", needs=tuple(names))]


def layered() -> list[StepRow]:
    """Return layers of 25 steps, each of which needs one to three of the layer before."""
    chance = random.Random(1)

    def needs(i: int) -> tuple[str, ...]:
        first = (i // _PER_LAYER - 1) * _PER_LAYER
        if first < 0:
            return ()
        picked = {chance.randrange(first, first + _PER_LAYER) for _ in range(chance.randint(1, 3))}
        return tuple(f"s{number}" for number in sorted(picked))

    return [step_row(f"s{i}", needs=needs(i)) for i in range(SIZE)]


def wild() -> list[StepRow]:
    """Return steps that need one to three of any before them."""
    chance = random.Random(1)

    def needs(i: int) -> tuple[str, ...]:
        picked = {chance.randrange(i) for _ in range(chance.randint(1, 3))} if i else set()
        return tuple(f"s{number}" for number in sorted(picked))

    return [step_row(f"s{i}", needs=needs(i)) for i in range(SIZE)]


BIG: dict[str, Callable[[], list[StepRow]]] = {
    "chain": chain,
    "fan_out": fan_out,
    "layered": layered,
    "wild": wild,
}
