"""Runs turns with `codex exec --json`, for where an app-server cannot run.

One process per turn. It tells nothing while a command or the model works, so the output of a
command appears when the command ends, and silence is no sign of a stall.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from pathlib import Path

from foredeck.services.codex import failures
from foredeck.services.codex.binary import locate
from foredeck.services.codex.environment import codex_environment, codex_home, read_configuration
from foredeck.services.codex.exec_command import exec_command
from foredeck.services.codex.exec_process import ExecProcess
from foredeck.services.codex.exec_turn import ExecTurn
from foredeck.services.codex.live_turn import TurnOverdue
from foredeck.services.codex.login import require_login_for_exec
from foredeck.services.codex.narration import Narrator
from foredeck.services.codex.orders import TurnOrder, TurnReport, TurnResult
from foredeck.services.codex.protocol import TurnCompleted, TurnError
from foredeck.services.codex.turns import Opened, Started
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import (
    CodexError,
    Conflict,
    ForedeckError,
    StepFailed,
    TurnLost,
)
from foredeck.services.domain.records import Failure, FailureClass, FileChange
from foredeck.services.jobs import processes
from foredeck.services.jobs.output import read_tail
from foredeck.services.jobs.processes import MARK
from foredeck.services.patience import to_the_end
from foredeck.services.settings import Settings
from foredeck.services.workspace.changes import Snapshot, differences, snapshot
from foredeck.services.workspace.kept_snapshot import KeptSnapshot

_log = logging.getLogger(__name__)

NOTE = "Codex runs as `codex exec`: the output of a command appears when the command ends."

_ERROR_LINES = 100
# How long what a turn has printed is kept for a host that takes it over, in seconds.
_KEEP_SECONDS = 7 * 86_400.0


class ExecRunner:
    """Runs turns, any number at once (a `Runner` of the supervisor).

    What a turn leaves lies in `<data_dir>/codex/exec/JOB_ID`. Run again with the same job id,
    a turn is not started twice: the one that was started is followed to its end. The tokens
    of sub-agents are not known to this engine.
    """

    def __init__(self, settings: Settings, departure: Departure | None = None) -> None:
        self._settings = settings
        self._departure = departure or Departure()
        self._grace = settings.grace
        self._home = codex_home(settings)
        self._root = settings.data_dir.absolute() / "codex" / "exec"

    async def run(
        self,
        order: TurnOrder,
        *,
        opened: Opened | None = None,
        started: Started | None = None,
        report: TurnReport | None = None,
    ) -> TurnResult:
        """Run one turn to its end; raises `StepFailed`, `TurnLost` if nobody knows how it ended.

        `opened` and then `started` are called with the thread's id as soon as it is known;
        there is no turn id, it is empty. `report` holds what is known also after a bad end.
        Cancelled, the process and all that it started are ended first; in a house that
        departs they go on.
        """
        report = report if report is not None else TurnReport()
        report.thread_id, report.thread_usage = order.thread_id, order.thread_usage
        narrator = Narrator(order.output, order.job_id, order.workspace)
        process = self._process(order.job_id)
        turn = ExecTurn(process, order, narrator, report, self._home)
        kept = KeptSnapshot(Path(order.workspace), process.directory / "before.json")
        leaves = False
        try:
            process.make_directory()
            before = await (kept.taken() if process.was_started else kept.take())
            if not process.was_started:
                await asyncio.to_thread(order.require_place)
        except ForedeckError as error:
            raise StepFailed(_unable(error)) from error
        try:
            # Broken off in its middle, a start would be one that nobody knows of.
            await to_the_end(self._begin(process, turn, order, narrator))
            end = await turn.follow(opened, started)
            await process.gone(self._grace)
        except asyncio.CancelledError:
            leaves = self._departure.leaving
            raise
        except TurnOverdue as overdue:
            raise StepFailed(overdue.failure) from None
        except StepFailed:
            raise
        except ForedeckError as error:
            raise StepFailed(failures.from_error(error)) from error
        finally:
            if not leaves:
                await to_the_end(self._tidy_up(process, turn, order, narrator, report, before))
        return _result(end, process, order, report)

    async def abandon(self, job_id: str, thread_id: str | None, turn_id: str | None) -> None:
        """End a turn that an earlier host left running, and everything with its mark."""
        await self._process(job_id).stop(self._grace)
        await processes.sweep(job_id, self._grace)

    def _process(self, job_id: str) -> ExecProcess:
        return ExecProcess(self._root / job_id)

    async def _begin(
        self, process: ExecProcess, turn: ExecTurn, order: TurnOrder, narrator: Narrator
    ) -> None:
        if process.was_started:
            return
        await turn.look_back()
        narrator.note(NOTE)
        await asyncio.to_thread(self._start, process, order)

    def _start(self, process: ExecProcess, order: TurnOrder) -> None:
        if order.holds_secrets:
            raise CodexError(
                "`codex exec` takes its settings on a command line that everybody can read, and "
                "this project has secrets for its commands or tool servers.",
                "Use the app-server (codex_engine), or take the references away.",
            )
        _clear_out(self._root)
        binary = locate(self._settings)
        environment = codex_environment(self._settings) | {MARK: order.job_id}
        # Without an account codex would try in vain for half a minute, offline for longer.
        config = {**read_configuration(self._home / "config.toml"), **order.config}
        require_login_for_exec(binary.path, environment, config)
        process.prepare(order.prompt, order.output_schema)
        schema = process.schema if order.output_schema is not None else None
        process.start(exec_command(binary.path, order, schema), environment, self._grace)

    async def _tidy_up(
        self,
        process: ExecProcess,
        turn: ExecTurn,
        order: TurnOrder,
        narrator: Narrator,
        report: TurnReport,
        before: Snapshot,
    ) -> None:
        """Leave nothing of the turn behind, and see what it changed; never raises."""
        try:
            await process.stop(self._grace)
            await processes.sweep(order.job_id, self._grace)
            await turn.settle_usage()
            narrator.finish()
            report.changes = await _changes(before)
            narrator.changed(report.changes)
        except Exception:
            _log.exception("the end of job %s could not be written", order.job_id)


async def _changes(before: Snapshot) -> tuple[FileChange, ...]:
    try:
        return differences(before, await snapshot(before.root))
    except Conflict:
        return ()  # the workspace is gone; who needs it next will say so


def _result(
    end: TurnCompleted | None, process: ExecProcess, order: TurnOrder, report: TurnReport
) -> TurnResult:
    if end is None or not report.thread_id:
        raise StepFailed(_unfinished(process, order, report))
    if end.status != "completed":
        raise StepFailed(failures.classify(end.error or TurnError("")))
    return TurnResult(
        thread_id=report.thread_id,
        turn_id=report.turn_id or "",
        message=report.message,
        usage=report.usage,
        thread_usage=report.thread_usage,
        changes=report.changes,
        errors=report.errors,
    )


def _unfinished(process: ExecProcess, order: TurnOrder, report: TurnReport) -> Failure:
    """Name the failure of a codex that ended without an end of its turn; raises `TurnLost`."""
    said = _said(process)
    if process.ending is None:
        raise TurnLost(failures.lost())
    if process.ending.get("code") is None:
        return failures.crashed(said)
    if order.thread_id is not None and report.turn_id is None and "thread" in said:
        return failures.unknown_thread(order.thread_id, said)
    return failures.classify(TurnError(said))


def _said(process: ExecProcess) -> str:
    """Return the error on codex's stderr, without the empty backtrace that follows it."""
    lines = read_tail(process.errors, _ERROR_LINES).partition("\nStack backtrace")[0].splitlines()
    errors = [line for line in lines if line.lower().startswith("error")]
    found = errors[-1:] or [line for line in lines if line.strip()][-1:]
    return found[0].strip() if found else ""


def _unable(error: ForedeckError) -> Failure:
    if isinstance(error, Conflict):
        return Failure(FailureClass.WORKSPACE, error.message, error.advice)
    return failures.from_error(error)


def _clear_out(root: Path) -> None:
    """Remove what turns have left that ended long ago."""
    if not root.is_dir():
        return
    for directory in root.iterdir():
        ended = directory / "exit"
        if ended.exists() and time.time() - ended.stat().st_mtime > _KEEP_SECONDS:
            shutil.rmtree(directory, ignore_errors=True)
