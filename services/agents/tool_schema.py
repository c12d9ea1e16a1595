"""What a tool of an agent is, and how a call of it is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from foredeck.services.domain.errors import InvalidInput

_REQUIRED = object()
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "array": list,
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tool's parameter; `type` is a JSON schema type (an array is one of strings)."""

    name: str
    type: str
    description: str
    default: Any = _REQUIRED

    @property
    def required(self) -> bool:
        """Whether a call must give it."""
        return self.default is _REQUIRED

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema; strict schemas express "optional" as a null."""
        schema: dict[str, Any] = {
            "type": self.type if self.required else [self.type, "null"],
            "description": self.description,
        }
        if self.type == "array":
            schema["items"] = {"type": "string"}
        return schema

    def accepts(self, value: Any) -> bool:
        """Whether a value has the right type (a truth value is no integer)."""
        if self.type == "array":
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        if self.type == "integer" and isinstance(value, bool):
            return False
        return isinstance(value, _TYPES[self.type])


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it."""

    name: str
    description: str
    parameters: tuple[Parameter, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the strict JSON schema of its arguments."""
        return {
            "type": "object",
            "properties": {p.name: p.schema() for p in self.parameters},
            "required": [p.name for p in self.parameters],
            "additionalProperties": False,
        }

    def parse(self, arguments: str) -> dict[str, Any]:
        """Return the arguments of a call, complete; raises `InvalidInput` with a sentence.

        A missing or null optional argument gets its default; nothing else is guessed.
        """
        given = _object(arguments)
        known = {p.name: p for p in self.parameters}
        unknown = ", ".join(sorted(set(given) - set(known)))
        if unknown:
            names = ", ".join(known) or "none"
            raise InvalidInput(f"{self.name} has no argument {unknown}; its arguments: {names}.")
        return {name: _value(self.name, p, given.get(name)) for name, p in known.items()}


def _object(arguments: str) -> dict[str, Any]:
    try:
        given = json.loads(arguments or "{}")
    except ValueError as error:
        raise InvalidInput(f"The arguments are not valid JSON: {error}.") from None
    if not isinstance(given, dict):
        raise InvalidInput("The arguments must be a JSON object.")
    return given


def _value(tool: str, parameter: Parameter, value: Any) -> Any:
    if value is None:
        if parameter.required:
            raise InvalidInput(f"{tool} needs the argument {parameter.name}.")
        return parameter.default
    if not parameter.accepts(value):
        kind = "array of strings" if parameter.type == "array" else parameter.type
        raise InvalidInput(f"The argument {parameter.name} of {tool} must be of type {kind}.")
    return value
