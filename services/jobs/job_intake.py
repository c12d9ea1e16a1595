"""From what a person asks for to a job that can be stored, or to all that is wrong with it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from foredeck.services.codex.sandboxed import CommandSandbox
from foredeck.services.domain import clock
from foredeck.services.domain.command_rules import Match
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.jobs import (
    BatchWish,
    JobOrder,
    JobWish,
    check,
    check_batch,
    mistakes_of,
)
from foredeck.services.domain.records import Job, Project
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import JobState
from foredeck.services.jobs.command_guard import Asked, CommandGuard
from foredeck.services.jobs.job_moves import Owned
from foredeck.services.store.audit import TRACE, system_user
from foredeck.services.store.store import Store
from foredeck.services.tool_server_values import variable_problem
from foredeck.services.workspace.home_projects import HomeProjects

# So many mistakes of a batch are told at once.
_TOLD = 5


class JobIntake:
    """`timeout` (seconds) is the setting."""

    def __init__(
        self,
        store: Store,
        timeout: float,
        homes: HomeProjects,
        guard: CommandGuard,
        sandbox: CommandSandbox,
    ) -> None:
        self._store = store
        self._sandbox = sandbox
        self._timeout = timeout
        self._homes = homes
        self._guard = guard

    async def accept(self, wish: JobWish, *, hold: bool, job_id: str = "") -> Owned:
        """Return the job and its order, not stored yet; without `job_id` it gets a fresh one.

        Raises `InvalidInput` with every mistake, `NotFound` and `Ambiguous` for the project,
        `CommandDenied` and `CommandUnconfirmed` as the command policy says, `CodexError` if it
        wants a sandbox and there is no codex.
        """
        check(wish)
        if mistakes := [*self._mistakes(wish)]:
            raise InvalidInput(" ".join(mistakes))
        asked = _asked(wish, job_id)
        await self._admit(wish, (asked,))
        project = await self._homes.of(wish.project, wish.directory)
        job = self._job(wish, project, asked.job_id, hold=hold)
        return job, _order(wish, job, project)

    async def accept_batch(self, wish: BatchWish, *, hold: bool, job_id: str = "") -> list[Owned]:
        """Return the batch and then its jobs, each with its order, not stored yet.

        `job_id` is that of the batch. Raises what `accept` raises.
        """
        check_batch(wish)
        wishes = list(wish.jobs())
        self._check_each(wishes)
        asked = [_asked(one) for one in wishes]
        await self._admit(wish.job, asked)
        project = await self._homes.of(wish.job.project, wish.job.directory)
        parent = self._job(wish.job, project, job_id or new_id(), hold=hold)
        order = replace(
            _order(wish.job, parent, project), children=wish.size, stop_after=wish.stop_after
        )
        owned = [(parent, order)]
        for number, one in enumerate(wishes, 1):
            job = self._job(one, project, asked[number - 1].job_id, hold=hold)
            its_order = _order(one, job, project)
            owned.append((job, replace(its_order, parent_id=parent.id, batch_index=number)))
        return owned

    async def _admit(self, wish: JobWish, asked: Sequence[Asked]) -> None:
        if wish.sandbox is not None:
            await self._sandbox.check()
        await self._guard.admit(asked, confirmed=wish.confirmed)

    def _check_each(self, wishes: Sequence[JobWish]) -> None:
        """Raise `InvalidInput` with the first mistakes, and the places where they are."""
        found = []
        for number, wish in enumerate(wishes, 1):
            mistakes = [*mistakes_of(wish)] or [*self._mistakes(wish)]
            found += [(number, mistake) for mistake in mistakes]
        if found:
            # What is wrong with all of them is said once.
            places: dict[str, list[int]] = {}
            for number, mistake in found:
                places.setdefault(mistake, []).append(number)
            told = [f"{_places(at, len(wishes))}{what}" for what, at in places.items()]
            more = f" And {len(told) - _TOLD} more." if len(told) > _TOLD else ""
            raise InvalidInput(" ".join(told[:_TOLD]) + more)

    def _job(self, wish: JobWish, project: Project, job_id: str, *, hold: bool) -> Job:
        moment = clock.now()
        return Job(
            id=job_id,
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

    async def readmit(self, owned: Sequence[Owned]) -> None:
        """Judge the commands of stored jobs once more, before a person queues them again.

        The policy may forbid now what it let through then: raises `CommandDenied`. Nobody is
        asked to confirm them a second time: who queues these very jobs has said so.
        """
        asked = [Asked(job.id, job.prompt, order.words) for job, order in owned]
        await self._guard.admit(asked, confirmed=True)

    async def matches(self, wishes: Iterable[JobWish]) -> tuple[Match, ...]:
        """Return what the commands of wishes match of the command policy."""
        return await self._guard.matches([_asked(wish) for wish in wishes])

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


def _places(at: Sequence[int], total: int) -> str:
    """Return where a mistake is, to be put in front of it."""
    if len(at) == total:
        return ""
    more = f" and {len(at) - 1} others" if len(at) > 1 else ""
    return f"Command {at[0]}{more}: "


def _asked(wish: JobWish, job_id: str = "") -> Asked:
    """Return what the command policy is asked about a job that is to be."""
    return Asked(job_id or new_id(), wish.command, wish.words)


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
        memory=wish.memory or project.settings.memory_bytes,
        trace_id=trace.id if trace else "",
        sandbox=wish.sandbox,
    )
