"""Runs whose graphs are worth looking at, for pictures and pilot tests."""

from __future__ import annotations

from typing import Any

from foredeck.services.domain.records import Failure, FailureClass, StepKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import RunDetail, StepRow
from tests.support.fake_host import FakeHost, ago, project_row, run_detail, step_row

S = StepState


def command(
    key: str,
    state: StepState = S.PENDING,
    needs: str = "",
    *,
    took: float | None = None,
    **changes: Any,
) -> StepRow:
    """Return a command step; `needs` are keys between spaces, `took` the seconds it ran."""
    times = {} if took is None else {"started_at": ago(took + 10), "ended_at": ago(10)}
    words = {"title": key.replace("-", " ").capitalize(), "kind": StepKind.COMMAND}
    return step_row(key, state, **{"needs": tuple(needs.split()), **words, **times, **changes})


def host_of(detail: RunDetail) -> FakeHost:
    """Return a host with this run alone."""
    return FakeHost([project_row()], {detail.run.id: detail}, {detail.run.id: ()})


def diamond() -> RunDetail:
    """Return a diamond under way: one side done, the other runs for the second time."""
    steps = (
        command("fetch", S.SUCCESS, took=40, summary="412 files"),
        command("lint", S.SUCCESS, "fetch", took=12, summary="no problems"),
        command("test", S.RUNNING, "fetch", started_at=ago(64), attempt=2),
        command("publish", S.PENDING, "lint test"),
    )
    return run_detail("run1", RunState.RUNNING, steps, title="Fetch, check, publish")


def release() -> RunDetail:
    """Return twelve steps in every state; one of them failed with a long error."""
    failure = Failure(
        FailureClass.COMMAND,
        "`tox -e py312` ended with exit code 1.",
        "Read the end of its output, mend what fails, then retry with r.",
        detail="\n".join(
            f"tests/test_{name}.py::test_round_trip FAILED" for name in ("store", "codec", "clock")
        )
        + "\nE   AssertionError: assert '2026-05-04' == '2026-05-05'",
    )
    steps = (
        command("checkout", S.SUCCESS, took=6, summary="HEAD is 4c1d2e9"),
        command("install", S.SUCCESS, "checkout", took=48, summary="62 packages"),
        command("lint", S.SUCCESS, "install", took=9, summary="All checks passed!"),
        command("test-3.11", S.SUCCESS, "install", took=81, summary="212 passed in 79.4s"),
        command("test-3.12", S.FAILED, "install", took=95, attempt=4, failure=failure),
        command("test-3.13", S.RUNNING, "install", started_at=ago(71)),
        command("docs", S.RETRY, "install", attempt=2, retry_at=ago(-9), reason="timeout"),
        command("audit", S.SKIPPED, "checkout", reason="when: inputs.level >= 2 does not hold"),
        command("package", S.SKIPPED, "lint test-3.11 test-3.12 test-3.13", reason="Test 3.12"),
        command("sign-off", S.WAITING, "lint audit", reason="Ship it?", kind=StepKind.GATE),
        command("upload", S.CANCELLED, "package sign-off docs", reason="stopped"),
        command("announce", S.PENDING, "upload"),
    )
    return run_detail("run1", RunState.RUNNING, steps, title="Release 2.4")


def fan_out(workers: int = 38) -> RunDetail:
    """Return one step, many that need it, and one that needs them all."""
    states = (S.SUCCESS, S.SUCCESS, S.RUNNING, S.PENDING, S.FAILED, S.RETRY)
    names = [f"shard-{number:03d}" for number in range(workers)]
    middle = [
        command(name, states[number % 6], "split", took=20 + number if number % 6 < 2 else None)
        for number, name in enumerate(names)
    ]
    steps = (
        command("split", S.SUCCESS, took=5),
        *middle,
        command("merge", S.PENDING, " ".join(names)),
    )
    return run_detail("run1", RunState.RUNNING, steps, title="Split, work, merge")
