"""What a client may want done. A `ref` is an id, the beginning of one, or a name."""

from dataclasses import dataclass, field

from foredeck.services.domain.chat import ConversationRow
from foredeck.services.domain.job_views import BatchStatus, JobQueueView, JobRow
from foredeck.services.domain.jobs import BatchWish, JobWish, Priority
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import Mode, ProjectFile, Sandbox, Trigger
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.domain.views import (
    CodexRun,
    ProjectRow,
    ProjectSettingsView,
    PromptView,
    RemovedFile,
    RunRow,
)
from foredeck.services.host.interface import Command


@dataclass(frozen=True)
class CreateProject(Command[ProjectRow]):
    """Make a project; without a workspace, a new directory under the workspaces root."""

    name: str
    workspace: str | None = None
    description: str = ""
    model: str | None = None
    sandbox: Sandbox | None = None
    mode: Mode | None = None


@dataclass(frozen=True)
class UpdateProject(Command[ProjectRow]):
    """Rename or describe a project; None leaves a field as it is."""

    ref: str
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class ChangeProjectSettings(Command[ProjectSettingsView]):
    """Change what a project decides for its runs; None takes something away.

    `settings` are by name, as a person writes them. Every mistake is told at once.
    """

    ref: str
    settings: dict[str, str | None] = field(default_factory=dict)
    environment: dict[str, str | None] = field(default_factory=dict)
    mcp_servers: dict[str, McpServer | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchiveProject(Command[ProjectRow]):
    """Hide a project from the lists, or bring it back; nothing is deleted."""

    ref: str
    archived: bool = True


@dataclass(frozen=True)
class CreateRun(Command[RunRow]):
    """Store a run and, unless `start` is False, start it.

    A budget (tokens, US dollars) is None for that of the settings, 0 for no limit.
    """

    project: str
    request: str
    title: str = ""
    mode: Mode | None = None
    trigger: Trigger = Trigger.MANUAL
    start: bool = True
    budget_tokens: int | None = None
    budget_cost: float | None = None


@dataclass(frozen=True)
class CreateWorkflowRun(Command[RunRow]):
    """Store a run of a workflow file and, unless `start` is False, start it.

    `source` is the file's text, `path` where it lies (empty for one of no file); `inputs` are
    as a person writes them. A file in the project's own folder, where codex can write, has to
    be trusted: once for each content, with `trust`; otherwise it is an `UntrustedWorkflow`.
    The other fields are those of `CreateRun`; without a request it is the description.
    """

    project: str
    source: str
    path: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    request: str = ""
    title: str = ""
    mode: Mode | None = None
    trigger: Trigger = Trigger.CLI
    start: bool = True
    budget_tokens: int | None = None
    budget_cost: float | None = None
    trust: bool = False


@dataclass(frozen=True)
class StartRun(Command[RunRow]):
    """Start a run that was created with `start=False`; a second start is a `Conflict`."""

    ref: str


@dataclass(frozen=True)
class RetryRun(Command[RunRow]):
    """Give the failed steps (or one of them) another attempt in the same run."""

    ref: str
    step_key: str | None = None


@dataclass(frozen=True)
class CancelRun(Command[RunRow]):
    """Stop a run and everything that works for it; returns when nothing of it is left."""

    ref: str
    reason: str = "cancelled by the user"


@dataclass(frozen=True)
class AnswerQuestion(Command[Question]):
    """Answer a question; returns it as it is stored then.

    Without `question` (an id, or its beginning) the only open one of the run, of `kind` if
    that is given, is meant. Leave is answered with a `Leave`, a gate with a `GateAnswer`;
    `choice` counts from 1.
    """

    run: str | None = None
    question: str | None = None
    kind: QuestionKind | None = None
    answer: str = ""
    choice: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class DeclarePresence(Command[None]):
    """Somebody is there to answer, or no longer: for one run, or (None) for all.

    `client` is any word that no other client uses. A host that loses the connection of a
    client takes it for gone.
    """

    client: str
    present: bool = True
    run: str | None = None


@dataclass(frozen=True)
class SteerRun(Command[RunRow]):
    """Say something to the codex turn that works for a run; `Conflict` if none does."""

    ref: str
    text: str


@dataclass(frozen=True)
class FollowUpRun(Command[RunRow]):
    """Queue a prompt: the next codex turn in the same thread, before the step goes on."""

    ref: str
    text: str


@dataclass(frozen=True)
class CreateCodexRun(Command[CodexRun]):
    """Store a run of one codex turn without starting it; its files are known at once.

    An empty `task` continues the session `thread_id` as it is. `codex_config` are settings of
    codex as `key=value`; `timeout` is in seconds; `log_dir` None is the data directory's.
    """

    project: str
    task: str = ""
    thread_id: str | None = None
    model: str | None = None
    sandbox: Sandbox | None = None
    codex_config: tuple[str, ...] = ()
    timeout: float | None = None
    log_dir: str | None = None


@dataclass(frozen=True)
class ConcludeCodexRun(Command[CodexRun]):
    """Write the summary of a codex run that has come to rest, and return how it ended."""

    ref: str


@dataclass(frozen=True)
class PauseRun(Command[RunRow]):
    """Let the stage under way end and start nothing after it."""

    ref: str
    reason: str = ""


@dataclass(frozen=True)
class ResumeRun(Command[RunRow]):
    """Go on with a run that is paused, or that waits because a turn was lost."""

    ref: str


@dataclass(frozen=True)
class SkipStep(Command[RunRow]):
    """Leave a step out; what needs it goes on as if it had succeeded."""

    ref: str
    step_key: str
    reason: str = ""


@dataclass(frozen=True)
class RerunFrom(Command[RunRow]):
    """Run a step and everything after it once more, also what is finished."""

    ref: str
    step_key: str


@dataclass(frozen=True)
class RestartRun(Command[RunRow]):
    """Begin a new run with the request, mode and workflow of another; returns the new one."""

    ref: str


@dataclass(frozen=True)
class SetBudget(Command[RunRow]):
    """Change the limits of a run: None leaves one as it is, 0 takes it away."""

    ref: str
    tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True)
class SetPrompt(Command[PromptView]):
    """Replace what a step will be told; an empty text gives its own prompt back."""

    ref: str
    step_key: str
    text: str


@dataclass(frozen=True)
class SendChat(Command[ConversationRow]):
    """Say something to an agent; returns when it is stored, the answer comes by events.

    With `conversation` that one goes on; else a new one begins about `run` or `project`.
    `again` sends the last message once more, which got no whole answer.
    """

    agent: str = ""
    text: str = ""
    project: str | None = None
    run: str | None = None
    conversation: str | None = None
    again: bool = False


@dataclass(frozen=True)
class StopChat(Command[ConversationRow]):
    """Cut an agent's answer off; what has come of it stays."""

    ref: str


@dataclass(frozen=True)
class AddProjectFile(Command[ProjectFile]):
    """Copy a file of this machine into a project's workspace, and keep its content.

    `source` is absolute; `name` is relative to the workspace, empty for the file's own.
    """

    project: str
    source: str
    name: str = ""
    metadata: tuple[tuple[str, str], ...] = ()
    replace: bool = False


@dataclass(frozen=True)
class DeleteProjectFile(Command[RemovedFile]):
    """Delete the record of a file and its copy; one that was changed since stays."""

    project: str
    file: str


@dataclass(frozen=True)
class SubmitJob(Command[JobRow]):
    """Store a job and queue it, or `hold` it; every mistake is told at once.

    The command policy may refuse it: `CommandDenied`, or `CommandUnconfirmed` unless the wish is
    `confirmed`.

    With `now` it is also started by a host that was not opened to stay, when its turn comes.
    """

    wish: JobWish
    hold: bool = False
    now: bool = False


@dataclass(frozen=True)
class ExecuteJob(Command[JobRow]):
    """Queue a job that is held; `now` is that of `SubmitJob`."""

    ref: str
    now: bool = False


@dataclass(frozen=True)
class CancelJob(Command[JobRow]):
    """End a job; returns when nothing of it is left. `Conflict` if it has ended."""

    ref: str
    reason: str = "cancelled by the user"


@dataclass(frozen=True)
class RetryJob(Command[JobRow]):
    """Give a job that failed, timed out or was lost a new attempt, or `hold` it."""

    ref: str
    hold: bool = False


@dataclass(frozen=True)
class SubmitBatch(Command[BatchStatus]):
    """Store many jobs that belong together, all or none, and queue or `hold` them.

    The command policy may refuse them as it does with `SubmitJob`; one answer is for all.
    """

    wish: BatchWish
    hold: bool = False


@dataclass(frozen=True)
class CancelBatch(Command[BatchStatus]):
    """End all jobs of a batch; returns when nothing of them is left."""

    ref: str
    reason: str = "cancelled by the user"


@dataclass(frozen=True)
class RetryBatch(Command[BatchStatus]):
    """Give every job of a batch that failed, timed out or was lost a new attempt."""

    ref: str


@dataclass(frozen=True)
class PrioritiseJob(Command[JobRow]):
    """Give a job that waits another priority."""

    ref: str
    priority: Priority


@dataclass(frozen=True)
class PauseJobs(Command[JobQueueView]):
    """Start no more jobs, or go on; what works is not touched."""

    paused: bool = True


@dataclass(frozen=True)
class LimitJobs(Command[JobQueueView]):
    """Change how many jobs work at once (1 to 100); None goes back to the setting."""

    limit: int | None = None
