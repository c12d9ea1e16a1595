"""The screen's only subscriber to the host: events in, one coalesced signal per frame out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from textual.signal import Signal

from foredeck.app.error_log import report
from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.events import (
    ChatGrew,
    Event,
    JobQueueChanged,
    JobSaved,
    MessageSaved,
    NoticeRaised,
    NotificationSaved,
    ProjectSaved,
    QuestionSaved,
    ReportSaved,
    Resync,
    RunSaved,
    ScheduleChanged,
    StepSaved,
    TaskSaved,
)
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.host.interface import Host

# Seconds between two signals: a screen that redraws more often shows nobody more.
INTERVAL = 0.1
# Seconds before a broken subscription is tried again.
RETRY_DELAY = 0.5
# Of a question, in a toast; the dialog shows all of it.
_TITLE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class HostChanged:
    """What changed since the last signal.

    `runs` are ids of runs whose row or steps changed, `messages` ids of runs whose
    transcript grew, `chats` ids of conversations with an agent that grew, `jobs` ids of jobs,
    `queue` says that people have decided something for the queue of jobs, `tasks` are ids of
    tasks, `schedules` says that a due time was answered or the schedules were paused,
    `reports` are ids of runs with a report more or less, `resync` says that anything may have
    changed.
    """

    runs: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    messages: frozenset[str] = frozenset()
    chats: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    queue: bool = False
    tasks: frozenset[str] = frozenset()
    schedules: bool = False
    reports: frozenset[str] = frozenset()
    resync: bool = False

    def touches(self, run_id: str | None) -> bool:
        """Whether the given run must be read again."""
        return self.resync or run_id in self.runs


@dataclass(slots=True)
class _Pending:
    runs: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    chats: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)
    queue: bool = False
    tasks: set[str] = field(default_factory=set)
    schedules: bool = False
    reports: set[str] = field(default_factory=set)
    resync: bool = False

    def add(self, event: Event) -> None:
        match event:
            case RunSaved():
                self.runs.add(event.run_id)
                self.projects.add(event.project_id)
            case StepSaved():
                self.runs.add(event.run_id)
            case QuestionSaved() if event.run_id:
                self.runs.add(event.run_id)
            case MessageSaved():
                self.messages.add(event.run_id)
            case ChatGrew():
                self.chats.add(event.conversation_id)
            case ProjectSaved():
                self.projects.add(event.project_id)
            case Resync():
                self.resync = True
            case _:
                self._add_of_jobs(event)

    def _add_of_jobs(self, event: Event) -> None:
        match event:
            case JobSaved():
                self.jobs.add(event.job_id)
                if event.run_id:
                    self.runs.add(event.run_id)
            case JobQueueChanged():
                self.queue = True
            case _:
                self._add_of_tasks(event)

    def _add_of_tasks(self, event: Event) -> None:
        match event:
            case TaskSaved():
                self.tasks.add(event.task_id)
            case ScheduleChanged():
                self.schedules = True
                if event.task_id:
                    self.tasks.add(event.task_id)
            case ReportSaved():
                self.reports.add(event.run_id)

    def to_change(self) -> HostChanged:
        return HostChanged(
            frozenset(self.runs),
            frozenset(self.projects),
            frozenset(self.messages),
            frozenset(self.chats),
            frozenset(self.jobs),
            self.queue,
            frozenset(self.tasks),
            self.schedules,
            frozenset(self.reports),
            self.resync,
        )


class Notify(Protocol):
    """Shows a notice; the message is untrusted text."""

    def __call__(self, message: str, severity: str) -> None: ...


class HostBridge:
    """Reads the host's events on the app's loop and publishes `HostChanged`.

    A burst becomes one signal per `interval`; the first event after a quiet time is
    passed on at once. A subscription that ends or breaks is taken up again, and the
    screens are told to read everything (`resync`). When the host itself is gone, `lost` is
    called and the bridge ends. `ring` is called for each notification.
    """

    def __init__(
        self,
        host: Host,
        changed: Signal[HostChanged],
        notify: Notify,
        *,
        lost: Callable[[HostGone], None],
        interval: float = INTERVAL,
        report_error: Callable[[BaseException], None] = report,
        ring: Callable[[NotificationSaved], None] = lambda _: None,
    ) -> None:
        self._host = host
        self._changed = changed
        self._notify = notify
        self._lost = lost
        self._interval = interval
        self._report = report_error
        self._ring = ring
        self._pending = _Pending()
        self._timer: asyncio.TimerHandle | None = None
        self._last = float("-inf")

    async def run(self) -> None:
        """Subscribe and pass on until cancelled, or until the host is gone."""
        try:
            while True:
                try:
                    await self._read()
                except HostGone as error:
                    self._lost(error)
                    return
                except Exception as error:
                    self._report(error)
                await asyncio.sleep(RETRY_DELAY)
                self._take(Resync())
        finally:
            self._stop_timer()

    async def _read(self) -> None:
        events = self._host.events()
        try:
            async for event in events:
                self._take(event)
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    def _take(self, event: Event) -> None:
        if isinstance(event, NoticeRaised):
            self._notify(event.message, event.severity)
            return
        if isinstance(event, NotificationSaved):
            self._ring(event)
            return
        if isinstance(event, QuestionSaved) and event.previous is None:
            self._notify(_toast(event), "warning")
        self._pending.add(event)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._last + self._interval - loop.time())
            self._timer = loop.call_later(wait, self._flush)

    def _flush(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        pending, self._pending = self._pending, _Pending()
        self._changed.publish(pending.to_change())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_LEADS = {
    QuestionKind.APPROVAL: "codex asks for leave to ",
    QuestionKind.QUESTION: "An agent asks: ",
    QuestionKind.GATE: "A gate asks for approval: ",
}


def _toast(event: QuestionSaved) -> str:
    """Say what a person is asked, in a line or two, and how to answer."""
    lead = _LEADS[event.kind]
    title = event.title
    shown = title if len(title) <= _TITLE_LENGTH else title[: _TITLE_LENGTH - 1] + "…"
    return f"{lead}{shown}\nPress a to answer."
