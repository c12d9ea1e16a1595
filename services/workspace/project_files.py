"""The files that people give to projects (SPEC P3).

A content becomes durable first, then its row, then the copy in the workspace: what a crash
leaves half done is finished at the next start, and nothing points to what is not there.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput, NotFound
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Project, ProjectFile
from foredeck.services.domain.views import RemovedFile
from foredeck.services.store.store import Store
from foredeck.services.workspace.blobs import Blob, BlobStore
from foredeck.services.workspace.files import WorkspaceFiles

_UNKNOWN = "application/octet-stream"


class ProjectFiles:
    """Adds, lists and deletes them; lives on the services' loop."""

    def __init__(self, store: Store, data_dir: Path) -> None:
        self._store = store
        self._blobs = BlobStore(data_dir / "blobs")
        self._one_at_a_time = asyncio.Lock()

    async def add(
        self,
        project_ref: str,
        source: str,
        name: str = "",
        metadata: Mapping[str, str] | None = None,
        *,
        replace_it: bool = False,
    ) -> ProjectFile:
        """Copy a file into the project's workspace and keep its content.

        `source` is absolute. Raises `Conflict` when something of that name is there and
        `replace_it` is not set, and what a bad name or path deserves.
        """
        path = Path(source)
        if not path.is_absolute():
            raise InvalidInput(f"{source!r} is not an absolute path.")
        wanted = name or path.name
        async with self._one_at_a_time:
            project = await self._project(project_ref)
            files = WorkspaceFiles(Path(project.workspace))
            files.check_writable(wanted)
            present = await asyncio.to_thread(files.digest, wanted)
            if present is not None and not replace_it:
                raise Conflict(
                    f"There is a file {wanted} in the workspace already.",
                    "Give it another name with --as, or say --replace.",
                )
            blob = await asyncio.to_thread(self._blobs.take_in, path)
            file = _new_file(project, wanted, blob, metadata or {})
            replaced = await self._store_row(file)
            file = await self._place(file, files)
            if replaced is not None:
                await self._drop_unused(replaced.sha256)
            return file

    async def delete(self, project_ref: str, file_ref: str) -> RemovedFile:
        """Delete the record and the copy; a copy that was changed since stays.

        `file_ref` is a name, an id or the beginning of one. Raises `NotFound`.
        """
        async with self._one_at_a_time:
            project = await self._project(project_ref)
            file = await self._find(project, file_ref)
            kept = await asyncio.to_thread(_remove_copy, project, file)
            async with self._store.transaction("user") as tx:
                await tx.project_files.remove(file)
            await self._drop_unused(file.sha256)
            return RemovedFile(file, kept)

    async def repair(self) -> None:
        """Make the copies that an earlier host did not get to; what cannot be made stays so."""
        if not await self._store.queries.unplaced_files():
            return
        async with self._store.transaction("recovery") as tx:
            unplaced = await tx.project_files.unplaced()
            projects = {f.project_id: await tx.projects.get(f.project_id) for f in unplaced}
        for file in unplaced:
            files = WorkspaceFiles(Path(projects[file.project_id].workspace))
            try:
                await self._place(file, files)
            except ForedeckError:
                continue  # the list says that it is not in the workspace

    async def _project(self, ref: str) -> Project:
        async with self._store.transaction() as tx:
            return await tx.projects.find(ref)

    async def _find(self, project: Project, ref: str) -> ProjectFile:
        async with self._store.transaction() as tx:
            found = await tx.project_files.by_name(project.id, ref)
            found = found or await tx.project_files.by_id(project.id, ref)
        if found is None:
            raise NotFound(
                f"There is no file {ref!r} in the project {project.name}.",
                f"`foredeck projects files list {project.name}` shows them.",
            )
        return found

    async def _store_row(self, file: ProjectFile) -> ProjectFile | None:
        """Store the row; return the one whose place it takes."""
        async with self._store.transaction("user") as tx:
            before = await tx.project_files.by_name(file.project_id, file.name)
            if before is not None:
                await tx.project_files.remove(before)
            await tx.project_files.add(file)
        return before

    async def _place(self, file: ProjectFile, files: WorkspaceFiles) -> ProjectFile:
        content = self._blobs.chunks(file.sha256)
        await asyncio.to_thread(files.write_chunks, file.name, content)
        placed = replace(file, placed=True)
        async with self._store.transaction() as tx:
            await tx.project_files.save(placed)
        return placed

    async def _drop_unused(self, sha256: str) -> None:
        async with self._store.transaction() as tx:
            used = await tx.project_files.is_used(sha256)
        if not used:
            await asyncio.to_thread(self._blobs.drop, sha256)


def _new_file(project: Project, name: str, blob: Blob, metadata: Mapping[str, str]) -> ProjectFile:
    return ProjectFile(
        id=new_id(),
        project_id=project.id,
        name=name,
        type=mimetypes.guess_type(name)[0] or _UNKNOWN,
        size=blob.size,
        sha256=blob.sha256,
        uploaded_at=clock.now(),
        metadata=tuple(sorted(metadata.items())),
    )


def _remove_copy(project: Project, file: ProjectFile) -> str:
    """Remove the copy; return why it stays if it does."""
    files = WorkspaceFiles(Path(project.workspace))
    try:
        present = files.digest(file.name)
        if present == file.sha256:
            files.remove(file.name)
        elif present is not None:
            return "it was changed since it was added"
    except ForedeckError as error:
        return error.message
    return ""
