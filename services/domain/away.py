"""What happened while no dashboard was open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from foredeck.services.domain.amounts import plural


class AwayKind(StrEnum):
    """What a line is about, in the order in which a person should hear of it.

    Of due times that started no run, `due_failed` says that none could be made, `missed` and
    `skipped` are as `FireState` has them; the others are about runs and reports.
    """

    WAITING = "waiting"
    FAILED = "failed"
    DUE_FAILED = "due_failed"
    MISSED = "missed"
    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class AwayItem:
    """One thing that happened; `run_id` is None for a due time without a run.

    `what` is the title of a run or a report, or the name of a task; `detail` says more. What
    happened to a task several `times` in the same way is one of these, that of the last time.
    `reports` counts those about its runs; they have no item of their own.
    """

    kind: AwayKind
    at: datetime
    what: str
    project_name: str
    run_id: str | None = None
    detail: str = ""
    times: int = 1
    reports: int = 0

    @property
    def title(self) -> str:
        """What it is about, and how often it happened."""
        return self.what if self.times == 1 else f"{self.times:,} × {self.what}"

    @property
    def more(self) -> str:
        """Return what else there is to say of it."""
        reports = plural(self.reports, "report") if self.reports else ""
        return "; ".join(filter(None, (self.detail, reports)))


@dataclass(frozen=True, slots=True)
class Away:
    """All that happened from `since` on, `until` it was asked for.

    `since` None means that no dashboard was ever open, so nobody was away. `counts` have an
    entry for each kind of which there is something. `items` are the most important ones: what
    waits and what failed, then due times without a run, then the rest, each newest first.
    """

    since: datetime | None
    until: datetime
    counts: tuple[tuple[AwayKind, int], ...] = ()
    items: tuple[AwayItem, ...] = ()

    @property
    def total(self) -> int:
        """How much happened."""
        return sum(count for _, count in self.counts)

    @property
    def unlisted(self) -> int:
        """How much of it the items do not stand for."""
        return self.total - sum(item.times + item.reports for item in self.items)


# What is said of one and of several, in the order in which it is said. Of runs, and of due times,
# only the first part says that it is about them.
_OF_RUNS = {
    AwayKind.SUCCEEDED: ("succeeded", "succeeded"),
    AwayKind.FAILED: ("failed", "failed"),
    AwayKind.WAITING: ("waits for you", "wait for you"),
    AwayKind.CANCELLED: ("was cancelled", "were cancelled"),
}
_OF_DUE_TIMES = {
    AwayKind.DUE_FAILED: ("failed", "failed"),
    AwayKind.MISSED: ("missed", "missed"),
    AwayKind.SKIPPED: ("skipped", "skipped"),
}
_HOUR = 3600


def headline(away: Away) -> str:
    """Return what happened in one sentence, such as `Since Friday 18:04 (9 h): 2 runs failed`."""
    if away.since is None:
        return "No dashboard was open yet."
    counts = dict(away.counts)
    parts = [*_said(counts, _OF_RUNS, "run"), *_said(counts, _OF_DUE_TIMES, "due time")]
    if reports := counts.get(AwayKind.REPORT):
        parts.append(plural(reports, "report"))
    said = ", ".join(parts) or "nothing happened"
    return f"Since {_moment(away.since, away.until)} ({_span(away.until - away.since)}): {said}"


def _said(
    counts: Mapping[AwayKind, int], words: Mapping[AwayKind, tuple[str, str]], noun: str
) -> Iterator[str]:
    """Yield how many there are of each kind; only the first part has the noun."""
    for kind, (one, several) in words.items():
        if count := counts.get(kind):
            named = "" if noun == "" else f"{noun} " if count == 1 else f"{noun}s "
            yield f"{count} {named}{one if count == 1 else several}"
            noun = ""


def _moment(since: datetime, until: datetime) -> str:
    """Return the local time, with as much of the day as it takes to know which is meant."""
    local, days = since.astimezone(), (until.astimezone().date() - since.astimezone().date()).days
    if days == 0:
        return f"{local:%H:%M}"
    return f"{local:%A %H:%M}" if days < 7 else f"{local:%b %d %H:%M}"


def _span(length: timedelta) -> str:
    seconds = max(0, int(length.total_seconds()))
    if seconds < _HOUR:
        return f"{seconds // 60} min"
    return f"{seconds // _HOUR} h" if seconds < 48 * _HOUR else f"{seconds // (24 * _HOUR)} days"
