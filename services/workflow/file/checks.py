"""What has to be right about a step beyond the shapes of its keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yaml import MappingNode, Node

from foredeck.services.agents.registry import AGENTS
from foredeck.services.domain.records import StepKind
from foredeck.services.workflow import conditions
from foredeck.services.workflow.file.drafts import Draft
from foredeck.services.workflow.file.nodes import entries
from foredeck.services.workflow.file.order import Links
from foredeck.services.workflow.file.problems import Findings
from foredeck.services.workflow.file.reading import Names, Reading


def check_step(
    draft: Draft, said: Mapping[str, Any], names: Names, links: Links, before: frozenset[str] | None
) -> None:
    """Note what is wrong with what a step says; `before` is None while the order is unknown."""
    if isinstance(when := said.get("when"), str):
        _check_condition(draft.found["when"][1], draft.at.inside("when"), when, names)
    if isinstance(rework := said.get("rework"), dict):
        _check_rework(draft, rework, said, links, before)
        if isinstance(when := rework.get("when"), str):
            node, at = _node_of("when", draft.found["rework"][1]), draft.at.inside("rework.when")
            _check_condition(node, at, when, names, own=draft.id)


def _check_condition(node: Node, at: Reading, text: str, names: Names, own: str = "") -> None:
    """Note what is wrong with a condition; one judged afterwards may name its `own` step."""
    try:
        condition = conditions.parse(text)
    except conditions.ConditionError as error:
        message = f"The condition is not understood at character {error.column}: {error.message}"
        at.findings.error(_mark(node, error.column), at.path, message, error.advice)
        return
    for name in sorted(condition.names() - {f"steps.{own}.state", f"steps.{own}.summary"}):
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
    is_known = draft.kind is not StepKind.AGENT or role in AGENTS
    needs_none = role in AGENTS and AGENTS[role].judges
    if is_known and not needs_none and _node_of("when", key[1]) is key[1]:
        what = f"the role {role}" if draft.kind is StepKind.AGENT else f"kind {draft.kind}"
        message = f"A step of {what} gives no verdict that could send work back."
        at.error(key[0], message, f'Add when: steps.{draft.id}.state == "failed", or the like.')
    if draft.matrix:
        at.error(key[0], "A step with a matrix cannot send work back.")
    to = rework.get("to")
    if isinstance(to, str):
        _check_target(draft, to, _node_of("to", key[1]), links, before)


def check_rounds(drafts: Sequence[Draft], before: Mapping[str, frozenset[str]]) -> None:
    """Note where two steps send the same work back: its next round would be there twice."""
    claimed: dict[str, str] = {}
    for draft in drafts:
        to = _target(draft)
        if to is None or to not in before.get(draft.id, frozenset()):
            continue
        ahead = before[draft.id]
        round_ = {to, draft.id, *(id_ for id_ in ahead if to in before.get(id_, frozenset()))}
        if both := sorted(round_ & claimed.keys()):
            again, first = both[0], claimed[both[0]]
            message = f"The reworks of {first} and {draft.id} both go over {again}."
            hint = f"Let one of them alone send it back, or let {draft.id} go to a later step."
            draft.at.inside("rework").error(draft.found["rework"][0], message, hint)
        claimed |= dict.fromkeys(round_, draft.id)


def _target(draft: Draft) -> str | None:
    """Return where the step sends work back to, as far as it says so at all."""
    if "rework" not in draft.found:
        return None
    node = draft.found["rework"][1]
    found = entries(node, "", Findings("")) if isinstance(node, MappingNode) else {}
    to = found["to"][1].value if "to" in found else node.value
    return to if isinstance(to, str) else None


def _node_of(name: str, node: Node) -> Node:
    """Return where that key of a rework is written; the rework itself if it is not there."""
    found = entries(node, "", Findings("")) if isinstance(node, MappingNode) else {}
    return found[name][1] if name in found else node


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
