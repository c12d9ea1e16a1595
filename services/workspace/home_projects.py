"""Which project something belongs to that a person asks for somewhere (SPEC J2, T1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import Project
from foredeck.services.store.store import Store

SCRATCH = "scratch"
"""The project of what belongs to no other."""

MakeProject = Callable[[str], Awaitable[Project]]


class HomeProjects:
    """`make_project` makes one of that name."""

    def __init__(self, store: Store, make_project: MakeProject) -> None:
        self._store = store
        self._make_project = make_project

    async def of(self, ref: str | None, directory: str) -> Project:
        """Return the project asked for, else the directory's, else the one for odds and ends.

        `directory` is absolute, or empty. Raises `NotFound` and `Ambiguous`.
        """
        return await self.known(ref, directory) or await self._scratch()

    async def known(self, ref: str | None, directory: str) -> Project | None:
        """Return the same without making one: None for the scratch project while there is none."""
        async with self._store.transaction("user") as tx:
            if ref is not None:
                return await tx.projects.find(ref)
            for path in (Path(directory), *Path(directory).parents):
                if directory and (owner := await tx.projects.by_workspace(path)):
                    return owner
            return await tx.projects.by_name(SCRATCH)

    async def _scratch(self) -> Project:
        """Make the project for odds and ends, unless somebody else does so at the same time."""
        try:
            return await self._make_project(SCRATCH)
        except Conflict:
            async with self._store.transaction("user") as tx:
                if (made := await tx.projects.by_name(SCRATCH)) is None:
                    raise
                return made
