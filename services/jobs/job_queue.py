"""Who of the jobs that wait may start: pure, and the clock is the caller's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from foredeck.services.domain.jobs import Priority

# Id, project, priority, and since when it waits, in microseconds.
Row = tuple[str, str, str, int]

_HIGH = Priority.HIGH.level


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that waits; `since` is in seconds, of any clock."""

    id: str
    project_id: str
    priority: Priority
    since: float


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may work at once: in all, and in those projects that have a limit of their own."""

    total: int
    of_project: Mapping[str, int] = field(default_factory=dict)


def oldest(waiting: Iterable[Row], most: int) -> Iterator[Waiting]:
    """Yield those of whom somebody may start while `most` are wanted; the oldest come first.

    Of a project and a priority the older go before the younger, so that the first `most` of each
    are enough: there may be very many others.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for job_id, project_id, priority, since in waiting:
        kind = project_id, priority
        seen[kind] += 1
        if seen[kind] <= most:
            yield Waiting(job_id, project_id, Priority(priority), since / 1e6)


def level(job: Waiting, now: float, aging: float) -> int:
    """Return how urgent a job is: it rises once every `aging` seconds, never above high.

    So nothing but a critical job can come before one that has waited for long.
    """
    given = job.priority.level
    if given >= _HIGH:
        return given
    return min(_HIGH, given + int(max(0.0, now - job.since) // aging))


def in_order(waiting: Iterable[Waiting], now: float, aging: float) -> list[Waiting]:
    """Return the jobs as their turn comes: the most urgent first, then the oldest."""
    return sorted(waiting, key=lambda job: (-level(job, now, aging), job.since, job.id))


def next_to_start(
    waiting: Iterable[Waiting],
    working: Iterable[str],
    limits: Limits,
    now: float,
    aging: float,
) -> tuple[Waiting, ...]:
    """Return the jobs that may start now; `working` are the projects of those that work.

    A job whose project is full is passed over, and holds up nobody of another project.
    """
    at_work = Counter(working)
    free = limits.total - at_work.total()
    chosen: list[Waiting] = []
    for job in in_order(waiting, now, aging):
        if len(chosen) >= free:
            break
        if at_work[job.project_id] < limits.of_project.get(job.project_id, limits.total):
            at_work[job.project_id] += 1
            chosen.append(job)
    return tuple(chosen)
