"""Prompt templates: `{{variable}}`, filled in; the braces are those of workflow files (T2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.workflow import InputSpec
from foredeck.services.workflow.file.templates import filled, places

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
NAME_RULE = "a name has letters, digits, _, - and ., and begins with a letter"
_SHOWN = 60


def is_name(text: str) -> bool:
    """Whether a variable may have this name."""
    return bool(_NAME.match(text))


def variables_of(template: str) -> tuple[str, ...]:
    """Return the names of the variables in a template, each once, in their order."""
    return tuple(place.name for place in places(template) if place.name and is_name(place.name))


def syntax_mistakes(template: str) -> tuple[str, ...]:
    """Return what is wrong with the braces of a template, a sentence each."""
    found = []
    for place in places(template):
        if place.name is None:
            found.append("The template has {{ without a name and }}: \\{{ stands for two braces.")
        elif not is_name(place.name):
            shown = safe_line(place.name, limit=_SHOWN)
            found.append(f"{{{{{shown}}}}} in the template is no variable: {NAME_RULE}.")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template with its values; `missing` have none, `extra` are values that it has no use for.

    `values` are those that were filled in.
    """

    prompt: str
    values: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def render(
    template: str,
    defaults: Mapping[str, str],
    given: Mapping[str, str],
    inputs: Iterable[InputSpec] = (),
) -> Rendered:
    """Fill a template in; a value is never looked through for more variables.

    `inputs` are those of the workflow: variables too, which may have a default there.
    """
    optional = {one.name: one.default is not None for one in inputs}
    needed = [*variables_of(template), *(name for name in optional if not optional[name])]
    names = dict.fromkeys((*variables_of(template), *optional))
    every = {**defaults, **given}
    values = {name: every[name] for name in names if name in every}
    missing = tuple(name for name in dict.fromkeys(needed) if name not in every)
    extra = tuple(name for name in given if name not in names)
    return Rendered(filled(template, values), tuple(values.items()), missing, extra)
