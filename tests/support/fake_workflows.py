"""A host in memory with workflows that can be run, for the dialogs that start them."""

from __future__ import annotations

from dataclasses import dataclass, field

from foredeck.services.domain.errors import UntrustedWorkflow
from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import InputType
from foredeck.services.domain.workflow_views import (
    InputMistake,
    WorkflowInput,
    WorkflowList,
    WorkflowPreview,
    WorkflowRow,
    WorkflowStep,
    WorkflowView,
)
from foredeck.services.host import commands, queries
from tests.support.fake_host import FakeHost, project_row

FOLDER = "/home/ada/foredeck/shortener/.foredeck/workflows"


def four_agents() -> WorkflowView:
    """Return a workflow that comes with Foredeck."""
    titles = ("Planner", "Builder", "QA/QC")
    steps = [WorkflowStep(t, StepKind.AGENT, titles[:n][-1:]) for n, t in enumerate(titles)]
    row = WorkflowRow("four-agents", "", "Plan, build and check a piece of work.", 3)
    inputs = (WorkflowInput("max_rework", InputType.INTEGER, "1", "How often work is sent back."),)
    return WorkflowView(row, "name: four-agents", inputs, tuple(steps))


def release() -> WorkflowView:
    """Return a workflow of the project's own, with an input of each type."""
    row = WorkflowRow("release", f"{FOLDER}/release.yaml", "Build, sign off and ship.", 3)
    inputs = (
        WorkflowInput("version", InputType.STRING, None, "What to build."),
        WorkflowInput("jobs", InputType.INTEGER, "4"),
        WorkflowInput("loud", InputType.BOOLEAN, "false"),
        WorkflowInput("target", InputType.STRING, None, "Where to.", ("staging", "production")),
    )
    steps = (
        WorkflowStep("Build", StepKind.COMMAND),
        WorkflowStep("Sign off", StepKind.GATE, ("Build",)),
        WorkflowStep("Ship", StepKind.COMMAND, ("Sign off",)),
    )
    return WorkflowView(row, "name: release", inputs, steps)


def broken() -> WorkflowView:
    """Return a workflow whose file has mistakes."""
    problems = (
        "Line 3: `kind` must be agent, codex, command or gate, not the text “comand”.",
        "Line 9: There is no key “tmeout”. Did you mean timeout?",
    )
    row = WorkflowRow("broken", f"{FOLDER}/broken.yaml", problem=problems[0])
    return WorkflowView(row, "steps: [", problems=problems)


@dataclass
class WorkflowHost(FakeHost):
    """Has these workflows; `trusted` are the texts that may be run, else of own files none."""

    workflows: list[WorkflowView] = field(default_factory=list)
    trusted: set[str] = field(default_factory=set)

    def change(self, changed: WorkflowView) -> None:
        """Let a file be another one from now on."""
        names = [view.row.name for view in self.workflows]
        self.workflows[names.index(changed.row.name)] = changed

    def _answer(self, query: object) -> object:
        match query:
            case queries.ListWorkflows():
                rows = tuple(view.row for view in self.workflows)
                return WorkflowList(FOLDER, rows, len(rows))
            case queries.GetWorkflow():
                return self._view(query.name)
            case queries.PreviewWorkflow():
                return self._preview(query)
        return super()._answer(query)

    def _carry_out(self, command: object) -> object:
        if isinstance(command, commands.CreateWorkflowRun):
            if command.path and command.source not in self.trusted and not command.trust:
                raise UntrustedWorkflow("Nobody trusts it.", "Read it first.")
            return self._create_run(commands.CreateRun(command.project, "A workflow"))
        return super()._carry_out(command)

    def _view(self, name: str) -> WorkflowView:
        (view,) = [view for view in self.workflows if view.row.name == name]
        return view

    def _preview(self, query: queries.PreviewWorkflow) -> WorkflowPreview:
        (view,) = [view for view in self.workflows if view.source == query.source]
        missing = [i.name for i in view.inputs if i.default is None and i.name not in query.inputs]
        mistakes = [InputMistake(name, f"The input {name} is missing.") for name in missing]
        if not query.inputs.get("jobs", "4").isdecimal():
            said = "The input jobs must be a whole number, not “many”."
            mistakes.append(InputMistake("jobs", said))
        trusted = not query.path or query.source in self.trusted
        return WorkflowPreview(tuple(mistakes), ("Build runs: make", "Ship runs: ship it"), trusted)


def workshop(*views: WorkflowView) -> WorkflowHost:
    """Return a host with one project and these workflows; without any with all there are."""
    return WorkflowHost(
        [project_row()], workflows=list(views or (broken(), release(), four_agents()))
    )
