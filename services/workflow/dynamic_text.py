"""Filling in what is known only when a step starts: `{{steps.ID.summary}}`, `{{steps.ID.state}}`.

Pure. What is filled in is data: a summary that itself looks like a reference stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from foredeck.services.domain.workflow import Gate, StepSpec

_REFERENCE = re.compile(r"\{\{\s*(steps\.[A-Za-z0-9_.-]+\.(?:summary|state))\s*\}\}")


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return `text` with every reference that has a value filled in, in one pass.

    `values` maps full dotted names (`steps.test.state`) to values; a reference without one
    stays as it is written.
    """

    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        return str(values[name]) if name in values else found.group(0)

    return _REFERENCE.sub(value, text)


def filled(spec: StepSpec, values: Mapping[str, object]) -> StepSpec:
    """Return the step's definition with its prompt and its gate's message filled in."""
    gate = Gate(fill(spec.gate.message, values)) if spec.gate else None
    return replace(spec, prompt=fill(spec.prompt, values), gate=gate)
