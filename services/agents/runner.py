"""Works on stages in either mode, and says which mode is possible."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Protocol

from foredeck.services.agents.agent_mode import work_as_agent
from foredeck.services.agents.codex_jobs import CodexJobs, Supervisor
from foredeck.services.agents.codex_talk import tell_codex
from foredeck.services.agents.declaration import AGENTS_MD
from foredeck.services.agents.direct_mode import work_directly
from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.agents.follow_ups import QueuedPrompts
from foredeck.services.agents.job_tools import Jobs, JobTools
from foredeck.services.agents.registry import agent
from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.agents.stage_work import StageWork
from foredeck.services.agents.tool_limits import job_sandbox, limited_agent
from foredeck.services.agents.tools import Person, read_plan
from foredeck.services.agents.transcript import Transcript
from foredeck.services.agents.verdict import describe
from foredeck.services.agents.verification import Verification
from foredeck.services.departure import Departure
from foredeck.services.domain.diffs import unified_diff
from foredeck.services.domain.errors import SettingsError, StepFailed, StoreError, UsageError
from foredeck.services.domain.records import Failure, FailureClass, Mode, Project, Role
from foredeck.services.jobs.executor import Executor
from foredeck.services.patience import to_the_end
from foredeck.services.settings import Settings, resolve_secret
from foredeck.services.store.store import Store
from foredeck.services.tool_servers import servers_of
from foredeck.services.workspace.files import WorkspaceFiles

_log = logging.getLogger(__name__)

REHEARSAL_KEY = "rehearsal"
_COMMAND = "command:"
_STOPPED = "its stage ended"


class People(Protocol):
    """Who answers the agents' questions (`questions.agents.AgentQuestions`)."""

    def of_stage(self, task: StageTask) -> Person:
        """Return who answers what one attempt of a stage asks."""
        ...


class AgentStageRunner:
    """Works on one attempt of a stage after the other, or on many at once."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        settings: Settings,
        departure: Departure | None = None,
        *,
        people: People | None = None,
        own_jobs: Jobs | None = None,
        executor: Executor | None = None,
    ) -> None:
        """`own_jobs` are those that the agents submit with their job tools."""
        self._store = store
        self._supervisor = supervisor
        self._settings = settings
        self._departure = departure or Departure()
        self._people = people
        self._own_jobs = own_jobs
        self._verification = Verification(store, settings, self._departure, executor)

    async def run(self, task: StageTask) -> StageOutcome:
        """Return the stage's outcome; raises `StepFailed`.

        After a planning stage the plan is stored with the run, as a system message.
        However the attempt ends, none of its codex jobs is left, nor a task that a call of its
        agent waits for, and its messages are complete.
        """
        files = WorkspaceFiles(Path(task.project.workspace))
        transcript = Transcript(self._store, task)
        jobs = CodexJobs(self._supervisor, task, QueuedPrompts(self._store, task))
        person = self._people.of_stage(task) if self._people else None
        tasks = self._job_tools(task, person)
        try:
            plan = _present_plan(files)
            spec = limited_agent(agent(task.role), task.spec.tools)
            work = StageWork(spec, task, files, transcript, jobs, plan, person, tasks)
            await _open(work)
            outcome = await self._work(work)
            await jobs.catch_up()
            await self._verification.passed(task, lambda text: tell_codex(jobs, transcript, text))
            await _conclude(work, outcome)
            await transcript.close()
        except StepFailed as error:
            await transcript.say(Role.SYSTEM, str(error))
            raise
        finally:
            try:
                await self._end_calls(tasks)
            finally:
                await part(jobs, transcript, leaves=self._departure.leaving)
        return outcome

    def _job_tools(self, task: StageTask, person: Person | None) -> JobTools | None:
        if self._own_jobs is None:
            return None
        spec = task.spec
        codex = spec.sandbox or task.project.settings.sandbox or self._settings.sandbox
        return JobTools(self._own_jobs, task, task.role, person, job_sandbox(spec.tools, codex))

    async def _end_calls(self, tasks: JobTools | None) -> None:
        if tasks is not None:
            leaves = self._departure.leaving
            await to_the_end(tasks.let_go() if leaves else tasks.close(_STOPPED))

    async def _work(self, work: StageWork) -> StageOutcome:
        if work.task.mode is Mode.DIRECT:
            return await work_directly(work)
        model = work.task.project.settings.model or self._settings.model
        # A key may come from a command, which must not hold up the loop.
        service = await asyncio.to_thread(endpoint, self._settings)
        servers = servers_of(work.task.project.settings, self._settings, work.task.spec.tools)
        return await work_as_agent(work, self._store, service, model, servers)


def _present_plan(files: WorkspaceFiles) -> str:
    try:
        return read_plan(files)
    except UsageError as error:
        advice = f"Make {AGENTS_MD} an ordinary text file, then retry."
        raise StepFailed(Failure(FailureClass.WORKSPACE, error.message, advice)) from error


async def _open(work: StageWork) -> None:
    """Keep what a planning stage is about to replace, and say what a person has changed."""
    if work.spec.plans and work.plan.strip():
        found = f"{AGENTS_MD} as this stage found it:\n\n{work.plan}"
        await work.transcript.say(Role.SYSTEM, found, "plan-found")
    if edit := work.task.edit:
        difference = unified_diff(edit.original, edit.text)
        told = f"A person has changed the prompt of this stage:\n\n{difference}"
        await work.transcript.say(Role.SYSTEM, told, "prompt-edited")


async def part(jobs: CodexJobs, transcript: Transcript, *, leaves: bool) -> None:
    """Part with what an attempt has begun: end it, or leave it to the next host."""
    if leaves:
        jobs.let_go()
        await transcript.let_go()
    else:
        await to_the_end(_tidy_up(jobs, transcript))


async def _tidy_up(jobs: CodexJobs, transcript: Transcript) -> None:
    """End the jobs that an attempt leaves behind, and complete its conversation."""
    try:
        await jobs.close(_STOPPED)
    finally:
        await _close(transcript)


async def _close(transcript: Transcript) -> None:
    """Complete what was cut off; a full disk must not hide how the attempt ended."""
    try:
        await transcript.close()
    except StoreError as error:
        _log.warning("the end of a transcript could not be stored: %s", error)


async def _conclude(work: StageWork, outcome: StageOutcome) -> None:
    """Keep the plan with the run, and show a verdict as a person reads it."""
    if work.spec.plans:
        plan = read_plan(work.files)
        left = f"{AGENTS_MD} as this stage left it:\n\n{plan}"
        await work.transcript.say(Role.SYSTEM, left, "plan-left")
    if outcome.verdict is not None:
        await work.transcript.note(describe(outcome.verdict))


def endpoint(settings: Settings) -> Endpoint:
    """Return the model service of the settings; raises `StepFailed` without a key."""
    try:
        key, why = _api_key(settings), f"{settings.api_key} gives none."
    except SettingsError as error:
        key, why = "", error.message
    if not key:
        raise StepFailed(
            Failure(
                FailureClass.AUTHENTICATION,
                f"There is no API key for the agents: {why}",
                "Set the key, or set mode to direct to work with codex alone; then retry.",
            )
        )
    # The model library would follow this variable too; here it is named in failures.
    base_url = settings.base_url or os.environ.get("OPENAI_BASE_URL") or None
    return Endpoint(key, base_url, settings.stall_timeout)


def resolve_mode(settings: Settings, project: Project | None = None) -> tuple[Mode, str]:
    """Return the mode in which stages work (never `auto`), and why, in a sentence."""
    if project is not None and project.settings.mode not in {None, Mode.AUTO}:
        return Mode(project.settings.mode), f"The project {project.name} asks for it."
    if settings.mode is not Mode.AUTO:
        return settings.mode, "The setting `mode` asks for it."
    if settings.rehearsal and settings.base_url:
        return Mode.AGENT, "This is a rehearsal with a scripted model."
    # Following a command reference may take seconds; that it is there says enough here.
    try:
        found = settings.api_key.startswith(_COMMAND) or bool(_api_key(settings))
    except SettingsError as error:
        return Mode.DIRECT, f"The API key cannot be had, so codex works alone. {error.message}"
    if found:
        return Mode.AGENT, f"There is an API key in {settings.api_key}."
    return Mode.DIRECT, f"There is no API key in {settings.api_key}, so codex works alone."


def _api_key(settings: Settings) -> str:
    if settings.rehearsal and settings.base_url:
        return REHEARSAL_KEY
    return resolve_secret(settings.api_key) or ""
