"""A workflow as the text of a YAML file that people go on with."""

from __future__ import annotations

from typing import Any

import yaml

_WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and `{{` so that it means itself."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    text = text.replace("{{", "\\{{")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(workflow: dict[str, Any]) -> str:
    """Return a workflow as YAML, keys in their order."""
    return yaml.dump(
        workflow, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, indent=2
    )
