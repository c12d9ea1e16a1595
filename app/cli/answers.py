"""Projects and runs as flat JSON objects and as tables, for every command that shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from foredeck.app.cli.render import (
    local_time,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
    state_word,
)
from foredeck.services.domain.amounts import dollars, duration
from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.views import Page, ProjectRow, RunDetail, RunRow, StepRow


def project_answer(row: ProjectRow) -> dict[str, Any]:
    """Return a project as one flat object."""
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "workspace": row.workspace,
        "archived": row.archived,
        "runs": row.runs,
        "active_runs": row.active_runs,
        "created_at": row.created_at,
        "last_run_at": row.last_run_at,
        **tokens_answer(row.usage),
    }


def run_answer(row: RunRow) -> dict[str, Any]:
    """Return a run as one flat object."""
    return {
        "id": row.id,
        "project_id": row.project_id,
        "project": row.project_name,
        "title": row.title,
        "state": row.state,
        "trigger": row.trigger,
        "mode": row.mode,
        "current_stage": row.current_stage,
        "steps_done": row.done,
        "steps_total": row.total,
        "open_questions": row.questions,
        **tokens_answer(row.usage),
        "created_at": row.created_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "duration_seconds": seconds_between(row.started_at, row.ended_at),
    }


def detail_answer(detail: RunDetail) -> dict[str, Any]:
    """Return a run with its steps; only `steps` is nested."""
    verdicts = [step.verdict for step in detail.steps if step.verdict]
    return {
        **run_answer(detail.run),
        "cost_usd": detail.cost,
        "budget_tokens": detail.budget_tokens,
        "budget_cost_usd": detail.budget_cost,
        "paused_at": detail.paused_at,
        "output_removed_at": detail.output_removed_at,
        "parent_run_id": detail.parent_run_id,
        "restarted_as": detail.restarts[-1] if detail.restarts else None,
        "request": detail.request,
        "workspace": detail.workspace,
        "summary": detail.summary,
        "error": detail.error,
        "verdict": verdicts[-1].verdict if verdicts else None,
        "steps": [_step_answer(step) for step in detail.steps],
    }


def put_page(page: Page[Any], answers: list[dict[str, Any]]) -> None:
    """Write a list as JSON: the items, and where they stand in the whole."""
    put_json({"items": answers, "total": page.total, "limit": page.limit, "offset": page.offset})


def put_runs(page: Page[RunRow]) -> None:
    """Write a table of runs."""
    rows = [
        (
            row.id,
            _run_word(row),
            f"{row.done}/{row.total}",
            short_time(row.created_at),
            row.project_name,
            row.title,
        )
        for row in page.items
    ]
    put_table(("Run", "State", "Steps", "Created", "Project", "Title"), rows)


def put_detail(detail: RunDetail) -> None:
    """Write a run for a person: what it is, its steps, and what went wrong."""
    row = detail.run
    pairs: dict[str, object] = {
        "Run": row.id,
        "Project": row.project_name,
        "Title": row.title,
        "State": _run_word(row),
        "Mode": row.mode.value,
        "Started": local_time(row.started_at),
        "Duration": taken(row.started_at, row.ended_at),
        "Tokens": f"{row.usage.total:,}",
        "Cost": cost(detail),
        "Workspace": detail.workspace,
        **_circumstances(detail),
    }
    if detail.summary:
        pairs["Summary"] = detail.summary
    put_pairs(pairs)
    print_steps(detail)
    if row.questions:
        say(f"It waits for a person: foredeck runs questions {row.id}")


def _circumstances(detail: RunDetail) -> dict[str, str]:
    """Return what is only said of a run that it is true of."""
    said = {}
    if detail.paused_at:
        said["Paused"] = f"since {local_time(detail.paused_at)}"
    if detail.budget_tokens or detail.budget_cost:
        said["Budget"] = budget_of(detail)
    if detail.parent_run_id:
        said["Restart of"] = detail.parent_run_id
    if detail.restarts:
        said["Restarted as"] = ", ".join(detail.restarts)
    if detail.output_removed_at:
        said["Output"] = f"removed on {local_time(detail.output_removed_at)}"
    return said


def budget_of(detail: RunDetail) -> str:
    """Return what a run has used of what it may use."""
    used = []
    if detail.budget_tokens:
        used.append(f"{detail.run.usage.total:,} of {detail.budget_tokens:,} tokens")
    if detail.budget_cost:
        used.append(f"{cost(detail)} of {dollars(detail.budget_cost)}")
    return ", ".join(used) or "no limit"


def print_steps(detail: RunDetail) -> None:
    """Write the table of steps, then each failure with what to do."""
    rows = [
        (
            step.key,
            state_word(step.state),
            f"{step.attempt}/{step.max_attempts}",
            taken(step.started_at, step.ended_at),
            f"{step.usage.total:,}",
            step.reason,
        )
        for step in detail.steps
    ]
    click.echo()
    put_table(("Step", "State", "Attempts", "Duration", "Tokens", "Note"), rows)
    for step in detail.steps:
        if step.failure:
            click.echo()
            put_pairs({step.title: f"{step.failure.message}\n{step.failure.advice}"})


def _run_word(row: RunRow) -> str:
    """Return the state, and that a question waits: the one thing a person must do."""
    return (
        f"{state_word(row.state)} ({row.questions} asked)"
        if row.questions
        else state_word(row.state)
    )


def cost(detail: RunDetail) -> str:
    """Return what a run has cost so far, `unknown` without the prices."""
    return "unknown" if detail.cost is None else dollars(detail.cost)


def taken(start: datetime | None, end: datetime | None) -> str:
    """Return how long it took, or has taken so far."""
    if start is None:
        return "–"
    return duration(((end or datetime.now(UTC)) - start).total_seconds())


def seconds_between(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between two times, or None while one is missing."""
    # A clock that was set back makes nothing take less than no time.
    return max(0.0, round((end - start).total_seconds(), 3)) if start and end else None


def _step_answer(step: StepRow) -> dict[str, Any]:
    failure = step.failure
    return {
        "id": step.id,
        "key": step.key,
        "title": step.title,
        "state": step.state,
        "attempt": step.attempt,
        "max_attempts": step.max_attempts,
        "summary": step.summary,
        "verdict": step.verdict,
        "reason": step.reason,
        "failure_class": failure.failure_class if failure else None,
        "error": failure.message if failure else None,
        "advice": failure.advice if failure else None,
        "output_path": step.output_path,
        "started_at": step.started_at,
        "ended_at": step.ended_at,
        **tokens_answer(step.usage),
    }


def tokens_answer(usage: TokenUsage) -> dict[str, int]:
    """Return tokens as fields of a flat object."""
    return {
        "input_tokens": usage.input,
        "cached_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.reasoning,
    }
