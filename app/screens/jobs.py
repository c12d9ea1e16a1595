"""The screen of jobs: everything that works, waits and has ended; or what belongs to one batch."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.job_actions import JobActions
from foredeck.app.screens.job_keys import JobSituation
from foredeck.app.screens.job_list import JobListPane
from foredeck.app.screens.job_offers import JobOffers
from foredeck.app.screens.job_pane import JobPane
from foredeck.app.screens.job_reader import JobReader
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import JobRow
from foredeck.services.host.queries import GetJobResult
from foredeck.widgets.job_header import JobHeader
from foredeck.widgets.job_table import JobTable
from foredeck.widgets.key_bar import KeyBar

# On a screen less wide, the job takes the place of the list.
_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]


class JobsScreen(JobOffers):
    """Answers with the job of a run whose stage the person wants to see."""

    CSS_PATH = "../../styles/jobs.tcss"
    HORIZONTAL_BREAKPOINTS = _BREAKPOINTS
    in_place = "-job"

    def __init__(
        self, frame_rate: float, project_id: str | None = None, batch: JobRow | None = None
    ) -> None:
        """`project_id` is where a new job goes at first, `batch` whose jobs are shown."""
        super().__init__()
        self._frame_rate = frame_rate
        self._project_id = project_id
        self._batch = batch
        # A person wants to go to the output of the job under the cursor, which is not there yet.
        self._awaits_output = False
        self.listed, self.job = JobListPane(batch), JobPane(frame_rate)
        self.dialogs = JobActions(self, project_id)
        self.reader = JobReader(
            self,
            batch.id if batch else None,
            self._show_board,
            self._show_job,
            self.listed.fail,
            self.job.fail,
        )

    def compose(self) -> ComposeResult:
        yield JobHeader()
        with Horizontal(id="jobs-body"):
            yield self.listed
            yield self.job
        yield KeyBar(last=("command_palette", "help", "close"))

    async def on_mount(self) -> None:
        await self.listed.furnish()
        await self.job.furnish()
        self.shell.changed.subscribe(self, self._apply)
        self.listed.say("Loading…")
        self.job.clear("Loading…")
        self.reader.read_board()

    def on_screen_resume(self) -> None:
        """What was missed under another screen is read when this one is back."""
        if self.reader.board is not None:
            self.reader.read_board()

    @property
    def row(self) -> JobRow | None:
        """The job under the cursor."""
        return self.listed.table.row if self.listed.shows_rows else None

    @property
    def filter_bar(self) -> FilterBar:
        """Where the list is filtered."""
        return self.listed.filter

    @property
    def list_table(self) -> JobTable:
        """What takes the keys of the list."""
        return self.listed.table

    @property
    def in_item(self) -> bool:
        """Whether the keys go to the output of a job."""
        return self.focused is self.job.output

    @property
    def help_topic(self) -> str:
        """The topic of the help for what has the keys."""
        return "job" if self.in_item else "batch" if self._batch else "jobs"

    def read_again(self) -> None:
        """Read the list; the job is read with it."""
        self.reader.read_board()

    # --- what is shown ----------------------------------------------------------------

    def _apply(self, change: HostChanged) -> None:
        self.reader.apply(change)

    def _show_board(self, board: JobBoard) -> None:
        self.query_one(JobHeader).update_queue(board.queue, board.batch)
        self.listed.update_board(board, self.shell.now())
        if self.focused is None:
            self.listed.table.focus()
        self._aim()

    def _aim(self) -> None:
        """Show the job under the cursor where it is to be seen."""
        self.offer()
        row = self.row
        if row is None:
            self.reader.aim(None)
            self.job.clear("No job is selected.")
        else:
            self.reader.aim(row.id if self._job_shown else None)

    def _show_job(self) -> None:
        detail, board = self.reader.detail, self.reader.board
        if detail is not None and board is not None:
            self.job.show_job(detail, board.queue.why_not_yet)
            self._focus_output()
            self.offer()

    @property
    def _job_shown(self) -> bool:
        return self.has_class("-job") or not self.has_class("-narrow")

    def on_resize(self) -> None:
        """The job may have come into sight."""
        self.call_after_refresh(self._aim_if_read)

    def _aim_if_read(self) -> None:
        if self.reader.board is not None:
            self._aim()

    # --- which actions apply ----------------------------------------------------------

    @property
    def situation(self) -> JobSituation:
        """What decides which actions apply."""
        board = self.reader.board
        if board is None:
            return JobSituation(connected=self.shell.host is not None)
        return JobSituation(
            connected=self.shell.host is not None,
            row=self.row,
            paused=board.queue.paused_at is not None,
            output=self._job_shown and self.job.has_output,
            split=self._job_shown and self.job.is_split,
            errors=self.job.shows_errors,
            in_output=self.in_item,
            typing=self.typing,
            listed=not (self.has_class("-narrow") and self.has_class("-job")),
        )

    # --- the list and the job ---------------------------------------------------------

    def on_job_table_job_highlighted(self, event: JobTable.JobHighlighted) -> None:
        event.stop()
        self._awaits_output = False
        self._aim()

    def on_job_table_job_selected(self, event: JobTable.JobSelected) -> None:
        """Go into a batch, to the stage of a run's job, or to the job itself."""
        event.stop()
        row = self.row
        if row is None:
            return
        if row.counts is not None:
            screen = JobsScreen(self._frame_rate, self._project_id, row)
            self.app.push_screen(screen)
        elif row.run_id is not None:
            self.dismiss(row)
        else:
            self.action_focus_job()

    def rearrange(self) -> None:
        """List what the filter lets through."""
        self.listed.list_jobs(self.shell.now())
        self._aim()

    # --- actions ----------------------------------------------------------------------

    def action_new_job(self) -> None:
        self.do(self._submit())

    async def _submit(self) -> None:
        """Put the cursor on the new job, as soon as it is listed."""
        row = await self.dialogs.submit()
        if row is not None and self._batch is None:
            self.listed.wanted = row.id

    def action_execute(self) -> None:
        self.do(self.dialogs.execute(self._selected()))

    def action_cancel(self) -> None:
        self.do(self.dialogs.cancel(self._selected()))

    def action_retry(self) -> None:
        self.do(self.dialogs.retry(self._selected()))

    def action_prioritise(self, step: int) -> None:
        self.do(self.dialogs.prioritise(self._selected(), step))

    def action_pause(self) -> None:
        self.do(self.dialogs.pause(self._board().queue))

    def action_limit(self) -> None:
        self.do(self.dialogs.limit(self._board().queue))

    def action_search(self) -> None:
        """Search in the output where that has the focus, else filter the list."""
        if self.in_item:
            self.job.search.open()
        else:
            super().action_search()

    def action_sort(self) -> None:
        self.listed.next_order()
        self.rearrange()

    def action_shown(self) -> None:
        self.listed.next_shown()
        self.rearrange()

    def action_other_output(self) -> None:
        self.shell.start(self._switch_output())

    async def _switch_output(self) -> None:
        detail, host = self.job.detail, self.shell.host
        if self.job.shows_errors or detail is None or host is None:
            self.job.show_errors("")
        else:
            result = await host.ask(GetJobResult(detail.job.id, detail.job.attempt))
            if self.job.detail is not None and self.job.detail.job.id == detail.job.id:
                self.job.show_errors(result.errors_path)
        self.refresh_bindings()

    def action_follow(self) -> None:
        self.job.output.follow = not self.job.output.follow

    def action_next_error(self) -> None:
        self.job.output.next_error()

    def action_previous_error(self) -> None:
        self.job.output.previous_error()

    def action_focus_list(self) -> None:
        self._awaits_output = False
        super().action_focus_list()
        self._aim()

    def action_focus_job(self) -> None:
        self.add_class("-job")
        row, shown = self.row, self.job.detail
        if row is not None and (shown is None or shown.job.id != row.id):
            self.job.clear("Loading…")
            self.reader.aim(row.id, at_once=True)
        self._aim()
        self._awaits_output = True
        self._focus_output()

    def _focus_output(self) -> None:
        """Go to the output as soon as it is there: what is not on display takes no focus."""
        if self._awaits_output and self.job.has_output and self.job.output.display:
            self._awaits_output = False
            self.job.output.focus()

    def _selected(self) -> JobRow:
        if self.row is None:
            raise NotFound("No job is selected.")
        return self.row

    def _board(self) -> JobBoard:
        if self.reader.board is None:
            raise NotFound("The jobs have not been read yet.")
        return self.reader.board
