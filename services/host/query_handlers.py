"""What answers each query."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from foredeck.services.domain.audit import AuditRow, AuditVerdict
from foredeck.services.domain.chat import AgentCard, ConversationDetail, ConversationRow
from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.records import ProjectFile
from foredeck.services.domain.views import (
    AttemptRow,
    Check,
    HistoryEntry,
    HostStatus,
    Page,
    Preview,
    ProjectRow,
    QuestionRow,
    RunDetail,
    RunRow,
    Sidebar,
    TranscriptEntry,
)
from foredeck.services.host import queries as q
from foredeck.services.host.service import Handler
from foredeck.services.pricing import Price, cost
from foredeck.services.store.audit import AuditFilter
from foredeck.services.store.codecs import to_microseconds
from foredeck.services.store.jobs import JobFilter
from foredeck.services.store.store import Store

if TYPE_CHECKING:
    from foredeck.services.workflow.runs import RunService


class StoreQueries:
    """Reads the store alone; the snapshots carry the seq that its queries give them."""

    def __init__(self, store: Store, prices: Mapping[str, Price]) -> None:
        self._queries = store.queries
        self._prices = prices

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            q.GetSidebar: self.sidebar,
            q.ListProjects: self.projects,
            q.GetProject: self.project,
            q.ListProjectFiles: self.project_files,
            q.ListRuns: self.list_runs,
            q.GetRun: self.run,
            q.ListJobs: self.list_jobs,
            q.GetTranscript: self.transcript,
            q.GetHistory: self.history,
            q.ListAttempts: self.attempts,
            q.ListQuestions: self.questions,
            q.ListConversations: self.list_conversations,
            q.GetConversation: self.conversation,
            q.ListAudit: self.list_audit,
            q.ReadAudit: self.read_audit,
            q.VerifyAudit: self.verify_audit,
        }

    async def sidebar(self, query: q.GetSidebar) -> Sidebar:
        """Answer `GetSidebar`."""
        return await self._queries.sidebar(query.runs, archived=query.archived)

    async def projects(self, query: q.ListProjects) -> Page[ProjectRow]:
        """Answer `ListProjects`."""
        return await self._queries.projects(query.limit, query.offset, archived=query.archived)

    async def project(self, query: q.GetProject) -> ProjectRow:
        """Answer `GetProject`."""
        return await self._queries.project(query.ref)

    async def project_files(self, query: q.ListProjectFiles) -> Page[ProjectFile]:
        """Answer `ListProjectFiles`."""
        return await self._queries.project_files(query.project, query.limit, query.offset)

    async def list_runs(self, query: q.ListRuns) -> Page[RunRow]:
        """Answer `ListRuns`."""
        project_id = (await self._queries.project(query.project)).id if query.project else None
        return await self._queries.runs(project_id, query.state, query.limit, query.offset)

    async def run(self, query: q.GetRun) -> RunDetail:
        """Answer `GetRun`."""
        detail = await self._queries.run(query.ref)
        used = await self._queries.usage_by_model(detail.run.id)
        return replace(detail, cost=cost(used, self._prices))

    async def list_jobs(self, query: q.ListJobs) -> Page[JobRow]:
        """Answer `ListJobs`; raises `Conflict` where the jobs of what is no batch are wanted."""
        if query.batch is not None:
            await self._queries.batch(query.batch)
        wanted = JobFilter(query.state, query.type, query.run, query.project, query.batch)
        return await self._queries.jobs(wanted, query.limit, query.offset)

    async def transcript(self, query: q.GetTranscript) -> tuple[TranscriptEntry, ...]:
        """Answer `GetTranscript`."""
        return await self._queries.transcript(query.run, query.step_key)

    async def history(self, query: q.GetHistory) -> tuple[HistoryEntry, ...]:
        """Answer `GetHistory`."""
        return await self._queries.history(query.run)

    async def attempts(self, query: q.ListAttempts) -> tuple[AttemptRow, ...]:
        """Answer `ListAttempts`."""
        return await self._queries.attempts(query.run)

    async def questions(self, query: q.ListQuestions) -> tuple[QuestionRow, ...]:
        """Answer `ListQuestions`."""
        return await self._queries.questions(query.run)

    async def list_conversations(self, query: q.ListConversations) -> Page[ConversationRow]:
        """Answer `ListConversations`."""
        return await self._queries.conversations(
            query.project, query.run, query.agent, query.limit, query.offset
        )

    async def conversation(self, query: q.GetConversation) -> ConversationDetail:
        """Answer `GetConversation`."""
        return await self._queries.conversation(query.ref)

    async def list_audit(self, query: q.ListAudit) -> Page[AuditRow]:
        """Answer `ListAudit`."""
        wanted = AuditFilter(
            to_microseconds(query.since) if query.since else None,
            query.action,
            query.resource,
            query.severity,
            to_microseconds(query.until) if query.until else None,
            query.actor,
            query.trace,
            query.text,
            query.above,
            query.below,
        )
        return await self._queries.audit(wanted, query.limit, query.offset)

    async def read_audit(self, query: q.ReadAudit) -> tuple[AuditRow, ...]:
        """Answer `ReadAudit`."""
        return await self._queries.audit_after(query.after, query.limit)

    async def verify_audit(self, query: q.VerifyAudit) -> AuditVerdict:
        """Answer `VerifyAudit`."""
        return await self._queries.verify_audit(query.after, query.tip, query.limit)


class HouseQueries:
    """Answers what the store alone does not know."""

    def __init__(
        self,
        runs: RunService,
        status: Callable[[], Awaitable[HostStatus]],
        diagnose: Callable[[], Awaitable[tuple[Check, ...]]],
        agents: Callable[[], tuple[AgentCard, ...]],
    ) -> None:
        self._runs = runs
        self._status = status
        self._diagnose = diagnose
        self._agents = agents

    def table(self) -> dict[type, Handler]:
        """Return the handler of each query type."""
        return {
            q.PreviewCancel: self.preview_cancel,
            q.PreviewRetry: self.preview_retry,
            q.ListAgents: self.list_agents,
            q.GetStatus: self.status,
            q.Diagnose: self.diagnose,
        }

    async def preview_cancel(self, query: q.PreviewCancel) -> Preview:
        """Answer `PreviewCancel`."""
        return await self._runs.preview_cancel(query.run)

    async def preview_retry(self, query: q.PreviewRetry) -> Preview:
        """Answer `PreviewRetry`."""
        return await self._runs.preview_retry(query.run, query.step_key)

    async def list_agents(self, _query: q.ListAgents) -> tuple[AgentCard, ...]:
        """Answer `ListAgents`."""
        return self._agents()

    async def status(self, _query: q.GetStatus) -> HostStatus:
        """Answer `GetStatus`."""
        return await self._status()

    async def diagnose(self, _query: q.Diagnose) -> tuple[Check, ...]:
        """Answer `Diagnose`."""
        return await self._diagnose()
