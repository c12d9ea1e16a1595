"""What tools are told and answer, which is JSON, as a person reads it."""

from __future__ import annotations

import json
from typing import Any

from foredeck.services.domain.report_model import Excerpt


def spread(excerpt: Excerpt) -> Excerpt:
    """Return a JSON object as a name and its value a line, texts with their own lines.

    Whatever else it is, a part of an object among it, stays as it came.
    """
    if excerpt.left_out or not excerpt.text.startswith("{"):
        return excerpt
    try:
        found = json.loads(excerpt.text)
    except (ValueError, RecursionError):
        return excerpt
    lines = [_line(name, value) for name, value in found.items()]
    return Excerpt("\n".join(lines) or excerpt.text)


def _line(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "\n" not in text:
        return f"{name}: {text}"
    return "\n  ".join([f"{name}:", *text.rstrip("\n").split("\n")])
