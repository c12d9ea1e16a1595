"""Commands that the command policy knows: refused, confirmed, warned of, and all on record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.errors import (
    CommandDenied,
    CommandUnconfirmed,
    Conflict,
    InvalidInput,
)
from foredeck.services.domain.jobs import BatchWish, JobWish
from foredeck.services.domain.states import JobState
from foredeck.services.host import wire
from foredeck.services.host.commands import SubmitJob
from foredeck.services.host.job_handlers import JobCommands, JobQueries
from foredeck.services.jobs.command_policy import CommandPolicy
from foredeck.services.store.audit import TRACE, AuditFilter, Trace
from foredeck.services.store.jobs import JobFilter
from tests.support.job_house import JobHouse, open_jobs

RISKY = "chmod 777 made"


def policy(action: PolicyAction, *allowed: str) -> CommandPolicy:
    return CommandPolicy({Rule.WORLD_WRITABLE: action}, allowed)


async def trail(house: JobHouse) -> list[AuditRow]:
    """Return what is recorded of the command policy, oldest first."""
    page = await house.store.queries.audit(AuditFilter(action="command_policy"))
    return list(reversed(page.items))


async def jobs_there(house: JobHouse) -> int:
    return (await house.store.queries.jobs()).total


async def test_a_command_that_matches_nothing_leaves_no_trace(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, policy=policy(PolicyAction.DENY)) as house:
        done = await house.ran("touch made; chmod 700 made")
        assert done.job.state is JobState.COMPLETED
        assert await trail(house) == []


async def test_a_denied_command_is_refused_and_recorded(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, policy=policy(PolicyAction.DENY)) as house:
        TRACE.set(Trace("trace1", "agent"))
        with pytest.raises(CommandDenied) as refused:
            await house.submit(RISKY, confirmed=True)
        assert refused.value.message == (
            "The command policy denies this command: "
            "world_writable (chmod 777 lets everybody write)."
        )
        assert "command_allow" in refused.value.advice
        assert [match.action for match in refused.value.matches] == [PolicyAction.DENY]
        with pytest.raises(CommandDenied):
            await house.submit("", words=("chmod", "-R", "a+w", "made"), hold=True)
        assert await jobs_there(house) == 0
        first, second = await trail(house)
        assert (first.action, first.severity) == ("command_policy.deny", Severity.ERROR)
        assert (first.resource, first.resource_id) == ("job", "")
        assert first.actor.endswith("/agent")
        assert first.trace_id == "trace1"
        assert json.loads(first.after) == {
            "command": RISKY,
            "rule": "world_writable",
            "why": "chmod 777 lets everybody write",
            "confirmed": True,
            "runs": False,
        }
        assert json.loads(second.after)["command"] == "chmod -R a+w made"


async def test_a_command_waits_for_a_persons_word(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, policy=policy(PolicyAction.CONFIRM)) as house:
        with pytest.raises(CommandUnconfirmed) as asked:
            await house.submit(f"touch made; {RISKY}")
        assert "world_writable (chmod 777 lets everybody write)" in asked.value.message
        assert await jobs_there(house) == 0
        done = await house.ran(f"touch made; {RISKY}", confirmed=True)
        assert done.job.state is JobState.COMPLETED
        assert (house.workspace / "made").stat().st_mode & 0o777 == 0o777
        refused, confirmed = await trail(house)
        assert (refused.action, refused.severity) == ("command_policy.confirm", Severity.WARNING)
        assert (refused.resource_id, confirmed.resource_id) == ("", done.job.id)
        assert "not confirmed" in refused.description
        assert "world_writable, confirmed" in confirmed.description


@pytest.mark.parametrize(
    ("allowed", "action", "severity"),
    [
        ((), PolicyAction.WARN, Severity.WARNING),
        (("chmod 777",), PolicyAction.ALLOW, Severity.INFO),
    ],
)
async def test_what_goes_on_is_recorded_with_its_job(
    tmp_path: Path, allowed: tuple[str, ...], action: PolicyAction, severity: Severity
) -> None:
    async with open_jobs(tmp_path, policy=policy(PolicyAction.WARN, *allowed)) as house:
        queries = JobQueries(house.store, house.executor, 4, house.jobs)
        submit: Any = JobCommands(house.store, house.jobs, queries).table()[SubmitJob]
        row = await submit(SubmitJob(JobWish("a job", RISKY, project="demo"), hold=True))
        assert [(m.rule, m.action) for m in row.matches] == [("world_writable", action)]
        (entry,) = await trail(house)
        assert (entry.action, entry.severity) == (f"command_policy.{action}", severity)
        assert entry.resource_id == row.id


async def test_every_match_is_recorded_and_the_strictest_decides(tmp_path: Path) -> None:
    rules = CommandPolicy(
        {Rule.SUDO: PolicyAction.CONFIRM, Rule.OWN: PolicyAction.DENY}, (), ["me"]
    )
    async with open_jobs(tmp_path, policy=rules) as house:
        with pytest.raises(CommandDenied) as refused:
            await house.submit("sudo chmod 777 me")
        assert len(refused.value.matches) == 3
        assert "own (it matches your pattern me)" in refused.value.message
        assert "sudo" not in refused.value.message
        actions = sorted(row.action.partition(".")[2] for row in await trail(house))
        assert actions == ["confirm", "deny", "warn"]


async def test_a_held_job_and_a_retry_obey_the_policy_of_now(tmp_path: Path) -> None:
    async with open_jobs(tmp_path) as house:
        held = await house.submit(RISKY, hold=True)
        failed = (await house.ran(f"{RISKY}; exit 3")).job.id
    async with open_jobs(tmp_path, policy=policy(PolicyAction.DENY)) as house:
        with pytest.raises(CommandDenied):
            await house.jobs.execute(held)
        with pytest.raises(CommandDenied):
            await house.jobs.retry(failed)
        with pytest.raises(Conflict, match="only a held one is executed"):
            await house.jobs.execute(failed)
        assert await house.state(held) is JobState.PENDING
        assert await house.state(failed) is JobState.FAILED
    async with open_jobs(tmp_path, policy=policy(PolicyAction.CONFIRM)) as house:
        await house.jobs.execute(held)
        assert (await house.ended(held)).job.exit_code == 1  # there is no such file
        last = (await trail(house))[-1]
        assert (last.action, last.resource_id) == ("command_policy.confirm", held)


async def test_a_batch_is_judged_as_a_whole(tmp_path: Path) -> None:
    texts = ("true", *(f"chmod 777 made-{number}; chmod a+w made" for number in range(999)))
    wish = BatchWish(JobWish("work", project="demo"), texts)
    async with open_jobs(tmp_path, policy=policy(PolicyAction.CONFIRM)) as house:
        with pytest.raises(CommandUnconfirmed) as asked:
            await house.jobs.submit_batch(wish, hold=True)
        assert asked.value.message == (
            "The command policy wants a person's word for 999 of 1,000 commands: world_writable "
            "(chmod 777 lets everybody write), world_writable (chmod a+w lets everybody write). "
            "The first is: chmod 777 made-0; chmod a+w made"
        )
        assert await jobs_there(house) == 0
        confirmed = replace(wish, job=replace(wish.job, confirmed=True))
        batch = (await house.jobs.submit_batch(confirmed, hold=True)).id
        rows = (await house.store.queries.jobs(JobFilter(batch=batch), 1000)).items
        entries = AuditFilter(action="command_policy")
        page = await house.store.queries.audit(entries, limit=1000)
        assert page.total == 4 * 999
        assert {entry.resource_id for entry in page.items} <= {row.id for row in rows[1:]}
        assert (await house.store.queries.verify_audit()).broken is None


async def test_a_batch_that_is_denied_by_now_is_neither_executed_nor_retried(
    tmp_path: Path,
) -> None:
    async with open_jobs(tmp_path) as house:
        wish = BatchWish(JobWish("work", project="demo"), ("exit 3", f"{RISKY}; exit 3"))
        held = (await house.jobs.submit_batch(wish, hold=True)).id
        failed = (await house.jobs.submit_batch(wish)).id
        await house.ended(failed)
    async with open_jobs(tmp_path, policy=policy(PolicyAction.DENY)) as house:
        with pytest.raises(CommandDenied, match="denies 1 of 2 commands"):
            await house.jobs.execute(held)
        with pytest.raises(CommandDenied, match="denies 1 of 2 commands"):
            await house.jobs.retry(failed)
        assert await house.state(held) is JobState.PENDING
        assert await house.state(failed) is JobState.FAILED
    async with open_jobs(tmp_path) as house:
        await house.jobs.execute(held)
        assert (await house.ended(held)).job.state is JobState.FAILED


async def test_a_mistake_is_told_first_and_a_refusal_makes_no_project(tmp_path: Path) -> None:
    async with open_jobs(tmp_path, policy=policy(PolicyAction.DENY)) as house:
        with pytest.raises(InvalidInput, match="needs a name"):
            await house.submit(RISKY, name=" ")
        with pytest.raises(CommandDenied):
            await house.submit(RISKY, project=None)
        assert len(await trail(house)) == 1
        assert [p.name for p in (await house.store.queries.projects()).items] == ["demo"]


def test_a_refusal_goes_over_the_wire_with_its_matches() -> None:
    matches = CommandPolicy({}).judge("sudo rm -rf /")
    for kind in (CommandDenied, CommandUnconfirmed):
        sent = wire.encode_error(kind("No.", "Ask.", matches))
        got = wire.decode_error(wire.from_line(wire.to_line(sent)))
        assert type(got) is kind
        assert (got.message, got.advice, got.matches) == ("No.", "Ask.", matches)
