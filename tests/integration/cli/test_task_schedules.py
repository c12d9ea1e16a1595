"""`foredeck tasks schedule|next|fires|pause-all|resume-all` as a person types them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.schedules import Fire, FireState
from foredeck.services.event_bus import EventBus
from foredeck.services.host.lock import HostLock
from foredeck.services.store.store import Store
from tests.support.cli_desk import Desk

CREATE = (
    "tasks", "create", "--name", "nightly", "--prompt-template", "Look around",
    "--is-scheduled", "--schedule-cron", "0 3 * * *", "--timezone", "Europe/Berlin",
)  # fmt: skip


def test_an_expression_is_explained_or_every_mistake_is(desk: Desk) -> None:
    shown = desk.run("tasks", "schedule", "0 3 29 2 *", "--timezone", "Asia/Tokyo", "--count", "2")
    assert shown.code == 0, shown.err
    lines = shown.out.splitlines()
    assert [line[-17:] for line in lines] == ["02-29 03:00 +0900"] * 2
    answer = desk.run("tasks", "schedule", "@daily", "--format", "json", TZ="Europe/Berlin").answer
    assert len(answer["due_times"]) == 5
    assert answer["due_times"][0][10:22] in ("T00:00:00+01", "T00:00:00+02")

    wrong = desk.run("tasks", "schedule", "61 24 30 2 *", "--timezone", "berlin")
    assert wrong.code == 2
    for part in ("minute '61'", "hour '24'", "no month 2 has a day 30", "mean Europe/Berlin?"):
        assert part in wrong.err


def test_the_board_the_pause_and_what_became_of_due_times(desk: Desk) -> None:
    made = desk.run(*CREATE, "--misfire", "catch-up", "--catch-up", "3", "--format", "json")
    task = made.answer["id"]
    assert "! Of the due times that are caught up with only the first can start" in made.err
    lacking = desk.run("tasks", "update", task, "--prompt-template", "Look at {{what}}.")
    assert "! The clock can give no value for what: no run is made until" in lacking.err

    board = desk.run("tasks", "next")
    assert f"{task}  nightly  0 3 * * * (Europe/Berlin)" in board.out
    assert "No host is there to start them." in board.err
    answer = desk.run("tasks", "next", "--format", "json").answer
    assert (answer["scheduled"], answer["next_task_id"]) == (1, task)
    assert [item["id"] for item in answer["items"]] == [task]
    assert answer["items"][0]["next_at"] == answer["next_at"]

    lock = HostLock.acquire(desk.data, "foredeck serve")  # as one that is stopped
    silent = desk.run("tasks", "next")
    lock.release()
    assert "Host                starts nothing just now" in silent.out
    assert "foredeck serve (process " in silent.err
    assert "does not answer" in silent.err

    paused = desk.run("tasks", "pause-all", "--format", "json").answer
    assert paused["paused_at"] is not None
    assert "resume-all" in desk.run("tasks", "next").err
    assert desk.run("tasks", "resume-all").out.startswith("Schedules           go on")

    asyncio.run(_answered(desk, task))
    fires = desk.run("tasks", "due-times", "nightly", "--format", "json").answer
    assert [item["state"] for item in fires["items"]] == ["started", "missed"]
    odd = desk.run("tasks", "due-times", "--odd")
    assert "✗ missed  nightly  –    no host was there" in odd.out
    assert "started" not in odd.out


async def _answered(desk: Desk, task_id: str) -> None:
    """Store that two moments were answered."""
    store = await Store.open(desk.data, EventBus())
    now = clock.now()
    async with store.transaction() as tx:
        due = now - timedelta(hours=2)
        # What a person named a task, and why it did not start, may hold anything.
        reason = "no host was there\x1b[2J"
        await tx.fires.add(Fire(new_id(), task_id, due, now, FireState.MISSED, None, reason))
        await tx.fires.add(Fire(new_id(), task_id, now, now, FireState.STARTED))
    await store.close()
