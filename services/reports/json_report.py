"""A report as JSON: the model as it is, in a form that has a version and a schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from enum import Enum
from functools import cache
from importlib.resources import files
from operator import attrgetter
from typing import Any

from foredeck.services.domain.report_model import ReportedTask, RunReport

SCHEMA_FILE = "report.schema.json"


def render_json(report: RunReport) -> bytes:
    """Return the report as a JSON document in UTF-8 that fits `schema_text`; may take a second.

    Times are ISO 8601 in UTC, durations seconds, costs US dollars; `null` is what is not known.
    """
    text = json.dumps(as_json(report), ensure_ascii=False, indent=1)
    return f"{text}\n".encode("utf-8", "replace")


def schema_text() -> str:
    """Return the JSON Schema (draft 2020-12) of what `render_json` writes."""
    return files("foredeck.services.reports").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")


def as_json(value: Any) -> Any:
    """Return a part of the model as what JSON can say."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    found = {name: as_json(get(value)) for name, get in _getters(value.__class__)}
    if isinstance(value, ReportedTask):
        found["variables"] = dict(value.variables)
    return found


@cache
def _getters(kind: type) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((field.name, attrgetter(field.name)) for field in fields(kind))
