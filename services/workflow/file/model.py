"""A workflow file that was understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foredeck.services.domain.workflow import InputSpec, InputType, InputValue, WorkflowSpec
from foredeck.services.workflow.file import inputs
from foredeck.services.workflow.file.building import Parts, build_spec
from foredeck.services.workflow.file.problems import Findings, Problem


@dataclass(frozen=True)
class WorkflowFile:
    """A workflow without the values of its inputs.

    `description` is as the file writes it; `warnings` are what is probably not meant.
    """

    name: str
    description: str
    inputs: tuple[InputSpec, ...]
    warnings: tuple[Problem, ...]
    parts: Parts = field(repr=False)

    @property
    def step_count(self) -> int:
        """How many steps a run has to begin with."""
        return sum(len(draft.instances) for draft in self.parts.drafts)

    def build(
        self,
        values: Mapping[str, str | InputValue],
        *,
        request: str = "",
        project_name: str = "",
        workspace: str = "",
    ) -> WorkflowSpec:
        """Return the definition of a run with these inputs.

        A text is read as the type of its input. Steps are in file order, but each behind what
        it needs; a step with a matrix is there once for each combination. Raises
        `InvalidWorkflow` with every input that is missing, unknown or wrong, and with
        everything that the values make wrong.
        """
        findings = Findings(self.parts.file)
        typed = inputs.typed(self.parts.inputs, values, findings)
        findings.check()
        environment = {
            "run.request": request,
            "project.name": project_name,
            "project.workspace": workspace,
        }
        return build_spec(self.parts, typed, environment)

    def sample(self, values: Mapping[str, str | InputValue] | None = None) -> WorkflowSpec:
        """Return the definition with what is missing of these inputs made up, to look at.

        So are the request and the project. Raises `InvalidWorkflow` as `build` does.
        """
        given = values or {}
        missing = [one for one in self.inputs if one.default is None and one.name not in given]
        return self.build({**{one.name: _stand_in(one) for one in missing}, **given}, **_SAMPLE)


_SAMPLE = {
    "request": "the request",
    "project_name": "project",
    "workspace": "the workspace of the project",
}


def _stand_in(wanted: InputSpec) -> InputValue:
    """Return a value that fits; a text stands there by its name."""
    if wanted.choices:
        return wanted.choices[0]
    by_type: dict[InputType, InputValue] = {
        InputType.INTEGER: 1,
        InputType.NUMBER: 1.0,
        InputType.BOOLEAN: False,
    }
    return by_type.get(wanted.type, wanted.name)
