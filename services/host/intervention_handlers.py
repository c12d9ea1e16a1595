"""What carries out the interventions in a run, and answers what they would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from foredeck.services.domain.views import Preview, PromptView, RunRow
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store, Transaction
from foredeck.services.workflow import interventions
from foredeck.services.workflow.interventions import Change
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.previews import InterventionPreviews
from foredeck.services.workflow.prompting import PromptService
from foredeck.services.workflow.runs import RunService


class InterventionQueries:
    """Reads only."""

    def __init__(self, store: Store) -> None:
        self._previews = InterventionPreviews(store)
        self._prompts = PromptService(store)

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            q.PreviewSkip: self.preview_skip,
            q.PreviewRerun: self.preview_rerun,
            q.PreviewResume: self.preview_resume,
            q.PreviewRestart: self.preview_restart,
            q.GetPrompt: self.prompt,
        }

    async def preview_skip(self, query: q.PreviewSkip) -> Preview:
        """Answer `PreviewSkip`."""
        return await self._previews.skip(query.run, query.step_key)

    async def preview_rerun(self, query: q.PreviewRerun) -> Preview:
        """Answer `PreviewRerun`."""
        return await self._previews.rerun(query.run, query.step_key)

    async def preview_resume(self, query: q.PreviewResume) -> Preview:
        """Answer `PreviewResume`."""
        return await self._previews.resume(query.run)

    async def preview_restart(self, query: q.PreviewRestart) -> Preview:
        """Answer `PreviewRestart`."""
        return await self._previews.restart(query.run)

    async def prompt(self, query: q.GetPrompt) -> PromptView:
        """Answer `GetPrompt`."""
        return await self._prompts.show(query.run, query.step_key)


class InterventionCommands:
    """Returns the run as it stands once the change is durable."""

    def __init__(self, store: Store, runs: RunService, orchestrator: Orchestrator) -> None:
        self._queries = store.queries
        self._runs = runs
        self._orchestrator = orchestrator
        self._prompts = PromptService(store)

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {
            c.PauseRun: self.pause,
            c.ResumeRun: self.resume,
            c.SkipStep: self.skip,
            c.RerunFrom: self.rerun,
            c.RestartRun: self.restart,
            c.SetBudget: self.set_budget,
            c.SetPrompt: self.set_prompt,
        }

    async def pause(self, command: c.PauseRun) -> RunRow:
        """Carry out `PauseRun`."""
        return await self._change(
            command.ref, lambda tx, run_id: interventions.pause(tx, run_id, command.reason)
        )

    async def resume(self, command: c.ResumeRun) -> RunRow:
        """Carry out `ResumeRun`."""
        run = await self._runs.find(command.ref)
        await self._orchestrator.resume(run.id)
        return await self._row(run.id)

    async def skip(self, command: c.SkipStep) -> RunRow:
        """Carry out `SkipStep`."""
        key, reason = command.step_key, command.reason
        return await self._change(
            command.ref, lambda tx, run_id: interventions.skip(tx, run_id, key, reason)
        )

    async def rerun(self, command: c.RerunFrom) -> RunRow:
        """Carry out `RerunFrom`."""
        return await self._change(
            command.ref, lambda tx, run_id: interventions.rerun(tx, run_id, command.step_key)
        )

    async def restart(self, command: c.RestartRun) -> RunRow:
        """Carry out `RestartRun`."""
        run = await self._runs.restart(command.ref)
        await self._orchestrator.start(run.id)
        return await self._row(run.id)

    async def set_budget(self, command: c.SetBudget) -> RunRow:
        """Carry out `SetBudget`."""
        tokens, cost = command.tokens, command.cost
        return await self._change(
            command.ref, lambda tx, run_id: interventions.set_budget(tx, run_id, tokens, cost)
        )

    async def set_prompt(self, command: c.SetPrompt) -> PromptView:
        """Carry out `SetPrompt`."""
        return await self._prompts.replace(command.ref, command.step_key, command.text)

    async def _change(
        self, ref: str, change: Callable[[Transaction, str], Awaitable[Change]]
    ) -> RunRow:
        run = await self._runs.find(ref)
        await self._orchestrator.intervene(run.id, lambda tx: change(tx, run.id))
        return await self._row(run.id)

    async def _row(self, run_id: str) -> RunRow:
        return (await self._queries.run(run_id)).run
