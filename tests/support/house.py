"""The whole house for end-to-end tests: real container, codex and SQLite; a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from foredeck.app.assembly import Services
from foredeck.app.container import open_services
from foredeck.services.domain.records import Attempt, Job, Mode, Step
from foredeck.services.domain.views import ProjectRow, RunDetail, RunRow
from foredeck.services.host.commands import CreateProject, CreateRun
from foredeck.services.host.queries import GetRun
from foredeck.services.rehearsal.model_server import write_codex_config
from foredeck.services.settings import Settings

# How long a state may take to come on a loaded machine, in seconds.
PATIENCE = 60.0


class House:
    """One data directory, and a model server at `base_url`; `open` becomes its host."""

    def __init__(self, base: Path, base_url: str) -> None:
        self.base = base
        codex_home = base / "codex-home"
        write_codex_config(codex_home, base_url)
        self.settings = Settings(
            data_dir=base / "data",
            workspaces_root=base / "workspaces",
            codex_home=codex_home,
            base_url=base_url,
            rehearsal=True,
            grace=0.5,
        )

    @asynccontextmanager
    async def open(self, *, recover: bool = True, **settings: Any) -> AsyncIterator[OpenHouse]:
        """Open the services with these settings changed."""
        wanted = replace(self.settings, **settings)
        async with open_services(wanted, "a test", recover=recover) as services:
            yield OpenHouse(services)


class OpenHouse:
    """The services, and what tests ask them again and again."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.host = services.host

    async def project(self, name: str, workspace: Path | None = None) -> ProjectRow:
        """Make a project."""
        return await self.host.do(CreateProject(name, str(workspace) if workspace else None))

    async def begin(self, name: str, mode: Mode, workspace: Path | None = None) -> RunRow:
        """Make a project and start the run `[run NAME]` in it."""
        project = await self.project(name, workspace)
        return await self.host.do(CreateRun(project.id, f"Build it. [run {name}]", mode=mode))

    async def rest(self, run_id: str) -> RunDetail:
        """Wait until nothing drives the run any more and return it."""
        async with asyncio.timeout(PATIENCE):
            await self.services.orchestrator.wait(run_id)
        return await self.detail(run_id)

    async def detail(self, run_id: str) -> RunDetail:
        """Return the run as it is now."""
        return await self.host.ask(GetRun(run_id))

    async def output(self, run_id: str, key: str) -> Path:
        """Wait until the step has an output file and return its path."""
        async with asyncio.timeout(PATIENCE):
            while True:
                step = next(s for s in (await self.detail(run_id)).steps if s.key == key)
                if step.output_path is not None:
                    return Path(step.output_path)
                await asyncio.sleep(0.02)

    async def prints(self, run_id: str, key: str, line: str) -> Path:
        """Wait until a whole line stands in the step's output file and return its path."""
        path = await self.output(run_id, key)
        await until(lambda: has_line(path, line), f"{line!r} in the output of {key}")
        return path

    async def jobs(self, run_id: str) -> tuple[Job, ...]:
        """Return the jobs of a run."""
        async with self.services.store.transaction() as tx:
            return await tx.jobs.of_run(run_id)

    async def attempts(self, run_id: str) -> dict[str, tuple[Step, tuple[Attempt, ...]]]:
        """Return by key each step of a run with its attempts."""
        async with self.services.store.transaction() as tx:
            steps = await tx.steps.of_run(run_id)
            return {step.key: (step, await tx.attempts.of_step(step.id)) for step in steps}


def has_line(path: Path, line: str) -> bool:
    """Whether that whole line stands in the file."""
    return path.exists() and line.encode() in path.read_bytes().splitlines()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a state that shows in files or processes."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it did not come: {what}") from None
