"""The part of the screen of jobs that shows one job: its facts and its live output."""

from __future__ import annotations

from pathlib import Path

from foredeck.app.screens.pane import Pane
from foredeck.app.screens.search_bar import SearchBar
from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.job_views import JobDetail
from foredeck.services.domain.states import FINAL_JOBS
from foredeck.widgets.formats import shorten
from foredeck.widgets.job_cells import job_title
from foredeck.widgets.job_facts import JobFacts
from foredeck.widgets.terminal import messages
from foredeck.widgets.terminal.output_pane import OutputPane

_TITLE_WIDTH = 30
_COMES = "Nothing here yet: what it prints appears as it comes."
_ENDED = "It has printed nothing here."


class JobPane(Pane):
    """The facts above the output; scroll position and search stay while that is the same."""

    def __init__(self, frame_rate: float) -> None:
        """`frame_rate` bounds how often the output is repainted, in frames a second."""
        super().__init__(title="Job", id="pane-job")
        self.facts = JobFacts()
        self.output = OutputPane(frame_rate=frame_rate)
        self.search = SearchBar()
        self.detail: JobDetail | None = None
        self._shown: tuple[str, str] | None = None
        self._errors_of: tuple[str, int] | None = None
        self._errors_path = ""

    async def furnish(self) -> None:
        """Put the views into the pane."""
        await self.fill(self.facts, self.output, below=self.search)

    @property
    def has_output(self) -> bool:
        """Whether there is a job on display that has output of its own."""
        return self.detail is not None and self._shown is not None

    @property
    def is_split(self) -> bool:
        """Whether the job on display has its stderr in a file of its own."""
        order = self.detail.order if self.detail else None
        return order is not None and not order.merge_stderr and self.has_output

    @property
    def shows_errors(self) -> bool:
        """Whether stderr is on display."""
        return self.is_split and self._errors_of == self._attempt

    @property
    def _attempt(self) -> tuple[str, int] | None:
        return (self.detail.job.id, self.detail.job.attempt) if self.detail else None

    def show_job(self, detail: JobDetail, why_not_yet: str) -> None:
        """Show a job, or its newer state; a batch has no output."""
        self.detail = detail
        self.facts.update_job(detail, why_not_yet)
        self.output.empty_text = _ENDED if detail.job.state in FINAL_JOBS else _COMES
        self.show_content()
        is_batch = detail.job.counts is not None
        self._show_file("" if is_batch else self._path(detail))
        self.output.display = not is_batch
        self.show_place()

    def show_errors(self, path: str) -> None:
        """Show the stderr that lies at `path`; with an empty one, stdout again."""
        self._errors_of, self._errors_path = (self._attempt if path else None), path
        if self.detail is not None:
            self._show_file(self._path(self.detail))
            self.show_place()

    def clear(self, text: str, hint: str = "") -> None:
        """Say in place of a job that there is none."""
        self.detail = None
        self._show_file("")
        self.say(text, hint)
        self.set_title("Job")

    def fail(self, error: Exception) -> None:
        """Say why the job could not be read."""
        self.detail = None
        self._show_file("")
        super().fail(error)

    def show_place(self) -> None:
        """Say in the title whose output it is, which one, and which part is in sight."""
        detail = self.detail
        if detail is None:
            return
        place = ""
        if self.has_output:
            view = self.output.view
            following = "" if detail.job.state in FINAL_JOBS else " · following"
            place = following if view.follow else f" · {view.percent} %"
        which = (" · stderr" if self.shows_errors else " · stdout") if self.is_split else ""
        self.set_title(f"Job · {shorten(job_title(detail.job), _TITLE_WIDTH)}{which}{place}")

    def _path(self, detail: JobDetail) -> str:
        return self._errors_path if self.shows_errors else detail.output_path

    def _show_file(self, path: str) -> None:
        wanted = (self.detail.job.id, path) if self.detail and path else None
        if wanted != self._shown:
            self._shown = wanted
            self.output.show_file(Path(path) if wanted else None)

    # --- what the views tell ----------------------------------------------------------

    def on_search_bar_searched(self, event: SearchBar.Searched) -> None:
        event.stop()
        self.output.search(event.text)

    def on_search_bar_stepped(self, event: SearchBar.Stepped) -> None:
        event.stop()
        (self.output.next_match if event.forward else self.output.previous_match)()

    def on_search_bar_closed(self, event: SearchBar.Closed) -> None:
        event.stop()
        self.output.search("")
        self.output.focus()

    def on_output_pane_search_progress(self, event: messages.SearchProgress) -> None:
        event.stop()
        self.search.say(event.summary)

    def on_output_pane_error_shown(self, event: messages.ErrorShown) -> None:
        event.stop()
        if event.line is None:
            shell_of(self).notice(event.summary)

    def on_output_pane_follow_changed(self, event: messages.FollowChanged) -> None:
        event.stop()
        self.show_place()

    def on_output_pane_moved(self, event: messages.Moved) -> None:
        event.stop()
        self.show_place()
