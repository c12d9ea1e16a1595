"""Following a job of its own: what it prints, until it has ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from foredeck.app.cli.changes import Changes
from foredeck.app.cli.interrupts import INTERRUPTED, Interrupts, LineDropped
from foredeck.app.cli.job_answers import say_removed, say_when_it_starts
from foredeck.app.cli.logs import LogPrinter
from foredeck.app.cli.render import say
from foredeck.app.cli.timed_logs import TimedPrinter
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.job_views import JobDetail, JobQueueView, JobResult, JobRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.host.commands import CancelJob
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetJob, GetJobQueue, GetJobResult

# How often growing files are looked at, in seconds.
_LOOK_AGAIN = 0.2
_FAILED = 1


class JobPrinter:
    """Prints a job's stdout to stdout and its stderr to stderr, as they come."""

    def __init__(self, *, raw: bool) -> None:
        self._out = LogPrinter(titled=False, raw=raw)
        self._err = LogPrinter(titled=False, raw=raw, stream=sys.stderr)
        self._shown: JobResult | None = None

    @property
    def printed(self) -> bool:
        """Whether there was anything to print."""
        return any(printer.printed for printer in (self._out, self._err))

    async def put(self, host: Host, detail: JobDetail, attempt: int | None = None) -> None:
        """Print what is new; of an attempt that is over, also its last line."""
        shown, wanted = self._shown, attempt or detail.job.attempt
        if shown is None or shown.job.job.attempt != detail.job.attempt:
            if shown is not None:
                self._put(shown, whole_lines=False)
            self._shown = shown = await host.ask(GetJobResult(detail.job.id, wanted))
        self._put(shown, whole_lines=detail.job.state not in FINAL_JOBS)

    def _put(self, result: JobResult, *, whole_lines: bool) -> None:
        self._out.put("", Path(result.output_path), whole_lines=whole_lines)
        if result.errors_path:
            self._err.put("", Path(result.errors_path), whole_lines=whole_lines)
        sys.stdout.flush()
        sys.stderr.flush()


class TimedJobPrinter:
    """Prints a job's output with times, as it comes; of an attempt that is over, all of it."""

    def __init__(self) -> None:
        self._printers: dict[int, TimedPrinter] = {}

    @property
    def printed(self) -> bool:
        """Whether there was anything to print."""
        return any(printer.printed for printer in self._printers.values())

    async def put(self, host: Host, detail: JobDetail, attempt: int | None = None) -> None:
        """Print what is new; an attempt that another one has followed comes to its end first."""
        wanted = attempt or detail.job.attempt
        if wanted not in self._printers:
            for printer in self._printers.values():
                printer.put(last=True)
            result = await host.ask(GetJobResult(detail.job.id, wanted))
            errors = Path(result.errors_path) if result.errors_path else None
            self._printers[wanted] = TimedPrinter(Path(result.output_path), errors)
        is_over = detail.job.state in FINAL_JOBS or wanted < detail.job.attempt
        self._printers[wanted].put(last=is_over)


async def put_job_logs(
    host: Host, ref: str, attempt: int | None, *, raw: bool, follow: bool, times: bool = False
) -> None:
    """Print the output of a job, and with `follow` what comes until it has ended."""
    changes = Changes(host)
    printer = TimedJobPrinter() if times else JobPrinter(raw=raw)
    try:
        while True:
            detail = await host.ask(GetJob(ref))
            await printer.put(host, detail, attempt)
            if not follow or detail.job.state in FINAL_JOBS:
                break
            await changes.within(_LOOK_AGAIN)
    finally:
        changes.close()
    if not printer.printed:
        _say_why(await host.ask(GetJobResult(ref, attempt)))


def _say_why(result: JobResult) -> None:
    """Say why there is nothing to print."""
    row = result.job.job
    if say_removed(result):
        return
    if not Path(result.output_path).exists() and result.output_path != result.job.output_path:
        say("There is no output of that attempt any more.")
    else:
        say("There is no output yet." if row.state not in FINAL_JOBS else "It said nothing.")


async def follow_job(
    host: Host, begin: Callable[[], Awaitable[JobRow]], *, raw: bool, quiet: bool = False
) -> tuple[JobDetail, int]:
    """Begin a job and return it with its exit code once it has ended.

    What it prints is printed, unless `quiet`.

    The first interrupt cancels it and waits for that; the exit code is 130 then. A terminal
    that goes away does not: `LineDropped` is raised and the job goes on.
    """
    changes, interrupts, printer = Changes(host), Interrupts(), JobPrinter(raw=raw)
    stopping: asyncio.Task[None] | None = None
    try:
        row = await begin()
        say(f"Job {row.id} · {safe_line(row.name)}")
        view = await host.ask(GetJobQueue())
        if view.paused_at is not None:
            say_when_it_starts(row, view)
        while True:
            detail = await host.ask(GetJob(row.id))
            if not quiet:
                await printer.put(host, detail)
            if detail.job.state in FINAL_JOBS:
                break
            if interrupts.first.is_set() and stopping is None:
                if interrupts.hung_up:
                    raise LineDropped("The terminal is gone.", f"See: foredeck jobs show {row.id}")
                stopping = asyncio.create_task(_stop(host, row.id))
            await changes.within(_LOOK_AGAIN)
    finally:
        changes.close()
        if stopping is not None:
            await stopping
    return detail, INTERRUPTED if stopping is not None else exit_code(detail)


def exit_code(detail: JobDetail) -> int:
    """Return the exit code of the command, or what stands for it."""
    if detail.job.state is JobState.COMPLETED:
        return 0
    return detail.job.exit_code or _FAILED


async def wait_for(host: Host, refs: tuple[str, ...]) -> list[JobRow]:
    """Return the jobs once all of them have ended; says once if nobody is there to start them."""
    changes = Changes(host)
    told = False
    try:
        while True:
            rows = [(await host.ask(GetJob(ref))).job for ref in refs]
            left = [row for row in rows if row.state not in FINAL_JOBS]
            if not left:
                return rows
            if not told:
                told = True
                say_when_it_starts(left[0], await host.ask(GetJobQueue()))
            await changes.within(1.0)
    finally:
        changes.close()


async def drained(host: Host) -> JobQueueView:
    """Return how the queue stands once no job works; says as it changes how many still do.

    Raises `Conflict` where nobody is there who would find out that they end.
    """
    changes, told = Changes(host), 0
    try:
        while (view := await host.ask(GetJobQueue())).working:
            if not view.starts:
                raise Conflict(
                    "The queue is paused, but jobs work that no host follows.",
                    "Start one, foredeck serve, then repeat this.",
                )
            if view.working != told:
                told = view.working
                say(f"{told} {'job works' if told == 1 else 'jobs work'} still…")
            await changes.within(1.0)
    finally:
        changes.close()
    return view


async def _stop(host: Host, job_id: str) -> None:
    say("Stopping the job and everything it started…")
    with suppress(Conflict):  # it has ended by itself
        await host.do(CancelJob(job_id, "interrupted at the terminal"))
