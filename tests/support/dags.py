"""Workflows for tests of the engine: steps in a line each, and a grammar of one comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import Gate, RetryPolicy, StepSpec

ONCE = RetryPolicy(max=0)
AT_ONCE = RetryPolicy(max=2, delay=0.0)


def work(id_: str, *needs: str, **fields: Any) -> StepSpec:
    """Return a step of kind command, tried once unless it says otherwise."""
    given = {"kind": StepKind.COMMAND, "title": id_.title(), "retries": ONCE, **fields}
    return StepSpec(id=id_, needs=needs, **given)


def gate(id_: str, *needs: str, message: str = "Ship it?", **fields: Any) -> StepSpec:
    """Return a gate."""
    return work(id_, *needs, kind=StepKind.GATE, gate=Gate(message), **fields)


def compare(text: str, values: Mapping[str, object]) -> bool:
    """Judge `NAME == "word"` and `NAME != "word"`: enough for what follows from the answer."""
    found = re.fullmatch(r'(\S+) (==|!=) "(.*)"', text)
    if found is None or found.group(1) not in values:
        raise InvalidInput(f"{text!r} is no condition.")
    name, sign, word = found.groups()
    return (values[name] == word) is (sign == "==")
