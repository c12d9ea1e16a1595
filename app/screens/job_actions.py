"""What a person does to jobs, batches and their queue: asked about, commanded, and told."""

from __future__ import annotations

from textual.screen import Screen

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.app.screens.job_keys import stepped
from foredeck.app.screens.job_previews import cancel_preview, retry_preview
from foredeck.app.screens.modals.job_submit import JobDraft, SubmitJobDialog
from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.command_rules import PolicyAction, told
from foredeck.services.domain.job_views import JobQueueView, JobRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.host.commands import (
    CancelJob,
    ExecuteJob,
    LimitJobs,
    PauseJobs,
    PrioritiseJob,
    RetryJob,
)
from foredeck.services.host.queries import ListProjects

_MOST_PROJECTS = 200


class JobActions(DialogActions):
    """Every coroutine may raise `ForedeckError`; `project_id` is the one to submit to first."""

    def __init__(self, screen: Screen[JobRow], project_id: str | None) -> None:
        super().__init__(screen)
        self._draft = JobDraft(project=project_id or "")

    async def submit(self) -> JobRow | None:
        """Ask for a job and queue it; what was typed is kept until it is."""
        projects = (await self._host.ask(ListProjects(limit=_MOST_PROJECTS))).items
        dialog = SubmitJobDialog(self._host, projects, self._draft)
        row: JobRow | None = await self._screen.app.push_screen_wait(dialog)
        if row is not None:
            self._draft = JobDraft(project=self._draft.project)
            held = "is held: x executes it." if row.state is JobState.PENDING else "is queued."
            self._say(f"{_named(row)} {held}")
            if warned := told(row.matches, PolicyAction.WARN):
                shell_of(self._screen).notice(f"The command policy warns: {warned}.", "warning")
        return row

    async def execute(self, row: JobRow) -> None:
        """Queue what is held."""
        await self._host.do(ExecuteJob(row.id))
        self._say(f"{_named(row)} is queued.")

    async def cancel(self, row: JobRow) -> None:
        """Ask, then end a job or all of a batch."""
        from foredeck.app.screens.modals.job_cancel import CancelJobDialog

        preview = cancel_preview(row)
        reason: str | None = await self._screen.app.push_screen_wait(CancelJobDialog(preview))
        if reason is None:
            return
        command = CancelJob(row.id, reason) if reason else CancelJob(row.id)
        await self._host.do(command)
        self._say(f"{_named(row)} is cancelled.")

    async def retry(self, row: JobRow) -> None:
        """Try a job again, or after a question what has failed in a batch."""
        batch = row.counts
        if batch is not None and not await self._confirm(
            retry_preview(row, batch), yes="Retry them", no="Back", dangerous=False
        ):
            return
        await self._host.do(RetryJob(row.id))
        what = "What failed in " if batch is not None else ""
        self._say(f"{what}{_named(row)} is queued again.")

    async def prioritise(self, row: JobRow, step: int) -> None:
        """Raise or lower the priority of a job that waits."""
        if row.priority is not None:
            priority = stepped(row.priority, step)
            await self._host.do(PrioritiseJob(row.id, priority))
            self._say(f"{_named(row)} has {priority.value} priority.")

    async def pause(self, queue: JobQueueView) -> None:
        """Start nothing more, or go on."""
        view = await self._host.do(PauseJobs(queue.paused_at is None))
        if view.paused_at is None:
            self._say("Jobs that wait are started again.")
        else:
            self._say("Nothing more is started until p is pressed again; what works goes on.")

    async def limit(self, queue: JobQueueView) -> None:
        """Ask how many jobs may work at once."""
        from foredeck.app.screens.modals.job_limit import JobLimitDialog

        dialog = JobLimitDialog(queue)
        answer: tuple[int | None] | None = await self._screen.app.push_screen_wait(dialog)
        if answer is not None:
            view = await self._host.do(LimitJobs(answer[0]))
            self._say(f"{view.limit} jobs may work at once.")


def _named(row: JobRow) -> str:
    return f"“{safe_line(row.name, limit=40)}”"
