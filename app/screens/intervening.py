"""What a person does to a run between its stages; each with its dialog."""

from __future__ import annotations

from foredeck.app.screens.actions import can_resume
from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.services.domain.views import RunDetail, RunRow, StepRow
from foredeck.services.host.commands import (
    PauseRun,
    RerunFrom,
    RestartRun,
    ResumeRun,
    SkipStep,
)
from foredeck.services.host.queries import GetPrompt, PreviewRerun, PreviewRestart, PreviewSkip


class InterventionActions(DialogActions):
    """Asks, confirms and commands; every coroutine may raise `ForedeckError`."""

    async def pause_or_resume(self, detail: RunDetail) -> None:
        """Pause the run at its next boundary, or go on with it."""
        run_id = detail.run.id
        if can_resume(detail):
            await self._host.do(ResumeRun(run_id))
            return
        await self._host.do(PauseRun(run_id))
        self._say("Paused: the stage under way ends, nothing new starts. p goes on.")

    async def skip(self, detail: RunDetail, step: StepRow) -> None:
        """Say what follows when the stage is skipped, then skip it."""
        preview = await self._host.ask(PreviewSkip(detail.run.id, step.key))
        if await self._confirm(preview, yes="Skip it", no="Leave it"):
            await self._host.do(SkipStep(detail.run.id, step.key))

    async def rerun(self, detail: RunDetail, step: StepRow) -> bool:
        """Say what running from the stage repeats, then do it; False if the person left it."""
        preview = await self._host.ask(PreviewRerun(detail.run.id, step.key))
        if not await self._confirm(preview, yes="Run again", no="Leave it"):
            return False
        await self._host.do(RerunFrom(detail.run.id, step.key))
        return True

    async def restart(self, detail: RunDetail) -> RunRow | None:
        """Begin a new run with the same request; None if the person left it."""
        preview = await self._host.ask(PreviewRestart(detail.run.id))
        if not await self._confirm(preview, yes="Start", no="Leave it", dangerous=False):
            return None
        return await self._host.do(RestartRun(detail.run.id))

    async def budget(self, detail: RunDetail) -> None:
        """Ask for other limits."""
        from foredeck.app.screens.modals.budget import BudgetDialog

        said = await self._screen.app.push_screen_wait(BudgetDialog(self._host, detail))
        if said:
            self._say(said)

    async def prompt(self, detail: RunDetail, step: StepRow) -> None:
        """Show what the stage will be told, and let the person change it."""
        from foredeck.app.screens.modals.prompt import PromptDialog

        view = await self._host.ask(GetPrompt(detail.run.id, step.key))
        said = await self._screen.app.push_screen_wait(PromptDialog(self._host, view))
        if said:
            self._say(said)
