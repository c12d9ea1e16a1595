"""Shapes made of others: lists, tables of the user's own names, and records with keys of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from foredeck.services.workflow import near
from foredeck.services.workflow.file.nodes import entries, kind_of, shown
from foredeck.services.workflow.file.reading import PENDING, Pending, Reading
from foredeck.services.workflow.file.shapes import Shape, known, refuse, wrong

_FEW = 10


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


def _joined(label: str, key: str) -> str:
    return f"{label}.{key}" if label else key
