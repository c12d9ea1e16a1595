"""View models of workflows that can be run: what they are, take and would do."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import InputType


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """A workflow that can be run by name; `path` is empty for one that comes with Foredeck.

    `steps` counts what a run has to begin with. `problem` is the first thing that is wrong
    with the file, empty for one that can be run.
    """

    name: str
    path: str = ""
    description: str = ""
    steps: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowList:
    """What can be run in a project, the nearest folder first.

    A file of the project's own has to lie in `folder`. `total` also counts what is left out.
    """

    folder: str
    workflows: tuple[WorkflowRow, ...]
    total: int


@dataclass(frozen=True, slots=True)
class WorkflowInput:
    """An input as a person fills it in; without a `default` it has to be given."""

    name: str
    type: InputType
    default: str | None = None
    description: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """A step of a workflow; `needs` are titles."""

    title: str
    kind: StepKind
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """A workflow, whole: its text `source` and what that says, or everything wrong with it."""

    row: WorkflowRow
    source: str = ""
    inputs: tuple[WorkflowInput, ...] = ()
    steps: tuple[WorkflowStep, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InputMistake:
    """What is wrong with the value of an input; `name` is empty for what is no input's alone."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class WorkflowPreview:
    """What a run with these inputs would do, a sentence a line, or why there can be none.

    Unless it is `trusted`, a person has to say that this content may be run.
    """

    mistakes: tuple[InputMistake, ...] = ()
    lines: tuple[str, ...] = ()
    trusted: bool = True
