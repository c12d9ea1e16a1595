"""Projects, runs, steps, attempts and jobs, within one transaction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.events import JobSaved, ProjectSaved, RunSaved, StepSaved
from foredeck.services.domain.records import (
    Attempt,
    EntityKind,
    Job,
    Message,
    Project,
    Run,
    Step,
    TokenUsage,
)
from foredeck.services.domain.states import (
    ACTIVE_RUNS,
    FINAL_JOBS,
    JobState,
    RunState,
    StepState,
    check_transition,
)
from foredeck.services.store import mapping
from foredeck.services.store.codecs import PATH, clean_text
from foredeck.services.store.finding import project_id
from foredeck.services.store.repository import Repository, marks
from foredeck.services.store.unit import Unit


class ProjectRepository(Repository[Project]):
    """Projects."""

    map = mapping.PROJECTS
    remembered = True
    audited = True

    async def add(self, project: Project) -> None:
        """Store a new project; raises `Conflict` if its workspace belongs to another."""
        other = await self.by_workspace(project.workspace)
        if other:
            raise Conflict(f"The workspace {project.workspace} belongs to {other.name}.")
        await self._insert(project)
        self._unit.publish(ProjectSaved(project_id=project.id))

    async def save(self, project: Project) -> None:
        """Store a project as it is now."""
        await self._update(await self.get(project.id), project)
        self._unit.publish(ProjectSaved(project_id=project.id))

    async def by_name(self, name: str) -> Project | None:
        """Return the project of this name, one in use before an archived one."""
        found = await self._select(
            "name = ?",
            clean_text(name),
            order="archived_at IS NOT NULL, created_at DESC",
            limit=1,
        )
        return found[0] if found else None

    async def by_workspace(self, workspace: str | Path) -> Project | None:
        """Return the project that owns this directory, archived or not."""
        found = await self._select("workspace = ?", PATH.encode(str(workspace)))
        return found[0] if found else None

    async def find(self, ref: str) -> Project:
        """Return the project with this id, name, or beginning of an id.

        Raises `NotFound` and `Ambiguous`.
        """
        return await self.get(await project_id(self._unit.link, ref))


class RunRepository(Repository[Run]):
    """Runs; their usage is the sum of their jobs' and messages', whatever is saved."""

    map = mapping.RUNS
    remembered = True

    async def add(self, run: Run) -> None:
        """Store a new run and its first transition."""
        await self._insert(run)
        await self._unit.record(EntityKind.RUN, run.id, run.id, "", run.state)
        self._publish(run)

    async def save(self, run: Run) -> None:
        """Store a run as it is now, but for its state: that only moves."""
        old = await self.get(run.id)
        await self._update(old, replace(run, state=old.state))
        self._publish(old)

    async def active(self) -> tuple[Run, ...]:
        """Return the runs that are running, waiting or backing off, newest first."""
        states = sorted(state.value for state in ACTIVE_RUNS)
        return await self._select(
            f"state IN ({marks(states)})", *states, order="created_at DESC, id DESC"
        )

    async def move(self, old: Run, new: Run, reason: str) -> Run:
        """Store `new` in the place of `old` and the transition between their states."""
        check_transition(old.state, new.state)
        new = replace(new, usage=old.usage)
        await self._update(old, new)
        await self._unit.record(EntityKind.RUN, new.id, new.id, old.state, new.state, reason)
        self._publish(new, old.state)
        return new

    async def note(self, run_id: str, reason: str) -> None:
        """Put into the history what a person did to a run without moving its state."""
        run = await self.get(run_id)
        await self._unit.record(EntityKind.RUN, run.id, run.id, run.state, run.state, reason)
        self._publish(run)

    async def tell(self, run_id: str) -> None:
        """Publish that a run has changed by what belongs to it."""
        self._publish(await self.get(run_id))

    def _publish(self, run: Run, previous: RunState | None = None) -> None:
        self._unit.publish(
            RunSaved(run_id=run.id, project_id=run.project_id, state=run.state, previous=previous)
        )


class StepRepository(Repository[Step]):
    """Steps; their usage is the sum of their jobs' and messages', whatever is saved."""

    map = mapping.STEPS
    remembered = True

    async def add(self, step: Step) -> None:
        """Store a new step and its first transition."""
        await self._insert(step)
        self._unit.known.forget_members(step.run_id)
        await self._unit.record(EntityKind.STEP, step.id, step.run_id, "", step.state, step.reason)
        self._publish(step)

    async def save(self, step: Step) -> None:
        """Store a step as it is now, but for its state: that only moves."""
        old = await self.get(step.id)
        await self._update(old, replace(step, state=old.state))
        if step.position != old.position:
            self._unit.known.forget_members(step.run_id)
        self._publish(old)

    async def of_run(self, run_id: str) -> tuple[Step, ...]:
        """Return the steps of a run in the order of the definition."""
        known = self._unit.known
        if (steps := await known.members(run_id, self.get)) is not None:
            return steps
        steps = await self._select("run_id = ?", run_id, order='position, "key"')
        known.put_members(run_id, steps)
        return steps

    async def move(self, old: Step, new: Step, reason: str) -> Step:
        """Store `new` in the place of `old` and the transition between their states."""
        check_transition(old.state, new.state)
        new = replace(new, reason=reason, usage=old.usage)
        await self._update(old, new)
        await self._unit.record(EntityKind.STEP, new.id, new.run_id, old.state, new.state, reason)
        self._publish(new, old.state)
        return new

    async def note(self, step_id: str, reason: str) -> None:
        """Put into the history what a person did to a step without moving its state."""
        step = await self.get(step_id)
        state = step.state
        await self._unit.record(EntityKind.STEP, step.id, step.run_id, state, state, reason)
        self._publish(step)

    async def tell(self, step_id: str) -> None:
        """Publish that a step has changed by what belongs to it."""
        self._publish(await self.get(step_id))

    def _publish(self, step: Step, previous: StepState | None = None) -> None:
        self._unit.publish(
            StepSaved(
                run_id=step.run_id,
                step_id=step.id,
                key=step.key,
                state=step.state,
                previous=previous,
            )
        )


class AttemptRepository(Repository[Attempt]):
    """Attempts; the step's transitions are their history."""

    map = mapping.ATTEMPTS
    remembered = True

    async def add(self, attempt: Attempt) -> None:
        """Store a new attempt; its number is unique among the step's."""
        await self._insert(attempt)

    async def save(self, attempt: Attempt) -> None:
        """Store an attempt as it is now."""
        await self._update(await self.get(attempt.id), attempt)

    async def of_step(self, step_id: str) -> tuple[Attempt, ...]:
        """Return the attempts of a step, first to last."""
        return await self._select("step_id = ?", step_id, order="number")

    async def latest(self, step_id: str) -> Attempt | None:
        """Return the last attempt of a step, None before the first."""
        found = await self._select("step_id = ?", step_id, order="number DESC", limit=1)
        return found[0] if found else None


class JobRepository(Repository[Job]):
    """Jobs."""

    map = mapping.JOBS
    remembered = True

    async def add(self, job: Job) -> None:
        """Store a new job and its first transition."""
        await self._insert(job)
        await self._unit.record(EntityKind.JOB, job.id, job.run_id, "", job.state)
        self._publish(job)
        await tell_usage(self._unit, None, job)

    async def save(self, job: Job) -> None:
        """Store a job as it is now, but for its state: that only moves."""
        old = await self.get(job.id)
        await self._update(old, replace(job, state=old.state))
        self._publish(old)
        await tell_usage(self._unit, old, job)

    async def tell(self, job_id: str) -> None:
        """Publish that a job has changed by what belongs to it."""
        self._publish(await self.get(job_id))

    async def of_run(self, run_id: str) -> tuple[Job, ...]:
        """Return the jobs of a run, oldest first."""
        return await self._select("run_id = ?", run_id, order="created_at, id")

    async def of_step(self, step_id: str) -> tuple[Job, ...]:
        """Return the jobs of a step, oldest first."""
        return await self._select("step_id = ?", step_id, order="created_at, id")

    async def by_key(self, step_id: str, attempt: int, key: str) -> Job | None:
        """Return the job that was asked for by that key in an attempt of a step."""
        found = await self._select(
            'step_id = ? AND attempt = ? AND "key" = ?', step_id, attempt, key
        )
        return found[0] if found else None

    async def of_thread(self, thread_id: str) -> tuple[Job, ...]:
        """Return the jobs that worked on a codex thread, oldest first."""
        return await self._select("thread_id = ?", thread_id, order="created_at, id")

    async def active(self) -> tuple[Job, ...]:
        """Return the jobs of runs that are not final, oldest first."""
        states = sorted(state.value for state in set(JobState) - FINAL_JOBS)
        return await self._select(
            f"run_id IS NOT NULL AND state IN ({marks(states)})", *states, order="created_at, id"
        )

    async def move(self, old: Job, new: Job, reason: str) -> Job:
        """Store `new` in the place of `old` and the transition between their states."""
        check_transition(old.state, new.state)
        await self._update(old, new)
        await self._unit.record(EntityKind.JOB, new.id, new.run_id, old.state, new.state, reason)
        self._publish(new, old.state)
        await tell_usage(self._unit, old, new)
        return new

    def _publish(self, job: Job, previous: JobState | None = None) -> None:
        self._unit.publish(
            JobSaved(
                job_id=job.id,
                run_id=job.run_id,
                name=job.name,
                state=job.state,
                previous=previous,
                type=job.type,
            )
        )


async def tell_usage(unit: Unit, old: Job | Message | None, new: Job | Message) -> None:
    """Publish that a step and its run have used more, if that is what has changed."""
    if new.usage == (old.usage if old else TokenUsage()):
        return
    if new.step_id is not None:
        await StepRepository(unit).tell(new.step_id)
    if new.run_id is not None:
        await RunRepository(unit).tell(new.run_id)
