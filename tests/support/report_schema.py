"""The JSON schema that the report's model calls for, made of its types.

The schema in the package is written down, because others rely on it; this tells where the two
differ. `python -m tests.support.report_schema` prints one to begin the next version with.
"""

from __future__ import annotations

import json
import types
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from foredeck.services.domain.report_model import SCHEMA_VERSION, ReportedTask, RunReport

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of_the_model() -> dict[str, Any]:
    """Return the schema with every record in `$defs`."""
    found: dict[str, Any] = {}
    root = _record(RunReport, found)
    root["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Foredeck report about a run",
        **root,
        "$defs": dict(sorted(found.items())),
    }


def _record(kind: type, found: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    properties = {name: _schema(hints[name], found) for name in names}
    if kind is ReportedTask:
        properties["variables"] = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


def _schema(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind is datetime:
        return {"type": "string", "format": "date-time"}
    if get_origin(kind) in (Union, types.UnionType):
        (inner,) = [one for one in get_args(kind) if one is not type(None)]
        return {"anyOf": [_schema(inner, found), {"type": "null"}]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0], found)}
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if kind.__name__ not in found:
        found[kind.__name__] = {}
        found[kind.__name__] = _record(kind, found)
    return {"$ref": f"#/$defs/{kind.__name__}"}


if __name__ == "__main__":
    print(json.dumps(schema_of_the_model(), indent=2))
