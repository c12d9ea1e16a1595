"""A job that was at work when the backup was made is never taken for one that did not begin."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from foredeck.services.backup.settling import settle_down
from foredeck.services.domain import clock
from foredeck.services.domain.chat import ChatMessage, ChatState, Conversation
from foredeck.services.domain.notices import Cause, Channel, DeliveryState
from foredeck.services.domain.records import Job, Mode, Role
from foredeck.services.domain.schedules import FireState, Misfire, Schedule
from foredeck.services.domain.states import JobState, RunState
from foredeck.services.domain.tasks import Task
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.executor import Handle
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.notifications.notifier import Notifier
from foredeck.services.store.store import Store
from tests.support import records
from tests.support.job_house import open_jobs
from tests.support.newsroom import Newsroom
from tests.support.reported import make_execution, store_run

GONE, ENDED, BEGUN = range(3)


async def test_what_became_of_a_job_is_read_from_what_lies_there(tmp_path: Path) -> None:
    """Its directory may be missing, tell its end, or only its beginning on another machine."""
    async with open_jobs(tmp_path) as house:
        held = [await house.submit("true", hold=True) for _ in range(3)]
        jobs: list[Job] = []
        for job_id in held:
            async with house.store.transaction() as tx:
                await tx.move_job(job_id, JobState.QUEUED)
                jobs.append(await tx.move_job(job_id, JobState.IN_PROGRESS))
        root = tmp_path / "restored" / "job-output"
        for job in jobs[ENDED:]:
            (root / f"{job.id}.{job.attempt}").mkdir(parents=True)
        ended = root / f"{jobs[ENDED].id}.{jobs[ENDED].attempt}"
        (ended / "started").write_text('{"pid": 1, "start_time": 1, "boot_id": "x"}\n')
        (ended / "exit").write_text(json.dumps({"code": 3, "signal": None, "why": "ended"}))
        begun = root / f"{jobs[BEGUN].id}.{jobs[BEGUN].attempt}" / "started"
        begun.write_text('{"pid": 1, "start_time": 1, "boot_id": "x"}\n')

        found = await settle_down(house.store, tmp_path / "restored")
        assert (found.jobs, found.runs) == (3, [])
        executor = LocalExecutor(root, 0.5)
        handles = [Handle(job.id, job.attempt) for job in jobs]
        states = [(await executor.probe(handle)).state for handle in handles]
        assert states == [JobState.LOST, JobState.FAILED, JobState.LOST]
        assert begun.read_bytes() == b""  # nobody's process is ours to end
        async with house.store.transaction() as tx:
            assert (await tx.job_queue.get()).paused_at is not None
        executor.close()


async def test_an_answer_that_was_being_given_is_cut_off(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        project = records.project("talk")
        now = project.created_at
        talk = Conversation("c1", project.id, "planner", Mode.DIRECT, "x", now, now, None, "t1")
        question = ChatMessage(
            "m1", talk.id, Role.USER, ChatState.GROWING, "What is it?", now, turn_id="turn"
        )
        answer = ChatMessage("m2", talk.id, Role.ASSISTANT, ChatState.GROWING, "It", now)
        async with house.store.transaction() as tx:
            await tx.projects.add(project)
            await tx.conversations.add(talk)
            await tx.chat_messages.add(question)
            await tx.chat_messages.add(answer)
        await settle_down(house.store, tmp_path / "restored")
        assert not await house.store.queries.answers_under_way()
        said = (await house.store.queries.conversation(talk.id)).entries
        assert "cut off: a backup was restored" in said[-1].content


async def test_a_run_of_a_task_that_was_only_made_waits_for_a_person(tmp_path: Path) -> None:
    """The host that comes next would start it, and the one it was taken of has done so."""
    async with open_jobs(tmp_path) as house:
        run = await store_run(house.store, RunState.CREATED)
        await make_execution(house.store, run)

        found = await settle_down(house.store, tmp_path / "restored")

        assert (found.runs, found.steps) == ([run.id], 0)
        async with house.store.transaction() as tx:
            assert not await tx.executions.not_begun()
            settled = await tx.runs.get(run.id)
            assert (settled.state, settled.paused_at is None) == (RunState.WAITING, False)


async def test_what_was_due_since_is_not_made_up_for(tmp_path: Path) -> None:
    """Where the backup was taken it may have started, so a person is told, and it does not."""
    async with open_jobs(tmp_path) as house:
        run = await store_run(house.store, RunState.SUCCESS)
        now = clock.now()
        past, coming = now - timedelta(days=3), now + timedelta(days=300)
        schedules = {
            "hourly": ("0 * * * *", past),
            "broken": ("x", past),
            "later": ("@daily", coming),
        }
        async with house.store.transaction() as tx:
            for name, (cron, at) in schedules.items():
                schedule = Schedule(cron, misfire=Misfire.CATCH_UP, catch_up=5)
                task = Task(
                    name, name, run.project_id, past, past, prompt="Look.", schedule=schedule
                )
                await tx.tasks.add(replace(task, next_at=at))

        found = await settle_down(house.store, tmp_path / "restored")

        assert found.passed_over == 1
        fires = (await house.store.queries.fires(None, 100, 0, odd=False)).items
        assert {fire.task_id for fire in fires} == {"hourly"}
        assert {fire.state for fire in fires} == {FireState.MISSED}
        assert "a backup was restored" in fires[0].reason
        async with house.store.transaction() as tx:
            tasks = {task.id: task.next_at for task in await tx.tasks.scheduled()}
        assert now < (tasks["hourly"] or past) <= now + timedelta(hours=2)
        assert (tasks["broken"], tasks["later"]) == (past, coming)


async def test_what_was_to_be_told_is_told_where_the_backup_was_taken(tmp_path: Path) -> None:
    bus = EventBus()
    store = await Store.open(tmp_path, bus)
    room = Newsroom(store)
    causes = tuple(Cause)
    notifier = Notifier(store, bus, causes, [Channel.WEBHOOK], lambda: None)
    await room.ended("told, and on its way", RunState.FAILED)
    await notifier.look()
    await room.ended("not looked at yet", RunState.FAILED)
    await room.run("at work")

    await settle_down(store, tmp_path)

    await notifier.look()
    assert [row.title for row in await room.told()] == ["told, and on its way"]
    async with store.transaction() as tx:
        assert await tx.deliveries.soonest([Channel.WEBHOOK], ()) is None
    delivery = (await room.told())[0].deliveries[0]
    assert delivery.state is DeliveryState.WITHDRAWN
    assert "backup was restored" in delivery.error
    await store.close()
