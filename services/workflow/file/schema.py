"""The JSON schema of workflow files, for editors: made of the table that the reader uses."""

from __future__ import annotations

from typing import Any

from foredeck.services.workflow.file.keys import WORKFLOW

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12).

    It knows keys, types and bounds. What connects one part of a file with another (needs,
    cycles, variables, conditions) only the reader knows.
    """
    return {
        "$schema": DIALECT,
        "title": "Foredeck workflow",
        "description": "A DAG of steps that Foredeck runs.",
        **WORKFLOW.schema(),
    }
