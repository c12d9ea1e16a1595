"""Runs of the workflow codex: created for fire-and-forget, and their files (SPEC C3, C12)."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from foredeck.services.codex import run_files
from foredeck.services.codex.binary import CodexBinary
from foredeck.services.codex.codex_arguments import parse_config
from foredeck.services.codex.run_files import RunPaths
from foredeck.services.domain.errors import (
    Conflict,
    ForedeckError,
    InvalidInput,
    NotFound,
    StoreError,
)
from foredeck.services.domain.events import Event, Resync, RunSaved
from foredeck.services.domain.records import FailureClass, Job, Mode, Run, Sandbox, Step, Trigger
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import FINAL_RUNS, RunState, StepState
from foredeck.services.domain.views import CodexRun
from foredeck.services.jobs.output import OutputWriter, make_private_directory
from foredeck.services.pricing import Price, cost
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workflow import definition
from foredeck.services.workflow.builtin import CODEX, codex_turn
from foredeck.services.workflow.runs import RunService, RunWish

_log = logging.getLogger(__name__)

CONTINUE = "Continue where you left off."

DIRECTORY = "codex-runs"
"""Where in the data directory codex runs have their files, unless they are given a place."""

_PENDING = "pending"
_TITLE_LENGTH = 8
_DAY = 86_400.0
# States in which the summary has something to say.
_RESTING = FINAL_RUNS | {RunState.WAITING}


@dataclass(frozen=True)
class CodexWish:
    """What a codex run is asked for; an empty `task` continues the thread as it is.

    `project` is an id or a name; `timeout` is in seconds; `log_dir` None is the data
    directory's own place.
    """

    project: str
    task: str = ""
    thread_id: str | None = None
    model: str | None = None
    sandbox: Sandbox | None = None
    codex_config: tuple[str, ...] = ()
    timeout: float | None = None
    log_dir: str | None = None


class CodexRuns:
    """Makes codex runs and keeps their files up to date.

    The files follow the database: each is written again from what is stored, so it does not
    matter who finds that a run has ended. A marker in the data directory names every run
    whose summary is not final yet, so that nobody has to look through all runs for them.
    """

    def __init__(self, store: Store, runs: RunService, settings: Settings) -> None:
        self._store = store
        self._runs = runs
        self._settings = settings
        self._prices: Mapping[str, Price] = settings.prices
        self._default_dir = settings.data_dir.absolute() / DIRECTORY
        self._pending = self._default_dir / _PENDING
        self._writing = asyncio.Lock()

    async def create(self, wish: CodexWish) -> CodexRun:
        """Store a run that is not started yet; raises `InvalidInput`, `Conflict`, `NotFound`."""
        thread_id = _checked_thread(wish.thread_id)
        task = wish.task.strip()
        if not task and thread_id is None:
            raise InvalidInput("There is no task.", "Say what codex shall do with --task TEXT.")
        if wish.timeout is not None and not 0 < wish.timeout <= _DAY:
            raise InvalidInput(f"A timeout is more than 0 and at most {_DAY:.0f} seconds.")
        parse_config(wish.codex_config)
        log_dir = self._log_dir(wish.log_dir)
        workflow = codex_turn(
            task or CONTINUE,
            thread_id=thread_id,
            model=wish.model,
            sandbox=wish.sandbox,
            codex_config=wish.codex_config,
            turn_timeout=wish.timeout,
            stage_timeout=self._settings.stage_timeout,
            log_dir=str(log_dir),
        )
        title = "" if task else f"Continue {str(thread_id)[:_TITLE_LENGTH]}"
        request = RunWish(wish.project, task or CONTINUE, title, Mode.DIRECT, Trigger.CLI, workflow)
        run = await self._runs.create(request)
        with suppress(OSError):  # `open` does it again
            (self._pending / run.id).touch(0o600)
        return await self.get(run.id)

    async def get(self, ref: str) -> CodexRun:
        """Return a codex run as it is stored; raises `NotFound`, or `Conflict` for another."""
        async with self._store.transaction() as tx:
            run = await tx.runs.find(ref)
            project = await tx.projects.get(run.project_id)
            steps = await tx.steps.of_run(run.id)
            jobs = await tx.jobs.of_run(run.id)
        log_dir = _log_dir_of(run)
        if not log_dir:
            raise Conflict(f"Run {run.id} was not started with `foredeck codex run`.")
        paths = RunPaths.of(log_dir, run.id)
        known = run_files.read_document(paths.meta)
        spent = cost(await self._store.queries.usage_by_model(run.id), self._prices)
        return CodexRun(
            run_id=run.id,
            repo=project.workspace,
            task=run.request,
            log_file=str(paths.log),
            meta_file=str(paths.meta),
            summary_file=str(paths.summary),
            state=run.state,
            session_id=_session(jobs),
            resume_session=_resumed(run),
            codex_bin=_text(known.get("codex_bin")),
            codex_version=_text(known.get("codex_version")),
            started_at=run.started_at,
            ended_at=run.ended_at,
            exit_code=exit_code(run, steps),
            usage=run.usage,
            cost=spent,
        )

    async def open(self, run_id: str, binary: CodexBinary | None) -> CodexRun:
        """Write the metadata, before codex starts; raises `StoreError` or `OSError`."""
        run = await self.get(run_id)
        bin_, version = (str(binary.path), binary.version) if binary else (None, None)
        run = replace(run, codex_bin=bin_, codex_version=version)
        before = replace(run, session_id=None, usage=None, cost=None, exit_code=None)
        await asyncio.to_thread(self._open, before)
        return run

    async def conclude(self, run_id: str) -> CodexRun:
        """Write the summary of a run that rests, and the last lines of its log; return it.

        Raises `NotFound`, `Conflict` and `StoreError`.
        """
        async with self._writing:
            run = await self.get(run_id)
            if run.state in _RESTING:
                try:
                    await asyncio.to_thread(self._conclude, run)
                except OSError as error:
                    raise _unwritable(run, error) from error
        return run

    async def catch_up(self) -> None:
        """Write what an earlier host did not come to write; never raises."""
        for run_id in await asyncio.to_thread(self._unfinished):
            await self._conclude_quietly(run_id)

    async def follow(self, events: AsyncIterator[Event]) -> None:
        """Write the summary of each run that comes to rest, until the events end."""
        async for event in events:
            if isinstance(event, Resync):
                await self.catch_up()
            elif isinstance(event, RunSaved) and self._concerns(event):
                await self._conclude_quietly(event.run_id)

    def _concerns(self, event: RunSaved) -> bool:
        came_to_rest = event.previous is not None and event.state in _RESTING
        return came_to_rest and (self._pending / event.run_id).exists()

    async def _conclude_quietly(self, run_id: str) -> None:
        try:
            await self.conclude(run_id)
        except NotFound:  # another database has come in the place of this one
            (self._pending / run_id).unlink(missing_ok=True)
        except ForedeckError as error:
            _log.warning("the summary of codex run %s could not be written: %s", run_id, error)

    def _log_dir(self, given: str | None) -> Path:
        path = Path(os.path.abspath(Path(given).expanduser())) if given else self._default_dir  # noqa: PTH100
        if safe_line(str(path), limit=len(str(path))) != str(path):
            raise InvalidInput("The log directory's name has unprintable characters.")
        try:
            make_private_directory(path)
            make_private_directory(self._pending)
        except OSError as error:
            raise _unusable(path, error) from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise InvalidInput(f"The log directory {path} cannot be written.")
        return path

    def _open(self, run: CodexRun) -> None:
        (self._pending / run.run_id).touch(0o600)
        run_files.write_document(Path(run.meta_file), run_files.document(run))

    def _conclude(self, run: CodexRun) -> None:
        """The marker goes last: whoever dies in between leaves it to the next one."""
        marker = self._pending / run.run_id
        run_files.write_document(Path(run.summary_file), run_files.document(run))
        if run.state in FINAL_RUNS and marker.exists():
            _end_log(run)
            marker.unlink(missing_ok=True)

    def _unfinished(self) -> list[str]:
        try:
            return sorted(entry.name for entry in self._pending.iterdir())
        except OSError:
            return []


def exit_code(run: Run, steps: tuple[Step, ...]) -> int | None:
    """Return how a codex run ended: 0, 1, 124 (time was up), 130 (stopped); None if it has not."""
    if run.state not in FINAL_RUNS:
        return None
    if run.state is RunState.SUCCESS:
        return 0
    if run.state is RunState.CANCELLED:
        return 130
    failed = [step.failure for step in steps if step.state is StepState.FAILED and step.failure]
    timed_out = any(failure.failure_class is FailureClass.TIMEOUT for failure in failed)
    return 124 if timed_out else 1


def _end_log(run: CodexRun) -> None:
    if not Path(run.log_file).exists():
        return
    output = OutputWriter(Path(run.log_file))
    try:
        output.segment(SegmentKind.NOTE)
        output.write(run_files.last_lines(run))
    finally:
        output.close()


def _session(jobs: tuple[Job, ...]) -> str | None:
    """Return the thread of the last turn that began: an id that was only asked for is none."""
    threads = [job.thread_id for job in jobs if job.thread_id and job.turn_id is not None]
    return threads[-1] if threads else None


def _log_dir_of(run: Run) -> str:
    if run.workflow != CODEX:
        return ""
    return next((s.log_dir for s in definition.from_json(run.definition).steps), "")


def _resumed(run: Run) -> str | None:
    return next((s.thread_id for s in definition.from_json(run.definition).steps), None)


def _checked_thread(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidInput(
            f"{safe_line(text, limit=80)!r} is no session id.",
            "A session id is a UUID; codex would silently begin a new session for a name.",
        ) from None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unwritable(run: CodexRun, error: OSError) -> StoreError:
    return StoreError(
        f"The summary {run.summary_file} cannot be written: {error.strerror or error}.",
        "Check the directory and its disk; `foredeck codex parse` rebuilds it from the log.",
    )


def _unusable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"The log directory {path} cannot be used: {error.strerror}.", "Choose another --log-dir."
    )
