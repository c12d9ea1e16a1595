"""Which jobs are listed and in which order, and which keys apply to one."""

from __future__ import annotations

import pytest

from foredeck.app.screens.job_keys import JOB_ACTIONS, JobSituation, stepped, why_not_job
from foredeck.app.screens.job_listing import Order, Shown, arrange, following
from foredeck.app.screens.job_previews import cancel_preview, retry_preview
from foredeck.app.screens.modals.job_limit import read_limit
from foredeck.app.screens.modals.job_submit import JobDraft, mistakes_in
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.jobs import Priority
from foredeck.services.domain.states import JobState
from tests.support.fake_host import NOW, ago
from tests.support.fake_jobs import counts, job_row, own_job

S = JobState
ROWS = (
    own_job("a", S.IN_PROGRESS, name="build", created_at=ago(10), started_at=ago(9)),
    own_job("b", S.QUEUED, name="deploy", created_at=ago(500), project_name="Website"),
    own_job("c", S.PENDING, name="hold me", created_at=ago(30)),
    own_job("d", S.FAILED, name="lint", created_at=ago(40), type="data_validation"),
    job_row("e", S.COMPLETED, created_at=ago(5)),
)


def listed(text: str = "", shown: Shown = Shown.ALL, order: Order = Order.TURN) -> str:
    return "".join(row.id for row in arrange(ROWS, text, shown, order, NOW))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abcde"),
        ("BUILD", "ae"),
        ("build run", "a"),
        ("website", "b"),
        ("queued website", "b"),
        ("data validation", "d"),
        ("shell_command", "abc"),
        ("codex shortener", "e"),
        ("in_progress", "a"),
        ("nowhere", ""),
    ],
)
def test_every_word_of_a_filter_has_to_be_there(text: str, expected: str) -> None:
    assert listed(text) == expected


def test_kinds_and_orders() -> None:
    assert listed(shown=Shown.OPEN) == "abc"
    assert listed(shown=Shown.BADLY) == "d"
    assert listed(shown=Shown.ENDED) == "de"
    assert listed(order=Order.NEWEST) == "eacdb"
    assert listed(order=Order.LONGEST) == "deabc"
    one = Shown.ALL
    for _ in Shown:
        one = following(one)
    assert one is Shown.ALL


@pytest.mark.parametrize(
    ("action", "row", "reason"),
    [
        ("cancel", None, "Select a job first."),
        ("cancel", job_row("r", S.IN_PROGRESS), "belongs to a run"),
        ("cancel", own_job("x", S.TIMEOUT), "is timeout already"),
        ("cancel", own_job("x", S.PENDING), ""),
        ("execute", own_job("x", S.PENDING), ""),
        ("execute", own_job("x", S.QUEUED), "only a held one"),
        ("retry", own_job("x", S.LOST), ""),
        ("retry", own_job("x", S.CANCELLED), "only a failed"),
        ("retry", own_job("x", S.IN_PROGRESS, counts=counts()), ""),
        ("retry", own_job("x", S.IN_PROGRESS, counts=counts(failed=0)), "Nothing in the batch"),
        ("prioritise", own_job("x", S.IN_PROGRESS), "changes nothing now"),
        ("prioritise", own_job("x", S.IN_PROGRESS, counts=counts()), ""),
        ("prioritise", own_job("x", S.QUEUED), ""),
    ],
)
def test_what_applies_to_a_job(action: str, row: JobRow | None, reason: str) -> None:
    found = why_not_job(action, JobSituation(connected=True, row=row))
    assert reason in found
    assert bool(reason) == bool(found)
    assert why_not_job(action, JobSituation(row=row)) == "The data is not open."


def test_priorities_end_at_the_highest_and_the_lowest() -> None:
    high = JobSituation(connected=True, row=own_job("x", S.QUEUED, priority=Priority.CRITICAL))
    assert why_not_job("prioritise", high, 1) == "Critical is the highest priority."
    assert why_not_job("prioritise", high, -1) == ""
    assert stepped(Priority.CRITICAL, 1) is Priority.CRITICAL
    assert stepped(Priority.NORMAL, -1) is Priority.LOW


def test_keys_are_distinct_and_described_in_a_line() -> None:
    assert len({action.keys for action in JOB_ACTIONS}) == len(JOB_ACTIONS)
    assert [a.name for a in JOB_ACTIONS if not a.description or len(a.description) > 55] == []


def test_output_keys_say_what_is_missing() -> None:
    assert "enter on a job" in why_not_job("follow", JobSituation(connected=True))
    shown = JobSituation(connected=True, output=True)
    assert "one output only" in why_not_job("other_output", shown)
    assert why_not_job("next_error", shown) == ""
    assert "escape" in why_not_job("sort", JobSituation(connected=True, listed=False))


def test_previews_say_what_is_ended_and_what_is_kept() -> None:
    running = cancel_preview(own_job("x", S.IN_PROGRESS, name="build"))
    assert running.title == "Cancel “build”?"
    assert any("is ended" in line for line in running.lines)
    batch = own_job("x", S.IN_PROGRESS, name="many", counts=counts(pending=1, running=1))
    lines = " ".join(cancel_preview(batch).lines)
    assert "1 job at work" in lines
    assert "1 job not begun yet" in lines
    assert "998 jobs ended already" in lines
    assert "2 jobs that failed" in " ".join(retry_preview(batch, counts()).lines)


@pytest.mark.parametrize(("text", "limit"), [("", None), (" 7 ", 7), ("100", 100)])
def test_a_limit_is_a_number_or_nothing(text: str, limit: int | None) -> None:
    assert read_limit(text) == limit


@pytest.mark.parametrize("text", ["0", "101", "many", "1.5", "-3"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 100"):
        read_limit(text)


def test_each_mistake_belongs_to_its_field() -> None:
    assert mistakes_in(JobDraft(name="x", command="true")) == {}
    found = mistakes_in(JobDraft(name="x" * 256, command=" ", timeout="0"))
    assert set(found) == {"name", "command", "timeout"}
    assert "256 characters" in found["name"]
    assert "between 1 and 86400" in found["timeout"]
    assert "a number of seconds" in mistakes_in(JobDraft("", "x", "y", timeout="soon"))["timeout"]
    assert "timeout" in mistakes_in(JobDraft("", "x", "y", timeout="nan"))
