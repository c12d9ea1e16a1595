"""The store: one writer, short transactions, events after the commit."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from foredeck.services import patience
from foredeck.services.domain.audit import AuditEntry
from foredeck.services.domain.errors import Conflict, DatabaseLocked, StoreError
from foredeck.services.domain.events import Event, NoticeRaised
from foredeck.services.domain.questions import Question
from foredeck.services.domain.records import Job, Run, Step, TokenUsage
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.redaction import Redactor
from foredeck.services.store import schema, statements
from foredeck.services.store.audit import Trail
from foredeck.services.store.chats import ChatMessageRepository, ConversationRepository
from foredeck.services.store.conversations import (
    MessageRepository,
    PromptEditRepository,
    SessionRepository,
)
from foredeck.services.store.engine import BUSY_TIMEOUT, Database, Wait
from foredeck.services.store.files import existing_file, prepare_file
from foredeck.services.store.fires import FireRepository, SchedulerRow
from foredeck.services.store.job_orders import JobOrderRepository, JobQueueRow
from foredeck.services.store.known import Known
from foredeck.services.store.moving import Moving
from foredeck.services.store.news import News
from foredeck.services.store.notifications import (
    Attention,
    DeliveryRepository,
    NotificationRepository,
)
from foredeck.services.store.project_files import ProjectFileRepository
from foredeck.services.store.queries import Queries
from foredeck.services.store.questions import FollowUpRepository, QuestionRepository
from foredeck.services.store.reports import ReportRepository
from foredeck.services.store.repositories import (
    AttemptRepository,
    JobRepository,
    ProjectRepository,
    RunRepository,
    StepRepository,
)
from foredeck.services.store.run_outputs import RunOutputs
from foredeck.services.store.tasks import ExecutionRepository, TaskRepository
from foredeck.services.store.trusted_workflows import TrustedWorkflows
from foredeck.services.store.unit import Unit

T = TypeVar("T")
# What a person waits for, and what must be done before there is anybody to tell.
_IMPATIENT = ("user", "recovery")


class Transaction:
    """A write transaction: what it reads stays true until it commits."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    @cached_property
    def projects(self) -> ProjectRepository:
        return ProjectRepository(self._unit)

    @cached_property
    def runs(self) -> RunRepository:
        return RunRepository(self._unit)

    @cached_property
    def run_outputs(self) -> RunOutputs:
        return RunOutputs(self._unit)

    @cached_property
    def moving(self) -> Moving:
        return Moving(self._unit)

    @cached_property
    def steps(self) -> StepRepository:
        return StepRepository(self._unit)

    @cached_property
    def attempts(self) -> AttemptRepository:
        return AttemptRepository(self._unit)

    @cached_property
    def jobs(self) -> JobRepository:
        return JobRepository(self._unit)

    @cached_property
    def job_orders(self) -> JobOrderRepository:
        return JobOrderRepository(self._unit)

    @cached_property
    def job_queue(self) -> JobQueueRow:
        return JobQueueRow(self._unit)

    @cached_property
    def messages(self) -> MessageRepository:
        return MessageRepository(self._unit)

    @cached_property
    def sessions(self) -> SessionRepository:
        return SessionRepository(self._unit)

    @cached_property
    def questions(self) -> QuestionRepository:
        return QuestionRepository(self._unit)

    @cached_property
    def follow_ups(self) -> FollowUpRepository:
        return FollowUpRepository(self._unit)

    @cached_property
    def prompt_edits(self) -> PromptEditRepository:
        return PromptEditRepository(self._unit)

    @cached_property
    def project_files(self) -> ProjectFileRepository:
        return ProjectFileRepository(self._unit)

    @cached_property
    def trusted_workflows(self) -> TrustedWorkflows:
        return TrustedWorkflows(self._unit)

    @cached_property
    def tasks(self) -> TaskRepository:
        return TaskRepository(self._unit)

    @cached_property
    def executions(self) -> ExecutionRepository:
        return ExecutionRepository(self._unit)

    @cached_property
    def reports(self) -> ReportRepository:
        return ReportRepository(self._unit)

    @cached_property
    def fires(self) -> FireRepository:
        return FireRepository(self._unit)

    @cached_property
    def scheduler(self) -> SchedulerRow:
        return SchedulerRow(self._unit)

    @cached_property
    def notifications(self) -> NotificationRepository:
        return NotificationRepository(self._unit)

    @cached_property
    def deliveries(self) -> DeliveryRepository:
        return DeliveryRepository(self._unit)

    @cached_property
    def attention(self) -> Attention:
        return Attention(self._unit)

    @cached_property
    def conversations(self) -> ConversationRepository:
        return ConversationRepository(self._unit)

    @cached_property
    def chat_messages(self) -> ChatMessageRepository:
        return ChatMessageRepository(self._unit)

    async def move_run(self, run_id: str, to: RunState, *, reason: str = "", **changes: Any) -> Run:
        """Give a run another state and other fields; return it as it is then.

        Raises `IllegalTransition` and `NotFound`.
        """
        run = await self.runs.get(run_id)
        moved = await self.runs.move(run, replace(run, state=to, **changes), reason)
        await self.executions.count(moved)
        return moved

    async def move_step(
        self, step_id: str, to: StepState, *, reason: str = "", **changes: Any
    ) -> Step:
        """Give a step another state, its reason and other fields; return it as it is then.

        Raises `IllegalTransition` and `NotFound`.
        """
        step = await self.steps.get(step_id)
        return await self.steps.move(step, replace(step, state=to, **changes), reason)

    async def move_job(self, job_id: str, to: JobState, *, reason: str = "", **changes: Any) -> Job:
        """Give a job another state and other fields; return it as it is then.

        Raises `IllegalTransition` and `NotFound`.
        """
        job = await self.jobs.get(job_id)
        return await self.jobs.move(job, replace(job, state=to, **changes), reason)

    async def move_question(
        self, question_id: str, to: QuestionState, *, reason: str = "", **changes: Any
    ) -> Question:
        """Give a question another state and other fields; return it as it is then.

        Raises `IllegalTransition` and `NotFound`.
        """
        question = await self.questions.get(question_id)
        return await self.questions.move(question, replace(question, state=to, **changes), reason)

    async def usage_by_model(self, owner_id: str) -> tuple[tuple[str, TokenUsage], ...]:
        """Return the tokens of a run or a project by the name of the model."""
        found = await self._unit.link.rows(statements.MODEL_USAGE, (owner_id,))
        return tuple((row[0], TokenUsage(*row[1:])) for row in found)

    def publish(self, event: Event) -> None:
        """Publish an event after the commit."""
        self._unit.publish(event)

    def audit(self, entry: AuditEntry) -> None:
        """Record in the audit trail what is no transition."""
        self._unit.audit(entry)


class Store:
    """One SQLite file. Lives on the services' loop; `open` it, `close` it."""

    def __init__(
        self, database: Database, bus: EventBus, redactor: Redactor, *, read_only: bool
    ) -> None:
        self._database = database
        self._bus = bus
        self.redactor = redactor
        self._read_only = read_only
        self._lock = asyncio.Lock()
        self._deadline = math.inf
        self._locked = False
        self._owner: asyncio.Task[Any] | None = None
        self._trail = Trail()
        self._known = Known()
        self.queries = Queries(database, bus)
        self.news = News(database)

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        bus: EventBus,
        *,
        redactor: Redactor | None = None,
        read_only: bool = False,
    ) -> Store:
        """Open `data_dir/foredeck.db`, made and brought up to date if need be.

        `redactor` knows what must not be written down, here and in the output files.
        `read_only` opens one that is there, beside a running host, and only for queries.
        Raises `NewerDatabase`, `StorageFull` and `StoreError`.
        """
        path = existing_file(data_dir) if read_only else prepare_file(data_dir)
        database = Database(path)
        try:
            await (schema.require_current(database) if read_only else schema.upgrade(database))
        except BaseException:
            await database.close()
            raise
        return cls(database, bus, redactor or Redactor(), read_only=read_only)

    async def close(self) -> None:
        """Let the transaction under way finish, then close the file."""
        async with self._lock:
            await self._database.close()

    @asynccontextmanager
    async def transaction(self, actor: str = "host") -> AsyncIterator[Transaction]:
        """Write, as one: either all of it is stored and its events are published, or nothing.

        Inside, await nothing but the transaction: every other writer waits. An exception or
        a cancellation inside rolls back; one during the commit takes effect after it.
        While another program holds the lock, the host's own work waits for as long as it
        takes and a person is told; what a person asked for fails after `BUSY_TIMEOUT`,
        and so does recovery.
        Raises `Conflict` in a store that is read-only, `DatabaseLocked`, `StorageFull` and
        `StoreError`.
        """
        self._check_writable()
        async with self._lock:
            self._owner = asyncio.current_task()
            try:
                async with self._database.writing(self._lock_wait(actor)) as link:
                    self._tell_that_it_is_free()
                    self._known.check(link.version())
                    unit = Unit(link, actor, self.redactor, self._known)
                    yield Transaction(unit)
                    await unit.seal(self._trail)
                    await link.commit(lambda: self._publish(unit.events))
            except BaseException:
                self._trail.forget()
                self._known.clear()
                raise
            finally:
                self._owner = None

    async def copy_to(self, target: Path) -> None:
        """Write all that is stored at one moment into a new file, a database by itself.

        Raises `StorageFull` and `StoreError`.
        """
        await self._database.copy_to(target)

    async def durably(self, write: Callable[[], Awaitable[T]]) -> T:
        """Return what `write` returns; a full disk is waited out and told to the person.

        For what must not get lost: how a step or a job ended. Any other error is raised.
        """
        return await patience.until_there_is_room(write, self._bus, lambda: self._deadline)

    def hurry(self) -> None:
        """Wait for room only a little longer: the house closes.

        What is missing then, the next house finds out and mends.
        """
        self._deadline = time.monotonic() + patience.LAST_WAIT

    def _lock_wait(self, actor: str) -> Wait:
        """Return what decides how long a transaction waits for another program's lock."""
        limit = time.monotonic() + BUSY_TIMEOUT if actor in _IMPATIENT else math.inf

        def wait(error: DatabaseLocked) -> None:
            if time.monotonic() >= min(limit, self._deadline):
                raise error
            if not self._locked:
                self._locked = True
                message = f"{error.message} Foredeck waits, and goes on when it is free."
                self._bus.publish(NoticeRaised(severity="warning", message=message))

        return wait

    def _tell_that_it_is_free(self) -> None:
        if self._locked:
            self._locked = False
            message = "The database is free again. Nothing was lost."
            self._bus.publish(NoticeRaised(severity="information", message=message))

    def _check_writable(self) -> None:
        if self._read_only:
            raise Conflict(
                "The database is open for reading only.", "Ask the running host to change it."
            )
        if self._owner is not None and self._owner is asyncio.current_task():
            raise StoreError("A transaction was begun inside another one.")

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self._bus.publish(event)
