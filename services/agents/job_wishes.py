"""From the arguments of an agent's call to a job that it wishes for, or to what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from foredeck.services.agents.job_tool_specs import TASK_TYPES
from foredeck.services.agents.stage import StageTask
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.jobs import CODEX, JobWish, Priority
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.safe_text import safe_line

T = TypeVar("T")


def wish_of(
    task: StageTask,
    call_id: str,
    sandbox: Sandbox,
    *,
    name: str,
    task_type: str,
    description: str,
    command: str = "",
    timeout_seconds: int | None = None,
    priority: str = Priority.NORMAL.value,
    input_json: str = "",
) -> JobWish:
    """Return what a call of that stage wishes for, where codex works and in a sandbox (SPEC J5).

    Raises `InvalidInput` for a type and a priority that there is not; the rest is not checked.
    """
    if task_type == CODEX:
        raise InvalidInput("Codex is not submitted as a task: run_codex gives it a prompt.")
    require("task_type", task_type, TASK_TYPES)
    require("priority", priority, tuple(Priority))
    return JobWish(
        name=name,
        command=command,
        type=task_type,
        description=description,
        priority=Priority(priority),
        project=task.project.id,
        directory=str(Path(task.project.workspace, task.spec.directory)),
        input_data=input_json,
        timeout=timeout_seconds,
        metadata=_origin(task, call_id),
        sandbox=sandbox,
    )


def _origin(task: StageTask, call_id: str) -> tuple[tuple[str, str], ...]:
    return (
        ("run", task.run.id),
        ("step", task.step.key),
        ("attempt", str(task.attempt)),
        ("agent", task.role),
        ("tool_call", call_id),
    )


def checked(wish: T, check: Callable[[T], None]) -> T:
    """Return a wish in which `check` finds nothing wrong; its advice is for a command line.

    Raises `InvalidInput` with every mistake.
    """
    try:
        check(wish)
    except InvalidInput as error:
        raise InvalidInput(error.message) from None
    return wish


def require(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise `InvalidInput` that names what is known, unless the value is among it."""
    if value not in known:
        raise InvalidInput(
            f"There is no {name} {safe_line(value)!r}; there are: {', '.join(known)}."
        )
