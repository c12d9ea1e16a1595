"""What runs have printed goes after some days, if that is wanted; their records stay (SPEC J7)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.codex import run_files
from foredeck.services.codex.run_files import RunPaths
from foredeck.services.domain.audit import AuditRow
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.records import Run
from foredeck.services.domain.states import RunState
from foredeck.services.jobs import upkeep
from foredeck.services.workflow import run_retention
from foredeck.services.workflow.run_retention import RunRetention
from tests.support.command_house import CommandHouse, command, open_commands
from tests.support.still_clock import Clock

DAY = 86_400


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[CommandHouse]:
    async with open_commands(tmp_path) as house:
        yield house


def keeping(house: CommandHouse, days: int | None = 30) -> RunRetention:
    data = house.base / "data"
    return RunRetention(house.store, house.bus, data / "output", data / "codex-runs", days)


async def stored(house: CommandHouse, run_id: str) -> Run:
    async with house.store.transaction() as tx:
        return await tx.runs.get(run_id)


async def entries(house: CommandHouse) -> list[AuditRow]:
    found = await house.store.queries.audit_after(0, 10_000)
    return [row for row in found if row.action == "run.remove_output"]


async def test_only_what_ended_long_ago_goes_and_its_record_stays(
    house: CommandHouse, clock: Clock
) -> None:
    old = (await house.ran(command("a", "echo old"), command("b", "echo bad; exit 3"))).run
    works = await house.start_elsewhere(command("w", "until test -e go; do sleep 0.02; done"))
    clock.pass_(29.9 * DAY)
    young = (await house.ran(command("a", "echo young"))).run
    assert not await keeping(house).tidy()
    assert house.output(old.id, "a").exists()
    clock.pass_(0.2 * DAY)
    await keeping(house).tidy()

    assert not house.output(old.id, "a").parent.exists()
    assert list((house.base / "data" / "output").glob(".*")) == []
    detail = await house.store.queries.run(old.id)
    assert detail.output_removed_at == clock.now
    assert [step.failure is None for step in detail.steps] == [True, False]
    assert house.output(young.id, "a").read_text().endswith("young\n")
    assert (await stored(house, young.id)).output_removed_at is None
    assert (await stored(house, works)).output_removed_at is None
    (row,) = await entries(house)
    assert (row.resource_id, json.loads(row.after)) == (old.id, {"runs": [old.id], "days": 30})
    assert row.actor.endswith("/retention")
    await keeping(house).tidy()
    assert len(await entries(house)) == 1
    (house.workspace.parent / "other" / "go").touch()
    await house.finished(works)
    assert (await house.store.queries.verify_audit()).broken is None


async def test_without_the_setting_all_is_kept(house: CommandHouse, clock: Clock) -> None:
    run = (await house.ran(command("a", "echo old"))).run
    clock.pass_(5000 * DAY)
    await keeping(house, None).tidy()
    assert house.output(run.id, "a").exists()
    assert (await stored(house, run.id)).output_removed_at is None


async def test_what_stays_is_looked_at_together(
    house: CommandHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of runs that are kept must not take the database from others one by one."""
    output = house.base / "data" / "output"
    for number in range(700):
        (output / f"{number:012}").mkdir(parents=True)
    begun: list[str] = []
    transaction = house.store.transaction

    def counted(actor: str = "system") -> Any:
        begun.append(actor)
        return transaction(actor)

    monkeypatch.setattr(house.store, "transaction", counted)
    await keeping(house).tidy()
    assert len(begun) <= 3
    assert len(list(output.iterdir())) == 700


async def test_a_run_that_is_retried_counts_anew(house: CommandHouse, clock: Clock) -> None:
    steps = command("a", "test -e go && echo again")
    run = (await house.ran(steps)).run
    clock.pass_(31 * DAY)
    await keeping(house).tidy()
    (house.workspace / "go").touch()
    await house.orchestrator.retry(run.id)
    assert (await house.finished(run.id)).run.state is RunState.SUCCESS
    await keeping(house).tidy()
    assert house.output(run.id, "a", 2).read_text().endswith("again\n")
    clock.pass_(31 * DAY)
    await keeping(house).tidy()
    assert not house.output(run.id, "a", 2).exists()
    assert (await stored(house, run.id)).output_removed_at == clock.now
    assert len(await entries(house)) == 2


async def test_what_a_crash_left_between_mark_and_removal_goes_later(
    house: CommandHouse, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = (await house.ran(command("a", "echo old"))).run
    clock.pass_(31 * DAY)

    async def die(_self: RunRetention) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunRetention, "_remove_marked", die)
        with pytest.raises(KeyboardInterrupt):
            await keeping(house).tidy()
    assert (await stored(house, run.id)).output_removed_at is not None
    assert house.output(run.id, "a").exists()
    aside = house.base / "data" / "output" / ".removed" / "half"
    aside.mkdir(parents=True)
    (aside / "a.1.log").write_text("left by a removal that was broken off")
    await keeping(house, None).tidy()
    assert not house.output(run.id, "a").exists()
    assert not aside.exists()


async def test_a_run_that_began_again_meanwhile_keeps_what_it_prints(
    house: CommandHouse, clock: Clock
) -> None:
    run = (await house.ran(command("a", "until test -e go; do sleep 0.02; done", timeout=0.2))).run
    clock.pass_(31 * DAY)
    retention = keeping(house)
    await retention._mark(clock.now, 30)
    await house.orchestrator.retry(run.id)
    assert await retention._remove_marked() == 0
    assert house.output(run.id, "a", 1).exists()
    await house.finished(run.id)
    assert house.output(run.id, "a", 2).exists()


async def test_codex_logs_go_but_their_documents_and_a_persons_own_stay(
    house: CommandHouse, clock: Clock
) -> None:
    ours, own = house.base / "data" / "codex-runs", house.base / "own"
    for place in (ours, own):
        place.mkdir(parents=True)
    ids = []
    for place in (ours, own):
        detail = await house.ran(command("a", "echo said", log_dir=str(place)))
        paths = RunPaths.of(place, detail.run.id)
        assert "said" in paths.log.read_text()
        run_files.write_document(paths.meta, {"run_id": detail.run.id})
        ids.append(detail.run.id)
    clock.pass_(31 * DAY)
    await keeping(house).tidy()
    paths = RunPaths.of(ours, ids[0])
    assert not paths.log.exists()
    assert run_files.read_document(paths.meta)["output_removed_at"] == clock.now.isoformat()
    assert (await stored(house, ids[0])).output_removed_at == clock.now
    assert RunPaths.of(own, ids[1]).log.exists()
    assert (await stored(house, ids[1])).output_removed_at is None


async def test_it_goes_on_behind_what_keeps_nothing_here(
    house: CommandHouse, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_retention, "AT_ONCE", 1)
    own = house.base / "own"
    own.mkdir()
    runs = [await house.ran(command("a", "echo x", log_dir=str(own))) for _ in range(2)]
    runs += [await house.ran(command("a", "echo x")) for _ in range(2)]
    clock.pass_(31 * DAY)
    retention = keeping(house)
    rounds = 1
    while await retention.tidy():
        rounds += 1
    assert rounds == 5
    removed = [(await stored(house, detail.run.id)).output_removed_at for detail in runs]
    assert [moment is None for moment in removed] == [True, True, False, False]


@dataclass
class Pauses:
    """What a retention waits for; it goes on when a test says so."""

    asked: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    over: asyncio.Queue[None] = field(default_factory=asyncio.Queue)

    async def __call__(self, seconds: float) -> None:
        self.asked.put_nowait(seconds)
        await self.over.get()


async def test_what_fails_is_said_and_tried_again_the_next_day(house: CommandHouse) -> None:
    pauses, tries = Pauses(), iter([OSError("broken"), False])
    events = house.bus.subscribe()

    async def tidy() -> bool:
        result = next(tries)
        if isinstance(result, Exception):
            raise result
        return bool(result)

    task = asyncio.create_task(upkeep.daily(tidy, "runs", house.bus, pauses))
    assert await asyncio.wait_for(pauses.asked.get(), 60) == DAY
    notice = await asyncio.wait_for(anext(events), 60)
    assert isinstance(notice, NoticeRaised)
    assert "The output of old runs could not be removed: broken" in notice.message
    pauses.over.put_nowait(None)
    assert await asyncio.wait_for(pauses.asked.get(), 60) == DAY
    task.cancel()
