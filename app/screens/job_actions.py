"""How a person finds a job: what works now, in any run."""

from __future__ import annotations

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.job_views import JobRow


class JobActions(DialogActions):
    """Every coroutine may raise `ForedeckError`."""

    async def choose(self) -> JobRow | None:
        """Show the jobs; return the one that the person wants to see, None if there is none."""
        from foredeck.app.screens.modals.jobs import JobsDialog

        shell = shell_of(self._screen)
        dialog = JobsDialog(self._host, shell, shell.now)
        chosen: JobRow | None = await self._screen.app.push_screen_wait(dialog)
        return chosen
