"""Reads for the screen of jobs: all of them, and the one that is looked at."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen
from textual.timer import Timer

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.refresher import Refresher, Rest, failure_in
from foredeck.app.screens.shell import host_of
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import JobDetail, JobRow
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetJob, GetJobBoard

# How many times as long as a read took comes before the next, and how long at most (seconds):
# while a thousand jobs change, the screen has other things to do as well.
_FACTOR, _LONGEST = 8.0, 1.0
# Seconds that the cursor has to rest on a job before that is read: who walks through the list
# looks at none of those in between.
_DWELL = 0.12


class JobReader:
    """Reads one thing at a time, and again when that has changed."""

    def __init__(
        self,
        screen: Screen[JobRow],
        batch: str | None,
        show_board: Callable[[JobBoard], None],
        show_job: Callable[[], None],
        list_failed: Callable[[Exception], None],
        job_failed: Callable[[Exception], None],
    ) -> None:
        self._screen = screen
        self._batch = batch
        self._show_board = show_board
        self._show_job = show_job
        self._aim: str | None = None
        self._rest = Rest(_FACTOR, _LONGEST)
        self._dwelling: Timer | None = None
        self.board: JobBoard | None = None
        self.detail: JobDetail | None = None
        self._boards = Refresher(
            screen, self._read_board, failure_in(screen, list_failed, self._has_read)
        )
        self._jobs = Refresher(
            screen, self._read_job, failure_in(screen, job_failed, self._has_read)
        )

    def apply(self, change: HostChanged) -> None:
        """Read again what has changed."""
        if change.resync or change.queue or change.jobs:
            self.read_board(at_once=change.resync or change.queue)
        if self._aim is not None and (change.resync or self._aim in change.jobs):
            self._jobs.request()

    def read_board(self, *, at_once: bool = True) -> None:
        """Read all jobs again; also in the rest after a read, unless that can wait."""
        self._boards.request()
        if at_once:
            self._rest.hurry()

    def aim(self, job_id: str | None, *, at_once: bool = False) -> None:
        """Look at that job from now on, or at none; soon, or at once."""
        if job_id != self._aim:
            self._aim = job_id
            if self._dwelling is not None:
                self._dwelling.stop()
            if job_id is None:
                self.detail = None
            elif at_once:
                self._jobs.request()
            else:
                self._dwelling = self._screen.set_timer(_DWELL, self._jobs.request)
        elif self.detail is not None and self.detail.job.id == job_id:
            self._show_job()  # what is around it may have changed

    def _has_read(self) -> bool:
        return self.board is not None

    @property
    def _host(self) -> Host:
        return host_of(self._screen)

    async def _read_board(self) -> None:
        async with self._rest.after():
            board = await self._host.ask(GetJobBoard(self._batch))
            if self._screen.is_attached:
                self.board = board
                self._show_board(board)

    async def _read_job(self) -> None:
        wanted = self._aim
        if wanted is None:
            return
        detail = await self._host.ask(GetJob(wanted))
        if wanted == self._aim and self._screen.is_attached:
            self.detail = detail
            self._show_job()
