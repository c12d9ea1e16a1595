"""From a file that was read, and the values of its inputs, to the definition that a run keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import (
    Backoff,
    Gate,
    InputSpec,
    InputValue,
    RetryPolicy,
    Rework,
    StepSpec,
    Verify,
    WorkflowSpec,
)
from foredeck.services.workflow.file.drafts import Draft, Instance, read_keys
from foredeck.services.workflow.file.keys import DEFAULTS, WORKFLOW, keys_of
from foredeck.services.workflow.file.problems import Findings
from foredeck.services.workflow.file.reading import Filling, Reading
from foredeck.services.workflow.file.shapes import known

LARGEST = 10_000_000
"""Characters in the texts of all steps, once everything is filled in.

Of a step with a matrix, what the file says counts for each instance, too: it is read anew.
"""

_AS_THEY_ARE = (
    "critical",
    "timeout",
    "repeatable",
    "skip",
    "priority",
    "role",
    "prompt",
    "command",
    "model",
    "codex_config",
    "turn_timeout",
    "when",
)


@dataclass(frozen=True)
class Parts:
    """What the reader found: drafts in an order in which each is behind what it needs."""

    name: str
    file: str
    inputs: Mapping[str, InputSpec]
    top: Mapping[str, Node]
    drafts: tuple[Draft, ...]
    needs: Mapping[str, tuple[str, ...]]


def build_spec(
    parts: Parts, values: Mapping[str, InputValue], environment: Mapping[str, str]
) -> WorkflowSpec:
    """Return the definition; `values` are of the right types, `environment` has `run.request`, …

    Raises `InvalidWorkflow` with everything that the values make wrong.
    """
    findings = Findings(parts.file)
    named = {f"inputs.{name}": value for name, value in values.items()}
    named |= {**environment, **_groups(parts.drafts)}
    top = Reading(findings, Filling(named, parts.inputs))
    said = {
        key.name: key.shape.read(parts.top[key.name], top.inside(key.name))
        for key in WORKFLOW.keys
        if key.name in parts.top and key.name not in ("inputs", "steps")
    }
    defaults = known(said.get("defaults", {}))
    steps: list[StepSpec] = []
    room = LARGEST
    for draft, instance in _instances(parts.drafts):
        matrix = {f"matrix.{key}": value for key, value in instance.matrix}
        at = Reading(findings, Filling({**named, **matrix}, parts.inputs), draft.at.path)
        keys = read_keys(draft.found, draft.kind, at)
        room -= _written(draft.node) if instance.matrix else 0
        if not findings.any:
            steps.append(_step(draft, instance, parts.needs[draft.id], keys, defaults))
            room -= _size(steps[-1])
        if room < 0:
            message = f"With everything filled in, the steps have more than {LARGEST:,} characters."
            findings.error(draft.node, draft.at.path, message)
            break
    findings.check()
    description, fail_fast = said.get("description", ""), said.get("fail_fast", False)
    inputs = tuple(values.items())
    return WorkflowSpec(parts.name, tuple(steps), str(description), fail_fast is True, inputs)


def _groups(drafts: tuple[Draft, ...]) -> dict[str, str]:
    """Return what `{{steps.ID.…}}` says of a step with a matrix: a line for each instance."""
    return {
        f"steps.{draft.id}.{what}": "\n".join(
            f"{instance.id}: {{{{steps.{instance.id}.{what}}}}}" for instance in draft.instances
        )
        for draft in drafts
        for what in ("summary", "state")
        if draft.matrix
    }


def _step(
    draft: Draft,
    instance: Instance,
    needs: tuple[str, ...],
    keys: dict[str, Any],
    defaults: dict[str, Any],
) -> StepSpec:
    """Return one step; what its keys do not say comes from the defaults of the file."""
    kind = draft.kind or StepKind.COMMAND  # the reader lets no step without a kind pass
    said = _with_defaults(keys, defaults, kind)
    spec = StepSpec(
        id=instance.id,
        kind=kind,
        title=said.get("title") or _title(draft.id),
        needs=needs,
        group=draft.id if instance.matrix else "",
        matrix=instance.matrix,
        environment=_pairs(said.get("env")),
        metadata=_pairs(said.get("metadata")),
        retries=_retries(said.get("retries")),
        verify=_verify(said.get("verify")),
        sandbox=Sandbox(said["sandbox"]) if "sandbox" in said else None,
        rework=Rework(**said["rework"]) if "rework" in said else None,
        gate=Gate(**said["gate"]) if "gate" in said else None,
        **{name: said[name] for name in _AS_THEY_ARE if name in said},
    )
    return spec if "title" in said and _is_filled(draft) else _told_apart(spec)


def _with_defaults(
    said: dict[str, Any], defaults: Mapping[str, Any], kind: StepKind
) -> dict[str, Any]:
    """Return what a step says over the defaults; retries and env are joined key by key."""
    allowed = {key.name for key in keys_of(kind)} & {key.name for key in DEFAULTS.keys}
    merged = {name: value for name, value in defaults.items() if name in allowed}
    for name, value in said.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = {**merged[name], **value} if both else value
    return merged


def _is_filled(draft: Draft) -> bool:
    """Whether the title of a step with a matrix names its values itself."""
    return "title" in draft.found and "{{" in str(draft.found["title"][1].value)


def _told_apart(spec: StepSpec) -> StepSpec:
    if not spec.matrix:
        return spec
    values = ", ".join(value for _key, value in spec.matrix)
    return replace(spec, title=f"{spec.title} ({values})")


def _title(name: str) -> str:
    words = " ".join(name.replace("-", " ").replace("_", " ").split()) or name
    return words[:1].upper() + words[1:]


def _pairs(table: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple((table or {}).items())


def _retries(said: Mapping[str, Any] | None) -> RetryPolicy:
    given = dict(said or {})
    if "backoff" in given:
        given["backoff"] = Backoff(given["backoff"])
    return RetryPolicy(**given)


def _verify(said: Mapping[str, Any] | None) -> Verify | None:
    """Return what has to pass; an empty command, as an input may be, is none."""
    return Verify(**said) if said and str(said.get("command", "")).strip() else None


def _instances(drafts: Iterable[Draft]) -> Iterator[tuple[Draft, Instance]]:
    return ((draft, instance) for draft in drafts for instance in draft.instances)


def _written(node: Node) -> int:
    """Return how many characters a node holds."""
    if isinstance(node, ScalarNode):
        return len(node.value)
    nodes = chain.from_iterable(node.value) if isinstance(node, MappingNode) else node.value
    return sum(map(_written, nodes))


def _size(step: StepSpec) -> int:
    texts = [step.prompt, step.command, step.title, step.gate.message if step.gate else ""]
    texts += [step.verify.command if step.verify else "", *dict(step.environment).values()]
    return sum(map(len, texts))
