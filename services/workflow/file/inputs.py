"""The inputs of a workflow: how a file declares them, and the values that a run is given."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from foredeck.services.domain.workflow import InputSpec, InputType, InputValue
from foredeck.services.workflow import near
from foredeck.services.workflow.file.keys import INPUT, INPUTS
from foredeck.services.workflow.file.nodes import described, entries, shown
from foredeck.services.workflow.file.problems import Findings
from foredeck.services.workflow.file.reading import Reading
from foredeck.services.workflow.file.shapes import LONGEST_TEXT, known, number_in, value_in
from foredeck.services.workflow.file.templates import as_text

_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_NOUNS = {
    InputType.STRING: "a text",
    InputType.INTEGER: "a whole number",
    InputType.NUMBER: "a number",
    InputType.BOOLEAN: "true or false",
}
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def declared(node: Node, at: Reading) -> dict[str, InputSpec]:
    """Return the inputs that a file declares; one that is declared wrongly is kept as text.

    So its name is known, and using it is no second mistake.
    """
    INPUTS.read(node, at)
    if not isinstance(node, MappingNode):
        return {}
    found = entries(node, at.path, Findings(""))
    return {name: _spec(name, value, at.inside(name)) for name, (_, value) in found.items()}


def typed(
    specs: Mapping[str, InputSpec], values: Mapping[str, str | InputValue], findings: Findings
) -> dict[str, InputValue]:
    """Return the value of every input, in the order of the file; note all that is wrong."""
    for name in values:
        if name not in specs:
            hint = findings.did_you_mean(name, specs) or _inputs_are(specs)
            findings.error(None, "inputs", f"There is no input {shown(name)}.", hint)
    found: dict[str, InputValue] = {}
    for name, spec in specs.items():
        if name in values:
            value = _typed(spec, values[name], findings)
        elif spec.default is None:
            about = f" ({spec.description})" if spec.description else ""
            message = f"The input {name}{about} is missing."
            findings.error(None, f"inputs.{name}", message, f"Give it: --input {name}=…")
            continue
        else:
            value = spec.default
        if value is not None:
            found[name] = value
    return found


def _inputs_are(specs: Mapping[str, InputSpec]) -> str:
    return f"The inputs are {near.one_of(specs, 'and')}." if specs else "It takes none."


def _typed(spec: InputSpec, value: str | InputValue, findings: Findings) -> InputValue | None:
    key, found = f"inputs.{spec.name}", _converted(spec.type, value)
    if found is None:
        noun = _NOUNS[spec.type]
        message = f"The input {spec.name} must be {noun}, not {shown(as_text(value))}."
        findings.error(None, key, message)
    elif spec.choices and found not in spec.choices:
        words = [as_text(choice) for choice in spec.choices]
        message = (
            f"The input {spec.name} must be {near.one_of(words)}, not {shown(as_text(value))}."
        )
        findings.error(None, key, message, findings.did_you_mean(as_text(found), words))
    else:
        return found
    return None


def _converted(kind: InputType, value: str | InputValue) -> InputValue | None:
    """Return the value as one of the type; a text may say a number or a truth value."""
    if kind is InputType.STRING:
        return value if isinstance(value, str) and _is_clean(value) else None
    if kind is InputType.BOOLEAN:
        said = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
        return said if isinstance(said, bool) else None
    if isinstance(value, str):
        form = _INTEGER if kind is InputType.INTEGER else _NUMBER
        said_number = value.strip()
        return (
            _number(kind, float(said_number), said_number) if form.fullmatch(said_number) else None
        )
    return None if isinstance(value, bool) else _number(kind, value, value)


def _number(kind: InputType, value: float, said: str | float) -> InputValue | None:
    if not math.isfinite(value):
        return None
    if kind is InputType.NUMBER:
        return float(value)
    return int(said) if isinstance(said, str | int) else None


def _is_clean(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text and len(text) <= LONGEST_TEXT


def _spec(name: str, node: Node, at: Reading) -> InputSpec:
    quiet = Reading(Findings(""), at.filler)
    said = known(INPUT.read(node, quiet)) if isinstance(node, MappingNode) else {}
    kind = InputType(said.get("type", InputType.STRING))
    nodes = entries(node, "", Findings("")) if isinstance(node, MappingNode) else {}
    choices = _choices(nodes, kind, at.inside("choices"))
    default = _default(nodes, kind, choices, at.inside("default"))
    return InputSpec(name, kind, default, str(said.get("description", "")), choices)


def _choices(nodes: Mapping[str, Any], kind: InputType, at: Reading) -> tuple[InputValue, ...]:
    node = nodes["choices"][1] if "choices" in nodes else None
    if not isinstance(node, SequenceNode):
        return ()
    found = (_of_type(item, kind, at) for item in node.value)
    return tuple(value for value in found if value is not None)


def _default(
    nodes: Mapping[str, Any], kind: InputType, choices: tuple[InputValue, ...], at: Reading
) -> InputValue | None:
    if "default" not in nodes:
        return None
    node = nodes["default"][1]
    value = _of_type(node, kind, at)
    if value is not None and choices and value not in choices:
        words = near.one_of([as_text(choice) for choice in choices])
        at.error(node, f"`{at.label}` must be {words}, not {described(node)}.")
    # One that is wrong still says that the input need not be given.
    return "" if value is None else value


def _of_type(node: Node, kind: InputType, at: Reading) -> InputValue | None:
    """Return the value of a node if it is of the type; else note that it is not."""
    value = value_in(node)
    if value is None:
        return None  # its shape has noted it
    right = kind is InputType.STRING if isinstance(value, str) else kind is not InputType.STRING
    found = _converted(kind, value) if right else None
    if found is None:
        hint = (
            "Put it in quotes." if kind is InputType.STRING and number_in(node) is not None else ""
        )
        at.error(node, f"`{at.label}` must be {_NOUNS[kind]}, not {described(node)}.", hint)
    return found
