"""Runs that end and wait in a store, for tests of what people are told."""

from __future__ import annotations

from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.notices import Cause, NotificationRow
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import Project, Run, Step
from foredeck.services.domain.states import QuestionState, RunState, StepState
from foredeck.services.domain.tasks import Execution, Task
from foredeck.services.store.store import Store
from tests.support import records


class Newsroom:
    """One project `demo` in a store, and what happens in it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.project: Project | None = None

    async def run(self, title: str = "Build a thing", **fields: object) -> Run:
        """Return a run at work; what it has is stored."""
        async with self.store.transaction() as tx:
            if self.project is None:
                self.project = records.project(created_at=clock.now())
                await tx.projects.add(self.project)
            run = records.run(self.project, title=title, created_at=clock.now(), **fields)
            await tx.runs.add(run)
            return await tx.move_run(run.id, RunState.RUNNING)

    async def step(self, run: Run, key: str = "builder") -> Step:
        """Return a step of a run, at work."""
        async with self.store.transaction() as tx:
            step = records.step(run, key)
            await tx.steps.add(step)
            return await tx.move_step(step.id, StepState.RUNNING)

    async def end(self, run: Run, state: RunState, error: str = "") -> None:
        """Let a run end."""
        async with self.store.transaction() as tx:
            await tx.move_run(run.id, state, error=error, ended_at=clock.now())

    async def ended(self, title: str, state: RunState, error: str = "") -> Run:
        """Return a run that has ended."""
        run = await self.run(title)
        await self.end(run, state, error)
        return run

    async def ask(self, run: Run, step: Step, title: str = "Shall I?") -> Question:
        """Let a step ask something and its run wait, in one transaction."""
        question = Question(
            id=new_id(),
            key=new_id(),
            kind=QuestionKind.QUESTION,
            state=QuestionState.OPEN,
            title=title,
            asked_at=clock.now(),
            run_id=run.id,
            step_id=step.id,
        )
        async with self.store.transaction() as tx:
            await tx.questions.add(question)
            if (await tx.steps.get(step.id)).state is not StepState.WAITING:
                await tx.move_step(step.id, StepState.WAITING, reason=f"Asks: {title}")
            if (await tx.runs.get(run.id)).state is not RunState.WAITING:
                await tx.move_run(run.id, RunState.WAITING)
        return question

    async def answer(self, question: Question) -> None:
        """Answer; what asked goes on."""
        assert question.run_id is not None
        assert question.step_id is not None
        async with self.store.transaction("user") as tx:
            await tx.move_question(question.id, QuestionState.ANSWERED, answer="Yes.")
            if not await tx.questions.open_of_step(question.step_id):
                await tx.move_step(question.step_id, StepState.RUNNING)
                await tx.move_run(question.run_id, RunState.RUNNING)

    async def of_task(self, run: Run, notify: tuple[Cause, ...] | None) -> Task:
        """Say that a run is an execution of a task which says what is told."""
        task = Task(
            id=new_id(),
            name=f"nightly {new_id()}",
            project_id=run.project_id,
            prompt="Do it.",
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        async with self.store.transaction() as tx:
            await tx.tasks.add(task)
            await tx.executions.add(Execution(run.id, task.id, clock.now(), notify=notify), task)
        return replace(task, executions=1)

    async def executed(self, task: Task, state: RunState, error: str = "") -> Run:
        """Return an execution of a task that has ended."""
        run = await self.run(task.name)
        async with self.store.transaction() as tx:
            await tx.executions.add(Execution(run.id, task.id, clock.now()), task)
        await self.end(run, state, error)
        return run

    async def told(self) -> list[NotificationRow]:
        """Return what was told, oldest first."""
        page = await self.store.news.notifications(limit=1000)
        return sorted(page.items, key=lambda row: row.at)
