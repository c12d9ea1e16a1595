"""What is selected: a project, a run, a stage; and which stage to show when none was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foredeck.services.domain.states import ACTIVE_RUNS, StepState
from foredeck.services.domain.views import RunDetail, RunRow, Sidebar, StepRow


@dataclass(slots=True)
class Selection:
    """The selection of the workbench; ids, so that it survives every update.

    `step_key` is the stage that the person chose; without one the selection follows
    the running stage. `held` says that it was not chosen but is being read: following
    the output again lets go of it.
    """

    project_id: str | None = None
    run_id: str | None = None
    step_key: str | None = None
    held: bool = False

    def choose_run(self, run_id: str, project_id: str | None) -> bool:
        """Select a run and follow it; False if it is selected already."""
        if self.run_id == run_id:
            return False
        self.run_id, self.project_id = run_id, project_id
        self.follow()
        return True

    def choose_project(self, project_id: str) -> None:
        """Select a project; no run of it is selected."""
        self.project_id, self.run_id = project_id, None
        self.follow()

    def choose_step(self, step_key: str) -> None:
        """Select a stage, whatever runs."""
        self.step_key, self.held = step_key, False

    def hold(self, step_key: str) -> None:
        """Stay with the stage that is being read, unless one was chosen."""
        if self.step_key is None:
            self.step_key, self.held = step_key, True

    def follow(self) -> None:
        """Go with the running stage."""
        self.step_key, self.held = None, False

    def step_of(self, detail: RunDetail) -> StepRow | None:
        """Return the stage to show: the chosen one, else the one where things happen."""
        chosen = next((s for s in detail.steps if s.key == self.step_key), None)
        return chosen or current_step(detail.steps)


def current_step(steps: Iterable[StepRow]) -> StepRow | None:
    """Return the running stage, else the failed one, else the last that began, else the first."""
    steps = tuple(steps)
    for state in (StepState.RUNNING, StepState.WAITING, StepState.RETRY, StepState.FAILED):
        found = [step for step in steps if step.state is state]
        if found:
            return found[-1]
    begun = [step for step in steps if step.started_at is not None]
    return begun[-1] if begun else next(iter(steps), None)


def first_run(sidebar: Sidebar) -> RunRow | None:
    """Return the run to open with: the newest that works, else the newest."""
    rows = [run for node in sidebar.projects for run in node.runs]
    working = [run for run in rows if run.state in ACTIVE_RUNS]
    return max(working or rows, key=lambda run: run.created_at, default=None)


def project_of(sidebar: Sidebar | None, run_id: str) -> str | None:
    """Return the project of a run in the tree, or None if the tree does not have it."""
    for node in sidebar.projects if sidebar else ():
        if any(run.id == run_id for run in node.runs):
            return node.project.id
    return None


def working_runs(sidebar: Sidebar | None) -> tuple[RunRow, ...]:
    """Return the runs of the tree that are at work."""
    nodes = sidebar.projects if sidebar else ()
    return tuple(run for node in nodes for run in node.runs if run.state in ACTIVE_RUNS)


def asked_in(sidebar: Sidebar | None) -> int:
    """Return how many questions the runs of the tree ask."""
    nodes = sidebar.projects if sidebar else ()
    return sum(run.questions for node in nodes for run in node.runs)
