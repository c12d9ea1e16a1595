"""What has to be right about a step beyond the shapes of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml import MappingNode, Node

from foredeck.services.agents.registry import AGENTS
from foredeck.services.domain.records import StepKind
from foredeck.services.workflow import conditions
from foredeck.services.workflow.file.drafts import Draft
from foredeck.services.workflow.file.nodes import entries
from foredeck.services.workflow.file.order import Links
from foredeck.services.workflow.file.problems import Findings
from foredeck.services.workflow.file.reading import Names


def check_step(
    draft: Draft, said: Mapping[str, Any], names: Names, links: Links, before: frozenset[str] | None
) -> None:
    """Note what is wrong with what a step says; `before` is None while the order is unknown."""
    if isinstance(when := said.get("when"), str):
        _check_condition(draft, when, names)
    if draft.kind is StepKind.AGENT and isinstance(rework := said.get("rework"), dict):
        _check_rework(draft, rework, said, links, before)


def _check_condition(draft: Draft, text: str, names: Names) -> None:
    node, at = draft.found["when"][1], draft.at.inside("when")
    try:
        condition = conditions.parse(text)
    except conditions.ConditionError as error:
        message = f"The condition is not understood at character {error.column}: {error.message}"
        at.findings.error(_mark(node, error.column), at.path, message, error.advice)
        return
    for name in sorted(condition.names()):
        message, hint = names.problem(name, at.findings, in_condition=True)
        if message:
            at.error(node, message, hint)


def _mark(node: Node, column: int) -> Any:
    """Return where a character of a scalar is, as far as it is written as it reads."""
    mark, style = node.start_mark, getattr(node, "style", None)
    if node.end_mark.line != mark.line or style in ("|", ">"):
        return mark
    shift = column - 1 + (style in ("'", '"'))
    return type(mark)(mark.name, mark.index, mark.line, mark.column + shift, None, 0)


def _check_rework(
    draft: Draft,
    rework: Mapping[str, Any],
    said: Mapping[str, Any],
    links: Links,
    before: frozenset[str] | None,
) -> None:
    at, key = draft.at.inside("rework"), draft.found["rework"]
    role = said.get("role")
    if role in AGENTS and not AGENTS[role].judges:
        judges = " or ".join(spec.role for spec in AGENTS.values() if spec.judges)
        message = f"A step of the role {role} gives no verdict that could send work back."
        at.error(key[0], message, f"Rework belongs to {judges}.")
    if draft.matrix:
        at.error(key[0], "A step with a matrix cannot send work back.")
    to = rework.get("to")
    if isinstance(to, str):
        _check_target(draft, to, _node_of_to(key[1]), links, before)


def _node_of_to(node: Node) -> Node:
    """Return where the target is written."""
    return entries(node, "", Findings(""))["to"][1] if isinstance(node, MappingNode) else node


def _check_target(
    draft: Draft, to: str, node: Node, links: Links, before: frozenset[str] | None
) -> None:
    at = draft.at.inside("rework.to")
    if to not in links.owner:
        hint = at.findings.did_you_mean(to, links.owner)
        at.error(node, f"Rework goes to {to}, and there is no such step.", hint)
    elif links.owner[to].matrix:
        at.error(node, f"Rework goes to {to}, which the matrix makes several steps of.")
    elif before is not None and to not in before and to != draft.id:
        hint = f"Add {to} to the needs, or name a step that comes before."
        at.error(node, f"Rework goes to {to}, which is not before {draft.id}.", hint)
    elif to == draft.id:
        at.error(node, f"Rework of {draft.id} goes to itself.", "Name a step that comes before.")
