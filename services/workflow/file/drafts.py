"""The steps as a file writes them, before anything is filled in: who they are, whom they need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from foredeck.services.domain.records import StepKind
from foredeck.services.workflow.file.compound import is_misspelt, unknown_key
from foredeck.services.workflow.file.keys import (
    BY_NAME,
    ID,
    MATRIX,
    MOST_STEPS,
    NEEDS,
    STEPS,
    keys_of,
)
from foredeck.services.workflow.file.nodes import described, entries, kind_of
from foredeck.services.workflow.file.reading import Reading
from foredeck.services.workflow.file.shapes import known

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_ID = 200
_GRAPH = frozenset({"id", "kind", "needs", "matrix"})

Pairs = tuple[tuple[str, str], ...]
Found = Mapping[str, tuple[Node, Node]]


@dataclass(frozen=True)
class Instance:
    """One step that a draft becomes; `matrix` has its values, empty without a matrix."""

    id: str
    matrix: Pairs = ()


@dataclass(frozen=True)
class Draft:
    """A step of the file; `kind` is None if it has no valid one.

    One that `counts` has an id of its own; of the others only what they say is looked at.
    """

    id: str
    kind: StepKind | None
    node: Node
    found: Found
    needs: tuple[tuple[str, Node], ...]
    matrix: Mapping[str, tuple[str, ...]]
    instances: tuple[Instance, ...]
    at: Reading
    counts: bool = True


def drafts(node: Node, at: Reading) -> list[Draft]:
    """Return the steps of the file; note what is wrong with who they are."""
    STEPS.read(node, at)
    items = node.value if isinstance(node, SequenceNode) else []
    if len(items) > MOST_STEPS:
        return []
    found: list[Draft] = []
    lines: dict[str, int] = {}
    room = MOST_STEPS
    for number, item in enumerate(items, 1):
        draft = _draft(item, number, at, room)
        room -= len(draft.instances) if draft else 0
        if draft:
            found.append(replace(draft, counts=_is_new(draft, lines)))
    if room < 0:
        message = f"With the matrix there are {MOST_STEPS - room:,} steps; "
        at.error(node, f"{message}{MOST_STEPS:,} is the limit.")
    return found


def read_keys(found: Found, kind: StepKind | None, at: Reading) -> dict[str, Any]:
    """Return what the keys of a step say, those left out that are wrong or not known yet.

    What makes the graph is not among them: the draft has it.
    """
    keys = keys_of(kind) if kind else tuple(BY_NAME.values())
    names = [key.name for key in keys if key.name in found and key.name not in _GRAPH]
    return known({n: BY_NAME[n].shape.read(found[n][1], at.inside(n)) for n in names})


def _draft(node: Node, number: int, steps: Reading, room: int) -> Draft | None:
    """Return a step with the keys that decide the shape of the graph."""
    at = steps.step(str(number))
    if not isinstance(node, MappingNode) or kind_of(node) != "mapping":
        at.error(
            node, f"A step must be a mapping, not {described(node)}.", "Begin with - id: NAME."
        )
        return None
    quiet = entries(node, at.path, at.findings)
    given = ID.read(quiet["id"][1], at.inside("id")) if "id" in quiet else None
    name = given if isinstance(given, str) else ""
    at = steps.step(name) if name else at
    kind = _kind(quiet, at)
    _check_keys(node, quiet, kind, at)
    matrix = _matrix(quiet, at)
    needs = _needs(quiet, at)
    instances = _instances(name, matrix, quiet, at, room)
    return Draft(name, kind, node, quiet, needs, matrix, instances, at)


def _kind(found: Found, at: Reading) -> StepKind | None:
    if "kind" not in found:
        return None
    said = BY_NAME["kind"].shape.read(found["kind"][1], at.inside("kind"))
    return StepKind(said) if isinstance(said, str) else None


def _check_keys(node: Node, found: Found, kind: StepKind | None, at: Reading) -> None:
    known_keys = keys_of(kind) if kind else tuple(BY_NAME.values())
    names = [key.name for key in known_keys]
    for name, (key_node, _value) in found.items():
        if name not in BY_NAME:
            unknown_key(key_node, name, names, at)
        elif name not in names:
            kinds = " and ".join(sorted(k.value for k in BY_NAME[name].kinds))
            message = f"A step of kind {kind} has no `{name}`."
            at.findings.error(key_node, at.path, message, f"It belongs to {kinds}.")
    for key in known_keys:
        for_all = kind or len(key.kinds) == len(StepKind)
        lacks = key.required and for_all and key.name not in found
        if lacks and not is_misspelt(key.name, found, names):
            at.error(node, f"`{key.name}` is missing.", key.about)


def _matrix(found: Found, at: Reading) -> dict[str, tuple[str, ...]]:
    if "matrix" not in found:
        return {}
    said = known(MATRIX.read(found["matrix"][1], at.inside("matrix")))
    return {key: values for key, values in said.items() if isinstance(values, tuple) and values}


def _needs(found: Found, at: Reading) -> tuple[tuple[str, Node], ...]:
    if "needs" not in found:
        return ()
    pairs = NEEDS.pairs(found["needs"][1], at.inside("needs"))
    return tuple((need, node) for node, need in pairs)


def _instances(
    name: str, matrix: Mapping[str, tuple[str, ...]], found: Found, at: Reading, room: int
) -> tuple[Instance, ...]:
    """Return one instance for each combination, if `room` is enough for them."""
    if not matrix:
        return (Instance(name),)
    made = prod(len(values) for values in matrix.values())
    if made > room:
        message = (
            f"The matrix makes {made:,} steps of this one; a workflow has {MOST_STEPS:,} at most."
        )
        at.findings.error(found["matrix"][0], at.path, message)
        return (Instance(name),)
    return tuple(_combined(name, matrix))


def _combined(name: str, matrix: Mapping[str, tuple[str, ...]]) -> Iterator[Instance]:
    for values in product(*matrix.values()):
        words = [_UNFIT.sub("-", value).strip("-") for value in values]
        yield Instance(
            "-".join([name, *words])[:_LONGEST_ID], tuple(zip(matrix, values, strict=True))
        )


def _is_new(draft: Draft, lines: dict[str, int]) -> bool:
    """Note a draft without an id or with one that is taken; return whether it is neither."""
    if not draft.id:
        return False
    taken = False
    names = dict.fromkeys([draft.id, *(instance.id for instance in draft.instances)])
    here = draft.node.start_mark.line + 1
    for name in names:
        if name in lines:
            taken = True
            node = draft.found["id"][1]
            hint = f"The first is in line {lines[name]}."
            draft.at.error(node, f"Two steps have the id {name}.", hint)
        lines.setdefault(name, here)
    if len({instance.id for instance in draft.instances}) < len(draft.instances):
        node = draft.found["matrix"][0]
        hint = "Letters, digits, . _ and - tell steps apart."
        draft.at.error(node, "Two values of the matrix give the same id.", hint)
        taken = True
    return not taken
