"""The files of projects, within one transaction, and as a list."""

from __future__ import annotations

from foredeck.services.domain.audit import change
from foredeck.services.domain.events import ProjectSaved
from foredeck.services.domain.records import ProjectFile
from foredeck.services.store import mapping
from foredeck.services.store.codecs import clean_text
from foredeck.services.store.engine import Link
from foredeck.services.store.repository import Repository
from foredeck.services.store.tables import PROJECT_FILE
from foredeck.services.store.text import Text

_PAGE = Text.of(
    PROJECT_FILE.select()
    .where(PROJECT_FILE.c.project_id == "")
    .order_by(PROJECT_FILE.c.uploaded_at.desc(), PROJECT_FILE.c.id.desc())
    .limit(0)
    .offset(0)
).sql
UNPLACED = "SELECT count(*) FROM project_file WHERE placed = 0"
_COUNT = "SELECT count(*) FROM project_file WHERE project_id = ?"


class ProjectFileRepository(Repository[ProjectFile]):
    """Files that people gave to projects."""

    map = mapping.PROJECT_FILES

    async def add(self, file: ProjectFile) -> None:
        """Store a new file; its name is unique in its project."""
        await self._insert(file)
        said = f"{file.name} was added to project {file.project_id}"
        self._unit.audit(change("file.add", file.id, said, {}, _told(file)))
        self._unit.publish(ProjectSaved(project_id=file.project_id))

    async def save(self, file: ProjectFile) -> None:
        """Store a file as it is now."""
        await self._update(await self.get(file.id), file)

    async def remove(self, file: ProjectFile) -> None:
        """Forget a file."""
        await self._unit.link.rows("DELETE FROM project_file WHERE id = ?", (file.id,))
        said = f"{file.name} was taken from project {file.project_id}"
        self._unit.audit(change("file.delete", file.id, said, _told(file), {}))
        self._unit.publish(ProjectSaved(project_id=file.project_id))

    async def by_name(self, project_id: str, name: str) -> ProjectFile | None:
        """Return the project's file of that name."""
        found = await self._select("project_id = ? AND name = ?", project_id, clean_text(name))
        return found[0] if found else None

    async def by_id(self, project_id: str, beginning: str) -> ProjectFile | None:
        """Return the project's only file whose id begins so."""
        found = await self._select(
            "project_id = ? AND substr(id, 1, ?) = ?",
            project_id,
            len(beginning),
            clean_text(beginning).lower(),
            limit=2,
        )
        return found[0] if beginning and len(found) == 1 else None

    async def is_used(self, sha256: str) -> bool:
        """Whether a file has that content."""
        return bool(await self._select("sha256 = ?", sha256, limit=1))

    async def unplaced(self) -> tuple[ProjectFile, ...]:
        """Return the files whose copies were not made yet."""
        return await self._select("placed = 0")


def _told(file: ProjectFile) -> dict[str, str | int]:
    told = {"project_id": file.project_id, "name": file.name, "sha256": file.sha256}
    return {**told, "size": file.size}


async def page(
    link: Link, project_id: str, limit: int, offset: int
) -> tuple[tuple[ProjectFile, ...], int]:
    """Return a project's files, newest first, and how many there are in all."""
    found = await link.rows(_PAGE, (project_id, limit, offset))
    total = (await link.rows(_COUNT, (project_id,)))[0][0]
    return tuple(map(mapping.PROJECT_FILES.to_record, found)), int(total)
