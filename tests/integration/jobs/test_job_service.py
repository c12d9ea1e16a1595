"""Jobs of their own, with real processes: started by turn, followed, ended, retried."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput, StorageFull, StoreError
from foredeck.services.domain.jobs import JobOrder, JobWish, Priority
from foredeck.services.domain.records import FailureClass, ProjectSettings
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.executor import Command, Handle
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.processes import find_marked
from foredeck.services.store.job_orders import JobOrderRepository
from tests.support.house import PATIENCE, until
from tests.support.job_house import JobHouse, open_jobs
from tests.support.process_table import mentioning

WAIT = "until test -e go; do sleep 0.02; done"
S = JobState


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert mentioning(str(tmp_path)) == []


async def test_a_job_runs_in_its_project_and_its_output_is_in_files(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        done = await house.ran("pwd; echo oops >&2; echo $OWN", environment=(("OWN", "mine"),))
        assert (done.job.state, done.job.exit_code, done.failure) == (S.COMPLETED, 0, None)
        assert (done.job.progress, done.job.project_name) == (100, "demo")
        assert done.job.cpu_seconds is not None
        result = await house.result(done.job.id)
        assert result.output == f"{house.workspace}\nmine\n"
        assert (result.errors, result.data, result.error) == ("oops\n", None, "")
        merged = await house.ran("echo out; echo err >&2", merge_stderr=True)
        result = await house.result(merged.job.id)
        assert (result.output, result.errors) == ("out\nerr\n", "")
        # What is printed stands in no row.
        assert b"oops\n" not in (tmp_path / "data" / "foredeck.db").read_bytes()


async def test_words_need_no_shell(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        done = await house.ran("", words=("printf", "%s|", "a b", "$HOME", "*"))
        assert (await house.result(done.job.id)).output == "a b|$HOME|*|"
        assert done.prompt == "printf '%s|' 'a b' '$HOME' '*'"


@pytest.mark.parametrize(
    ("command", "state", "code", "error"),
    [
        ("exit 7", S.FAILED, 7, "Command exited with code 7"),
        ("echo no way >&2; exit 3", S.FAILED, 3, "no way"),
        ("kill -9 $$", S.FAILED, 137, "Command was ended by SIGKILL."),
        ("no_such_program_anywhere", S.FAILED, 127, "not found"),
        ("read x; echo got:$x; cat", S.COMPLETED, 0, ""),
        ("(setsid sleep 300 &) ; (trap '' TERM; sleep 300) & echo done", S.COMPLETED, 0, ""),
    ],
)
async def test_how_a_job_ends(
    tmp_path: Path, command: str, state: JobState, code: int, error: str
) -> None:
    async with open_jobs(tmp_path, grace=0.2) as house:
        done = await house.ran(command)
        assert (done.job.state, done.job.exit_code) == (state, code)
        assert error in (done.failure.message if done.failure else "")
        assert find_marked(done.job.id) == []


async def test_a_job_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, grace=0.2) as house:
        done = await house.ran("trap '' TERM; sleep 300", timeout=1)
        assert (done.job.state, done.job.exit_code) == (S.TIMEOUT, 124)
        assert done.failure is not None
        assert done.failure.failure_class is FailureClass.TIMEOUT


async def test_floods_and_bytes_are_kept_whole_and_shown_at_their_ends(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        flood = await house.ran(
            "yes flood | head -c 30000000; yes e | head -c 50000 >&2; echo; echo end"
        )
        result = await house.result(flood.job.id)
        assert len(result.output) == 100_000
        assert result.output.endswith("\nend\n")
        assert result.left_out + len(result.output) == Path(flood.output_path).stat().st_size
        assert len(result.errors) == 10_000
        binary = await house.ran(r"printf '\377\376\000\033]0;x\007caf\303\251'")
        assert (await house.result(binary.job.id)).output == "\ufffd\ufffd\0\x1b]0;x\x07café"


async def test_output_that_is_json_is_data(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        done = await house.ran("""echo '{"a": [1, 2]}'""")
        assert (await house.result(done.job.id)).data == '{"a": [1, 2]}'
        deep = await house.ran("yes '[' | head -c 200000 | tr -d '\\n'")
        assert (await house.result(deep.job.id)).data is None


async def test_what_a_job_is_given_to_read(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        fields = {"input_data": '{"n": 1}', "input_file": "/etc/hostname", "output_file": "/tmp/o"}
        done = await house.ran(
            "cat $FOREDECK_INPUT; stat -c %a $FOREDECK_INPUT; "
            "echo $FOREDECK_INPUT_FILE $FOREDECK_OUTPUT_FILE",
            **fields,
        )
        result = await house.result(done.job.id)
        assert result.output == '{"n": 1}600\n/etc/hostname /tmp/o\n'
        assert list((tmp_path / "data" / "job-input").iterdir()) == []


async def test_progress_is_followed(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = await house.submit(
            f"echo progress: 42 half; {WAIT}; echo progress: 43 more; exit 1"
        )
        events = house.bus.subscribe()
        while (await house.detail(job_id)).job.progress != 42:
            await asyncio.wait_for(anext(events), 60)
        order = (await house.detail(job_id)).order
        assert order is not None
        assert order.progress_message == "half"
        (house.workspace / "go").touch()
        done = await house.ended(job_id)
        assert (done.job.progress, done.order and done.order.progress_message) == (43, "more")


class _Flooded(LocalExecutor):
    """Whoever reads what a job prints never comes to the end of it."""

    async def read(self, handle: Handle, offset: int, limit: int, *, errors: bool = False) -> bytes:
        return await super().read(handle, offset, limit, errors=errors) or b"progress: 43 on\n"


async def test_progress_is_followed_in_a_flood(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, executes=_Flooded) as house:
        job_id = await house.submit(f"echo progress: 42; {WAIT}")
        events = house.bus.subscribe()
        async with asyncio.timeout(PATIENCE):
            while (await house.detail(job_id)).job.progress != 42:
                await anext(events)
        await house.jobs.cancel(job_id, "enough")


async def test_progress_that_cannot_be_stored_ends_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = JobOrderRepository.save, []

    async def save(self: JobOrderRepository, order: JobOrder) -> None:
        if order.progress == 42:
            refused.append(order)
            raise StorageFull("The disk is full.")
        await real(self, order)

    monkeypatch.setattr(JobOrderRepository, "save", save)
    async with open_jobs(tmp_path) as house:
        job_id = await house.submit(f"echo progress: 42 half; {WAIT}; echo whole")
        await until(lambda: bool(refused), "the progress")
        (house.workspace / "go").touch()
        done = await house.ended(job_id)
        assert (done.job.state, done.job.progress) == (S.COMPLETED, 100)
        assert (await house.result(job_id)).output == "progress: 42 half\nwhole\n"


async def test_limits_and_turns(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1) as house:
        first = await house.submit(WAIT)
        await house.comes_to(first, S.IN_PROGRESS)
        low = await house.submit("echo low >> order", priority=Priority.LOW)
        normal = await house.submit("echo normal >> order")
        urgent = await house.submit("echo urgent >> order")
        await house.jobs.prioritise(urgent, Priority.CRITICAL)
        assert [await house.state(one) for one in (low, normal, urgent)] == [S.QUEUED] * 3
        (house.workspace / "go").touch()
        for one in (first, low, normal, urgent):
            assert (await house.ended(one)).job.state is S.COMPLETED
        assert (house.workspace / "order").read_text().split() == ["urgent", "normal", "low"]
        with pytest.raises(Conflict, match="its priority changes nothing"):
            await house.jobs.prioritise(low, Priority.HIGH)


async def test_a_project_has_its_own_limit_and_limits_change_while_jobs_work(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path) as house:
        async with house.store.transaction() as tx:
            project = await tx.projects.by_name("demo")
            assert project is not None
        async with house.store.transaction() as tx:
            await tx.projects.save(replace(project, settings=ProjectSettings(concurrency=1)))
        one, two = await house.submit(WAIT), await house.submit(WAIT)
        await house.comes_to(one, S.IN_PROGRESS)
        elsewhere = await house.jobs.submit(JobWish("x", "true", directory=str(tmp_path)))
        await house.ended(elsewhere.id)
        assert (await house.detail(elsewhere.id)).job.project_name == "scratch"
        assert await house.state(two) is S.QUEUED
        async with house.store.transaction() as tx:
            await tx.projects.save(project)
        await house.jobs.limit(1)
        assert await house.state(two) is S.QUEUED
        await house.jobs.limit(None)
        await house.comes_to(two, S.IN_PROGRESS)
        (house.workspace / "go").touch()
        await house.ended(one)
        await house.ended(two)
        with pytest.raises(InvalidInput, match="Between 1 and 100"):
            await house.jobs.limit(0)


async def test_a_held_job_waits_for_execute(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = await house.submit("true", hold=True)
        assert await house.state(job_id) is S.PENDING
        await house.jobs.execute(job_id[:6])
        assert (await house.ended(job_id)).job.state is S.COMPLETED
        with pytest.raises(Conflict, match="completed: only a held one is executed"):
            await house.jobs.execute(job_id)


async def test_a_paused_queue_starts_nothing_over_a_restart(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        await house.jobs.pause(paused=True)
        job_id = await house.submit("true")
    async with open_jobs(tmp_path) as house:
        view = await house.store.queries.job_queue(10)
        assert (view.queued, view.working, view.paused_at is not None) == (1, 0, True)
        await house.jobs.pause(paused=False)
        assert (await house.ended(job_id)).job.state is S.COMPLETED


async def test_a_job_is_cancelled_wherever_it_stands(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, limit=1, grace=0.2) as house:
        held = await house.submit("touch ran", hold=True)
        works = await house.submit("trap '' TERM; (setsid sleep 300 &) ; touch up; sleep 300")
        waits = await house.submit("touch ran")
        await until((house.workspace / "up").exists, "the job")
        for job_id in (held, waits, works):
            job = await house.jobs.cancel(job_id, "enough of it")
            assert job.state is S.CANCELLED
            with pytest.raises(Conflict, match="cancelled already: there is nothing to cancel"):
                await house.jobs.cancel(job_id, "again")
            with pytest.raises(Conflict, match="only a failed, timed out or lost one"):
                await house.jobs.retry(job_id)
        assert find_marked(works) == []
        assert not (house.workspace / "ran").exists()
        async with house.store.transaction() as tx:
            rows = await tx._unit.link.rows(
                "SELECT reason FROM transition WHERE entity_id = ? AND new = 'cancelled'", (works,)
            )
        assert rows == [("enough of it",)]


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 20])
async def test_cancel_against_start_and_finish(tmp_path: Path, delay: int) -> None:
    async with open_jobs(tmp_path) as house:
        ids = [await house.submit(f"sleep 0.0{n}; echo w >> effects-{n}") for n in range(4)]
        for _ in range(delay):
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(
            *(house.jobs.cancel(one, "race") for one in ids), return_exceptions=True
        )
        for number, (job_id, outcome) in enumerate(zip(ids, outcomes, strict=True)):
            state = (await house.ended(job_id)).job.state
            if isinstance(outcome, Conflict):
                assert state is S.COMPLETED
            else:
                assert not isinstance(outcome, BaseException)
                assert state is S.CANCELLED
            effects = house.workspace / f"effects-{number}"
            assert not effects.exists() or effects.read_text() in {"", "w\n"}  # cut short, or once
            assert find_marked(job_id) == []


async def test_two_cancels_and_a_timeout_at_once(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, grace=0.2) as house:
        job_id = await house.submit("trap '' TERM; touch up; sleep 300", timeout=1)
        await until((house.workspace / "up").exists, "the job")
        outcomes = await asyncio.gather(
            house.jobs.cancel(job_id, "one"),
            house.jobs.cancel(job_id, "two"),
            return_exceptions=True,
        )
        state = (await house.ended(job_id)).job.state
        assert state in {S.CANCELLED, S.TIMEOUT}
        for outcome in outcomes:
            assert isinstance(outcome, Conflict) or state is S.CANCELLED


async def test_retries_are_counted_and_the_old_output_is_kept(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        text = "echo try >> tries; echo $(wc -l < tries); exit 1"
        job_id = (await house.ran(text, max_retries=2)).job.id
        await house.jobs.retry(job_id)
        await house.ended(job_id)
        held = await house.jobs.retry(job_id, hold=True)
        assert (held.state, held.attempt, held.exit_code) == (S.PENDING, 3, None)
        await house.jobs.execute(job_id)
        done = await house.ended(job_id)
        assert (done.job.attempt, done.order and done.order.retry_count) == (3, 2)
        texts = [house.files(job_id, attempt).log.read_text() for attempt in (1, 2, 3)]
        assert texts == ["1\n", "2\n", "3\n"]
        assert (await house.result(job_id)).output == "3\n"
        with pytest.raises(Conflict, match="was retried 2 of 2 times"):
            await house.jobs.retry(job_id)


async def test_only_with_auto_retry_a_job_is_tried_again_by_itself(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        plain = await house.ran("exit 1")
        assert plain.job.attempt == 1
        text = "echo w >> tries; test $(wc -l < tries) = 3"
        job_id = await house.submit(text, auto_retry=True)
        done = await house.comes_to(job_id, S.COMPLETED)
        assert (done.job.attempt, (house.workspace / "tries").read_text()) == (3, "w\nw\nw\n")


async def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        gone = tmp_path / "gone"
        gone.mkdir()
        job_id = await house.submit("true", directory=str(gone), hold=True)
        gone.rmdir()
        await house.jobs.execute(job_id)
        done = await house.ended(job_id)
        assert done.job.state is S.FAILED
        assert done.failure is not None
        assert "is not there any more" in done.failure.message
        done = await house.ran("true", environment=(("A", "env:NOT_SET_ANYWHERE"),))
        assert done.failure is not None
        assert "NOT_SET_ANYWHERE" in done.failure.message


async def test_a_secret_is_neither_stored_nor_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIDDEN_THING", "very-secret-value")
    async with open_jobs(tmp_path) as house:
        house.store.redactor.learn(["very-secret-value"])
        for fields in (
            {"command": "echo very-secret-value"},
            {"command": "", "words": ("echo", "very-secret-value")},
            {"command": "true", "input_data": '"very-secret-value"'},
            {"command": "true", "environment": (("PLAIN", "very-secret-value"),)},
        ):
            with pytest.raises(InvalidInput, match="holds a secret"):
                await house.submit(**fields)
        with pytest.raises(InvalidInput, match="looks like a secret"):
            await house.submit("true", environment=(("MY_TOKEN", "x"),))
        done = await house.ran("echo $T", environment=(("T", "env:HIDDEN_THING"),))
        assert (await house.result(done.job.id)).output == "very-secret-value\n"
        assert b"very-secret-value" not in (tmp_path / "data" / "foredeck.db").read_bytes()


async def test_a_host_that_does_not_stay_starts_only_what_is_to_start_now(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, recover=False) as house:
        assert not house.jobs.starts
        waits = await house.submit("true")
        now = await house.submit("true", now=True)
        await house.ended(now)
        assert await house.state(waits) is S.QUEUED
    async with open_jobs(tmp_path) as house:
        assert house.jobs.starts
        assert (await house.ended(waits)).job.state is S.COMPLETED


async def test_first_jobs_at_once_share_one_project(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        elsewhere = [JobWish("x", "true", directory=str(tmp_path)) for _ in range(8)]
        jobs = await asyncio.gather(*(house.jobs.submit(wish) for wish in elsewhere))
        names = {(await house.ended(job.id)).job.project_name for job in jobs}
        assert names == {"scratch"}
        projects = (await house.store.queries.projects()).items
        assert sorted(project.name for project in projects) == ["demo", "scratch"]
        assert sorted(path.name for path in house.workspace.parent.iterdir()) == ["demo", "scratch"]


async def test_a_project_with_jobs_is_not_archived_and_an_archived_one_takes_none(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path) as house:
        held, works = await house.submit("true", hold=True), await house.submit(WAIT)
        await house.comes_to(works, S.IN_PROGRESS)
        for job_id in (held, works):
            with pytest.raises(Conflict, match="A job of demo works or waits still"):
                await house.projects.archive("demo", archived=True)
            await house.jobs.cancel(job_id, "enough")
        assert (await house.projects.archive("demo", archived=True)).archived_at
        with pytest.raises(Conflict, match="The project demo is archived"):
            await house.submit("true")
        assert (await house.store.queries.job_queue(10)).queued == 0


async def lost(house: JobHouse) -> str:
    """Return a job at work whose shim is killed."""
    job_id = await house.submit("touch up; sleep 300")
    await until((house.workspace / "up").exists, "the job")
    carrier = house.files(job_id).carrier
    assert carrier is not None
    os.kill(carrier.pid, signal.SIGKILL)
    return job_id


async def test_a_start_that_nobody_answered_for_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = LocalExecutor.submit

    async def submit(self: LocalExecutor, handle: Handle, command: Command) -> None:
        await real(self, handle, command)
        raise StoreError("The command could not be started: it did not start in time.")

    monkeypatch.setattr(LocalExecutor, "submit", submit)
    async with open_jobs(tmp_path) as house:
        assert (await house.ran("echo w")).job.state is S.COMPLETED
        assert (await house.ended(await lost(house))).job.state is S.LOST


async def test_a_job_that_vanished_is_lost_and_told_and_can_be_retried(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        job_id = await lost(house)
        done = await house.ended(job_id)
        assert (done.job.state, done.job.exit_code) == (S.LOST, None)
        await until(lambda: any("is lost" in text for text in house.notices()), "a notice")
        assert find_marked(job_id) == []
        await house.jobs.retry(job_id)
        await house.comes_to(job_id, S.IN_PROGRESS)
        await house.jobs.cancel(job_id, "enough")


async def test_how_long_the_same_command_took_before_tells_how_far_it_may_be(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path) as house:
        wait = "until test -e go; do sleep 0.02; done"
        go = house.workspace / "go"
        go.touch()
        first = await house.ran(wait, name="nightly")
        await house.ran("exit 3; " + wait, name="nightly")  # another command, and failed
        assert (first.job.expected, first.job.estimate(first.job.created_at)) == (None, None)
        go.unlink()
        job_id = await house.submit(wait, name="nightly")
        row = (await house.comes_to(job_id, JobState.IN_PROGRESS)).job
        assert first.job.ended_at
        assert first.job.started_at
        assert row.started_at
        took = first.job.ended_at - first.job.started_at
        assert row.expected == took.total_seconds()
        assert row.estimate(row.started_at) == 0
        assert row.estimate(row.started_at + took / 2) == pytest.approx(50, abs=0.1)
        assert row.estimate(row.started_at + 9 * took) == 99
        (listed,) = (await house.store.queries.jobs(limit=1)).items
        assert listed == row
        go.touch()
        await house.ended(job_id)


async def test_what_says_how_far_it_is_is_not_guessed_at(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        command = "echo progress: 7; until test -e go; do sleep 0.02; done"
        (house.workspace / "go").touch()
        await house.ran(command)
        (house.workspace / "go").unlink()
        job_id = await house.submit(command)
        events = house.bus.subscribe()
        async with asyncio.timeout(PATIENCE):
            while (row := (await house.detail(job_id)).job).progress != 7:
                await anext(events)
        assert row.expected is None
        (house.workspace / "go").touch()
        await house.ended(job_id)
