"""Two processes on one data directory: all questions, all commands, and the death of the host."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable

import pytest

from foredeck.app.joining import join_host, join_other
from foredeck.services.domain.errors import Conflict, HostGone, NotFound
from foredeck.services.domain.events import RunSaved
from foredeck.services.domain.records import Mode
from foredeck.services.domain.states import RunState
from foredeck.services.domain.views import RunDetail
from foredeck.services.event_bus import EventBus
from foredeck.services.host import commands as c
from foredeck.services.host import queries as q
from foredeck.services.host.interface import Host
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from tests.benchmarks.bench_store import fill
from tests.support.cli_desk import STORY, Desk, StuckBuilder, processes_of, until

# Within this an action must be answered, in seconds.
ANSWER = 0.25
# Within this another process must have taken over, in seconds.
TAKE_OVER = 2.0


def serve(desk: Desk) -> subprocess.Popen[str]:
    process = desk.start("serve")
    until((desk.data / "host/socket").exists, "the host listens")
    return process


def settings_of(desk: Desk) -> Settings:
    return Settings(
        data_dir=desk.data,
        workspaces_root=desk.base / "workspaces",
        codex_home=desk.base / "codex-home",
        base_url=desk.server.base_url,
        rehearsal=True,
        grace=1,
    )


async def state_of(host: Host, run_id: str, wanted: RunState) -> RunDetail:
    """Wait for a state as the events tell it."""
    events = host.events()
    async with asyncio.timeout(60):
        detail = await host.ask(q.GetRun(run_id))
        while detail.run.state is not wanted:
            await anext(events)
            detail = await host.ask(q.GetRun(run_id))
        return detail


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Return how long it takes, in seconds."""
    began = time.monotonic()
    await act()
    return time.monotonic() - began


@pytest.mark.codex
async def test_a_client_does_every_command_and_asks_every_question(desk: Desk) -> None:
    desk.server.script = StuckBuilder()
    host_process = serve(desk)
    workspace = desk.base / "code"
    workspace.mkdir()
    async with join_other(settings_of(desk)) as joined, join_other(settings_of(desk)) as other:
        host = joined.host
        heard = other.host.events()
        project = await host.do(c.CreateProject("shop", str(workspace), mode=Mode.DIRECT))
        assert (await host.do(c.UpdateProject("shop", description="Toys"))).description == "Toys"
        assert (await host.do(c.ArchiveProject(project.id))).archived
        assert not (await host.do(c.ArchiveProject(project.id, archived=False))).archived
        run = await host.do(c.CreateRun("shop", STORY, start=False))
        assert run.state is RunState.CREATED
        assert (await host.do(c.StartRun(run.id[:6]))).state is RunState.RUNNING
        until((workspace / "up").exists, "the command runs")
        with pytest.raises(Conflict, match="was started already"):
            await host.do(c.StartRun(run.id))
        with pytest.raises(NotFound, match="no run 'nothing'"):
            await host.do(c.CancelRun("nothing"))
        assert (await host.do(c.CancelRun(run.id))).state is RunState.CANCELLED
        assert (await host.do(c.RetryRun(run.id))).state is RunState.RUNNING
        assert (await host.do(c.CancelRun(run.id, "enough"))).state is RunState.CANCELLED

        assert (await host.ask(q.GetSidebar())).projects[0].runs[0].id == run.id
        assert (await host.ask(q.ListProjects())).items[0].id == project.id
        assert (await host.ask(q.GetProject("shop"))).runs == 1
        assert (await host.ask(q.ListRuns("shop", "cancelled"))).total == 1
        assert (await host.ask(q.GetRun(run.id))).workspace == str(workspace)
        assert await host.ask(q.GetTranscript(run.id))
        assert (await host.ask(q.GetHistory(run.id)))[-1].reason == "enough"
        assert not (await host.ask(q.PreviewCancel(run.id))).possible
        assert (await host.ask(q.PreviewRetry(run.id))).possible
        assert (await host.ask(q.GetStatus())).active_runs == 0
        assert {check.name for check in await host.ask(q.Diagnose())} >= {"codex", "host"}

        states: list[RunState] = []
        while len(states) < 4:
            event = await asyncio.wait_for(anext(heard), 20)
            if isinstance(event, RunSaved) and event.previous is not None:
                states.append(event.state)
        assert states == [RunState.RUNNING, RunState.CANCELLED] * 2
    host_process.terminate()
    assert host_process.wait(30) == 0
    assert processes_of(desk.base) == []


async def test_a_killed_host_is_told_and_replaced_within_two_seconds(desk: Desk) -> None:
    process = serve(desk)
    settings = settings_of(desk)
    async with join_other(settings) as joined:
        events = joined.host.events()
        project = await joined.host.do(c.CreateProject("shop"))
        assert await asyncio.wait_for(anext(events), 20)
        process.kill()
        began = time.monotonic()
        with pytest.raises(HostGone, match=f"foredeck serve .process {process.pid}"):
            await asyncio.wait_for(anext(events), 20)
        with pytest.raises(HostGone):
            await joined.host.ask(q.GetStatus())
        async with join_host(settings, "a test") as own:
            assert own.services is not None
            sidebar = await own.host.ask(q.GetSidebar())
            taken = time.monotonic() - began
            assert [node.project.id for node in sidebar.projects] == [project.id]
            # And now it is a host like any other.
            async with join_other(settings) as client:
                assert (await client.host.ask(q.GetProject("shop"))).id == project.id
    assert taken < TAKE_OVER, taken


async def test_two_that_take_over_at_once_are_a_host_and_its_client(desk: Desk) -> None:
    process = serve(desk)
    settings = settings_of(desk)
    async with join_other(settings) as joined:
        await joined.host.do(c.CreateProject("shop"))
        process.kill()
        process.wait()
    async with join_host(settings, "one") as one, join_host(settings, "two") as two:
        assert (one.services is None) != (two.services is None)
        assert (await two.host.ask(q.GetProject("shop"))).name == "shop"
        assert (await one.host.do(c.UpdateProject("shop", name="store"))).name == "store"


async def test_an_action_is_answered_at_once_among_a_thousand_runs(desk: Desk) -> None:
    desk.data.mkdir()
    store = await Store.open(desk.data, EventBus())
    await store.close()
    run_id = await asyncio.to_thread(fill, desk.data / "foredeck.db", 1000, 10)
    process = serve(desk)
    async with join_other(settings_of(desk)) as joined:
        host = joined.host
        await host.do(c.CreateProject("shop"))
        actions: dict[str, Callable[[], Awaitable[object]]] = {
            "create a run": lambda: host.do(c.CreateRun("shop", "Do it", start=False)),
            "change a project": lambda: host.do(c.UpdateProject("shop", description="Toys")),
            "read the tree": lambda: host.ask(q.GetSidebar()),
            "read 1,000 runs": lambda: host.ask(q.ListRuns(limit=1000)),
            "read a run": lambda: host.ask(q.GetRun(run_id)),
        }
        for name, act in actions.items():
            taken = [await timed(act) for _ in range(20)]
            median, worst = statistics.median(taken), max(taken)
            print(f"{name}: {median * 1000:.1f} ms, at worst {worst * 1000:.1f} ms")
            assert median < ANSWER, taken
    process.terminate()
    assert process.wait(30) == 0
