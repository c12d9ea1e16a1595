"""Steps of kind codex: their prompt goes to codex, in one turn (SPEC D1)."""

from __future__ import annotations

import asyncio

from foredeck.services.agents.codex_jobs import CodexJobs, Supervisor
from foredeck.services.agents.codex_talk import tell_codex
from foredeck.services.agents.follow_ups import QueuedPrompts
from foredeck.services.agents.prompts import going_on, sent_back
from foredeck.services.agents.runner import part
from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.agents.transcript import Transcript
from foredeck.services.agents.verification import Verification
from foredeck.services.codex import run_files
from foredeck.services.codex.binary import CodexBinary, locate
from foredeck.services.codex.failures import from_error
from foredeck.services.codex.live_output import LiveOutput
from foredeck.services.departure import Departure
from foredeck.services.domain import clock
from foredeck.services.domain.errors import CodexError, StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Role
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.executor import Executor
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store
from foredeck.services.workflow.codex_runs import CodexRuns


class CodexStepRunner:
    """Works on attempts of codex steps, any number at once (a `StageRunner`)."""

    def __init__(
        self,
        store: Store,
        supervisor: Supervisor,
        runs: CodexRuns,
        settings: Settings,
        departure: Departure | None = None,
        *,
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._supervisor = supervisor
        self._runs = runs
        self._settings = settings
        self._departure = departure or Departure()
        self._verification = Verification(store, settings, self._departure, executor)

    async def run(self, task: StageTask) -> StageOutcome:
        """Return codex's last message as the outcome; raises `StepFailed`.

        However the attempt ends, none of its codex jobs is left.
        """
        transcript = Transcript(self._store, task)
        jobs = CodexJobs(self._supervisor, task, QueuedPrompts(self._store, task))
        try:
            if task.spec.log_dir:
                await self._open_files(task)
            await jobs.restore(lambda _text: True)
            prompt = task.edit.text if task.edit else task.spec.prompt
            prompt = sent_back(prompt, task.rework_items)
            asked = going_on(prompt) if task.continues else prompt
            said = await tell_codex(jobs, transcript, asked)
            await jobs.catch_up()
            mended = await self._verification.passed(
                task, lambda prompt: tell_codex(jobs, transcript, prompt)
            )
        except StepFailed as error:
            await transcript.say(Role.SYSTEM, str(error))
            raise
        finally:
            await part(jobs, transcript, leaves=self._departure.leaving)
        return StageOutcome(mended or said or "Codex ended without a word.", None, jobs.usage)

    async def _open_files(self, task: StageTask) -> None:
        """Write the metadata and begin the log; without a codex they say so, too."""
        binary: CodexBinary | None = None
        missing: CodexError | None = None
        try:
            binary = await asyncio.to_thread(locate, self._settings)
        except CodexError as error:
            missing = error
        try:
            run = await self._runs.open(task.run.id, binary)
        except OSError as error:
            raise StepFailed(_unwritable(task, error)) from error
        text = run_files.preamble(run, clock.now(), self._command(task))
        LiveOutput.of(task.output).write((task.step.id, "preamble"), SegmentKind.NOTE, text)
        if missing is not None:
            raise StepFailed(from_error(missing)) from missing

    def _command(self, task: StageTask) -> str:
        """Say what codex is asked for, as its own command line would."""
        spec, wishes = task.spec, task.project.settings
        sandbox = spec.sandbox or wishes.sandbox or self._settings.sandbox
        model = spec.model or wishes.model or self._settings.codex_model
        words = [f"codex {self._settings.codex_engine.value}", f"-C {task.project.workspace}"]
        words += [f"-s {sandbox.value}", *([f"-m {model}"] if model else [])]
        words += [f"-c {pair}" for pair in spec.codex_config]
        return " ".join([*words, f"resume {spec.thread_id}" if spec.thread_id else ""]).strip()


def _unwritable(task: StageTask, error: OSError) -> Failure:
    return Failure(
        FailureClass.DISK,
        f"The files of the run in {task.spec.log_dir} cannot be written: {error.strerror}.",
        "Check the directory and its disk, then retry.",
    )
