"""`{{…}}` in the texts of a workflow file: what may stand there, and filling it in.

    {{inputs.NAME}}  {{matrix.KEY}}  {{run.request}}  {{project.name}}  {{project.workspace}}
    {{steps.ID.summary}}  {{steps.ID.state}}   in prompts and gates, when the step starts
    \\{{                                        two braces that mean nothing

What is filled in is never looked through for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from foredeck.services.domain.workflow import InputValue

ENVIRONMENT = ("run.request", "project.name", "project.workspace")
"""What every run knows besides its inputs."""

_PART = re.compile(r"\\\{\{|\{\{([^{}]*)\}\}|\{\{")
_LITERAL = re.compile(r"\\\{\{")


class Use(Enum):
    """What a text is for, which decides what `{{…}}` may stand in it."""

    FIXED = auto()
    """Nothing: the shape of the graph hangs on it."""
    FILLED = auto()
    """What is known when the run is made."""
    LATE = auto()
    """That, and what earlier steps said."""
    SHELL = auto()
    """What is known when the run is made; a shell reads it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A `{{name}}` in a text; `name` is None if it is not closed or holds braces."""

    name: str | None


def parts(text: str) -> Iterator[str | Place]:
    """Yield the pieces of a text in order: literal text, and places to fill in."""
    position = 0
    for match in _PART.finditer(text):
        yield text[position : match.start()]
        if match[0].startswith("\\"):
            yield "{{"
        else:
            yield Place(match[1].strip() if match[1] is not None else None)
        position = match.end()
    yield text[position:]


def places(text: str) -> tuple[Place, ...]:
    """Return the places of a text, each once."""
    if "{{" not in text:
        return ()
    return tuple(dict.fromkeys(part for part in parts(text) if isinstance(part, Place)))


def alone(text: str) -> str:
    """Return the name if the text is nothing but one place, else empty."""
    match = _PART.fullmatch(text.strip())
    return (match[1] or "").strip() if match else ""


def filled(text: str, values: Mapping[str, InputValue]) -> str:
    """Return the text with every place filled in that `values` knows; the others stay."""
    if "{{" not in text:
        return text
    return "".join(
        part if isinstance(part, str) else _value(part.name or "", values) for part in parts(text)
    )


def as_text(value: InputValue) -> str:
    """Return a value as YAML would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _value(name: str, values: Mapping[str, InputValue]) -> str:
    return as_text(values[name]) if name in values else f"{{{{{name}}}}}"
