"""Reads fields of JSON that somebody else wrote: what is missing or odd counts as empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]


def text(fields: Fields, name: str) -> str:
    """Return a text, empty if there is none."""
    value = fields.get(name)
    if not isinstance(value, str):
        return ""
    # JSON can spell half of a surrogate pair, which neither files nor databases take.
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def integer(fields: Fields, name: str) -> int | None:
    """Return a whole number, None if there is none."""
    value = fields.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def mapping(fields: Fields, name: str) -> Fields:
    """Return an object, empty if there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def mappings(fields: Fields, name: str) -> list[Fields]:
    """Return the objects of a list, none if there is no list."""
    value = fields.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
