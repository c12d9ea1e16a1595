"""The nearest known name, for messages about an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 80


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, empty if none is near."""
    if len(name) > _LONGEST:
        return ""
    by_form = {_form(one): one for one in known}
    near = get_close_matches(_form(name), by_form, n=1)
    return by_form[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether a known name was meant, empty if none is near."""
    near = nearest(name, known)
    return f"Did you mean {near}?" if near else ""


def one_of(names: Iterable[str], last: str = "or") -> str:
    """Return names as people list them: `a, b or c`."""
    *first, final = names
    return f"{', '.join(first)} {last} {final}" if first else final


def _form(name: str) -> str:
    return name.lower().replace("-", "_")
