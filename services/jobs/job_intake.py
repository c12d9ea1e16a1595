"""From what a person asks for to a job that can be stored, or to all that is wrong with it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from foredeck.services.domain import clock
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.jobs import JobOrder, JobWish, check
from foredeck.services.domain.records import Job, Project
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.store.audit import TRACE, system_user
from foredeck.services.store.store import Store
from foredeck.services.tool_server_values import variable_problem

SCRATCH = "scratch"
"""The project of jobs that belong to no other."""

MakeProject = Callable[[str], Awaitable[Project]]


class JobIntake:
    """`timeout` (seconds) is the setting; `make_project` makes one of that name."""

    def __init__(self, store: Store, timeout: float, make_project: MakeProject) -> None:
        self._store = store
        self._timeout = timeout
        self._make_project = make_project

    async def accept(self, wish: JobWish, *, hold: bool, job_id: str = "") -> tuple[Job, JobOrder]:
        """Return the job and its order, not stored yet; without `job_id` it gets a fresh one.

        Raises `InvalidInput` with every mistake, `NotFound` and `Ambiguous` for the project.
        """
        check(wish)
        if mistakes := [*self._mistakes(wish)]:
            raise InvalidInput(" ".join(mistakes))
        project = await self._project(wish)
        moment = clock.now()
        job = Job(
            id=job_id or new_id(),
            name=safe_line(wish.name.strip()),
            state=JobState.PENDING if hold else JobState.QUEUED,
            prompt=wish.command or shlex.join(wish.words),
            workspace=wish.directory or project.workspace,
            output_path="",
            created_at=moment,
            updated_at=moment,
            type=wish.type,
            timeout=wish.timeout or self._timeout,
            queued_at=None if hold else moment,
        )
        return job, _order(wish, job, project)

    def _mistakes(self, wish: JobWish) -> Iterator[str]:
        for name, value in wish.environment:
            if problem := variable_problem(name, value):
                yield f"{problem}."
        if wish.directory and not Path(wish.directory).is_dir():
            yield f"There is no directory {safe_line(wish.directory)}."
        if wish.input_file and not os.access(wish.input_file, os.R_OK):
            yield f"The input file {safe_line(wish.input_file)} cannot be read."
        texts = (wish.command, *wish.words, wish.input_data, *dict(wish.environment).values())
        # What is stored is run: without the secret it would be another command.
        if any(self._store.redactor.text(text) != text for text in texts):
            yield (
                "The command, its input or its environment holds a secret, which would be stored: "
                "give it with --env NAME=env:VARIABLE (or file:PATH) and use $NAME."
            )

    async def _project(self, wish: JobWish) -> Project:
        """Return the project asked for, else the directory's, else the one for odds and ends."""
        async with self._store.transaction("user") as tx:
            if wish.project is not None:
                return await tx.projects.find(wish.project)
            for directory in (Path(wish.directory), *Path(wish.directory).parents):
                if wish.directory and (owner := await tx.projects.by_workspace(directory)):
                    return owner
            known = await tx.projects.by_name(SCRATCH)
        return known or await self._make_project(SCRATCH)


def _order(wish: JobWish, job: Job, project: Project) -> JobOrder:
    trace = TRACE.get()
    return JobOrder(
        id=job.id,
        project_id=project.id,
        priority=wish.priority,
        description=wish.description,
        words=wish.words,
        environment=wish.environment,
        input_data=wish.input_data,
        input_file=wish.input_file,
        output_file=wish.output_file,
        created_by=f"{system_user()}/{trace.origin}" if trace else system_user(),
        max_retries=wish.max_retries,
        auto_retry=wish.auto_retry,
        merge_stderr=wish.merge_stderr,
        metadata=wish.metadata,
        trace_id=trace.id if trace else "",
    )
