"""Reads a workflow file: everything that can be wrong without inputs is found, all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from yaml import MappingNode, Node

from foredeck.services.domain.workflow import InputSpec
from foredeck.services.workflow.file import checks, inputs
from foredeck.services.workflow.file.building import Parts, build_spec
from foredeck.services.workflow.file.drafts import Draft, drafts, read_keys
from foredeck.services.workflow.file.keys import WORKFLOW
from foredeck.services.workflow.file.model import WorkflowFile
from foredeck.services.workflow.file.nodes import compose
from foredeck.services.workflow.file.order import Links, sorted_drafts, upstream
from foredeck.services.workflow.file.problems import Findings, stem
from foredeck.services.workflow.file.reading import Checking, Names, Reading
from foredeck.services.workflow.file.shapes import known

_SAMPLE = {"run.request": "request", "project.name": "project", "project.workspace": "/workspace"}
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def read(text: str | bytes, name: str) -> WorkflowFile:
    """Return the workflow that a file holds; `name` is the file's, for what is said of it.

    Raises `InvalidWorkflow` with every problem.
    """
    findings = Findings(name)
    root = compose(text, findings)
    findings.check()
    assert root is not None
    file = _Reader(root, findings).file()
    findings.check()
    values = {spec.name: spec.default for spec in file.inputs if spec.default is not None}
    if len(values) == len(file.inputs):
        # All that the inputs decide is known, so what only shows with their values does now.
        build_spec(file.parts, values, _SAMPLE)
    return file


class _Reader:
    """Reads one file."""

    def __init__(self, root: MappingNode, findings: Findings) -> None:
        self._findings = findings
        bare = Reading(findings, Checking(Names({})))
        self._nodes = WORKFLOW.found(root, bare)
        self._inputs: dict[str, InputSpec] = {}
        if node := self._node("inputs"):
            self._inputs = inputs.declared(node, bare.inside("inputs"))
        self._used: set[str] = set()
        self._top = Reading(findings, Checking(Names(self._inputs, used=self._used)))

    def file(self) -> WorkflowFile:
        """Return the workflow; the findings have what is wrong with it."""
        said = self._top_keys()
        ordered, links = self._steps()
        self._warn_of_unused()
        name = str(said.get("name") or _name_of(self._findings.name))
        shown = str(self._node_text("description"))
        parts = Parts(
            name=name,
            file=self._findings.name,
            inputs=self._inputs,
            top={key: value for key, (_, value) in self._nodes.items()},
            drafts=tuple(ordered),
            needs={draft.id: links.steps_needed(draft) for draft in ordered},
        )
        specs = tuple(self._inputs.values())
        return WorkflowFile(name, shown, specs, self._findings.warnings, parts)

    def _top_keys(self) -> dict[str, Any]:
        keys = [k for k in WORKFLOW.keys if k.name not in ("inputs", "steps")]
        read = {
            key.name: key.shape.read(node, self._top.inside(key.name))
            for key in keys
            if (node := self._node(key.name))
        }
        return known(read)

    def _steps(self) -> tuple[Sequence[Draft], Links]:
        node = self._node("steps")
        found = drafts(node, self._top.inside("steps")) if node else []
        links = Links.of([draft for draft in found if draft.counts], self._findings)
        ordered = sorted_drafts(links, self._findings)
        before = upstream(links, ordered)
        groups = {name: _example(draft, name) for name, draft in links.owner.items()}
        for draft in found:
            self._check(draft, links, groups, before.get(draft.id) if draft.counts else None)
        checks.check_rounds(ordered, before)
        return ordered, links

    def _check(
        self, draft: Draft, links: Links, groups: Mapping[str, str], ahead: frozenset[str] | None
    ) -> None:
        names = Names(
            self._inputs,
            draft.matrix,
            lambda: groups.keys() if ahead is None else ahead,
            groups,
            self._used,
        )
        at = Reading(self._findings, Checking(names), draft.at.path)
        said = read_keys(draft.found, draft.kind, at)
        checks.check_step(draft, said, names, links, ahead)

    def _warn_of_unused(self) -> None:
        for name, spec in self._inputs.items():
            if f"inputs.{spec.name}" not in self._used:
                key = f"inputs.{name}"
                node = _key_node(self._node("inputs"), name)
                self._findings.warning(node, key, f"Nothing uses the input {name}.")

    def _node(self, key: str) -> Node | None:
        return self._nodes[key][1] if key in self._nodes else None

    def _node_text(self, key: str) -> str:
        node = self._node(key)
        return node.value if node is not None and isinstance(node.value, str) else ""


def _example(draft: Draft, name: str) -> str:
    return draft.instances[0].id if draft.matrix and name == draft.id else ""


def _key_node(node: Node | None, name: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((key for key, _value in node.value if key.value == name), None)


def _name_of(file: str) -> str:
    """Return a name of a workflow for a file that says none."""
    return _UNFIT.sub("-", stem(file)).strip("-._")[:100] or "workflow"
