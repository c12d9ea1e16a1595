"""A graph of steps as a Mermaid flowchart, for documents and web pages (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from foredeck.services.domain.records import StepKind
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import StepRow

# What would end a label, or begin markup or settings (`%%{init: …}%%`) in it; Mermaid reads
# `#quot;` and `#35;` as characters.
_ESCAPES = str.maketrans(
    {
        "#": "#35;",
        '"': "#quot;",
        "<": "#lt;",
        ">": "#gt;",
        "&": "#amp;",
        "`": "#96;",
        "\\": "#92;",
        "|": "#124;",
        "%": "#37;",
    }
)
# Mermaid takes a whole line for a statement if these words stand anywhere in it.
_DIRECTION = re.compile(r"d(?=irection\s+(?:TB|BT|RL|LR|TD))")
# Mermaid's defaults (config schema of version 11): so many edges are already too many.
_MOST_EDGES = 500
_LONGEST = 50_000
_SHAPES = {
    StepKind.AGENT: ("(", ")"),
    StepKind.CODEX: ("([", "])"),
    StepKind.COMMAND: ("[", "]"),
    StepKind.GATE: ("{{", "}}"),
}
# Fill, line and text colours that are readable on light and on dark pages (U4).
_CLASSES = {
    StepState.PENDING: "fill:#e5e7eb,stroke:#6b7280,color:#111827",
    StepState.RUNNING: "fill:#bfdbfe,stroke:#2563eb,color:#111827",
    StepState.WAITING: "fill:#f5d0fe,stroke:#c026d3,color:#111827",
    StepState.RETRY: "fill:#fef08a,stroke:#ca8a04,color:#111827",
    StepState.SUCCESS: "fill:#bbf7d0,stroke:#16a34a,color:#111827",
    StepState.FAILED: "fill:#fecaca,stroke:#dc2626,color:#111827",
    StepState.SKIPPED: "fill:#f3f4f6,stroke:#9ca3af,color:#6b7280,stroke-dasharray:4 3",
    StepState.CANCELLED: "fill:#d1d5db,stroke:#374151,color:#111827",
}


def mermaid(steps: Sequence[StepRow], path: Sequence[str], *, plan: bool) -> str:
    """Return `flowchart TD` with a node for each step and an arrow for each need.

    Nodes are called `s1`, `s2` … in the order of the steps, because a key may be a word of
    Mermaid's own. The edges of `path` are drawn thick. In a `plan` no step has a state.
    """
    names = {step.key: f"s{number}" for number, step in enumerate(steps, 1)}
    lines = ["flowchart TD", *(f"    {_node(step, names[step.key], plan)}" for step in steps)]
    follows = set(pairwise(path))
    for step in steps:
        for need in dict.fromkeys(step.needs):
            arrow = "==>" if (need, step.key) in follows else "-->"
            if need in names:
                lines.append(f"    {names[need]} {arrow} {names[step.key]}")
    if not plan:
        lines += _classes(steps, names)
    return "\n".join(lines)


def needs_more(text: str) -> str:
    """Return the settings that Mermaid needs for a chart that is larger than its defaults."""
    edges = text.count(" --> ") + text.count(" ==> ")
    needed = {"maxEdges": (edges + 1, _MOST_EDGES), "maxTextSize": (len(text), _LONGEST)}
    return " and ".join(
        f"{name} to {size} or more" for name, (size, most) in needed.items() if size > most
    )


def escaped(text: str) -> str:
    """Return untrusted text as it may stand between the quotes of a label."""
    label = " ".join(safe_line(text, limit=120).split()).translate(_ESCAPES)
    return _DIRECTION.sub("#100;", label)


def _node(step: StepRow, name: str, plan: bool) -> str:
    opening, closing = _SHAPES[step.kind]
    word = step.kind.value if plan else step.state.value
    return f'{name}{opening}"{escaped(step.title or step.key)}<br/>{word}"{closing}'


def _classes(steps: Iterable[StepRow], names: dict[str, str]) -> list[str]:
    """Return a class for each state that occurs, and the nodes that have it."""
    nodes: dict[StepState, list[str]] = {}
    for step in steps:
        nodes.setdefault(step.state, []).append(names[step.key])
    lines = [f"    classDef {state.value} {_CLASSES[state]}" for state in nodes]
    return lines + [f"    class {','.join(found)} {state.value}" for state, found in nodes.items()]
