"""What a stage is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foredeck.services.agents.declaration import AGENTS_MD, AgentSpec
from foredeck.services.agents.stage import StageBriefing, StageTask

# A plan is a few thousand characters; more than this would crowd out the work itself.
PLAN_LIMIT = 40_000
SUMMARY_LIMIT = 8_000


@dataclass(frozen=True, slots=True)
class JobNotice:
    """The end of a codex job that an agent did not wait for."""

    task_id: str
    text: str


def stage_input(spec: AgentSpec, task: StageTask | StageBriefing, plan: str) -> str:
    """Return the first message of an agent's stage; `plan` is AGENTS.md or empty.

    What a person has put in its place is returned as it is, here and for direct mode.
    """
    if task.edit:
        return task.edit.text
    return f"{context(task, plan)}\n\n# Your task\nDo your stage now: {spec.description}"


def direct_prompt(spec: AgentSpec, task: StageTask | StageBriefing, plan: str) -> str:
    """Return the prompt that gives the whole stage to codex."""
    if task.edit:
        return task.edit.text
    return spec.codex_prompt_template.replace("{context}", context(task, plan))


def going_on(prompt: str) -> str:
    """Return the prompt that goes on with a codex turn that was cut off."""
    return (
        "Your last turn was cut off in the middle. Look at what is in the workspace already, and "
        f"finish the task from there:\n\n{prompt}"
    )


def sent_back(prompt: str, items: Iterable[str]) -> str:
    """Return the prompt of a step whose work was sent back, with what is to be mended."""
    return "\n\n".join([prompt, *_rework(items)])


def context(task: StageTask | StageBriefing, plan: str) -> str:
    """Return request, project, plan, earlier summaries, rework items and the stage's own prompt."""
    return "\n\n".join(
        [
            f"# Request\n{task.run.request}",
            _project(task),
            *_plan(plan),
            *_summaries(task.summaries),
            *_rework(task.rework_items),
            *_own(task.prompt),
        ]
    )


def reminder(missing: str) -> str:
    """Return the message that asks an agent for what its stage still lacks."""
    return f"Your stage is not complete: {missing}"


def _project(task: StageTask | StageBriefing) -> str:
    project = task.project
    about = f"\n{project.description}" if project.description else ""
    return f"# Project\n{project.name}, in the directory {project.workspace}{about}"


def _plan(plan: str) -> Iterable[str]:
    if plan.strip():
        yield f"# {AGENTS_MD} as it stands\n{_cut(plan, PLAN_LIMIT)}"


def _summaries(summaries: Iterable[tuple[str, str]]) -> Iterable[str]:
    parts = [f"## {key}\n{_cut(text, SUMMARY_LIMIT)}" for key, text in summaries]
    if parts:
        yield "\n\n".join(["# What earlier stages handed on", *parts])


def _rework(items: Iterable[str]) -> Iterable[str]:
    lines = [f"{number}. {item}" for number, item in enumerate(items, 1)]
    if lines:
        title = "# Sent back: attend to every item"
        yield "\n".join([title, *lines])


def _own(prompt: str) -> Iterable[str]:
    if prompt.strip():
        yield f"# What this stage is asked for in particular\n{prompt}"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut here: {len(text) - limit} more characters]"
