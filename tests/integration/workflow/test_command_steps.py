"""Command steps, with real processes: how they end, what they show, and what is left of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.records import FailureClass, ProjectSettings
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.domain.workflow import RetryPolicy, WorkflowSpec
from foredeck.services.jobs.command_policy import CommandPolicy
from foredeck.services.jobs.processes import find_marked
from foredeck.services.store.audit import AuditFilter
from foredeck.services.workflow import interventions
from foredeck.services.workflow.runs import RunWish
from tests.support.command_house import CommandHouse, command, open_commands
from tests.support.greedy import GREEDY
from tests.support.hostile import HOSTILE
from tests.support.house import has_line, until
from tests.support.process_table import mentioning
from tests.support.segments import parts, texts
from tests.support.small_disk import small_disk

DEAF = (
    "trap '' TERM; setsid sh -c 'trap \"\" TERM; (setsid sh -c \"sleep 300; :\" &); sleep 300; :' &"
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CommandHouse]:
    async with open_commands(tmp_path) as house:
        yield house
    assert mentioning(str(tmp_path)) == []


async def test_a_command_that_ends_well(house: CommandHouse) -> None:
    detail = await house.ran(
        command(
            "one", "pwd; echo to stderr >&2; echo $COLOUR; echo", environment=(("COLOUR", "red"),)
        )
    )
    assert detail.run.state is RunState.SUCCESS
    assert (detail.steps[0].summary, detail.steps[0].failure) == ("red", None)
    assert parts(house.output(detail.run.id, "one")) == [
        (SegmentKind.COMMAND, "$ pwd; echo to stderr >&2; echo $COLOUR; echo\n"),
        (SegmentKind.OUTPUT, f"{house.workspace}\nto stderr\nred\n\n"),
        (SegmentKind.NOTE, "exit 0: pwd; echo to stderr >&2; echo $COLOUR; echo\n"),
    ]
    (job,) = await house.jobs(detail.run.id)
    assert (job.type, job.state, job.exit_code) == ("shell_command", JobState.COMPLETED, 0)
    assert job.started_at is not None
    assert house.left() == []


async def test_its_environment_is_that_of_the_project_and_of_the_step_and_no_more(
    house: CommandHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never")
    monkeypatch.setenv("DEPLOY", "Sup3r/S3cret+V4lue")
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
        wishes = ProjectSettings(environment={"BOTH": "project", "TOKEN": "env:DEPLOY"})
        await tx.projects.save(replace(project, settings=wishes))
    detail = await house.ran(
        command(
            "one",
            "env; printf Sup3r/S3; sleep 0.2; echo cret+V4lue",
            environment=(("BOTH", "step"),),
        )
    )
    output = house.output(detail.run.id, "one").read_text()
    assert "BOTH=step\n" in output
    assert "TOKEN=[redacted]\n" in output
    assert "OPENAI_API_KEY" not in output
    assert "V4lue" not in "".join(texts(house.output(detail.run.id, "one"), SegmentKind.OUTPUT))
    assert detail.steps[0].summary == "[redacted]"


async def test_a_command_that_holds_more_memory_than_its_project_may_is_ended(
    house: CommandHouse,
) -> None:
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
        await tx.projects.save(replace(project, settings=ProjectSettings(memory_cap=64)))
    detail = await house.ran(command("one", f"echo begun; {GREEDY}"))
    failure = detail.steps[0].failure
    assert failure is not None
    assert "used more than 64 MiB of memory and was stopped." in failure.message
    assert "memory_cap" in failure.advice
    (job,) = await house.jobs(detail.run.id)
    assert (job.state, job.exit_code) == (JobState.FAILED, 137)
    assert find_marked(job.id) == []


async def test_an_exit_code_fails_the_step_with_the_end_of_its_output(house: CommandHouse) -> None:
    detail = await house.ran(command("one", "seq 1 60; exit 7"), command("two", "true", "one"))
    one, two = detail.steps
    assert detail.run.state is RunState.FAILED
    assert one.failure is not None
    assert one.failure.failure_class is FailureClass.COMMAND
    assert one.failure.message == "`seq 1 60; exit 7` ended with exit code 7."
    assert one.failure.advice
    assert one.failure.detail.split() == [str(number) for number in range(11, 61)]
    assert two.state is StepState.SKIPPED


async def test_a_failed_command_is_tried_again_until_it_succeeds(house: CommandHouse) -> None:
    tries = RetryPolicy(max=2, delay=0)
    detail = await house.ran(
        command("one", "echo x >> tries; test $(wc -l < tries) = 3", retries=tries)
    )
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[0].attempt == 3
    assert [job.state for job in await house.jobs(detail.run.id)] == [
        JobState.FAILED,
        JobState.FAILED,
        JobState.COMPLETED,
    ]


async def test_a_signal_is_named(house: CommandHouse) -> None:
    detail = await house.ran(command("one", "echo before; kill -SEGV $$"))
    failure = detail.steps[0].failure
    assert failure is not None
    assert failure.failure_class is FailureClass.CRASH
    assert "was ended by SIGSEGV" in failure.message
    assert failure.detail == "before"
    (job,) = await house.jobs(detail.run.id)
    assert job.exit_code == 139
    assert "ended by SIGSEGV" in house.output(detail.run.id, "one").read_text()


async def test_a_command_that_takes_too_long_is_stopped_with_all_it_started(
    house: CommandHouse,
) -> None:
    detail = await house.ran(command("one", f"{DEAF} echo up; sleep 300; :", timeout=0.5))
    failure = detail.steps[0].failure
    assert failure is not None
    assert failure.failure_class is FailureClass.TIMEOUT
    assert "did not end within 0.5 s" in failure.message
    (job,) = await house.jobs(detail.run.id)
    assert (job.state, job.exit_code) == (JobState.TIMEOUT, 124)
    assert find_marked(job.id) == []


async def test_cancelling_the_run_leaves_nothing_of_its_command(house: CommandHouse) -> None:
    run_id = await house.start(command("one", f"{DEAF} echo up; sleep 300; :"))
    output = house.output(run_id, "one")
    await until(lambda: has_line(output, "up"), "the command")
    (job,) = await house.jobs(run_id)
    await until(lambda: len(find_marked(job.id)) >= 4, "its tree")
    await house.orchestrator.cancel(run_id, "enough")
    assert find_marked(job.id) == []
    (job,) = await house.jobs(run_id)
    assert (job.state, job.exit_code) == (JobState.CANCELLED, 130)
    assert (await house.step(run_id, "one")).state is StepState.CANCELLED
    assert house.left() == []


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_hostile_output_is_kept_byte_for_byte_and_told_safely(
    house: CommandHouse, name: str
) -> None:
    (house.workspace / "payload").write_bytes(HOSTILE[name])
    detail = await house.ran(command("one", "cat payload; exit 1"))
    output = house.output(detail.run.id, "one").read_bytes()
    start = len(b"$ cat payload; exit 1\n")
    assert output[start : start + len(HOSTILE[name])] == HOSTILE[name]
    failure = detail.steps[0].failure
    assert failure is not None
    assert all(c == "\n" or c == "\t" or c.isprintable() or ord(c) > 127 for c in failure.detail)
    assert "\x1b" not in failure.detail


async def test_much_output_is_complete_and_does_not_fill_the_memory(house: CommandHouse) -> None:
    before = resident()
    size = 50 << 20
    detail = await house.ran(command("one", f"yes 0123456789abcde | head -c {size}"))
    assert detail.run.state is RunState.SUCCESS
    printed = house.output(detail.run.id, "one").read_bytes()
    assert printed.count(b"0123456789abcde\n") == size // 16
    del printed
    assert detail.steps[0].summary == "0123456789abcde"
    assert resident() - before < 120 << 20  # `printed` itself took 50 of them


async def test_output_appears_while_the_command_runs(house: CommandHouse) -> None:
    run_id = await house.start(command("one", "echo first; until test -e go; do sleep 0.02; done"))
    await until(lambda: has_line(house.output(run_id, "one"), "first"), "the first line")
    assert (await house.step(run_id, "one")).state is StepState.RUNNING
    (house.workspace / "go").touch()
    assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_output_that_fills_the_disk_fails_the_step_and_says_so(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data" / "output", "128k"):
        async with open_commands(tmp_path) as house:
            run_id = await house.start(command("one", "seq 1 100000"))
            detail = await house.finished(run_id)
            failure = detail.steps[0].failure
            assert failure is not None
            assert failure.failure_class is FailureClass.DISK, failure
            lines = house.output(run_id, "one").read_text().splitlines()[1:-1]
            assert lines == [str(number) for number in range(1, len(lines) + 1)]


async def test_output_waits_for_room_while_the_command_works(tmp_path: Path) -> None:
    text = "seq 1 50000; until test -e go; do sleep 0.05; done; echo last"
    with small_disk(tmp_path / "data" / "output", "128k") as disk:
        async with open_commands(tmp_path) as house:
            run_id = await house.start(command("one", text))
            output = house.output(run_id, "one")
            await until(lambda: output.exists() and output.stat().st_size > 100_000, "a full disk")
            disk.resize("64m")
            (house.workspace / "go").touch()
            detail = await house.finished(run_id)
            assert detail.run.state is RunState.SUCCESS, detail.error
            lines = output.read_text().splitlines()[1:-1]
            assert lines == [*(str(number) for number in range(1, 50_001)), "last"]


async def test_a_command_that_the_policy_denies_is_not_started(tmp_path: Path) -> None:
    policy = CommandPolicy({Rule.WORLD_WRITABLE: PolicyAction.DENY})
    async with open_commands(tmp_path, policy=policy) as house:
        text = "touch made; chmod 777 made"
        detail = await house.ran(command("one", text, retries=RetryPolicy(max=2, delay=0)))
        assert detail.run.state is RunState.FAILED
        failure = detail.steps[0].failure
        assert failure is not None
        assert failure.failure_class is FailureClass.REJECTED
        assert failure.message.startswith("The command policy denies this command: world_writable")
        assert "command_allow" in failure.advice
        assert not (house.workspace / "made").exists()
        (job,) = await house.jobs(detail.run.id)  # it is not tried again
        assert job.state is JobState.FAILED
        (entry,) = await matches_of(house)
        assert (entry.severity, entry.resource_id) == (Severity.ERROR, job.id)
        assert entry.trace_id == detail.run.id


async def test_a_command_that_the_policy_wants_confirmed_runs_and_is_recorded(
    tmp_path: Path,
) -> None:
    policy = CommandPolicy({Rule.WORLD_WRITABLE: PolicyAction.CONFIRM})
    async with open_commands(tmp_path, policy=policy) as house:
        detail = await house.ran(command("one", "touch made; chmod 777 made"))
        assert detail.run.state is RunState.SUCCESS
        (entry,) = await matches_of(house)
        assert entry.action == "command_policy.confirm"
        assert "world_writable, confirmed" in entry.description


async def matches_of(house: CommandHouse) -> tuple[AuditRow, ...]:
    return (await house.store.queries.audit(AuditFilter(action="command_policy"))).items


async def test_a_reference_to_nothing_fails_before_anything_runs(house: CommandHouse) -> None:
    async with house.store.transaction() as tx:
        project = await tx.projects.find("demo")
        wishes = ProjectSettings(environment={"TOKEN": "env:NO_SUCH_VARIABLE"})
        await tx.projects.save(replace(project, settings=wishes))
    detail = await house.ran(command("one", "touch ran"))
    failure = detail.steps[0].failure
    assert failure is not None
    assert "TOKEN" in failure.message
    assert not (house.workspace / "ran").exists()
    assert [job.state for job in await house.jobs(detail.run.id)] == [JobState.FAILED]


async def test_a_workspace_that_went_away_is_named(house: CommandHouse) -> None:
    moved = house.workspace.with_name("moved")
    run_id = await house.start(
        command("one", "echo up; until test -e ../go; do sleep 0.02; done"),
        command("two", "true", "one"),
    )
    await until(lambda: has_line(house.output(run_id, "one"), "up"), "the first command")
    house.workspace.rename(moved)
    (house.workspace.parent / "go").touch()
    detail = await house.finished(run_id)
    failure = detail.steps[1].failure
    assert failure is not None
    assert failure.failure_class is FailureClass.WORKSPACE


async def test_a_diamond_runs_its_middle_at_the_same_time(house: CommandHouse) -> None:
    # Each side opens the pipe the other reads: none gets on before both are there.
    detail = await house.ran(
        command("top", "mkfifo a b; echo top > order"),
        command("left", "echo l > a; read x < b; echo left-$x >> order", "top"),
        command("right", "read x < a; echo r > b; echo right-$x >> order", "top"),
        command("bottom", "echo bottom >> order", "left", "right"),
    )
    assert detail.run.state is RunState.SUCCESS
    order = (house.workspace / "order").read_text().split()
    assert (order[0], sorted(order[1:3]), order[3]) == ("top", ["left-r", "right-l"], "bottom")


async def test_no_more_commands_run_at_once_than_the_limit(tmp_path: Path) -> None:
    both = "mkdir lock && rmdir lock"  # fails if the other holds it
    async with open_commands(tmp_path, limit=1) as house:
        run_id = await house.start(
            command("one", "mkdir lock; until test -e go; do sleep 0.02; done; rmdir lock"),
            command("two", both),
            command("three", both),
        )
        await until((house.workspace / "lock").exists, "the first command")
        waiting = [StepState.RUNNING, StepState.PENDING, StepState.PENDING]
        assert await house.states(run_id) == waiting
        assert len(await house.jobs(run_id)) == 1
        (house.workspace / "go").touch()
        assert (await house.finished(run_id)).run.state is RunState.SUCCESS


async def test_a_free_place_goes_by_priority_also_to_what_became_ready_later(
    tmp_path: Path,
) -> None:
    async with open_commands(tmp_path, limit=1) as house:
        detail = await house.ran(
            command("first", "echo first >> order"),
            command("plain", "echo plain >> order"),
            command("urgent", "echo urgent >> order", "first", priority=5),
        )
        assert detail.run.state is RunState.SUCCESS
        assert (house.workspace / "order").read_text().split() == ["first", "urgent", "plain"]


async def test_a_paused_run_gives_its_place_to_the_next_one(tmp_path: Path) -> None:
    wait = "until test -e go; do sleep 0.02; done"
    async with open_commands(tmp_path, limit=1) as house:
        first = await house.start(command("one", wait), command("two", "true"))
        other = await house.start_elsewhere(command("three", "true"))
        await until(lambda: (house.output(first, "one")).exists(), "the first command")
        async with asyncio.timeout(10):
            while not (await house.step(other, "three")).reason:
                await asyncio.sleep(0.02)
        step = await house.step(other, "three")
        assert step.state is StepState.PENDING
        assert "commands of other runs have all" in step.reason
        await house.orchestrator.intervene(first, lambda tx: interventions.pause(tx, first, ""))
        (house.workspace / "go").touch()
        detail = await house.finished(other)
        assert (detail.run.state, detail.steps[0].reason) == (RunState.SUCCESS, "")
        assert await house.states(first) == [StepState.SUCCESS, StepState.PENDING]
        await house.orchestrator.resume(first)
        assert (await house.finished(first)).run.state is RunState.SUCCESS


async def test_two_hundred_commands_side_by_side_and_a_join(house: CommandHouse) -> None:
    steps = [command(f"s{number}", f"echo {number} >> done") for number in range(200)]
    join = command("join", "wc -l < done", *(step.id for step in steps))
    detail = await house.ran(*steps, join)
    assert detail.run.state is RunState.SUCCESS
    assert detail.steps[-1].summary.strip() == "200"
    assert sorted((house.workspace / "done").read_text().split(), key=int) == [
        str(number) for number in range(200)
    ]
    assert house.left() == []


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_no_part_of_a_secret_is_left_where_a_text_is_cut(tmp_path: Path) -> None:
    secret = "Zq81kLm0pXyy77WqRt5u"
    policy = CommandPolicy({Rule.WORLD_WRITABLE: PolicyAction.WARN})
    async with open_commands(tmp_path, policy=policy) as house:
        house.store.redactor.learn([secret])
        # Texts are cut behind 80, 100, 120 and 500 characters: each time within the secret.
        words = "".join(f"{'x' * gap}{secret}" for gap in (63, 5, 365))
        text = f": {words}; touch made; chmod 777 made; printf %s {secret} > got; exit 3"
        steps = (command("one", text),)
        wish = RunWish("demo", f"{'y' * 90}{secret}", workflow=WorkflowSpec("test", steps))
        run = await house.runs.create(wish)
        await house.orchestrator.start(run.id)
        detail = await house.finished(run.id)
        (job,) = await house.jobs(run.id)
        entries = (await house.store.queries.audit(AuditFilter(), limit=500)).items
        told = [run.title, detail.error, job.name, job.prompt, str(job.failure)]
        told += [f"{each.description} {each.before} {each.after}" for each in entries]
        assert [each for each in told if secret[:8] in each] == []
        assert len([each for each in entries if each.action == "command_policy.warn"]) == 1
        assert (house.workspace / "got").read_text() == secret
