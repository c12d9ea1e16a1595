"""What becomes of the due times of a task: the misfire and overlap rules (SPEC T4). Pure.

A moment is missed when it was seen too late: no host was there, or the schedules were paused.
`run-once` makes up for all that were missed with one run: that of a moment which is on time, if
there is one, else that of the latest missed one. `catch-up` makes up for the latest few, `skip`
for none. What is to start then goes by the overlap rule, the oldest first.

Every moment that does not start is recorded with the reason; of thousands that were missed the
latest few are, and the oldest of these says how many stand behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from foredeck.services.domain.schedules import FireState, Misfire, Overlap, Schedule, more_missed
from foredeck.services.scheduling.plan import MOST_TOLD, Come

# So many moments of one task wait for the run before at most.
MOST_QUEUED = 10

_LEFT_OUT = {
    Misfire.RUN_ONCE: "one run makes up for all that were missed",
    Misfire.CATCH_UP: "only the latest {} are made up for",
    Misfire.SKIP: "missed due times are left out",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a due time; with `FireState.STARTED` a run of it is to be made."""

    due_at: datetime
    state: FireState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What else there is of the task: the `run_id` of a run that is not over, what is queued."""

    run_id: str = ""
    queued: int = 0


def decide(schedule: Schedule, come: Come, standing: Standing, now: datetime) -> tuple[Answer, ...]:
    """Return what becomes of the moments that have come, the oldest first."""
    made_up = _made_up(schedule, come)
    left = come.missed[: len(come.missed) - len(made_up)]
    late = {moment: f"Made up for, {_ago(now - moment)} late." for moment in made_up}
    answers = (*_left_out(schedule, come, left, now), *_by_overlap(schedule, come, late, standing))
    return tuple(sorted(answers, key=lambda answer: answer.due_at))


def passed_over(come: Come, now: datetime, why: str) -> tuple[Answer, ...]:
    """Return that none of what was missed is made up for, and `why`."""
    return tuple(_missed(come, come.missed, now, why))


def _made_up(schedule: Schedule, come: Come) -> Sequence[datetime]:
    """Return the missed moments that are to start after all: some of the latest."""
    if schedule.misfire is Misfire.CATCH_UP:
        return come.missed[-schedule.catch_up :] if schedule.catch_up > 0 else ()
    if schedule.misfire is Misfire.RUN_ONCE and not come.on_time:
        return come.missed[-1:]
    return ()


def _left_out(
    schedule: Schedule, come: Come, left: Sequence[datetime], now: datetime
) -> Iterator[Answer]:
    return _missed(come, left, now, _LEFT_OUT[schedule.misfire].format(schedule.catch_up))


def _missed(come: Come, left: Sequence[datetime], now: datetime, why: str) -> Iterator[Answer]:
    told, more = left[-MOST_TOLD:], come.before + max(0, len(left) - MOST_TOLD)
    since = come.since or left[0] if left else None
    for number, moment in enumerate(told):
        reason = f"Seen {_ago(now - moment)} late; {why}."
        if number == 0 and more and since is not None:
            reason += f" {more_missed(more, since, counted=come.counted)}"
        yield Answer(moment, FireState.MISSED, reason)


def _by_overlap(
    schedule: Schedule, come: Come, late: dict[datetime, str], standing: Standing
) -> Iterator[Answer]:
    before = f"run {standing.run_id}" if standing.run_id else ""
    queued = standing.queued
    for moment in (*late, *come.on_time):
        if schedule.overlap is Overlap.ALLOW or not (before or queued):
            yield Answer(moment, FireState.STARTED, late.get(moment, ""))
        elif schedule.overlap is Overlap.SKIP:
            yield Answer(moment, FireState.SKIPPED, f"{_upper(before)} was not over.")
        elif queued < MOST_QUEUED:
            queued += 1
            yield Answer(moment, FireState.QUEUED, "It starts when the run before it is over.")
        else:
            yield Answer(moment, FireState.SKIPPED, f"{MOST_QUEUED} others were waiting already.")
        before = before or "the run of the due time before"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:] if text else "The run before"


def _ago(span: timedelta) -> str:
    """Return a span of time for a person, in its largest unit."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "a moment"
