"""Checking a step's work with its `verify` command, and letting codex mend it (SPEC C11)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from foredeck.services.agents.check_command import CheckCommand
from foredeck.services.agents.stage import StageTask
from foredeck.services.departure import Departure
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Job
from foredeck.services.domain.states import JobState
from foredeck.services.domain.workflow import Verify
from foredeck.services.jobs.command_guard import CommandGuard
from foredeck.services.jobs.endings import used_too_much
from foredeck.services.jobs.executor import Executor
from foredeck.services.jobs.local_executor import LocalExecutor
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

Ask = Callable[[str], Awaitable[str]]

_PROMPT = """
The work in this directory is checked with a command, and the check failed.

Command: {command}
Result: it {ending}. The end of its output:

{output}

Find the cause and put it right in the work itself. Do not weaken, skip or remove the check or \
any of its tests. Then run the command until it succeeds.
""".strip()


class Verification:
    """Runs checks; between two of them codex has a turn to put right what they found.

    `executor` runs them; without one they have their own.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        departure: Departure,
        executor: Executor | None = None,
    ) -> None:
        executor = executor or LocalExecutor(settings.data_dir / "jobs", settings.grace)
        guard = CommandGuard.of(store, settings)
        self._command = CheckCommand(store, executor, departure, guard)

    async def passed(self, task: StageTask, ask: Ask) -> str:
        """Return codex's last message of the rounds, empty if none was needed.

        `ask` prompts codex in the conversation of the step's work. Raises `StepFailed` (class
        verdict) if the check still fails after the last round. In an attempt that is taken up
        again, a check that has ended is not repeated.
        """
        verify, said = task.spec.verify, ""
        if verify is None:
            return said
        for number in range(verify.rounds + 1):
            job = await self._command.run(task, verify, f"verify-{number + 1}")
            if job.state is JobState.COMPLETED:
                return said
            if number < verify.rounds:
                said = await ask(_prompt(task, verify, job)) or said
        raise StepFailed(_failure(task, verify, job))


def _prompt(task: StageTask, verify: Verify, job: Job) -> str:
    output = job.message.strip() or "(it printed nothing)"
    return _PROMPT.format(command=verify.command, ending=_ending(task, verify, job), output=output)


def _ending(task: StageTask, verify: Verify, job: Job) -> str:
    if job.failure is not None:
        return used_too_much(task.project.settings.memory_bytes)
    if job.state is JobState.TIMEOUT:
        return f"did not end within {verify.timeout:g} s"
    return f"ended with exit code {job.exit_code}"


def _failure(task: StageTask, verify: Verify, job: Job) -> Failure:
    rounds = f"{verify.rounds} round{'s' if verify.rounds != 1 else ''}"
    after = f", also after {rounds} of repair by codex" if verify.rounds else ""
    return Failure(
        FailureClass.VERDICT,
        f"The check `{verify.command}` {_ending(task, verify, job)}{after}.",
        "Read its output, then mend the cause or correct the command, and retry.",
        job.message,
    )
