"""Where a run stands, step by step (SPEC D9)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import click

from foredeck.app.cli.answers import detail_answer, seconds_between, taken
from foredeck.app.cli.render import local_time, put_pairs, put_table, state_word
from foredeck.services.domain.records import Failure
from foredeck.services.domain.views import AttemptRow, RunDetail, StepRow


def status_answer(detail: RunDetail, attempts: Iterable[AttemptRow]) -> dict[str, Any]:
    """Return a run with its steps and their attempts as one object."""
    by_step = _by_step(attempts)
    answer = detail_answer(detail)
    for step, row in zip(answer["steps"], detail.steps, strict=True):
        step["needs"] = list(row.needs)
        step["kind"] = row.kind
        step["critical"] = row.critical
        step["retries"] = retries_of(row)[0]
        step["max_retries"] = retries_of(row)[1]
        step["retry_at"] = row.retry_at
        step["attempts"] = [_attempt_answer(attempt) for attempt in by_step[row.key]]
    return answer


def put_status(detail: RunDetail, attempts: Iterable[AttemptRow], *, verbose: bool) -> None:
    """Write a run's id, state, start, duration, and the table of its steps."""
    row = detail.run
    put_pairs(
        {
            "Run": row.id,
            "Status": state_word(row.state),
            "Started": local_time(row.started_at),
            "Duration": taken(row.started_at, row.ended_at),
            **({"Error": detail.error} if detail.error else {}),
        }
    )
    click.echo()
    rows = [
        (
            step.key,
            state_word(step.state),
            "{}/{}".format(*retries_of(step)),
            taken(step.started_at, step.ended_at),
            step.reason,
        )
        for step in detail.steps
    ]
    put_table(("Step", "Status", "Retries", "Duration", "Note"), rows)
    if verbose:
        by_step = _by_step(attempts)
        for step in detail.steps:
            _put_attempts(step, by_step[step.key])


def retries_of(step: StepRow) -> tuple[int, int]:
    """Return how many retries a step has had, and how many it may have at most."""
    return max(0, step.attempt - 1), max(0, step.max_attempts - 1)


def _put_attempts(step: StepRow, attempts: list[AttemptRow]) -> None:
    if not attempts:
        return
    click.echo()
    click.echo(f"{step.key} · {step.title}".strip())
    rows = [
        (
            str(attempt.number),
            state_word(attempt.state),
            local_time(attempt.started_at),
            taken(attempt.started_at, attempt.ended_at),
            attempt.failure.failure_class.value if attempt.failure else "",
        )
        for attempt in attempts
    ]
    put_table(("Attempt", "Status", "Started", "Duration", "Error"), rows)
    if step.retry_at:
        put_pairs({"Next try": local_time(step.retry_at)})
    for attempt in attempts:
        if attempt.failure:
            put_pairs({f"Error {attempt.number}": _told(attempt.failure)})


def _told(failure: Failure) -> str:
    return "\n".join(filter(None, (failure.message, failure.advice, failure.detail)))


def _by_step(attempts: Iterable[AttemptRow]) -> defaultdict[str, list[AttemptRow]]:
    found: defaultdict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in attempts:
        found[attempt.step_key].append(attempt)
    return found


def _attempt_answer(attempt: AttemptRow) -> dict[str, Any]:
    failure = attempt.failure
    return {
        "number": attempt.number,
        "state": attempt.state,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "duration_seconds": seconds_between(attempt.started_at, attempt.ended_at),
        "failure_class": failure.failure_class if failure else None,
        "error": failure.message if failure else None,
        "advice": failure.advice if failure else None,
        "detail": failure.detail if failure else None,
        "output_path": attempt.output_path,
    }
