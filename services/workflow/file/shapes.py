"""What a value in a workflow file may be: each shape reads it and describes it to editors.

Both are one class on purpose: what the reader accepts and what the JSON schema says cannot
drift apart. A shape notes what is wrong and returns `PENDING` for it, as it does for what
hangs on an input.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.constructor import ConstructorError, SafeConstructor

from foredeck.services.domain.workflow import InputValue
from foredeck.services.workflow import near
from foredeck.services.workflow.file.nodes import (
    described,
    entries,
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
_FEW = 10
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


@dataclass(frozen=True)
class Listing:
    """A list; `example` is for the hint when it is none."""

    item: Shape
    example: str
    least: int = 0
    most: int = 1_000

    def read(self, node: Node, at: Reading) -> tuple[Any, ...] | Pending:
        """Return the values that are right."""
        return tuple(value for _node, value in self.pairs(node, at))

    def pairs(self, node: Node, at: Reading) -> list[tuple[Node, Any]]:
        """Return each value that is right with its node."""
        if not isinstance(node, SequenceNode) or kind_of(node) != "list":
            wrong(node, at, "a list", f"Write {self.example}.")
            return []
        if not self.least <= len(node.value) <= self.most:
            count = f"{len(node.value):,} value{'s' if len(node.value) != 1 else ''}"
            message = f"`{at.label}` has {count}; it takes {self.least:,} to {self.most:,}."
            at.error(node, message)
            return []
        found = [(item, self.item.read(item, at)) for item in node.value]
        return [(item, value) for item, value in found if value is not PENDING]

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        bounds = {"minItems": self.least, "maxItems": self.most}
        return {"type": "array", "items": self.item.schema(), **bounds}


@dataclass(frozen=True)
class Table:
    """Names of the user's own, each with a value of one shape."""

    value: Shape
    pattern: str
    form: str
    least: int = 0
    most: int = 100

    def read(self, node: Node, at: Reading) -> dict[str, Any] | Pending:
        """Return the names with their values."""
        if not isinstance(node, MappingNode) or kind_of(node) != "mapping":
            return wrong(node, at, "a mapping of names to values")
        found = entries(node, at.path, at.findings)
        if not self.least <= len(found) <= self.most:
            message = (
                f"`{at.label}` has {len(found):,} names; it takes {self.least} to {self.most}."
            )
            return refuse(node, at, message)
        for name, (key, _value) in found.items():
            if not re.fullmatch(self.pattern, name):
                at.error(key, f"{shown(name)} is no name here.", f"A name takes {self.form}.")
        read = {name: self.value.read(node, at.inside(name)) for name, (_, node) in found.items()}
        return known(read)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        return {
            "type": "object",
            "additionalProperties": self.value.schema(),
            "propertyNames": {"pattern": f"^{self.pattern}$"},
            "minProperties": self.least,
            "maxProperties": self.most,
        }


@dataclass(frozen=True)
class Key:
    """A key of a record; `about` is for editors."""

    name: str
    shape: Shape
    about: str
    required: bool = False


@dataclass(frozen=True)
class Record:
    """A mapping with keys of ours; with `short` that key's value may stand alone.

    One that `may_be_empty` may be a key with nothing behind it.
    """

    keys: tuple[Key, ...]
    short: str = ""
    may_be_empty: bool = False

    def read(self, node: Node, at: Reading) -> dict[str, Any] | Pending:
        """Return what the known keys say, those left out that are wrong or `PENDING`."""
        if self.short and isinstance(node, ScalarNode):
            value = self.key(self.short).shape.read(node, at)
            return PENDING if value is PENDING else {self.short: value}
        if self.may_be_empty and kind_of(node) == "nothing":
            return {}
        if not isinstance(node, MappingNode) or kind_of(node) != "mapping":
            return wrong(node, at, "a text or a mapping" if self.short else "a mapping")
        found = self.found(node, at)
        read = {
            key.name: key.shape.read(found[key.name][1], at.inside(key.name))
            for key in self.keys
            if key.name in found
        }
        return known(read)

    def found(self, node: MappingNode, at: Reading) -> dict[str, tuple[Node, Node]]:
        """Return the known keys that are there; note those that are unknown or missing."""
        found = entries(node, at.path, at.findings)
        names = [key.name for key in self.keys]
        for name, (key_node, _value) in found.items():
            if name not in names:
                unknown_key(key_node, name, names, at)
        for key in self.keys:
            if key.required and key.name not in found and not is_misspelt(key.name, found, names):
                label = _joined(at.label, key.name)
                at.error(node, f"`{label}` is missing.", key.about)
        return found

    def key(self, name: str) -> Key:
        """Return the key of that name."""
        return next(key for key in self.keys if key.name == name)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema."""
        made = record_schema(self.keys)
        if self.may_be_empty:
            made["type"] = ["object", "null"]
        return {"anyOf": [self.key(self.short).shape.schema(), made]} if self.short else made


def record_schema(keys: Iterable[Key]) -> dict[str, Any]:
    """Return the JSON schema of a mapping with these keys and no others."""
    listed = tuple(keys)
    made: dict[str, Any] = {
        "type": "object",
        "properties": {
            key.name: {"description": key.about, **key.shape.schema()} for key in listed
        },
        "additionalProperties": False,
    }
    if required := [key.name for key in listed if key.required]:
        made["required"] = required
    return made


def unknown_key(node: Node, name: str, known: Iterable[str], at: Reading) -> None:
    """Note a key that there is not."""
    hint = (
        at.findings.did_you_mean(name, known) or f"The keys here are {near.one_of(known, 'and')}."
    )
    if name == "<<":
        hint = "Put what steps share under `defaults`."
    at.error(node, f"There is no key {shown(name)}.", hint)


def is_misspelt(name: str, found: Iterable[str], names: Iterable[str]) -> bool:
    """Whether one of the unknown keys found was probably meant to be `name`."""
    listed = tuple(names)
    unknown = [key for key in found if key not in listed][:_FEW]
    return any(near.nearest(key, listed) == name for key in unknown)


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


def _joined(label: str, key: str) -> str:
    return f"{label}.{key}" if label else key
