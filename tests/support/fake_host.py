"""A host in memory: the screen's tests and pictures need states, not services.

Everything is fixed (ids, times, tokens), so that two runs of a test see the same screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from foredeck.app.connection import Connection
from foredeck.services.domain.away import Away
from foredeck.services.domain.chat import (
    AgentCard,
    ChatState,
    ConversationDetail,
    ConversationRow,
)
from foredeck.services.domain.errors import ForedeckError, HostGone, NotFound
from foredeck.services.domain.events import ChatGrew, Event, ProjectSaved, QuestionSaved, RunSaved
from foredeck.services.domain.job_views import JobQueueView
from foredeck.services.domain.questions import Question
from foredeck.services.domain.records import (
    Failure,
    FailureClass,
    Mode,
    ProjectFile,
    Requirement,
    Role,
    StepKind,
    TokenUsage,
    Trigger,
    Verdict,
)
from foredeck.services.domain.schedules import ScheduleBoard
from foredeck.services.domain.segments import SUFFIX, Segment, SegmentKind
from foredeck.services.domain.states import (
    ACTIVE_RUNS,
    FINAL_STEPS,
    QuestionState,
    RunState,
    StepState,
)
from foredeck.services.domain.views import (
    HostStatus,
    Page,
    Preview,
    ProjectNode,
    ProjectRow,
    ProjectSettingRow,
    ProjectSettingsView,
    PromptView,
    QuestionRow,
    RemovedFile,
    RunDetail,
    RunRow,
    Sidebar,
    StepRow,
    TranscriptEntry,
)
from foredeck.services.host import commands, queries, task_requests
from foredeck.services.host.interface import Command, Query
from foredeck.services.host.notice_requests import GetAway, MarkSeen

R = TypeVar("R")

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)

_REQUEST = (
    "Build a URL shortener with tests: an HTTP service that stores links in SQLite, answers "
    "404 for an unknown code and 410 for an expired one."
)

STAGES = (
    ("planner", "Planner"),
    ("builder", "Builder"),
    ("qa_qc", "QA/QC"),
    ("prod_ready", "Production Readiness"),
)


def agent_cards() -> tuple[AgentCard, ...]:
    """Return the four agents."""
    return tuple(
        AgentCard(role, name, f"{name} does its part.", "gpt-5.5", ("run_codex",), "You are it.")
        for role, name in STAGES
    )


def chat_entry(
    number: int, role: Role, words: str, agent: str, complete: bool = True
) -> TranscriptEntry:
    """Return something that was said in a talk with an agent."""
    return TranscriptEntry(
        id=f"e{number}",
        step_key=agent,
        attempt=1,
        role=role,
        content=words,
        at=NOW,
        model="",
        usage=TokenUsage(),
        tool="",
        arguments="",
        duration=None,
        complete=complete,
    )


def ago(seconds: float) -> datetime:
    """Return the moment that many seconds before the fixed present."""
    return NOW - timedelta(seconds=seconds)


def project_row(project_id: str = "p1", name: str = "shortener", **changes: Any) -> ProjectRow:
    """Return a project as the lists show it."""
    row = ProjectRow(
        id=project_id,
        name=name,
        description="A URL shortener",
        workspace=f"/home/ada/foredeck/{name}",
        archived=False,
        runs=0,
        active_runs=0,
        created_at=ago(86_400),
        last_run_at=None,
    )
    return replace(row, **changes)


def step_row(key: str, state: StepState = StepState.PENDING, **changes: Any) -> StepRow:
    """Return a stage of the four-agent workflow; `builder#2` is the second builder."""
    spec = key.split("#")[0]
    order = [name for name, _ in STAGES]
    needs = tuple(order[order.index(spec) - 1 : order.index(spec)]) if spec in order else ()
    started = state not in {StepState.PENDING, StepState.SKIPPED}
    row = StepRow(
        id=f"s-{key}",
        key=key,
        title=dict(STAGES).get(spec, key),
        kind=StepKind.AGENT,
        state=state,
        needs=needs,
        critical=spec != "prod_ready",
        attempt=int(started),
        max_attempts=4,
        reason="",
        failure=None,
        summary="",
        verdict=None,
        usage=TokenUsage(12_400, 8_000, 1_850, 400) if started else TokenUsage(),
        output_path=None,
        started_at=ago(200) if started else None,
        ended_at=ago(140) if state in FINAL_STEPS and started else None,
        retry_at=None,
    )
    return replace(row, **changes)


def run_detail(
    run_id: str,
    state: RunState,
    steps: tuple[StepRow, ...],
    *,
    title: str = "Build a URL shortener with tests",
    project: ProjectRow | None = None,
    **changes: Any,
) -> RunDetail:
    """Return a run whose figures follow from its steps."""
    project = project or project_row()
    usage = TokenUsage()
    for step in steps:
        usage = usage + step.usage
    working = [step.title for step in steps if step.state not in FINAL_STEPS]
    row = RunRow(
        id=run_id,
        project_id=project.id,
        project_name=project.name,
        title=title,
        state=state,
        trigger=Trigger.MANUAL,
        mode=Mode.AGENT,
        current_stage=working[0] if working and state in ACTIVE_RUNS else "",
        done=sum(step.state in FINAL_STEPS for step in steps),
        total=len(steps),
        usage=usage,
        created_at=ago(262),
        started_at=ago(260),
        ended_at=None if state in ACTIVE_RUNS else ago(20),
    )
    detail = RunDetail(
        run=row, request=_REQUEST, summary="", error="", workspace=project.workspace, steps=steps
    )
    return replace(detail, **changes)


@dataclass
class FakeHost:
    """Implements `Host`; keeps what it was asked and told, and answers from memory.

    `errors` maps a query or command class to what it raises instead of answering.
    `gates` maps one to an event that must be set before it answers.
    """

    projects: list[ProjectRow] = field(default_factory=list)
    runs: dict[str, RunDetail] = field(default_factory=dict)
    transcripts: dict[str, tuple[TranscriptEntry, ...]] = field(default_factory=dict)
    conversations: dict[str, ConversationDetail] = field(default_factory=dict)
    status: HostStatus | None = None
    working_jobs: int = 0
    errors: dict[type, Exception] = field(default_factory=dict)
    gates: dict[type, asyncio.Event] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)
    done: list[object] = field(default_factory=list)
    questions: list[QuestionRow] = field(default_factory=list)
    files: list[ProjectFile] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    wishes: dict[str, str] = field(default_factory=dict)
    away: Away = field(default_factory=lambda: Away(None, NOW))
    seen: list[datetime] = field(default_factory=list)
    present: bool = False
    closed: bool = False
    _queues: list[asyncio.Queue[Event | ForedeckError | None]] = field(default_factory=list)
    _seq: int = 0

    async def connect(self) -> Connection:
        """Be opened, as the dashboard's connection factory."""
        return Connection(self, self.close)

    async def close(self) -> None:
        """Note that the dashboard let go."""
        self.closed = True

    async def ask(self, query: Query[R]) -> R:
        """Answer from memory."""
        self.asked.append(query)
        await self._pass(type(query))
        return cast("R", self._answer(query))

    async def do(self, command: Command[R]) -> R:
        """Change what is in memory and publish it."""
        if isinstance(command, commands.DeclarePresence):
            self.present = command.present
            return cast("R", None)
        if isinstance(command, MarkSeen):
            self.seen.append(command.until)
            return cast("R", None)
        self.done.append(command)
        await self._pass(type(command))
        return cast("R", self._carry_out(command))

    def events(self, since: int | None = None) -> AsyncIterator[Event]:
        """Subscribe from now on."""
        queue: asyncio.Queue[Event | ForedeckError | None] = asyncio.Queue()
        self._queues.append(queue)
        return self._read(queue)

    def publish(self, event: Event) -> None:
        """Hand an event to every subscriber."""
        self._seq += 1
        for queue in self._queues:
            queue.put_nowait(replace(event, seq=self._seq))

    def break_subscriptions(self) -> None:
        """End every event stream, as a host that went away does."""
        queues, self._queues = self._queues, []
        for queue in queues:
            queue.put_nowait(None)

    def go_away(self) -> None:
        """Be gone, as a host in another process that was killed."""
        for queue in self._queues:
            queue.put_nowait(HostGone("The host went away: foredeck serve (process 4711)."))

    def add_run(self, detail: RunDetail) -> None:
        """Store a run, new or changed, and publish it."""
        old = self.runs.get(detail.run.id)
        self.runs[detail.run.id] = detail
        self.publish(
            RunSaved(
                run_id=detail.run.id,
                project_id=detail.run.project_id,
                state=detail.run.state,
                previous=old.run.state if old else None,
            )
        )

    def answer(
        self, conversation_id: str, words: str = "", state: ChatState = ChatState.COMPLETE
    ) -> ConversationRow:
        """Let the agent say something, and end its answer unless it is still `growing`."""
        detail = self.conversations[conversation_id]
        said = [e for e in detail.entries if e.role is not Role.ASSISTANT or e.complete]
        if words:
            growing = state is ChatState.GROWING
            said.append(chat_entry(len(said), Role.ASSISTANT, words, detail.row.agent, not growing))
        row = replace(detail.row, last=state, messages=len(said))
        self.conversations[conversation_id] = ConversationDetail(row, tuple(said))
        self.publish(ChatGrew(conversation_id=conversation_id))
        return row

    def _conversations(self, query: queries.ListConversations) -> Page[ConversationRow]:
        rows = [detail.row for detail in self.conversations.values()]
        wanted = [
            row
            for row in reversed(rows)
            if query.agent in {None, row.agent}
            and query.run in {None, row.run_id}
            and query.project in {None, row.project_id}
        ]
        return Page(tuple(wanted), len(wanted), query.limit, query.offset)

    def _send_chat(self, command: commands.SendChat) -> ConversationRow:
        place = command.conversation or f"c{len(self.conversations) + 1}"
        old = self.conversations.get(place)
        said = old.entries if old else ()
        if not command.again:
            said = (*said, chat_entry(len(said), Role.USER, command.text, command.agent))
        row = ConversationRow(
            id=place,
            project_id=command.project or "",
            project_name="shortener",
            run_id=command.run,
            agent=old.row.agent if old else command.agent,
            mode=Mode.AGENT,
            title=command.text,
            created_at=NOW,
            updated_at=NOW,
            messages=len(said),
            last=ChatState.GROWING,
        )
        self.conversations[place] = ConversationDetail(row, said)
        self.publish(ChatGrew(conversation_id=place))
        return row

    async def _read(
        self, queue: asyncio.Queue[Event | ForedeckError | None]
    ) -> AsyncIterator[Event]:
        while (event := await queue.get()) is not None:
            if isinstance(event, ForedeckError):
                raise event
            yield event

    async def _pass(self, kind: type) -> None:
        if gate := self.gates.get(kind):
            await gate.wait()
        if error := self.errors.get(kind):
            raise error

    def _answer(self, query: object) -> object:
        match query:
            case queries.GetSidebar():
                return self._sidebar(query.runs)
            case queries.ListProjects():
                return Page(tuple(self.projects), len(self.projects), query.limit, 0)
            case queries.GetProject():
                return self._project(query.ref)
            case queries.ListRuns():
                known = (detail.run for detail in self.runs.values())
                rows = tuple(run for run in known if query.state in (None, run.state))
                return Page(rows, len(rows), query.limit, query.offset)
            case queries.GetRun():
                return self._run(query.ref)
            case queries.GetTranscript():
                entries = self.transcripts.get(query.run, ())
                return tuple(e for e in entries if query.step_key in {None, e.step_key})
            case queries.GetStatus():
                return self._status()
            case queries.ListQuestions():
                return tuple(q for q in self.questions if query.run in {None, q.question.run_id})
            case queries.PreviewCancel() | queries.PreviewRetry():
                retries = isinstance(query, queries.PreviewRetry)
                return (preview_retry if retries else preview_cancel)(self._run(query.run))
        return self._answer_intervention(query)

    def _answer_intervention(self, query: object) -> object:
        match query:
            case task_requests.GetScheduleBoard():
                return ScheduleBoard(None, 0)
            case queries.GetJobQueue():
                return JobQueueView(self.working_jobs, 0, 10, None, starts=True)
            case queries.PreviewSkip() | queries.PreviewRerun():
                return Preview(f"About {query.step_key}", ("This follows.",))
            case queries.PreviewRestart():
                return Preview("Start anew?", ("A new run begins.",))
            case queries.GetPrompt():
                return self._prompt(query.run, query.step_key)
        return self._answer_about_agents(query)

    def _answer_about_agents(self, query: object) -> object:
        match query:
            case queries.Ping():
                return None
            case queries.ListAgents():
                return agent_cards()
            case queries.ListConversations():
                return self._conversations(query)
            case queries.ListProjectFiles():
                listed = tuple(reversed(self.files))
                return Page(listed, len(listed), query.limit, query.offset)
            case queries.GetProjectSettings():
                return self.settings_of(query.ref)
            case queries.GetConversation():
                return self.conversations[query.ref]
            case GetAway():
                return self.away
        raise AssertionError(f"no answer for {query}")

    def _carry_out(self, command: object) -> object:
        match command:
            case commands.CreateProject():
                return self._create_project(command)
            case commands.CreateRun():
                return self._create_run(command)
            case commands.CancelRun():
                return self._end(command.ref, RunState.CANCELLED, StepState.CANCELLED)
            case commands.RetryRun():
                return self._retry(command.ref)
            case commands.AnswerQuestion():
                return self._answer_question(command)
            case commands.SteerRun() | commands.FollowUpRun():
                return self._run(command.ref).run
        return self._intervene(command)

    def _intervene(self, command: object) -> object:
        match command:
            case commands.PauseRun() | commands.ResumeRun():
                return self._pause(command.ref, paused=isinstance(command, commands.PauseRun))
            case commands.SkipStep() | commands.RerunFrom() | commands.SetBudget():
                return self._run(command.ref).run
            case commands.RestartRun():
                project_id = self._run(command.ref).run.project_id
                return self._create_run(commands.CreateRun(project_id, "Again"))
            case commands.SetPrompt():
                self.prompts[command.step_key] = command.text
                return self._prompt(command.ref, command.step_key)
        return self._carry_out_with_agents(command)

    def _carry_out_with_agents(self, command: object) -> object:
        match command:
            case commands.AddProjectFile():
                return self._add_file(command)
            case commands.ChangeProjectSettings():
                return self._change_settings(command)
            case commands.DeleteProjectFile():
                return self._delete_file(command.file)
            case commands.SendChat():
                return self._send_chat(command)
            case commands.StopChat():
                return self.answer(command.ref, state=ChatState.CUT_OFF)
        raise AssertionError(f"cannot do {command}")

    def settings_of(self, ref: str) -> ProjectSettingsView:
        """Return what a project decides: `wishes`, and little besides."""
        (project,) = [project for project in self.projects if project.id == ref]
        everywhere = {"model": "", "sandbox": "workspace-write", "approval_policy": "ask",
                      "verify": "", "budget_tokens": "", "budget_cost": ""}  # fmt: skip
        rows = [
            ProjectSettingRow(name, self.wishes[name], "project")
            if name in self.wishes
            else ProjectSettingRow(name, value, "global")
            for name, value in everywhere.items()
        ]
        return ProjectSettingsView(project, tuple(rows), {}, ())

    def _change_settings(self, command: commands.ChangeProjectSettings) -> ProjectSettingsView:
        for name, value in command.settings.items():
            self.wishes.pop(name, None)
            if value is not None:
                self.wishes[name] = value
        return self.settings_of(command.ref)

    def _add_file(self, command: commands.AddProjectFile) -> ProjectFile:
        name = command.name or Path(command.source).name
        file = ProjectFile(f"file{len(self.files)}", command.project, name, "text/plain", 7,
                           "0" * 64, NOW, placed=True)  # fmt: skip
        self.files.append(file)
        return file

    def _delete_file(self, file_id: str) -> RemovedFile:
        (file,) = [file for file in self.files if file.id == file_id]
        self.files.remove(file)
        return RemovedFile(file)

    def _sidebar(self, most: int) -> Sidebar:
        nodes = []
        for project in self.projects:
            rows = [d.run for d in self.runs.values() if d.run.project_id == project.id]
            active = sum(row.state in ACTIVE_RUNS for row in rows)
            shown = replace(project, runs=len(rows), active_runs=active)
            rows.sort(key=lambda row: row.created_at, reverse=True)
            nodes.append(ProjectNode(shown, tuple(rows[:most])))
        return Sidebar(tuple(nodes), self._seq)

    def _status(self) -> HostStatus:
        if self.status:
            return self.status
        states = [detail.run.state for detail in self.runs.values()]
        tokens = TokenUsage()
        for detail in self.runs.values():
            tokens = tokens + detail.run.usage
        return HostStatus(
            active_runs=sum(state in ACTIVE_RUNS for state in states),
            waiting_runs=states.count(RunState.WAITING),
            queued_turns=0,
            running_turns=states.count(RunState.RUNNING),
            turn_limit=4,
            mode=Mode.AGENT,
            codex="codex 0.163.0",
            tokens=tokens,
            seq=self._seq,
        )

    def _project(self, ref: str) -> ProjectRow:
        for project in self.projects:
            if ref in {project.id, project.name}:
                return project
        raise NotFound(f"There is no project {ref!r}.", "List them with `foredeck projects list`.")

    def _run(self, ref: str) -> RunDetail:
        if ref not in self.runs:
            raise NotFound(f"There is no run {ref!r}.", "List them with `foredeck runs list`.")
        return self.runs[ref]

    def _create_project(self, command: commands.CreateProject) -> ProjectRow:
        number = len(self.projects) + 1
        workspace = command.workspace or f"/home/ada/foredeck/{command.name}"
        row = project_row(f"p{number}", command.name, workspace=workspace)
        self.projects.insert(0, row)
        self.publish(ProjectSaved(project_id=row.id))
        return row

    def _create_run(self, command: commands.CreateRun) -> RunRow:
        steps = (
            step_row("planner", StepState.RUNNING, started_at=NOW),
            *(step_row(key) for key, _ in STAGES[1:]),
        )
        project = self._project(command.project)
        title = command.title or command.request.splitlines()[0][:100]
        detail = run_detail(
            f"run{len(self.runs) + 1}", RunState.RUNNING, steps, title=title, project=project
        )
        detail = replace(detail, run=replace(detail.run, created_at=NOW, started_at=NOW))
        self.add_run(detail)
        return detail.run

    def _end(self, ref: str, run_state: RunState, step_state: StepState) -> RunRow:
        detail = self._run(ref)
        steps = tuple(
            step if step.state in FINAL_STEPS else replace(step, state=step_state, ended_at=NOW)
            for step in detail.steps
        )
        run = replace(detail.run, state=run_state, ended_at=NOW, current_stage="")
        self.add_run(replace(detail, run=run, steps=steps))
        return run

    def ask_person(self, row: QuestionRow) -> None:
        """Ask something; its run waits for it."""
        self.questions.append(row)
        self._count_questions(row.question, None)

    def _answer_question(self, command: commands.AnswerQuestion) -> Question:
        (row,) = [q for q in self.questions if q.question.id == command.question]
        self.questions.remove(row)
        answered = replace(row.question, state=QuestionState.ANSWERED, answer=command.answer)
        self._count_questions(answered, QuestionState.OPEN)
        return answered

    def _count_questions(self, question: Question, previous: QuestionState | None) -> None:
        run_id = question.run_id or ""
        detail = self._run(run_id)
        asked = sum(row.question.run_id == run_id for row in self.questions)
        state = RunState.WAITING if asked else RunState.RUNNING
        self.publish(
            QuestionSaved(
                question_id=question.id,
                run_id=run_id,
                kind=question.kind,
                title=question.title,
                state=question.state,
                previous=previous,
            )
        )
        self.add_run(replace(detail, run=replace(detail.run, questions=asked, state=state)))

    def _prompt(self, ref: str, key: str) -> PromptView:
        own = "# Request\nBuild a URL shortener.\n\n# Your task\nDo your stage now."
        text = self.prompts.get(key, own)
        step = next(step for step in self._run(ref).steps if step.key == key)
        locked = "Builder is under way." if step.state is StepState.RUNNING else ""
        return PromptView(ref, key, step.title, own, text, text != own, locked)

    def _pause(self, ref: str, *, paused: bool) -> RunRow:
        detail = replace(self._run(ref), paused_at=NOW if paused else None)
        self.add_run(detail)
        return detail.run

    def _retry(self, ref: str) -> RunRow:
        detail = self._run(ref)
        steps = tuple(
            replace(step, state=StepState.RUNNING, attempt=step.attempt + 1, failure=None)
            if step.state is StepState.FAILED
            else step
            for step in detail.steps
        )
        run = replace(detail.run, state=RunState.RUNNING, ended_at=None)
        self.add_run(replace(detail, run=run, steps=steps, error=""))
        return run


def preview_cancel(detail: RunDetail) -> Preview:
    """Return what cancelling would stop, as the host words it."""
    if detail.run.state not in ACTIVE_RUNS:
        return Preview("Cancel the run", (), False, f"The run is {detail.run.state} already.")
    working = [step for step in detail.steps if step.state is StepState.RUNNING]
    lines = [f"{step.title}: its codex turn and every process of it end." for step in working]
    kept = sum(step.state is StepState.SUCCESS for step in detail.steps)
    lines.append(f"{kept} finished stage{'s stay' if kept != 1 else ' stays'} as it is.")
    lines.append("Files that were written stay in the workspace.")
    return Preview(f"Cancel “{detail.run.title}”?", tuple(lines))


def preview_retry(detail: RunDetail) -> Preview:
    """Return what retrying would repeat, as the host words it."""
    failed = [step.title for step in detail.steps if step.state is StepState.FAILED]
    if not failed:
        return Preview("Retry the run", (), False, "Nothing in it has failed.")
    kept = [step.title for step in detail.steps if step.state is StepState.SUCCESS]
    lines = (f"Repeats: {', '.join(failed)}.", f"Keeps: {', '.join(kept)}.")
    return Preview(f"Retry “{detail.run.title}”?", lines)


class OutputFile:
    """Writes an output file and its segments with fixed times."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ms = int(ago(200).timestamp() * 1000)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        path.with_name(path.name + SUFFIX).write_bytes(b"")

    def part(self, kind: SegmentKind, text: str, label: str = "") -> OutputFile:
        """Append a part; it begins two seconds after the one before."""
        self._ms += 2000
        at = self.path.stat().st_size
        with self.path.with_name(self.path.name + SUFFIX).open("a") as segments:
            segments.write(Segment(at, kind, self._ms, label).to_line())
        with self.path.open("a") as file:
            file.write(text)
        return self


class BrokenConnect:
    """A connection factory that fails a few times before it opens the given host."""

    def __init__(self, host: FakeHost, error: ForedeckError, times: int = 1) -> None:
        self._host, self._error, self._left = host, error, times

    async def __call__(self) -> Connection:
        """Raise the error, or connect when it has been raised often enough."""
        if self._left > 0:
            self._left -= 1
            raise self._error
        return await self._host.connect()


_TESTS = """\
$ python -m pytest -q
........................................................................ [ 62%]
....................\x1b[31mF\x1b[0m......................                             [100%]
\x1b[31mFAILED\x1b[0m tests/test_redirect.py::test_unknown_code - assert 500 == 404
1 failed, 114 passed in 2.31s
"""


def _plan(directory: Path) -> str:
    file = OutputFile(directory / "planner.log")
    file.part(SegmentKind.STAGE, "Planner, attempt 1\n", "Planner")
    file.part(SegmentKind.MESSAGE, "I will read the workspace and write AGENTS.md.\n")
    file.part(SegmentKind.COMMAND, "$ ls -la\n", "ls -la")
    file.part(SegmentKind.OUTPUT, "total 8\n-rw-r--r-- 1 ada ada 214 pyproject.toml\n")
    file.part(SegmentKind.FILES, "created AGENTS.md\n")
    return str(file.path)


def _build(directory: Path) -> str:
    file = OutputFile(directory / "builder.log")
    file.part(SegmentKind.STAGE, "Builder, attempt 1\n", "Builder")
    file.part(SegmentKind.PROMPT, "Implement steps 1 to 3 of AGENTS.md: storage, codes, routes.\n")
    file.part(SegmentKind.REASONING, "Storage first: one table, codes unique.\n")
    file.part(SegmentKind.FILES, "created shortener/store.py\ncreated shortener/codes.py\n")
    file.part(SegmentKind.COMMAND, "$ python -m pytest -q\n", "python -m pytest -q")
    file.part(SegmentKind.OUTPUT, _TESTS.split("\n", 1)[1])
    file.part(SegmentKind.MESSAGE, "An unknown code must answer 404; mending the route.\n")
    return str(file.path)


def _check(directory: Path) -> str:
    file = OutputFile(directory / "qa_qc.log")
    file.part(SegmentKind.STAGE, "QA/QC, attempt 4\n", "QA/QC")
    file.part(SegmentKind.COMMAND, "$ python -m pytest -q\n", "python -m pytest -q")
    file.part(SegmentKind.OUTPUT, _TESTS.split("\n", 1)[1])
    file.part(SegmentKind.ERROR, "Error: the model endpoint answered 429 (too many requests).\n")
    return str(file.path)


def empty() -> FakeHost:
    """Nothing is stored yet."""
    return FakeHost()


def running(directory: Path) -> FakeHost:
    """The builder works; output lies in `directory`."""
    steps = (
        step_row("planner", StepState.SUCCESS, output_path=_plan(directory)),
        step_row("builder", StepState.RUNNING, output_path=_build(directory), started_at=ago(134)),
        step_row("qa_qc"),
        step_row("prod_ready"),
    )
    detail = run_detail("run1", RunState.RUNNING, steps)
    old = run_detail(
        "run0",
        RunState.SUCCESS,
        tuple(step_row(key, StepState.SUCCESS) for key, _ in STAGES),
        title="Set the project up",
    )
    old = replace(old, run=replace(old.run, created_at=ago(9_000)))
    projects = [project_row(), project_row("p2", "ledger", description="Double-entry bookkeeping")]
    return FakeHost(projects, {"run1": detail, "run0": old}, {"run1": _conversation()})


def failed(directory: Path) -> FakeHost:
    """QA/QC failed for good; what depends on it was skipped."""
    failure = Failure(
        FailureClass.MODEL,
        "The model endpoint answered 429: too many requests.",
        "Wait a minute, then retry with r; finished stages are kept.",
    )
    steps = (
        step_row("planner", StepState.SUCCESS, output_path=_plan(directory)),
        step_row("builder", StepState.SUCCESS, output_path=_build(directory)),
        step_row(
            "qa_qc",
            StepState.FAILED,
            attempt=4,
            failure=failure,
            output_path=_check(directory),
            started_at=ago(80),
            ended_at=ago(20),
        ),
        step_row("prod_ready", StepState.SKIPPED, reason="QA/QC failed"),
    )
    detail = run_detail("run1", RunState.FAILED, steps, error=f"QA/QC: {failure.message}")
    return FakeHost([project_row()], {"run1": detail}, {"run1": _conversation()})


def finished(directory: Path) -> FakeHost:
    """Approved after one round of rework."""
    verdict = Verdict(
        "APPROVED",
        requirements=tuple(Requirement(f"FR-{n}", "pass") for n in range(1, 7)),
        tests_passed=115,
    )
    final = OutputFile(directory / "prod_ready.log")
    final.part(SegmentKind.STAGE, "Production Readiness, attempt 1\n", "Production Readiness")
    final.part(SegmentKind.COMMAND, "$ python -m pytest -q\n", "python -m pytest -q")
    final.part(SegmentKind.OUTPUT, "." * 72 + " [ 62%]\n" + "." * 43 + " [100%]\n")
    final.part(SegmentKind.OUTPUT, "\x1b[32m115 passed\x1b[0m in 2.24s\n")
    final.part(SegmentKind.MESSAGE, "Every requirement is met: APPROVED.\n")
    steps = (
        step_row("planner", StepState.SUCCESS, output_path=_plan(directory)),
        step_row("builder", StepState.SUCCESS, output_path=_build(directory)),
        step_row("qa_qc", StepState.SUCCESS),
        step_row(
            "prod_ready",
            StepState.SUCCESS,
            verdict=verdict,
            summary="Every requirement is met.",
            output_path=str(final.path),
        ),
    )
    detail = run_detail(
        "run1", RunState.SUCCESS, steps, summary="APPROVED: 115 tests passed, 6 of 6 requirements."
    )
    return FakeHost([project_row()], {"run1": detail}, {"run1": _conversation()})


def _conversation() -> tuple[TranscriptEntry, ...]:
    def entry(number: int, role: Role, content: str, **changes: Any) -> TranscriptEntry:
        base = TranscriptEntry(
            id=f"m{number}",
            step_key="planner",
            attempt=1,
            role=role,
            content=content,
            at=ago(200 - 5 * number),
            model="gpt-5.5" if role is Role.ASSISTANT else "",
            usage=TokenUsage(2_100, 0, 320) if role is Role.ASSISTANT else TokenUsage(),
            tool="",
            arguments="",
            duration=None,
            complete=True,
        )
        return replace(base, **changes)

    return (
        entry(1, Role.USER, "Build a URL shortener with tests."),
        entry(2, Role.ASSISTANT, "I will look at the workspace first."),
        entry(
            3,
            Role.TOOL,
            '{"success": true, "files": ["pyproject.toml"]}',
            tool="list_files",
            arguments='{"directory": "."}',
            duration=0.02,
        ),
        entry(4, Role.ASSISTANT, "AGENTS.md is written: 6 requirements, 5 steps."),
        entry(5, Role.ASSISTANT, "Working through step 1…", step_key="builder", complete=False),
    )
