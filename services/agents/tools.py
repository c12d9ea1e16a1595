"""The tools of an agent (SPEC A2), free of the library that offers them to a model."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.declaration import AGENTS_MD, PLAN_SECTIONS, AgentSpec
from foredeck.services.agents.job_answers import OUTPUT_LIMIT, PREFIX
from foredeck.services.agents.job_tool_specs import JOB_TOOL_NAMES
from foredeck.services.agents.job_tools import JobTools
from foredeck.services.agents.registry import AGENTS
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.codex.failures import from_error
from foredeck.services.domain.errors import (
    CodexError,
    Conflict,
    ForedeckError,
    InvalidInput,
    NotFound,
    StepFailed,
    TurnLost,
)
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.states import FINAL_JOBS, JobState
from foredeck.services.store.store import Store

STATUS_LINES = 50
_LIST_LIMIT = 100
_PLAN_LIMIT = 200_000
_OFFSET_LIMIT = 5_000_000
_CODEX_PREFIX = "codex:"
# Only a person can mend these, so the stage ends instead of trying other prompts.
_HOPELESS = frozenset(
    {
        FailureClass.AUTHENTICATION,
        FailureClass.USAGE_LIMIT,
        FailureClass.SANDBOX,
        FailureClass.DISK,
        FailureClass.WORKSPACE,
    }
)
_NOBODY = (
    "Nobody is there to answer. Choose the most sensible reading, state it as an assumption in "
    "your plan or summary, and go on."
)

Answer = dict[str, Any]


class Person(Protocol):
    """Who answers an agent's questions."""

    async def ask(self, call_id: str, question: str, choices: tuple[str, ...]) -> str | None:
        """Return the answer, None if nobody is there; asked again, the same one."""
        ...


class Files(Protocol):
    """What the tools need of a workspace."""

    def read_text(self, relative: str, limit: int) -> str: ...
    def write_text(self, relative: str, text: str) -> None: ...
    def list_directory(self, relative: str) -> tuple[str, ...]: ...


class ToolBox:
    """Carries out the tool calls of one attempt of a stage.

    Every answer is a JSON object with `success`, and `error` when it is false; nothing
    but a cancellation is ever raised at the agent. `handed_on` is the summary of a
    successful handoff; `hopeless` a failure of codex that no other prompt can mend.
    """

    def __init__(
        self,
        spec: AgentSpec,
        jobs: CodexJobs,
        files: Files,
        store: Store,
        person: Person | None = None,
        tasks: JobTools | None = None,
    ) -> None:
        """`tasks` carries the job tools out; without it there are none."""
        self._spec = spec
        self._person = person
        self._tasks = tasks
        self._jobs = jobs
        self._files = files
        self._store = store
        self.handed_on: str | None = None
        self.plan_saved = False
        self.hopeless: StepFailed | None = None
        self._call_id = ""

    async def call(self, name: str, arguments: str, call_id: str) -> str:
        """Carry out a call as a model made it; return the JSON answer.

        With the same `call_id` it may be carried out again after a restart: what it started
        or asked then is found, not started or asked once more.
        """
        self._call_id = call_id
        try:
            if name not in self._spec.allowed_tools or name not in TOOLS:
                allowed = ", ".join(self._spec.allowed_tools)
                raise InvalidInput(f"There is no tool {name} here; there are: {allowed}.")
            given = TOOLS[name].parse(arguments)
            answer = {"success": True, **await self._tool(name)(**given)}
        except ForedeckError as error:
            answer = {"success": False, "error": str(error)}
        return json.dumps(answer, ensure_ascii=False)

    def _tool(self, name: str) -> Callable[..., Awaitable[Answer]]:
        if name not in JOB_TOOL_NAMES:
            own: Callable[..., Awaitable[Answer]] = getattr(self, name)
            return own
        if self._tasks is None:
            raise Conflict("No tasks can be submitted here.")
        return partial(getattr(self._tasks, name), self._call_id)

    async def run_codex(self, prompt: str, wait: bool = True) -> Answer:
        """Give codex a prompt; the answer of a failed job has `success` false."""
        _require_text("prompt", prompt)
        if not wait:
            job = await self._jobs.start(prompt, self._call_id)
            return {"task_id": job.id, "state": job.state.value}
        try:
            job = await self._jobs.run(prompt, key=self._call_id)
        except TurnLost as error:
            self.hopeless = error
            raise
        except CodexError as error:
            self.hopeless = StepFailed(from_error(error))
            raise
        if job.failure and _is_hopeless(job, job.failure):
            self.hopeless = StepFailed(job.failure)
        return _job_answer(job)

    async def check_codex_status(self, task_id: str) -> Answer:
        """Tell where a job of this run stands."""
        job = await self._job(task_id)
        answer: Answer = {
            "task_id": job.id,
            "state": job.state.value,
            "started": job.started_at.isoformat() if job.started_at else None,
            "completed": job.ended_at.isoformat() if job.ended_at else None,
            "last_lines": self._jobs.last_lines(job, STATUS_LINES)[-OUTPUT_LIMIT // 2 :],
        }
        if job.state in FINAL_JOBS:
            result = _job_answer(job, OUTPUT_LIMIT // 2)
            # The call itself succeeded, however the job ended.
            answer["result"] = {**result, "success": job.state is JobState.COMPLETED}
        return answer

    async def read_file(self, path: str, offset: int = 0) -> Answer:
        """Read a part of a file of the workspace, of a job's last message or of its output."""
        _require_offset(offset)
        if path.startswith(PREFIX) and self._tasks is not None:
            text = await self._tasks.printed(path, offset + OUTPUT_LIMIT + 1)
        elif path.startswith(_CODEX_PREFIX):
            text = (await self._job(path.removeprefix(_CODEX_PREFIX))).message
        else:
            text = self._files.read_text(path, offset + OUTPUT_LIMIT + 1)
        return {"path": path, **_part("content", text, offset, path)}

    async def list_files(self, directory: str = ".", offset: int = 0) -> Answer:
        """List a directory of the workspace."""
        _require_offset(offset)
        names = self._files.list_directory(directory)
        shown = names[offset : offset + _LIST_LIMIT]
        answer: Answer = {"directory": directory, "files": list(shown), "total": len(names)}
        if offset + len(shown) < len(names):
            answer["rest"] = f"list_files with offset={offset + len(shown)} goes on"
        return answer

    async def get_agents_md(self, offset: int = 0) -> Answer:
        """Read the plan."""
        return await self.read_file(AGENTS_MD, offset)

    async def save_agents_md(self, content: str) -> Answer:
        """Save the plan; the answer names sections that it lacks."""
        _require_text("content", content)
        if len(content) > _PLAN_LIMIT:
            raise InvalidInput(f"The plan has more than {_PLAN_LIMIT:,} characters.")
        self._files.write_text(AGENTS_MD, content)
        self.plan_saved = True
        missing = [title for title in PLAN_SECTIONS if title.lower() not in _headings(content)]
        answer: Answer = {"path": AGENTS_MD, "characters": len(content)}
        if missing:
            answer["missing_sections"] = missing
            answer["hint"] = "Saved, but add these sections and save it again."
        return answer

    async def handoff(self, summary: str, next_agent: str) -> Answer:
        """Record what the next stage is told; the workflow decides who that is."""
        _require_text("summary", summary)
        if next_agent not in AGENTS or next_agent == self._spec.role:
            others = ", ".join(role for role in AGENTS if role != self._spec.role)
            raise InvalidInput(f"There is no agent {next_agent!r} to go on; there are: {others}.")
        if self._jobs.unfinished:
            listed = ", ".join(self._jobs.unfinished)
            raise InvalidInput(f"The codex job {listed} still works: wait for its end first.")
        if self._spec.plans and not self.plan_exists():
            raise InvalidInput("AGENTS.md is not there yet: save it with save_agents_md first.")
        self.handed_on = summary.strip()
        return {"recorded": True, "next_agent": next_agent}

    async def ask_user(self, question: str, choices: list[str] | None = None) -> Answer:
        """Ask a person and wait for the answer; it says what to do if nobody is there."""
        _require_text("question", question)
        offered = tuple(choice for choice in choices or () if choice.strip())
        said = await self._person.ask(self._call_id, question, offered) if self._person else None
        if said is None:
            return {"answered": False, "answer": _NOBODY, "choices": list(offered)}
        return {"answered": True, "answer": said}

    def plan_exists(self) -> bool:
        """Whether the workspace has a plan."""
        return bool(self.plan().strip())

    def plan(self) -> str:
        """Return AGENTS.md as it is now, empty if it is not there."""
        return read_plan(self._files)

    async def _job(self, task_id: str) -> Job:
        """Return a job of this attempt; anyone else's is as good as unknown."""
        if task_id not in self._jobs.known:
            raise NotFound(f"There is no codex job with the task_id {task_id!r} in this stage.")
        async with self._store.transaction("agent") as tx:
            return await tx.jobs.get(task_id)


def read_plan(files: Files) -> str:
    """Return AGENTS.md, empty if it is not there; raises `InvalidInput` if it is no text."""
    try:
        return files.read_text(AGENTS_MD, _PLAN_LIMIT)
    except NotFound:
        return ""


def _is_hopeless(job: Job, failure: Failure) -> bool:
    """Whether no other prompt can help; without a thread codex could not even begin."""
    never_began = failure.failure_class is FailureClass.CODEX and job.thread_id is None
    return never_began or failure.failure_class in _HOPELESS


def _job_answer(job: Job, limit: int = OUTPUT_LIMIT) -> Answer:
    answer: Answer = {
        "success": job.state is JobState.COMPLETED,
        "task_id": job.id,
        "exit_code": job.exit_code,
        **_part("output", job.message, 0, _CODEX_PREFIX + job.id, limit),
        "errors": [],
        "files_changed": [f"{c.kind.value} {c.path}" for c in job.files_changed[:_LIST_LIMIT]],
    }
    hidden = len(job.files_changed) - _LIST_LIMIT
    if hidden > 0:
        answer["files_changed"].append(f"and {hidden} more")
    if job.failure:
        answer["error"] = f"{job.failure.message} {job.failure.advice}".strip()
        answer["errors"] = [job.failure.message]
    elif job.state is not JobState.COMPLETED:
        answer["error"] = f"The codex job was {job.state}."
    return answer


def _part(field: str, text: str, offset: int, path: str, limit: int = OUTPUT_LIMIT) -> Answer:
    """Return at most `limit` characters from `offset`, and how to read the rest."""
    answer = {field: text[offset : offset + limit]}
    if len(text) > offset + limit:
        answer["rest"] = f"read_file with path={path!r} and offset={offset + limit} goes on"
    return answer


def _headings(content: str) -> set[str]:
    return {
        line.lstrip("#").strip().lower() for line in content.splitlines() if line.startswith("#")
    }


def _require_text(name: str, value: str) -> None:
    if not value.strip():
        raise InvalidInput(f"The argument {name} must not be empty.")


def _require_offset(offset: int) -> None:
    if not 0 <= offset <= _OFFSET_LIMIT:
        raise InvalidInput(f"The argument offset must be from 0 to {_OFFSET_LIMIT:,}.")
