"""What a person can do to runs: start, retry, cancel; each with its dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import Screen

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.views import RunDetail, RunRow, StepRow
from foredeck.services.host.commands import CancelRun, RerunFrom, RetryRun
from foredeck.services.host.queries import (
    ListProjects,
    PreviewCancel,
    PreviewRerun,
    PreviewRetry,
)

if TYPE_CHECKING:
    from foredeck.app.screens.modals.new_run import Draft
    from foredeck.app.screens.modals.quit import Leaving

_MOST_PROJECTS = 500


class RunActions(DialogActions):
    """Asks, confirms and commands; every coroutine may raise `ForedeckError`.

    `changed` is called when `cancelling` grows or shrinks.
    """

    def __init__(self, screen: Screen[None], changed: Callable[[], None]) -> None:
        super().__init__(screen)
        self._changed = changed
        self._draft: Draft | None = None
        self.cancelling: set[str] = set()

    async def new_run(self, project_id: str | None) -> RunRow | None:
        """Ask for a run and start it; what was typed is kept until a run came of it."""
        from foredeck.app.screens.modals.new_run import Draft, NewRunDialog

        page = await self._host.ask(ListProjects(limit=_MOST_PROJECTS))
        draft = self._draft or Draft()
        if project_id and not draft.request and not draft.name:
            draft.project = project_id
        self._draft = draft
        run = await self._screen.app.push_screen_wait(NewRunDialog(self._host, page.items, draft))
        if run is not None:
            self._draft = None
        return run

    async def retry(self, detail: RunDetail) -> bool:
        """Say what a retry repeats and keeps, then do it; False if the person left it."""
        run_id = detail.run.id
        preview = await self._host.ask(PreviewRetry(run_id))
        if not await self._confirm(preview, yes="Retry", no="Leave it", dangerous=False):
            return False
        await self._host.do(RetryRun(run_id))
        return True

    async def retry_step(self, detail: RunDetail, step: StepRow) -> bool:
        """Ask how much is tried again, from the step on; False if the person left it."""
        from foredeck.app.screens.modals.retry import Retry, RetryDialog

        run_id, host = detail.run.id, self._host
        previews = {
            Retry.STEP: await host.ask(PreviewRetry(run_id, step.key)),
            Retry.DOWNSTREAM: await host.ask(PreviewRerun(run_id, step.key)),
            Retry.ALL: await host.ask(PreviewRetry(run_id)),
        }
        if not any(preview.possible for preview in previews.values()):
            raise Conflict(previews[Retry.STEP].reason or "It cannot be retried now.")
        dialog = RetryDialog(step.title, previews)
        chosen: Retry | None = await self._screen.app.push_screen_wait(dialog)
        if chosen is None:
            return False
        commands = {
            Retry.STEP: RetryRun(run_id, step.key),
            Retry.DOWNSTREAM: RerunFrom(run_id, step.key),
            Retry.ALL: RetryRun(run_id),
        }
        await host.do(commands[chosen])
        return True

    async def cancel(self, detail: RunDetail) -> None:
        """Say what will stop, then stop it; takes until nothing of the run is left."""
        run_id = detail.run.id
        preview = await self._host.ask(PreviewCancel(run_id))
        if not await self._confirm(preview, yes="Stop the run", no="Let it work"):
            return
        self.cancelling.add(run_id)
        self._changed()
        self._say(f"Stopping “{detail.run.title}”…")
        try:
            await self._host.do(CancelRun(run_id))
        finally:
            self.cancelling.discard(run_id)
            self._changed()

    async def how_to_quit(
        self, working: tuple[RunRow, ...], *, can_leave: bool, jobs: int
    ) -> Leaving:
        """Ask how to leave while these runs, and so many jobs, are working."""
        from foredeck.app.screens.modals.quit import QuitDialog

        dialog = QuitDialog(working, can_leave=can_leave, jobs=jobs)
        answer: Leaving = await self._screen.app.push_screen_wait(dialog)
        return answer
