"""Nothing is done unseen: every command there is leaves its row, and a change what it changed."""

from __future__ import annotations

import asyncio
import json
import pkgutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import foredeck.services.host as host_package
from foredeck.app.assembly import Services
from foredeck.app.container import open_services
from foredeck.services.audit import _WORD, UNRECORDED
from foredeck.services.domain.audit import AuditRow, Severity
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.jobs import JobWish, Priority
from foredeck.services.domain.records import Mode
from foredeck.services.host import commands as c
from foredeck.services.host.interface import Command
from foredeck.services.host.queries import GetRun, ListAudit
from foredeck.services.host.service import OpeningHost
from foredeck.services.settings import Settings

# How long a command may take that is to be refused, in seconds.
PATIENCE = 60.0


def every_command() -> list[type]:
    """Return every type of command, wherever in `services.host` it is."""
    for module in pkgutil.iter_modules(host_package.__path__):
        import_module(f"{host_package.__name__}.{module.name}")
    found = {kind.__name__: kind for kind in _below(Command)}
    return [found[name] for name in sorted(found)]


def _below(kind: type) -> Iterator[type]:
    children: list[type] = kind.__subclasses__()
    for child in children:
        if child.__module__.startswith(host_package.__name__):
            yield child
        yield from _below(child)


def some(kind: Any) -> Any:
    """Return a value of a type; of what names something, one that names nothing."""
    if get_origin(kind) in (Union, UnionType):
        return some(get_args(kind)[0])
    origin = get_origin(kind) or kind
    if origin in (tuple, dict):
        return origin()
    if isinstance(origin, type) and issubclass(origin, Enum):
        return next(iter(origin))
    if is_dataclass(origin):
        hints = get_type_hints(origin)
        wanted = [f for f in fields(origin) if f.default is f.default_factory is MISSING]
        make: Any = origin
        return make(**{f.name: some(hints[f.name]) for f in wanted})
    return {str: "nothing", bool: True, int: 1, float: 1.0}[origin]


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Services]:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings(
        data_dir=tmp_path / "data",
        workspaces_root=tmp_path / "workspaces",
        codex_home=tmp_path / "codex-home",
        codex_path=Path("/bin/false"),
        rehearsal=True,
    )
    async with open_services(settings, "a test") as services:
        yield services


async def rows(services: Services, action: str) -> tuple[AuditRow, ...]:
    page = await services.host.ask(ListAudit(action=action, limit=1000))
    return page.items


async def test_every_command_has_its_row_whatever_comes_of_it(services: Services) -> None:
    kinds = every_command()
    assert len(kinds) > 40
    host = services.host
    assert isinstance(host, OpeningHost)
    assert [kind for kind in kinds if await host.kind_of(kind.__name__) is not kind] == []
    for kind in set(kinds) - UNRECORDED:
        before = (await services.host.ask(ListAudit(limit=1))).total
        async with asyncio.timeout(PATIENCE):
            try:
                await services.host.do(some(kind))
                refused = False
            except ForedeckError:
                refused = True
        name = _WORD.sub("_", kind.__name__).lower()
        newest = (await services.host.ask(ListAudit(limit=20))).items
        mine = [row for row in newest if row.action == f"command.{name}" and row.seq > before]
        assert len(mine) == 1, name
        assert mine[0].severity is (Severity.WARNING if refused else Severity.INFO), name
        assert mine[0].trace_id
        assert mine[0].actor.endswith("/a test")


async def test_a_change_says_what_was_before_and_after(services: Services) -> None:
    host = services.host
    project = await host.do(c.CreateProject("shop"))
    job = await host.do(c.SubmitJob(JobWish("x", "true", project="shop"), hold=True))
    await host.do(c.PrioritiseJob(job.id, Priority.HIGH))
    await host.do(c.PauseJobs(True))
    await host.do(c.LimitJobs(3))
    run = await host.do(c.CreateRun(project.id, "Build it", mode=Mode.DIRECT, start=False))
    await host.do(c.SetBudget(run.id, 5000))
    key = (await host.ask(GetRun(run.id))).steps[0].key
    await host.do(c.SetPrompt(run.id, key, "Do it well."))
    source = Path(project.workspace).parent / "notes.txt"
    source.write_text("some notes")
    file = await host.do(c.AddProjectFile(project.id, str(source)))
    await host.do(c.DeleteProjectFile(project.id, file.id))

    async def sides(action: str) -> tuple[Any, Any]:
        row = (await rows(services, action))[0]
        return tuple(json.loads(text) if text else None for text in (row.before, row.after))  # type: ignore[return-value]

    assert await sides("job.prioritise") == ({"priority": "normal"}, {"priority": "high"})
    before, after = await sides("job_queue.pause")
    assert (before["paused_at"], after["paused_at"] is None) == (None, False)
    before, after = await sides("job_queue.limit")
    assert (before["limit"], after["limit"]) == (None, 3)
    before, after = await sides("run.budget")
    assert (before["tokens"], after["tokens"]) == (None, 5000)
    before, after = await sides("step.edit_prompt")
    assert after == {"prompt": "Do it well."}
    assert "Build it" in before["prompt"]
    before, after = await sides("file.add")
    assert (before, after["name"]) == (None, "notes.txt")
    before, after = await sides("file.delete")
    assert (before["name"], after) == ("notes.txt", None)
    assert (await services.store.queries.verify_audit()).broken is None
