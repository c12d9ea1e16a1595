"""Projects: a name, a description and a workspace that belongs to one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Project, ProjectSettings
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.store.store import Store, Transaction

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 2000

_UNENDED = frozenset(JobState) - FINAL_JOBS


class ProjectService:
    """Creates and changes projects."""

    def __init__(self, store: Store, workspaces_root: Path, data_dir: Path) -> None:
        self._store = store
        self._root = workspaces_root
        self._data_dir = data_dir

    async def create(
        self,
        name: str,
        workspace: str | None = None,
        description: str = "",
        settings: ProjectSettings | None = None,
    ) -> Project:
        """Make a project; raises `InvalidInput` or `Conflict`.

        Without a workspace, a new directory under the workspaces root is made. The row is
        stored before that directory exists, so a failure leaves no directory behind.
        """
        name = _checked_name(name)
        description = _checked_description(description)
        path = self._existing(workspace) if workspace else self._new_path(name)
        moment = clock.now()
        project = Project(
            id=new_id(),
            name=name,
            workspace=str(path),
            created_at=moment,
            updated_at=moment,
            description=description,
            settings=settings or ProjectSettings(),
        )
        async with self._store.transaction("user") as tx:
            await _require_free(tx, project)
            await tx.projects.add(project)
            if not workspace:
                _make(path)
        return project

    async def update(self, ref: str, name: str | None, description: str | None) -> Project:
        """Rename or describe a project."""
        async with self._store.transaction("user") as tx:
            project = await tx.projects.find(ref)
            changed = replace(
                project,
                name=_checked_name(name) if name is not None else project.name,
                description=_checked_description(description)
                if description is not None
                else project.description,
                updated_at=clock.now(),
            )
            other = await tx.projects.by_name(changed.name)
            if other and other.id != project.id:
                raise _name_taken(other)
            await tx.projects.save(changed)
        return changed

    async def change(
        self, ref: str, change: Callable[[ProjectSettings], ProjectSettings]
    ) -> Project:
        """Replace what a project decides for its runs; turns that begin later follow it."""
        async with self._store.transaction("user") as tx:
            project = await tx.projects.find(ref)
            changed = replace(project, settings=change(project.settings), updated_at=clock.now())
            await tx.projects.save(changed)
        return changed

    async def archive(self, ref: str, *, archived: bool) -> Project:
        """Hide a project, or bring it back; its files are not touched."""
        async with self._store.transaction("user") as tx:
            project = await tx.projects.find(ref)
            if archived and [r for r in await tx.runs.active() if r.project_id == project.id]:
                raise Conflict(
                    f"A run of {project.name} is still working.", "Cancel it or wait for it first."
                )
            if archived and await tx.job_orders.is_project_in(project.id, _UNENDED):
                raise Conflict(
                    f"A job of {project.name} works or waits still.",
                    f"Cancel it or wait for it first: foredeck jobs list --project {project.name}",
                )
            moment = clock.now()
            changed = replace(project, archived_at=moment if archived else None, updated_at=moment)
            await tx.projects.save(changed)
        return changed

    def _existing(self, workspace: str) -> Path:
        path = Path(os.path.realpath(Path(workspace).expanduser()))
        if not path.is_dir():
            raise InvalidInput(
                f"There is no directory {safe_line(str(path))}.",
                "Make it first, or leave the workspace out to get a new one.",
            )
        if not os.access(path, os.W_OK | os.X_OK):
            raise InvalidInput(
                f"The directory {safe_line(str(path))} cannot be written.",
                "Choose one that belongs to you.",
            )
        if path == Path("/") or path == Path.home() or path in self._data_dir.parents:
            raise InvalidInput(
                f"{safe_line(str(path))} is too wide for a workspace.",
                "codex may write anywhere in a workspace: choose a project's own directory.",
            )
        return path

    def _new_path(self, name: str) -> Path:
        stem = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
        path = self._root / (stem or "project")
        number = 2
        while path.exists():
            path = self._root / f"{stem or 'project'}-{number}"
            number += 1
        return path


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise InvalidInput(
            f"The workspace {path} cannot be made: {error.strerror}.",
            "Check workspaces_root in the settings.",
        ) from error


def _checked_name(name: str) -> str:
    cleaned = safe_line(name).strip()
    if not cleaned or cleaned != name.strip():
        raise InvalidInput("A project needs a name of printable characters.", 'Try "my-app".')
    if len(cleaned) > NAME_LENGTH:
        raise InvalidInput(f"A project's name has at most {NAME_LENGTH} characters.")
    return cleaned


def _checked_description(description: str) -> str:
    if len(description) > DESCRIPTION_LENGTH:
        raise InvalidInput(f"A description has at most {DESCRIPTION_LENGTH:,} characters.")
    return description.strip()


async def _require_free(tx: Transaction, project: Project) -> None:
    if other := await tx.projects.by_name(project.name):
        raise _name_taken(other)
    if other := await tx.projects.by_workspace(project.workspace):
        raise Conflict(
            f"The workspace {project.workspace} belongs to the project {other.name}.",
            f"Use that one: --project {other.name}",
        )


def _name_taken(other: Project) -> Conflict:
    kind = "an archived project" if other.archived_at else "a project"
    return Conflict(f"There is {kind} {other.name} already.", "Choose another name.")
