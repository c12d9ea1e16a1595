from collections.abc import Iterable
from typing import Any

import pytest

from foredeck.services.domain.schedules import Schedule
from foredeck.services.domain.tasks import Mistake, TaskOptions, TaskWish
from foredeck.services.tasks.checking import mistakes_of


def _cron(expression: str, zone: str) -> Iterable[str]:
    if expression != "* * * * *":
        yield f"{expression} is no schedule."
    if zone.startswith("Mars"):
        yield f"{zone} is no zone."


def _mistakes(**fields: Any) -> tuple[Mistake, ...]:
    wish = TaskWish(**{"name": "review", "prompt": "Review {{file}}", **fields})
    return mistakes_of(wish, ("docs",), _cron)


def _found(**fields: Any) -> tuple[str, ...]:
    return tuple(mistake.text for mistake in _mistakes(**fields))


def test_a_task_that_is_right_has_no_mistakes() -> None:
    assert (
        _found(
            allowed_tools=("Bash", "Read", "run_codex", "mcp__docs", "mcp__docs__search"),
            disallowed_tools=("mcp__docs__write",),
            schedule=Schedule("* * * * *", "Europe/Berlin", jitter=60),
            report_format="pdf",
            tags=("nightly",),
            variables=(("file", "main.py"),),
            options=TaskOptions(timeout=600, budget_tokens=0),
        )
        == ()
    )


def test_every_mistake_is_named_at_once() -> None:
    found = _found(
        name=" ",
        prompt="{{open",
        allowed_tools=("Bsh", "mcp__nowhere__x"),
        schedule=Schedule("61 * * * *", "Mars/Base", catch_up=0, jitter=-1),
        report_format="docx",
        tags=("", "x" * 51),
        variables=(("1st", "x"),),
        options=TaskOptions(timeout=0, budget_cost=-1),
        directory="../elsewhere",
    )

    said = " ".join(found)
    for words in (
        "needs a name",
        "{{ without a name",
        "'Bsh'. Did you mean Bash?",
        "no tool server 'nowhere'",
        "61 * * * * is no schedule",
        "Mars/Base is no zone",
        "1 to 100 missed due times",
        "jitter",
        "no report format 'docx': html, pdf or json",
        "'' is not",
        "'1st' is no variable",
        "timeout",
        "budget",
        "without `..`",
    ):
        assert words in said
    assert len(found) == 15  # both tags


def test_each_mistake_says_which_field_is_to_be_mended() -> None:
    found = _mistakes(
        allowed_tools=("Bsh",),
        disallowed_tools=("Bsh",),
        schedule=Schedule("* * * * *", "Mars/Base", jitter=-1),
        options=TaskOptions(budget_cost=-1),
    )

    fields = ["allowed_tools", "disallowed_tools", "budget_cost", "timezone", "jitter"]
    assert [mistake.field for mistake in found] == fields


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "x" * 256}, "at most 255"),
        ({"options": TaskOptions(budget_cost=float("nan"))}, "budget"),
        ({"options": TaskOptions(budget_cost=float("inf"))}, "budget"),
        ({"options": TaskOptions(budget_tokens=1 << 64)}, "budget"),
        ({"name": "a\x1b[31m"}, "unprintable"),
        ({"prompt": "  "}, "prompt template"),
        ({"prompt": "x" * 100_001}, "at most 100,000"),
        ({"description": "x" * 2001}, "at most 2,000"),
        ({"tags": tuple(map(str, range(21)))}, "at most 20 tags"),
        ({"metadata": (("a", "x" * 10_000),)}, "at most 10,000"),
        ({"allowed_tools": ("\x1b]0;x\x07",)}, "no tool"),
    ],
)
def test_limits(fields: dict[str, Any], words: str) -> None:
    (said,) = _found(**fields)

    assert words in said
    assert "\x1b" not in said


def test_the_name_of_a_tool_server_may_have_two_lines_in_it() -> None:
    wish = TaskWish("review", "Look", allowed_tools=("mcp__my__docs", "mcp__my__docs__search"))

    assert mistakes_of(wish, ("my__docs",), _cron) == ()
    assert mistakes_of(wish, ("my",), _cron) == ()  # then these are tools of that one
    assert len(mistakes_of(wish, ("other",), _cron)) == 2
