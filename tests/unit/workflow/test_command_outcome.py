"""What a command step makes of the end of its command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.errors import StepFailed, TurnLost
from foredeck.services.domain.records import FailureClass, Job
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.endings import exit_code_of
from foredeck.services.jobs.executor import Found
from foredeck.services.workflow.command_outcome import (
    failure_of,
    outcome_of,
    words_of,
)

NOW = clock.now()
JOB = Job("j", "make", JobState.COMPLETED, "make \x1b[31mall\nnow", "/w", "/o", NOW, NOW, timeout=9)


@pytest.mark.parametrize(
    ("cpu", "memory", "words"),
    [
        (None, None, "exit 0"),
        (0.99, (100 << 20) - 1, "exit 0"),
        (1.0, 5, "exit 0 (1.0 s of CPU)"),
        (0.2, 100 << 20, "exit 0 (100.0 MiB)"),
        (75.26, 3 << 30, "exit 0 (75.3 s of CPU, 3.0 GiB)"),
    ],
)
def test_what_a_command_has_cost_is_told_if_it_was_much(
    cpu: float | None, memory: int | None, words: str
) -> None:
    assert words_of(Found(JobState.COMPLETED, 0, None, cpu, memory)) == words


@pytest.mark.parametrize(
    ("found", "code", "words", "failure_class", "message"),
    [
        (Found(JobState.FAILED, 2), 2, "exit 2", FailureClass.COMMAND, "ended with exit code 2."),
        (
            Found(JobState.FAILED, None, 9),
            137,
            "ended by SIGKILL",
            FailureClass.CRASH,
            "was ended by SIGKILL.",
        ),
        (
            Found(JobState.FAILED, None, 99),
            227,
            "ended by signal 99",
            FailureClass.CRASH,
            "was ended by signal 99.",
        ),
        (
            Found(JobState.FAILED, None, 9, over_memory=True),
            137,
            "ended for its memory",
            FailureClass.COMMAND,
            "used more than the memory it may have",
        ),
        (Found(JobState.TIMEOUT), 124, "timeout", FailureClass.TIMEOUT, "within 9 s"),
        (Found(JobState.CANCELLED), 130, "cancelled", FailureClass.INTERNAL, "was stopped."),
        (Found(JobState.LOST), None, "lost", FailureClass.CRASH, "Nobody knows how"),
    ],
)
def test_every_bad_end_is_named(
    found: Found, code: int | None, words: str, failure_class: FailureClass, message: str
) -> None:
    assert (exit_code_of(found), words_of(found)) == (code, words)
    failure = failure_of(JOB, found, "the tail")
    assert failure is not None
    assert (failure.failure_class, failure.detail) == (failure_class, "the tail")
    assert message in failure.message
    assert "`make all ↵ now`" in failure.message
    assert failure.advice
    kind = TurnLost if found.state is JobState.LOST else StepFailed
    with pytest.raises(kind) as caught:
        outcome_of(replace(JOB, state=found.state, failure=failure))
    assert caught.value.failure == failure


def test_a_good_end_is_no_failure() -> None:
    found = Found(JobState.COMPLETED, 0)
    assert (failure_of(JOB, found, ""), exit_code_of(found), words_of(found)) == (None, 0, "exit 0")


@pytest.mark.parametrize(
    ("tail", "summary"),
    [
        ("one\ntwo\n", "two"),
        ("one\n\n   \n", "one"),
        ("", ""),
        ("x" * 1000, "x" * 120),
    ],
)
def test_the_summary_is_the_last_line_that_says_something(tail: str, summary: str) -> None:
    told = outcome_of(replace(JOB, message=tail)).summary
    assert told.startswith(summary)
    assert len(told) <= 200


def test_a_command_that_was_stopped_unseen_is_no_success() -> None:
    with pytest.raises(StepFailed, match="stopped"):
        outcome_of(replace(JOB, state=JobState.CANCELLED))
