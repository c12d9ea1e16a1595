"""A host of jobs of their own, on a real database and with real processes.

It can be let go and reopened. `python -m tests.support.job_house BASE TEXT [POINT | SANDBOX]` is a
host in a process of its own that runs one job, in a sandbox if one is named; at the point (see
`kill_program`) it kills itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foredeck.services.codex.sandboxed import CommandSandbox
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.job_views import JobDetail, JobResult
from foredeck.services.domain.jobs import JobWish
from foredeck.services.domain.records import Job, Sandbox
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.command_guard import CommandGuard
from foredeck.services.jobs.command_policy import CommandPolicy
from foredeck.services.jobs.executor import Handle
from foredeck.services.jobs.job_follower import JobFollower
from foredeck.services.jobs.job_intake import JobIntake
from foredeck.services.jobs.job_moves import JobMoves
from foredeck.services.jobs.job_output import result_of
from foredeck.services.jobs.job_records import JobRecords
from foredeck.services.jobs.job_service import JobService
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.jobs.run_dir import RunDir
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workspace.home_projects import HomeProjects
from foredeck.services.workspace.projects import ProjectService
from tests.support.kill_program import kill_at

PATIENCE = 60.0


@dataclass
class JobHouse:
    """One host; a second one on the same `base` finds what the first has left."""

    base: Path
    store: Store
    bus: EventBus
    jobs: JobService
    executor: LocalExecutor
    projects: ProjectService

    @property
    def workspace(self) -> Path:
        return self.base / "workspaces" / "demo"

    async def submit(self, command: str, **fields: Any) -> str:
        """Queue a job of the project `demo` and return its id."""
        chosen = {name: fields.pop(name) for name in ("hold", "now") if name in fields}
        wish = JobWish(fields.pop("name", "a job"), command, **{"project": "demo", **fields})
        return (await self.jobs.submit(wish, **chosen)).id

    async def detail(self, job_id: str) -> JobDetail:
        return await self.store.queries.job(job_id)

    async def state(self, job_id: str) -> JobState:
        return (await self.detail(job_id)).job.state

    async def comes_to(self, job_id: str, *states: JobState) -> JobDetail:
        """Wait until the job is in one of these states; follows what is published."""
        events = self.bus.subscribe()
        async with asyncio.timeout(PATIENCE):
            while True:
                detail = await self.detail(job_id)
                if detail.job.state in states:
                    return detail
                await anext(events)

    async def ended(self, job_id: str) -> JobDetail:
        return await self.comes_to(job_id, *FINAL_JOBS)

    async def ran(self, command: str, **fields: Any) -> JobDetail:
        """Run a job to its end."""
        return await self.ended(await self.submit(command, **fields))

    async def result(self, job_id: str) -> JobResult:
        return result_of(await self.detail(job_id), self.executor)

    async def job(self, job_id: str) -> Job:
        async with self.store.transaction() as tx:
            return await tx.jobs.get(job_id)

    def files(self, job_id: str, attempt: int = 1) -> RunDir:
        return RunDir(Path(self.executor.path(Handle(job_id, attempt))).parent)

    def notices(self) -> list[str]:
        return [e.message for e in self.bus._recent if isinstance(e, NoticeRaised)]


@asynccontextmanager
async def open_jobs(
    base: Path,
    *,
    limit: int = 4,
    grace: float = 0.5,
    timeout: float = 3600,
    recover: bool = True,
    policy: CommandPolicy | None = None,
    settings: dict[str, Any] | None = None,
    executes: type[LocalExecutor] = LocalExecutor,
) -> AsyncIterator[JobHouse]:
    """Become the host of `base`, where one project `demo` is."""
    bus, data = EventBus(), base / "data"
    store = await Store.open(data, bus)
    executor = executes(data / "job-output", grace)
    projects = ProjectService(store, base / "workspaces", data)
    sandbox = CommandSandbox(Settings(data_dir=data, **settings or {}))
    homes = HomeProjects(store, projects.create)
    intake = JobIntake(store, timeout, homes, CommandGuard(store, policy), sandbox)
    records = JobRecords(store, JobMoves(executor), limit, 600)
    follower = JobFollower(store, executor, data / "job-input", sandbox)
    jobs = JobService(store, bus, intake, records, follower)
    if not (base / "workspaces" / "demo").exists():
        await projects.create("demo")
    try:
        if recover:
            await jobs.recover()
        yield JobHouse(base, store, bus, jobs, executor, projects)
    finally:
        await jobs.close()
        executor.close()
        await store.close()


async def main(base: Path, text: str, sandbox: Sandbox | None) -> None:
    """Run one job, say its id, and work until it has ended."""
    async with open_jobs(base) as house:
        job_id = await house.submit(text, sandbox=sandbox)
        print(job_id, flush=True)
        print((await house.ended(job_id)).job.state.value, flush=True)


if __name__ == "__main__":
    extra = sys.argv[3:]
    sandboxes = [Sandbox(word) for word in extra if word in list(Sandbox)]
    if extra and not sandboxes:
        kill_at(extra[0])
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], next(iter(sandboxes), None)))
