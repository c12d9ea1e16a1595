"""What the screen and the commands ask: view models, each from a read of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from foredeck.services.domain.audit import AuditRow, AuditVerdict
from foredeck.services.domain.chat import ConversationDetail, ConversationRow
from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.job_views import BatchStatus, JobDetail, JobQueueView, JobRow
from foredeck.services.domain.records import ProjectFile, ProjectSettings, TokenUsage
from foredeck.services.domain.schedules import FireRow, ScheduleBoard
from foredeck.services.domain.states import ACTIVE_RUNS, RunState
from foredeck.services.domain.tasks import ExecutionStatus, TaskLine, TaskRow
from foredeck.services.domain.views import (
    AttemptRow,
    HistoryEntry,
    Page,
    ProjectNode,
    ProjectRow,
    QuestionRow,
    RunDetail,
    RunRow,
    Sidebar,
    TranscriptEntry,
)
from foredeck.services.event_bus import EventBus
from foredeck.services.store import (
    audit,
    chats,
    fires,
    jobs,
    project_files,
    rows,
    statements,
    task_views,
)
from foredeck.services.store.codecs import to_optional_moment, to_path
from foredeck.services.store.engine import Database, Link
from foredeck.services.store.finding import by_beginning, project_id, task_id
from foredeck.services.store.report_reads import ReportReads

# SQLite's largest integer: no limit.
_ALL = 2**63 - 1
_ALL_JOBS = jobs.JobFilter()


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Runs of all projects: `active` are running, waiting or backing off; `waiting` wait."""

    active: int
    waiting: int


class Queries:
    """Reads beside the writer, never blocked by it.

    A snapshot's `seq` is taken before the read, so that no event is missed: one that the
    snapshot already contains may come again.
    """

    def __init__(self, database: Database, bus: EventBus) -> None:
        self._database = database
        self._bus = bus
        self.reports = ReportReads(database)

    async def sidebar(self, runs: int = 20, *, archived: bool = False) -> Sidebar:
        """Return the projects and the latest `runs` of each, newest first."""
        seq = self._bus.seq
        async with self._database.reading(consistent=True) as link:
            projects = await link.rows(statements.projects(archived=archived), (_ALL, 0))
            latest = await link.rows(statements.latest_runs(archived=archived), (max(0, runs),))
        by_project: defaultdict[str, list[RunRow]] = defaultdict(list)
        for run in rows.each(rows.run_row, latest):
            by_project[run.project_id].append(run)
        nodes = (
            ProjectNode(project, tuple(by_project[project.id]))
            for project in rows.each(rows.project_row, projects)
        )
        return Sidebar(tuple(nodes), seq)

    async def projects(
        self, limit: int = 50, offset: int = 0, *, archived: bool = False
    ) -> Page[ProjectRow]:
        """Return projects, newest first; archived ones among them only if asked for."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            found = await link.rows(statements.projects(archived=archived), (limit, offset))
            totals = dict(await link.rows(statements.PROJECT_TOTALS))
        total = totals[0] + (totals[1] if archived else 0)
        return Page(rows.each(rows.project_row, found), total, limit, offset)

    async def project_files(self, ref: str, limit: int = 50, offset: int = 0) -> Page[ProjectFile]:
        """Return the files of a project, newest first; raises `NotFound` and `Ambiguous`."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            found, total = await project_files.page(
                link, await project_id(link, ref), limit, offset
            )
        return Page(found, total, limit, offset)

    async def unplaced_files(self) -> int:
        """Return how many project files have no copy in their workspace yet."""
        async with self._database.reading() as link:
            return int((await link.rows(project_files.UNPLACED))[0][0])

    async def project(self, ref: str) -> ProjectRow:
        """Return the project with this id, name or beginning of an id.

        Raises `NotFound` and `Ambiguous`.
        """
        async with self._database.reading(consistent=True) as link:
            found = await link.rows(statements.PROJECT, (await project_id(link, ref),))
        return rows.each(rows.project_row, found)[0]

    async def project_settings(self, ref: str) -> tuple[ProjectRow, ProjectSettings]:
        """Return a project and what it decides for its runs; raises as `project` does."""
        async with self._database.reading(consistent=True) as link:
            identity = (await project_id(link, ref),)
            found = await link.rows(statements.PROJECT, identity)
            settings = await link.rows(statements.PROJECT_SETTINGS, identity)
        return (
            rows.each(rows.project_row, found)[0],
            rows.each(rows.project_settings, settings)[0],
        )

    async def runs(
        self,
        project_id: str | None = None,
        state: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[RunRow]:
        """Return runs, newest first; of one project, or in one state, if asked for."""
        _check_page(limit, offset)
        conditions = [
            *([project_id] if project_id is not None else []),
            *([_checked_state(state)] if state is not None else []),
        ]
        sql = statements.runs(project=project_id is not None, state=state is not None)
        async with self._database.reading(consistent=True) as link:
            found = await link.rows(sql, (*conditions, limit, offset))
            totals = dict(await link.rows(statements.RUN_TOTALS, (project_id or "",)))
        total = totals.get(state, 0) if state is not None else sum(totals.values())
        return Page(rows.each(rows.run_row, found), total, limit, offset)

    async def run(self, ref: str) -> RunDetail:
        """Return a run with its steps; raises `NotFound` and `Ambiguous`."""
        seq = self._bus.seq
        async with self._database.reading(consistent=True) as link:
            run_id = await by_beginning(link, "run", ref)
            run = (await link.rows(statements.RUN, (run_id,)))[0]
            steps = await link.rows(statements.STEPS, (run_id,))
            restarts = await link.rows(statements.RESTARTS, (run_id,))
        request, summary, error, workspace, *more = run[rows.RUN_WIDTH :]
        paused_at, budget_tokens, budget_cost, parent_run_id, output_removed_at = more
        return RunDetail(
            run=rows.each(rows.run_row, [run])[0],
            request=request,
            summary=summary,
            error=error,
            workspace=to_path(workspace),
            steps=rows.each(rows.step_row, steps),
            seq=seq,
            paused_at=to_optional_moment(paused_at),
            budget_tokens=budget_tokens,
            budget_cost=budget_cost,
            parent_run_id=parent_run_id,
            restarts=tuple(row[0] for row in restarts),
            output_removed_at=to_optional_moment(output_removed_at),
        )

    async def transcript(
        self, run_ref: str, step_key: str | None = None
    ) -> tuple[TranscriptEntry, ...]:
        """Return the conversation of a run or of one of its steps, oldest first."""
        async with self._database.reading(consistent=True) as link:
            run_id = await by_beginning(link, "run", run_ref)
            if step_key is None:
                found = await link.rows(statements.TRANSCRIPT, (run_id,))
            else:
                step_id = await _step_id(link, run_id, step_key)
                found = await link.rows(statements.STEP_TRANSCRIPT, (step_id,))
        return rows.each(rows.transcript_entry, found)

    async def attempts(self, ref: str) -> tuple[AttemptRow, ...]:
        """Return the attempts of a run's steps, step by step; raises as `run` does."""
        async with self._database.reading(consistent=True) as link:
            run_id = await by_beginning(link, "run", ref)
            found = await link.rows(statements.ATTEMPTS, (run_id,))
        return rows.each(rows.attempt_row, found)

    async def history(self, run_ref: str) -> tuple[HistoryEntry, ...]:
        """Return every transition of a run, its steps and jobs, oldest first."""
        async with self._database.reading(consistent=True) as link:
            run_id = await by_beginning(link, "run", run_ref)
            found = await link.rows(statements.HISTORY, (run_id,))
        return rows.each(rows.history_entry, found)

    async def jobs(
        self, wanted: jobs.JobFilter = _ALL_JOBS, limit: int = 50, offset: int = 0
    ) -> Page[JobRow]:
        """Return jobs, newest first; raises `InvalidInput`, `NotFound` and `Ambiguous`."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            return await jobs.page(link, wanted, limit, offset)

    async def batch(self, ref: str) -> BatchStatus:
        """Return how a batch stands; raises `NotFound`, `Ambiguous` and `Conflict`."""
        async with self._database.reading(consistent=True) as link:
            return await jobs.batch(link, ref)

    async def job(self, ref: str) -> JobDetail:
        """Return a job; raises `NotFound` and `Ambiguous`."""
        async with self._database.reading(consistent=True) as link:
            return await jobs.detail(link, ref)

    async def job_queue(self, limit: int) -> JobQueueView:
        """Return how the queue of jobs stands; `limit` is the setting."""
        async with self._database.reading(consistent=True) as link:
            return await jobs.queue(link, limit)

    async def queued_jobs(self, parent_id: str | None) -> list[tuple[str, str, str, int]]:
        """Return id, project, priority and time (microseconds) of the jobs that wait.

        Those of the batch with this id, or those of none, and the batches that have not begun.
        """
        async with self._database.reading() as link:
            return await jobs.queued(link, parent_id)

    async def fires(
        self, task_ref: str | None, limit: int = 50, offset: int = 0, *, odd: bool = False
    ) -> Page[FireRow]:
        """Return what became of due times, the latest first; with `odd` what did not just start.

        Raises `NotFound` and `Ambiguous`.
        """
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            task = await task_id(link, task_ref) if task_ref else None
            return await fires.page(link, task, limit, offset, odd=odd)

    async def schedule_board(self, now: datetime) -> ScheduleBoard:
        """Return how the schedules stand at that time."""
        async with self._database.reading(consistent=True) as link:
            return await fires.board(link, now)

    async def questions(self, run_ref: str | None = None) -> tuple[QuestionRow, ...]:
        """Return what is asked just now, oldest first; only by one run if `run_ref` is given.

        Raises `NotFound` and `Ambiguous`.
        """
        async with self._database.reading(consistent=True) as link:
            whose = () if run_ref is None else (await by_beginning(link, "run", run_ref),)
            found = await link.rows(statements.questions(of_run=bool(whose)), whose)
        return rows.each(rows.question_row, found)

    async def counts(self) -> RunCounts:
        """Return how many runs work and how many of them wait for a person."""
        async with self._database.reading() as link:
            totals = dict(await link.rows(statements.RUN_TOTALS, ("",)))
        active = sum(totals.get(state.value, 0) for state in ACTIVE_RUNS)
        return RunCounts(active, totals.get(RunState.WAITING.value, 0))

    async def usage_by_model(self, owner_id: str) -> tuple[tuple[str, TokenUsage], ...]:
        """Return the tokens of a run or a project (exact id) by the name of the model.

        The name is empty for what codex used before it said with which model.
        """
        async with self._database.reading() as link:
            found = await link.rows(statements.MODEL_USAGE, (owner_id,))
        return tuple((row[0], TokenUsage(*row[1:])) for row in found)

    async def usage_by_model_total(self) -> tuple[tuple[str, TokenUsage], ...]:
        """Return the tokens of all runs together by the name of the model."""
        return await self.usage_by_model("")

    async def tokens_total(self) -> TokenUsage:
        """Return the tokens of all runs together."""
        async with self._database.reading() as link:
            return TokenUsage(*(await link.rows(statements.USAGE_TOTAL))[0])

    async def conversations(
        self,
        project_ref: str | None = None,
        run_ref: str | None = None,
        agent: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[ConversationRow]:
        """Return conversations with agents, the latest first."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            project = await project_id(link, project_ref) if project_ref else None
            run = await by_beginning(link, "run", run_ref) if run_ref else None
            return await chats.conversations(link, project, run, agent, limit, offset)

    async def conversation(self, ref: str) -> ConversationDetail:
        """Return a conversation and what was said; raises `NotFound` and `Ambiguous`."""
        async with self._database.reading(consistent=True) as link:
            return await chats.conversation(link, ref)

    async def answers_under_way(self) -> bool:
        """Whether an answer to a person is stored as not complete."""
        async with self._database.reading() as link:
            return bool(await link.rows(chats.UNDER_WAY))

    async def tasks(
        self, wanted: task_views.TaskFilter, limit: int = 50, offset: int = 0
    ) -> Page[TaskLine]:
        """Return tasks, newest first; raises `NotFound` and `Ambiguous` for the project."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            return await task_views.page(link, wanted, limit, offset)

    async def task(self, ref: str) -> TaskRow:
        """Return a task; raises `NotFound` and `Ambiguous`."""
        async with self._database.reading(consistent=True) as link:
            return await task_views.task(link, ref)

    async def executions(
        self, task_ref: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[ExecutionStatus]:
        """Return executions without their cost, newest first; of one task if asked for."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            return await task_views.executions(link, task_ref, limit, offset)

    async def execution(self, ref: str) -> ExecutionStatus:
        """Return an execution without its cost; raises `NotFound`, `Ambiguous`, `Conflict`."""
        async with self._database.reading(consistent=True) as link:
            return await task_views.execution(link, ref)

    async def audit(
        self, wanted: audit.AuditFilter, limit: int = 50, offset: int = 0
    ) -> Page[AuditRow]:
        """Return rows of the audit trail, newest first."""
        _check_page(limit, offset)
        async with self._database.reading(consistent=True) as link:
            return await audit.page(link, wanted, limit, offset)

    async def audit_after(self, seq: int, limit: int) -> tuple[AuditRow, ...]:
        """Return the rows of the audit trail behind `seq`, oldest first."""
        async with self._database.reading() as link:
            return await audit.following(link, seq, limit)

    async def verify_audit(
        self, after: int = 0, tip: str = "", limit: int | None = None
    ) -> AuditVerdict:
        """Return whether the audit trail is whole, and where it breaks first.

        At most `limit` rows behind `after`, whose hash is `tip`: so it can be done in parts.
        """
        _check_page(limit or 1, after)
        async with self._database.reading(consistent=True) as link:
            return await audit.verify(link, after, tip, limit)


async def _step_id(link: Link, run_id: str, key: str) -> str:
    found = await link.rows(statements.STEP_ID, (run_id, key))
    if not found:
        raise NotFound(f"The run {run_id} has no step {key!r}.", "`runs show` lists its steps.")
    return str(found[0][0])


def _check_page(limit: int, offset: int) -> None:
    if limit < 1 or offset < 0 or limit > _ALL or offset > _ALL:
        raise InvalidInput("A page has a limit of at least 1 and an offset of at least 0.")


def _checked_state(state: str) -> str:
    if state not in set(RunState):
        known = ", ".join(sorted(RunState))
        raise InvalidInput(f"There is no run state {state!r}.", f"The states are: {known}.")
    return str(RunState(state).value)
