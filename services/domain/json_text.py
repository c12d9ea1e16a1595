"""Whether a text is JSON, as every reader of JSON takes it."""

from __future__ import annotations

import json
import math


def is_json(text: str) -> bool:
    """Whether a text is JSON by the standard: no NaN, nothing too large or nested too deeply.

    Python writes and reads some numbers that no other reader knows.
    """
    try:
        json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return False
    return True


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(digits)
    return number


def _refuse(name: str) -> None:
    raise ValueError(name)
