"""What a value in a workflow file may be: each shape reads it and describes it to editors.

Both are one class on purpose: what the reader accepts and what the JSON schema says cannot
drift apart. A shape notes what is wrong and returns `PENDING` for it, as it does for what
hangs on an input.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from yaml import Node, ScalarNode
from yaml.constructor import ConstructorError, SafeConstructor

from foredeck.services.domain.workflow import InputValue
from foredeck.services.workflow import near
from foredeck.services.workflow.file.nodes import (
    described,
    is_unquoted_template,
    kind_of,
    shown,
)
from foredeck.services.workflow.file.reading import PENDING, Pending, Reading
from foredeck.services.workflow.file.templates import Use

LONGEST_LINE = 200
LONGEST_TEXT = 200_000
"""Characters; codex refuses longer prompts."""

_TEMPLATE = {"type": "string", "pattern": r"^\{\{.+\}\}$"}
_LONGEST_NUMBER = 40
_CONSTRUCTOR = SafeConstructor()
_QUOTE = "Put it in quotes."


class Shape(Protocol):
    """A shape of values."""

    def read(self, node: Node, at: Reading) -> Any:
        """Return the value, or `PENDING`."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the values."""


@dataclass(frozen=True)
class Text:
    """A text; with `pattern` it is a name, and `form` says of what it is made."""

    use: Use = Use.FILLED
    pattern: str = ""
    form: str = ""
    longest: int = LONGEST_TEXT
    may_be_empty: bool = False

    def read(self, node: Node, at: Reading) -> str | Pending:
        """Return the text."""
        if kind_of(node) != "text" or not isinstance(node, ScalarNode):
            return wrong(node, at, "a text", _text_hint(node))
        found = at.filled(node, self.use, typed=False)
        return PENDING if found is None else self._checked(found, at)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        made: dict[str, Any] = {"type": "string", "maxLength": self.longest}
        if self.pattern:
            made["pattern"] = f"^{self.pattern}$"
        elif not self.may_be_empty:
            made["minLength"] = 1
        return made

    def _checked(self, node: ScalarNode, at: Reading) -> str | Pending:
        text = str(node.value)
        if not text.strip() and not self.may_be_empty:
            return refuse(node, at, f"`{at.label}` is empty.", "Write it, or take the key out.")
        if len(text) > self.longest:
            return refuse(node, at, f"`{at.label}` has at most {self.longest:,} characters.")
        if self.pattern and not re.fullmatch(self.pattern, text):
            return refuse(node, at, f"`{at.label}` is {shown(text)}; it takes {self.form}.")
        return text


@dataclass(frozen=True)
class Number:
    """A number within bounds, both included."""

    least: float
    most: float
    whole: bool = False
    unit: str = ""

    def read(self, node: Node, at: Reading) -> float | int | Pending:
        """Return the number: an int if it has to be whole, else a float."""
        wanted = f"a {'whole ' if self.whole else ''}number from {self._range()}"
        if kind_of(node) == "text" and isinstance(node, ScalarNode):
            filled = at.filled(node)
            if filled is None:
                return PENDING
            node = filled
        value = number_in(node)
        if value is None or isinstance(value, bool):
            return wrong(node, at, wanted)
        if not self.least <= value <= self.most or (self.whole and value != int(value)):
            return wrong(node, at, wanted)
        return int(value) if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        kind = "integer" if self.whole else "number"
        bounds = {"minimum": _plain(self.least), "maximum": _plain(self.most)}
        return {"anyOf": [{"type": kind, **bounds}, _TEMPLATE]}

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{_plain(self.least):,} to {_plain(self.most):,}{unit}"


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def read(self, node: Node, at: Reading) -> bool | Pending:
        """Return the truth value."""
        found: Node | None = node
        if kind_of(node) == "text" and isinstance(node, ScalarNode):
            found = at.filled(node)
            if found is None:
                return PENDING
        value = truth_in(found) if found else None
        return wrong(node, at, "true or false") if value is None else value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {"anyOf": [{"type": "boolean"}, _TEMPLATE]}


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]
    fixed: bool = False

    def read(self, node: Node, at: Reading) -> str | Pending:
        """Return the word."""
        wanted = near.one_of(self.words)
        if kind_of(node) != "text" or not isinstance(node, ScalarNode):
            return wrong(node, at, wanted)
        found = at.filled(node, Use.FIXED if self.fixed else Use.FILLED, typed=False)
        if found is None:
            return PENDING
        word = str(found.value)
        hint = at.findings.did_you_mean(word, self.words)
        return word if word in self.words else wrong(found, at, wanted, hint)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        words = {"enum": list(self.words)}
        return words if self.fixed else {"anyOf": [words, _TEMPLATE]}


@dataclass(frozen=True)
class Anything:
    """A text, a number or a truth value as it is."""

    def read(self, node: Node, at: Reading) -> InputValue | Pending:
        """Return the value in its own type."""
        value = value_in(node)
        return wrong(node, at, "a text, a number or true or false") if value is None else value

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class Written:
    """A text, or a number or a truth value as it is written: `3.10` stays `3.10`."""

    use: Use = Use.FILLED

    def read(self, node: Node, at: Reading) -> str | Pending:
        """Return the text."""
        if not isinstance(node, ScalarNode) or value_in(node) is None:
            return wrong(node, at, "a text, a number or true or false")
        if kind_of(node) != "text":
            return str(node.value)
        found = at.filled(node, self.use, typed=False)
        return PENDING if found is None else str(found.value)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {"type": ["string", "number", "boolean"]}


def wrong(node: Node, at: Reading, wanted: str, hint: str = "") -> Pending:
    """Note that a value is not what is wanted."""
    if is_unquoted_template(node):
        return refuse(node, at, "A value that begins with {{ has to be in quotes.")
    return refuse(node, at, f"`{at.label}` must be {wanted}, not {described(node)}.", hint)


def refuse(node: Node, at: Reading, message: str, hint: str = "") -> Pending:
    """Note what is wrong with a value; there is none then."""
    at.error(node, message, hint)
    return PENDING


def value_in(node: Node) -> InputValue | None:
    """Return the text, number or truth value of a node; None if it is something else."""
    if kind_of(node) == "text":
        return str(node.value)
    truth = truth_in(node)
    return number_in(node) if truth is None else truth


def truth_in(node: Node) -> bool | None:
    """Return the truth value of a node, None if it is none."""
    if kind_of(node) != "truth value" or not isinstance(node, ScalarNode):
        return None
    return SafeConstructor.bool_values.get(node.value.lower())


def number_in(node: Node) -> int | float | None:
    """Return the finite number of a node, None if it is none."""
    if kind_of(node) != "number" or not isinstance(node, ScalarNode):
        return None
    if len(node.value) > _LONGEST_NUMBER:
        return None
    try:
        if node.tag.endswith(":int"):
            return int(_CONSTRUCTOR.construct_yaml_int(node))
        value = float(_CONSTRUCTOR.construct_yaml_float(node))
    except (ValueError, IndexError, OverflowError, ConstructorError):
        return None
    return value if math.isfinite(value) else None


def known(read: Mapping[str, Any] | Pending) -> dict[str, Any]:
    """Return what is known of what was read: neither what is wrong nor what is `PENDING`."""
    if isinstance(read, Pending):
        return {}
    return {name: value for name, value in read.items() if value is not PENDING}


def _text_hint(node: Node) -> str:
    return _QUOTE if kind_of(node) in ("number", "truth value", "date") else ""


def _plain(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number
