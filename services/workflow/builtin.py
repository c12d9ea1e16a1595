"""The built-in workflows: the four agents (SPEC A3), and one codex turn alone.

Both are workflow files beside the reader of such files, so that they can be copied and
changed like any other.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.workflow import WorkflowSpec

if TYPE_CHECKING:
    from foredeck.services.workflow.file import WorkflowFile

FOUR_AGENTS = "four-agents"
CODEX = "codex"
NAMES = (FOUR_AGENTS, CODEX)

_FILES = Path(__file__).with_name("file")
# The shortest that a file may say; the setting allows less.
_SHORTEST = 1.0


def text(name: str) -> str:
    """Return the file of a built-in workflow; raises `NotFound`."""
    if name not in NAMES:
        from foredeck.services.workflow.near import one_of

        advice = f"The built-in workflows are {one_of(NAMES, 'and')}."
        raise NotFound(f"There is no built-in workflow {name!r}.", advice)
    return (_FILES / f"{name}.yaml").read_text(encoding="utf-8")


def four_agents(
    *, max_rework: int = 1, stage_timeout: float = 3600.0, verify: str | None = None
) -> WorkflowSpec:
    """Return the definition of the default workflow; `verify` is what the Builder's work must pass.

    Production Readiness is not critical: a verdict that stays NEEDS_WORK leaves finished
    work behind, so the run ends as a partial success.
    """
    return _file(FOUR_AGENTS).build(
        {
            "max_rework": max_rework,
            "stage_timeout": max(_SHORTEST, stage_timeout),
            "verify": verify or "",
        }
    )


def codex_turn(
    prompt: str,
    *,
    thread_id: str | None = None,
    model: str | None = None,
    sandbox: Sandbox | None = None,
    codex_config: tuple[str, ...] = (),
    turn_timeout: float | None = None,
    stage_timeout: float = 3600.0,
    verify: str | None = None,
    log_dir: str = "",
) -> WorkflowSpec:
    """Return the workflow of one codex turn, in a new conversation or in `thread_id`.

    `turn_timeout` (seconds) is for the turn alone; waiting for its workspace comes on top.
    """
    inputs: dict[str, str | float] = {
        "stage_timeout": max(_SHORTEST, stage_timeout),
        "verify": verify or "",
    }
    workflow = _file(CODEX).build(inputs, request="the prompt")
    (step,) = workflow.steps
    # What a file cannot say (whose length and conversation are checked by who asks) comes after.
    step = replace(
        step,
        timeout=step.timeout + (turn_timeout or 0.0),
        prompt=prompt,
        thread_id=thread_id,
        model=model,
        sandbox=sandbox,
        codex_config=codex_config,
        turn_timeout=turn_timeout,
        log_dir=log_dir,
    )
    return replace(workflow, steps=(step,))


@cache
def _file(name: str) -> WorkflowFile:
    # YAML is imported when the first run is made, not when the services open.
    from foredeck.services.workflow.file import read

    return read(text(name), f"{name}.yaml")
