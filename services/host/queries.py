"""The questions a client may ask. A `ref` is an id, the beginning of one, or a name."""

from dataclasses import dataclass, field
from datetime import datetime

from foredeck.services.domain.audit import AuditRow, AuditVerdict, Severity
from foredeck.services.domain.chat import AgentCard, ConversationDetail, ConversationRow
from foredeck.services.domain.job_board import JobBoard
from foredeck.services.domain.job_views import (
    BatchResult,
    BatchStatus,
    JobDetail,
    JobQueueView,
    JobResult,
    JobRow,
)
from foredeck.services.domain.records import ProjectFile
from foredeck.services.domain.views import (
    AttemptRow,
    Check,
    HistoryEntry,
    HostStatus,
    Page,
    Preview,
    ProjectRow,
    ProjectSettingsView,
    PromptView,
    QuestionRow,
    RunDetail,
    RunRow,
    Sidebar,
    TranscriptEntry,
)
from foredeck.services.domain.workflow_views import WorkflowList, WorkflowPreview, WorkflowView
from foredeck.services.host.interface import Query


@dataclass(frozen=True)
class GetSidebar(Query[Sidebar]):
    """The project tree with the latest `runs` of each project."""

    runs: int = 20
    archived: bool = False


@dataclass(frozen=True)
class ListProjects(Query[Page[ProjectRow]]):
    """Projects, newest first."""

    limit: int = 50
    offset: int = 0
    archived: bool = False


@dataclass(frozen=True)
class GetProject(Query[ProjectRow]):
    """One project."""

    ref: str


@dataclass(frozen=True)
class GetProjectSettings(Query[ProjectSettingsView]):
    """What holds in a project, each setting with its origin."""

    ref: str


@dataclass(frozen=True)
class ListRuns(Query[Page[RunRow]]):
    """Runs, newest first; of one project when `project` is given."""

    project: str | None = None
    state: str | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class ListJobs(Query[Page[JobRow]]):
    """Jobs, newest first; `run` and `project` are refs.

    With `batch`, a ref, the jobs of a batch in their order: else those are left out.
    """

    state: str | None = None
    type: str | None = None
    run: str | None = None
    project: str | None = None
    limit: int = 50
    offset: int = 0
    batch: str | None = None


@dataclass(frozen=True)
class GetJob(Query[JobDetail]):
    """One job."""

    ref: str


@dataclass(frozen=True)
class GetJobResult(Query[JobResult]):
    """What a job of its own has printed and what came of it; `Conflict` for a run's job.

    Without `attempt` it is about the latest one.
    """

    ref: str
    attempt: int | None = None


@dataclass(frozen=True)
class GetBatch(Query[BatchStatus]):
    """How a batch stands; `Conflict` for any other job."""

    ref: str


@dataclass(frozen=True)
class GetBatchResults(Query[Page[BatchResult]]):
    """What came of the jobs of a batch, in their order; `Conflict` for any other job."""

    ref: str
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True)
class GetJobQueue(Query[JobQueueView]):
    """How the queue of jobs stands."""


@dataclass(frozen=True)
class GetJobBoard(Query[JobBoard]):
    """The jobs as their turn comes, with the latest `ended` ones; or all those of a batch."""

    batch: str | None = None
    ended: int = 200


@dataclass(frozen=True)
class GetRun(Query[RunDetail]):
    """One run with its steps."""

    ref: str


@dataclass(frozen=True)
class GetTranscript(Query[tuple[TranscriptEntry, ...]]):
    """The conversation of a run, or of one of its steps."""

    run: str
    step_key: str | None = None


@dataclass(frozen=True)
class ListAttempts(Query[tuple[AttemptRow, ...]]):
    """Every attempt of a run's steps, step by step, oldest first."""

    run: str


@dataclass(frozen=True)
class GetHistory(Query[tuple[HistoryEntry, ...]]):
    """Every transition of a run and its steps, oldest first."""

    run: str


@dataclass(frozen=True)
class ListQuestions(Query[tuple[QuestionRow, ...]]):
    """What is asked of a person just now, oldest first; by one run if `run` is given."""

    run: str | None = None


@dataclass(frozen=True)
class PreviewCancel(Query[Preview]):
    """What cancelling a run would stop."""

    run: str


@dataclass(frozen=True)
class PreviewRetry(Query[Preview]):
    """What retrying a run (or one step of it) would repeat and what it keeps."""

    run: str
    step_key: str | None = None


@dataclass(frozen=True)
class GetStatus(Query[HostStatus]):
    """The figures of the status bar."""


@dataclass(frozen=True)
class Ping(Query[None]):
    """Whether the host hears: it answers at once, whatever else it has to do."""


@dataclass(frozen=True)
class ListAgents(Query[tuple[AgentCard, ...]]):
    """The agents, in the order of the workflow."""


@dataclass(frozen=True)
class ListConversations(Query[Page[ConversationRow]]):
    """Conversations with agents, the latest first."""

    project: str | None = None
    run: str | None = None
    agent: str | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class GetConversation(Query[ConversationDetail]):
    """A conversation and what was said in it."""

    ref: str


@dataclass(frozen=True)
class ListAudit(Query[Page[AuditRow]]):
    """The audit trail, newest first.

    `action` is one or a group (`step`), `resource` a kind, an id or `KIND:ID`, `actor` and
    `text` a part of it in any case, `trace` the beginning of an id. `above` and `below` are
    numbers of rows, themselves left out.
    """

    since: datetime | None = None
    action: str | None = None
    resource: str | None = None
    severity: Severity | None = None
    limit: int = 50
    offset: int = 0
    until: datetime | None = None
    actor: str | None = None
    trace: str | None = None
    text: str | None = None
    above: int = 0
    below: int | None = None


@dataclass(frozen=True)
class ReadAudit(Query[tuple[AuditRow, ...]]):
    """The rows of the audit trail behind `after`, oldest first."""

    after: int = 0
    limit: int = 1000


@dataclass(frozen=True)
class VerifyAudit(Query[AuditVerdict]):
    """Whether the audit trail is as it was written.

    In parts, where that takes long: at most `limit` rows behind `after`, whose hash is `tip`.
    """

    after: int = 0
    tip: str = ""
    limit: int | None = None


@dataclass(frozen=True)
class Diagnose(Query[tuple[Check, ...]]):
    """What `doctor` checks from inside a host."""


@dataclass(frozen=True)
class PreviewSkip(Query[Preview]):
    """What follows when a step is skipped."""

    run: str
    step_key: str


@dataclass(frozen=True)
class PreviewRerun(Query[Preview]):
    """What running again from a step would repeat, keep and void."""

    run: str
    step_key: str


@dataclass(frozen=True)
class PreviewResume(Query[Preview]):
    """What resuming a run would go on with."""

    run: str


@dataclass(frozen=True)
class PreviewRestart(Query[Preview]):
    """What the new run of a restart would do, and what becomes of this one."""

    run: str


@dataclass(frozen=True)
class GetPrompt(Query[PromptView]):
    """What a step will be told, and whether a person has changed that."""

    run: str
    step_key: str


@dataclass(frozen=True)
class ListProjectFiles(Query[Page[ProjectFile]]):
    """The files that people gave to a project, newest first."""

    project: str
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class ListWorkflows(Query[WorkflowList]):
    """The workflows that can be run by name in a project; `Conflict` if none can be run there."""

    project: str


@dataclass(frozen=True)
class GetWorkflow(Query[WorkflowView]):
    """A workflow of a project as its file is now, also one that cannot be run."""

    project: str
    name: str


@dataclass(frozen=True)
class PreviewWorkflow(Query[WorkflowPreview]):
    """What `CreateWorkflowRun` with these fields would do, or what is wrong with the inputs."""

    project: str
    source: str
    path: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    request: str = ""
