"""Bursts become one signal; a broken subscription is taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from foredeck.app import bridge
from foredeck.app.bridge import HostBridge, HostChanged
from foredeck.services.domain.events import (
    JobQueueChanged,
    JobSaved,
    MessageSaved,
    NoticeRaised,
    ProjectSaved,
    QuestionSaved,
    ReportSaved,
    Resync,
    RunSaved,
    ScheduleChanged,
    StepSaved,
    TaskSaved,
)
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from tests.support.fake_host import FakeHost


class Changes:
    """Stands for the signal: keeps what was published."""

    def __init__(self) -> None:
        self.seen: list[HostChanged] = []
        self._more = asyncio.Event()

    def publish(self, change: HostChanged) -> None:
        self.seen.append(change)
        self._more.set()

    async def wait_for(self, count: int) -> list[HostChanged]:
        async with asyncio.timeout(60):
            while len(self.seen) < count:
                self._more.clear()
                await self._more.wait()
        return self.seen


@asynccontextmanager
async def running_bridge(
    host: Any, changes: Changes, notices: list[tuple[str, str]], **options: Any
) -> AsyncIterator[None]:
    def notify(message: str, severity: str) -> None:
        notices.append((message, severity))

    options.setdefault("lost", lambda error: pytest.fail(str(error)))
    reader = HostBridge(host, cast("Any", changes), notify, **options)
    task = asyncio.create_task(reader.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_burst_becomes_one_signal() -> None:
    host, changes = FakeHost(), Changes()
    async with running_bridge(host, changes, []):
        host.publish(RunSaved(run_id="r1", project_id="p1", state=RunState.RUNNING))
        host.publish(StepSaved(run_id="r2", step_id="s", key="planner", state=StepState.RUNNING))
        host.publish(JobSaved(job_id="j", run_id="r3", name="n", state=JobState.QUEUED))
        host.publish(JobSaved(job_id="k", run_id=None, name="n", state=JobState.QUEUED))
        host.publish(MessageSaved(run_id="r4", step_id="s", message_id="m"))
        host.publish(ProjectSaved(project_id="p2"))
        host.publish(JobQueueChanged())
        host.publish(TaskSaved(task_id="t1"))
        host.publish(ScheduleChanged(task_id="t2"))
        host.publish(ScheduleChanged())
        host.publish(ReportSaved(report_id="rp", run_id="r5"))
        seen = await changes.wait_for(1)
    assert seen == [
        HostChanged(
            frozenset({"r1", "r2", "r3"}),
            frozenset({"p1", "p2"}),
            frozenset({"r4"}),
            jobs=frozenset({"j", "k"}),
            queue=True,
            tasks=frozenset({"t1", "t2"}),
            schedules=True,
            reports=frozenset({"r5"}),
        )
    ]


async def test_what_comes_within_the_interval_waits_for_the_next_signal() -> None:
    host, changes = FakeHost(), Changes()
    async with running_bridge(host, changes, [], interval=0.05):
        host.publish(ProjectSaved(project_id="p1"))
        await changes.wait_for(1)
        for number in range(50):
            host.publish(ProjectSaved(project_id=f"q{number}"))
        seen = await changes.wait_for(2)
    assert seen[0].projects == {"p1"}
    assert seen[1].projects == {f"q{number}" for number in range(50)}


async def test_a_notice_is_told_at_once_and_changes_nothing() -> None:
    host, changes = FakeHost(), Changes()
    notices: list[tuple[str, str]] = []
    async with running_bridge(host, changes, notices):
        host.publish(NoticeRaised(severity="error", message="The disk is full."))
        host.publish(Resync())
        seen = await changes.wait_for(1)
    assert notices == [("The disk is full.", "error")]
    assert seen == [HostChanged(resync=True)]


async def test_a_stream_that_ends_is_taken_up_again_with_a_fresh_snapshot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "RETRY_DELAY", 0.0)
    host, changes = FakeHost(), Changes()
    async with running_bridge(host, changes, [], interval=0.0):
        host.break_subscriptions()
        seen = await changes.wait_for(1)
        assert seen[0].resync
        await asyncio.sleep(0)
        host.publish(ProjectSaved(project_id="p9"))
        seen = await changes.wait_for(2)
    assert seen[1].projects == {"p9"}


async def test_a_stream_that_breaks_is_reported_and_taken_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bridge, "RETRY_DELAY", 0.0)

    class Breaking(FakeHost):
        def events(self, since: int | None = None) -> Any:
            if not reported:
                return self._fail()
            return super().events()

        async def _fail(self) -> AsyncIterator[Any]:
            for _ in range(1):
                raise ConnectionError("gone")
            yield Resync()

    reported: list[BaseException] = []
    changes = Changes()
    async with running_bridge(Breaking(), changes, [], report_error=reported.append):
        seen = await changes.wait_for(1)
    assert seen[0].resync
    assert [str(error) for error in reported] == ["gone"]


def test_a_resync_touches_every_run() -> None:
    assert HostChanged(resync=True).touches("any")
    assert HostChanged(frozenset({"a"})).touches("a")
    assert not HostChanged(frozenset({"a"})).touches("b")
    assert not HostChanged(frozenset({"a"})).touches(None)


async def test_a_question_is_told_once_and_touches_its_run() -> None:
    host, changes = FakeHost(), Changes()
    notices: list[tuple[str, str]] = []
    asked = QuestionSaved(
        question_id="q1",
        run_id="run1",
        kind=QuestionKind.QUESTION,
        title="Which colour? " + "x" * 500,
        state=QuestionState.OPEN,
    )
    settled = replace(asked, state=QuestionState.ANSWERED, previous=QuestionState.OPEN)
    async with running_bridge(host, changes, notices, interval=0.0):
        host.publish(asked)
        host.publish(settled)
        await changes.wait_for(1)
    assert changes.seen[0].runs == {"run1"}
    ((message, severity),) = notices
    assert message.startswith("An agent asks: Which colour? xxx")
    assert message.endswith("x…\nPress a to answer.")
    assert severity == "warning"
