"""The form of a task: what is typed becomes a wish, and a task becomes what is typed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.app.screens.modals.task_fields import SECTIONS
from foredeck.app.screens.modals.task_form import (
    TaskDraft,
    draft_of,
    field_of,
    read_draft,
    read_variables,
)
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.tasks import Task, TaskOptions, TaskWish, wish_of
from foredeck.services.scheduling import cron
from foredeck.services.tasks.checking import mistakes_of
from tests.support.fake_tasks import task_row

FULL = replace(
    task_row("t1").task,
    name="nightly",
    description="What it is for",
    prompt="Check {{branch}}.\n  Mend it.\n",
    variables=(("branch", "main"), ("note", " two\nlines "), ("quoted", '"x"'), ("empty", "")),
    workflow="release",
    allowed_tools=("Read", "mcp__files"),
    disallowed_tools=("Bash",),
    options=TaskOptions("gpt-5.5", Sandbox.READ_ONLY, Mode.DIRECT, 90.5, 2_000_000, 0.25),
    directory="docs",
    schedule=Schedule(
        "0 2 * * *", "Europe/Berlin", False, Overlap.QUEUE, Misfire.CATCH_UP, 7, 30.0
    ),
    report=True,
    report_format=ReportFormat.PDF,
    notify=(Cause.FINISH, Cause.FAILURE),
    tags=("a", "b, c"),
    public=True,
    active=False,
    metadata=(("k", "v"),),
)


@pytest.mark.parametrize(
    "task",
    [
        FULL,
        task_row("t2").task,
        replace(FULL, schedule=None, report=False, notify=None, allowed_tools=()),
        replace(FULL, notify=()),
        replace(FULL, notify=(Cause.WAITING, Cause.FAILURE)),
    ],
)
def test_a_task_that_nobody_changes_in_the_form_stays_as_it_is(task: Task) -> None:
    wish, mistakes = read_draft(draft_of(task))
    assert mistakes == {}
    assert wish == wish_of(task)


def test_an_empty_form_is_a_task_without_anything() -> None:
    wish, mistakes = read_draft(TaskDraft("p1"))
    assert mistakes == {}
    assert (wish.name, wish.prompt, wish.workflow, wish.project) == ("", "", "codex", "p1")
    assert (wish.schedule, wish.report, wish.notify, wish.allowed_tools) == (
        None,
        False,
        None,
        None,
    )
    assert wish.options == TaskOptions()


def test_everything_that_cannot_be_read_is_told_at_once() -> None:
    draft = TaskDraft(
        values={
            "cron": "* * * * *",
            "variables": "no sign",
            "catch_up": "some",
            "jitter": "inf",
            "timeout": "soon",
            "budget_tokens": "1.5",
            "budget_cost": "nan",
        }
    )
    _, mistakes = read_draft(draft)
    assert set(mistakes) == {
        *("variables", "catch_up", "jitter", "timeout", "budget_tokens", "budget_cost")
    }


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True), st.text(max_size=40), max_size=5
    )
)
def test_any_default_of_a_variable_survives_the_form(values: dict[str, str]) -> None:
    task = replace(FULL, variables=tuple(values.items()))
    assert read_draft(draft_of(task))[0].variables == tuple(values.items())


@pytest.mark.parametrize("text", ["name", "= value", 'a = "open\\"', 'a = "\\q"'])
def test_a_line_that_is_no_variable_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="Line 2"):
        read_variables(f"fine = 1\n{text}")


def test_each_mistake_has_its_field_in_the_form() -> None:
    shown = {spec.name for _, specs in SECTIONS for spec in specs}
    wish = TaskWish(
        "", "{{", "x" * 2001, (("1", ""),), None, "", ("Nope",), ("Nope",),
        TaskOptions(timeout=-1, budget_tokens=-1, budget_cost=-1), "..",
        schedule=Schedule("", "", catch_up=0, jitter=-1), report_format="", tags=("",),
    )  # fmt: skip
    found = mistakes_of(wish, (), cron.check)
    assert {field_of(mistake) for mistake in found} == {
        "name", "prompt", "description", "variables", "tags", "allowed", "disallowed", "timeout",
        "budget_tokens", "budget_cost", "directory", "cron", "timezone", "catch_up", "jitter",
        "report",
    }  # fmt: skip
    assert {field_of(mistake) for mistake in found} < shown
