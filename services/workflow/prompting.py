"""The prompt that a stage will get: read, replaced and given back."""

from __future__ import annotations

from pathlib import Path

from foredeck.services.agents import prompts
from foredeck.services.agents.registry import agent
from foredeck.services.agents.stage import StageBriefing, handed_on
from foredeck.services.agents.tools import read_plan
from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, InvalidInput, UsageError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Mode, Project, PromptEdit, Run, Step, StepKind
from foredeck.services.domain.views import PromptView
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import definition, dynamic_text
from foredeck.services.workflow.interventions import load
from foredeck.services.workflow.outcomes import RunContext, is_under_way
from foredeck.services.workflow.step_values import values_of
from foredeck.services.workspace.files import WorkspaceFiles

# codex refuses more than 1,048,576 characters, and adds its own.
PROMPT_LENGTH = 400_000
_WITHOUT = frozenset({StepKind.COMMAND, StepKind.GATE})


class PromptService:
    """Shows what a stage would be told now, and keeps what a person puts in its place."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def show(self, run_ref: str, step_key: str) -> PromptView:
        """Return the prompt of a step, and the one that it replaces.

        What the stages before it have not handed on yet is not in it. Raises `NotFound`,
        and `Conflict` for a step that is told nothing.
        """
        async with self._store.transaction() as tx:
            run, steps, step = await load(tx, (await tx.runs.find(run_ref)).id, step_key)
            project = await tx.projects.get(run.project_id)
            edit = await tx.prompt_edits.latest(step.id)
            locked = await _why_locked(tx, step)
        if step.kind in _WITHOUT:
            raise Conflict(f"{step.title} has no prompt: it is a step of kind {step.kind}.")
        own = _prompt(project, run, steps, step)
        return PromptView(
            run_id=run.id,
            step_key=step.key,
            title=step.title,
            original=edit.original if edit else own,
            text=edit.text if edit else own,
            edited=edit is not None,
            locked=locked,
        )

    async def replace(self, run_ref: str, step_key: str, text: str) -> PromptView:
        """Keep `text` as the step's prompt; an empty one gives its own back.

        Raises `Conflict` if the step is under way, `InvalidInput` for a text too long.
        """
        if len(text) > PROMPT_LENGTH:
            raise InvalidInput(
                f"The prompt has {len(text):,} characters; {PROMPT_LENGTH:,} is the limit.",
                "Put long material into a file of the workspace and name it in the prompt.",
            )
        view = await self.show(run_ref, step_key)
        text = "" if text.strip() == view.original.strip() else text.strip()
        async with self._store.transaction("user") as tx:
            run, _steps, step = await load(tx, view.run_id, step_key)
            if why := await _why_locked(tx, step):
                raise Conflict(why, "Pause the run before the stage begins, then edit it.")
            if text or view.edited:
                await tx.prompt_edits.add(_edit(run, step, view.original, text))
                done = "prompt edited" if text else "prompt as it was before it was edited"
                await tx.steps.note(step.id, done)
        return await self.show(view.run_id, step_key)


def _edit(run: Run, step: Step, original: str, text: str) -> PromptEdit:
    return PromptEdit(new_id(), run.id, step.id, clock.now(), "user", original, text)


async def _why_locked(tx: Transaction, step: Step) -> str:
    if await is_under_way(tx, step):
        return f"{step.title} is under way: its prompt has been given."
    return ""


def _prompt(project: Project, run: Run, steps: tuple[Step, ...], step: Step) -> str:
    """Return what the step would be told if it began now."""
    workflow = definition.from_json(run.definition)
    told = RunContext(project, run, workflow).spec_of(step)
    if told.kind is StepKind.CODEX:
        return told.prompt  # what it refers to is filled in when the step starts
    spec = agent(told.role)
    asked = dynamic_text.fill(told.prompt, values_of(workflow, steps, step))
    briefing = StageBriefing(project, run, *handed_on(steps, step), prompt=asked)
    tell = prompts.direct_prompt if run.mode is Mode.DIRECT else prompts.stage_input
    return tell(spec, briefing, _plan(project.workspace))


def _plan(workspace: str) -> str:
    try:
        return read_plan(WorkspaceFiles(Path(workspace)))
    except UsageError:
        return ""
