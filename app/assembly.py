"""The second half of the composition root: everything that works on runs.

It takes as long to import as the store, so `container` opens the store first and lets it be
read meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from foredeck.app.handlers import handlers_of, later_handlers
from foredeck.app.works import Ground, Works, open_works
from foredeck.services.audit import audited
from foredeck.services.codex.server import AppServer
from foredeck.services.codex.supervisor import CodexSupervisor
from foredeck.services.departure import Departure
from foredeck.services.event_bus import EventBus
from foredeck.services.host.interface import Host
from foredeck.services.host.server import HostServer
from foredeck.services.host.service import Handler, Later
from foredeck.services.jobs.job_service import JobService
from foredeck.services.jobs.retention import JobRetention
from foredeck.services.scheduling.scheduler import Scheduler
from foredeck.services.settings import Recovery, Settings
from foredeck.services.store.store import Store
from foredeck.services.tasks.executions import Executions
from foredeck.services.workflow.codex_runs import DIRECTORY as CODEX_RUNS
from foredeck.services.workflow.orchestrator import Orchestrator
from foredeck.services.workflow.run_retention import RunRetention


@dataclass(frozen=True)
class Services:
    """What stands open; `host` is all that a client needs, the rest is for who is the host."""

    host: Host
    store: Store
    bus: EventBus
    codex: AppServer
    supervisor: CodexSupervisor
    orchestrator: Orchestrator
    jobs: JobService
    executions: Executions
    scheduler: Scheduler
    departure: Departure
    server: HostServer


@asynccontextmanager
async def open_working_half(ground: Ground, role: str, *, recover: bool) -> AsyncIterator[Services]:
    """Open what works on runs, take them up with `recover`, then carry out commands.

    Opened in order, closed in reverse.
    """
    async with AsyncExitStack() as stack:
        works = await open_works(stack, ground, stays=recover)
        stack.callback(ground.store.hurry)  # nobody can quit while a disk is waited for
        handlers, later = handlers_of(works), later_handlers(works, runs=recover)
        # Before what it needs is closed.
        stack.push_async_exit(lambda _kind, error, _trace: ground.server.close(error))
        await _mend(works)
        if recover:
            await _take_up(works)
            await _keep_up(stack, works)
        _begin(works, role, handlers, later)
        yield _services(works)


async def _mend(works: Works) -> None:
    """Set right what a host that was killed has left half done."""
    await works.asking.questions.reconcile()
    await works.files.repair()
    await works.chat.recover()
    await works.commands.tidy()


async def _take_up(works: Works) -> None:
    """Go on with what an earlier host has left."""
    recovery = works.ground.settings.recovery
    await works.orchestrator.recover(hold=recovery is Recovery.HOLD)
    if recovery is Recovery.CONTINUE:
        await works.executions.recover()
    await works.queue.jobs.recover()


async def _keep_up(stack: AsyncExitStack, works: Works) -> None:
    """Begin what a host that stays does by itself."""
    settings, store, bus = works.ground.settings, works.ground.store, works.ground.bus
    of_jobs = JobRetention(store, bus, works.queue.executor, settings.job_retention_days)
    await stack.enter_async_context(_in_the_background(of_jobs.keep_up()))
    of_runs = _run_retention(settings, store, bus)
    await stack.enter_async_context(_in_the_background(of_runs.keep_up()))
    works.scheduler.start()


def _begin(works: Works, role: str, handlers: dict[type, Handler], later: Later) -> None:
    """Let clients have what they wait for; `role` stands in the audit trail."""
    store = works.ground.store

    def recorded(make: Callable[[], dict[type, Handler]]) -> Callable[[], dict[type, Handler]]:
        return lambda: audited(make(), store, role)

    late = {module: recorded(make) for module, make in later.items()}
    works.ground.host.complete(audited(handlers, store, role), late)


def _services(works: Works) -> Services:
    ground = works.ground
    return Services(
        host=ground.host,
        store=ground.store,
        bus=ground.bus,
        codex=works.codex,
        supervisor=works.supervisor,
        orchestrator=works.orchestrator,
        jobs=works.queue.jobs,
        executions=works.executions,
        scheduler=works.scheduler,
        departure=ground.departure,
        server=ground.server,
    )


@asynccontextmanager
async def _in_the_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let something go on that never ends by itself."""
    task = asyncio.create_task(work, name="retention", context=Context())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _run_retention(settings: Settings, store: Store, bus: EventBus) -> RunRetention:
    output, logs = settings.data_dir / "output", settings.data_dir / CODEX_RUNS
    return RunRetention(store, bus, output, logs, settings.run_retention_days)
