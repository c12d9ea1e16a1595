"""Runs to report about, stored in whatever state a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import (
    ChangeKind,
    Failure,
    FailureClass,
    FileChange,
    Requirement,
    Role,
    Run,
    Step,
    StepKind,
    TokenUsage,
    Verdict,
)
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.states import FINAL_RUNS, JobState, RunState, StepState
from foredeck.services.domain.tasks import Execution, Task
from foredeck.services.store.store import Store
from tests.support import records
from tests.support.records import MOMENT

LATER = MOMENT + timedelta(seconds=90)
USAGE = TokenUsage(1000, 400, 200, 50)
FAILURE = Failure(FailureClass.NETWORK, "The network is down.", "Try again.", "Traceback: …")
VERDICT = Verdict(
    "NEEDS_WORK",
    (Requirement("FR-1", "pass", "It prints."), Requirement("FR-2", "fail", "It does not stop.")),
    tests_passed=3,
    tests_failed=1,
    blocking=("It does not stop.",),
    items=("Stop it.",),
)

# The state of the builder in a run of each state.
_STEP_OF = {
    RunState.CREATED: StepState.PENDING,
    RunState.RUNNING: StepState.RUNNING,
    RunState.WAITING: StepState.WAITING,
    RunState.RETRY: StepState.RETRY,
    RunState.SUCCESS: StepState.SUCCESS,
    RunState.FAILED: StepState.FAILED,
    RunState.CANCELLED: StepState.CANCELLED,
    RunState.PARTIAL_SUCCESS: StepState.SUCCESS,
}


async def store_run(store: Store, state: RunState, **fields: Any) -> Run:
    """Store a run in that state with two steps: a planner that is done, and a builder.

    One that was only created has two steps that have not begun, and nothing else. Else the
    builder has failed once, and its second attempt stands as the run does.
    """
    begun = state is not RunState.CREATED
    project = records.project(f"shop {new_id()}")
    run = records.run(
        project,
        state=state,
        started_at=MOMENT if begun else None,
        ended_at=LATER if state in FINAL_RUNS else None,
        **fields,
    )
    planner = records.step(run, state=StepState.SUCCESS if begun else StepState.PENDING)
    builder = _builder(run, state)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(planner)
        await tx.steps.add(builder)
    if begun:
        await _store_work(store, planner, builder)
    return run


def _builder(run: Run, state: RunState) -> Step:
    stands = _STEP_OF[state]
    bad = stands in (StepState.FAILED, StepState.RETRY, StepState.WAITING)
    return records.step(
        run,
        "builder",
        1,
        needs=("planner",),
        state=stands,
        attempt=2 if stands is not StepState.PENDING else 0,
        max_attempts=3,
        failure=FAILURE if bad else None,
        started_at=MOMENT if stands is not StepState.PENDING else None,
        ended_at=LATER if stands in (StepState.SUCCESS, StepState.FAILED) else None,
        summary="It is built." if stands is StepState.SUCCESS else "",
        verdict=VERDICT if stands is StepState.SUCCESS else None,
    )


async def _store_work(store: Store, planner: Step, builder: Step) -> None:
    turn = records.job(
        builder,
        state=JobState.COMPLETED,
        model="gpt-5.2-codex",
        usage=USAGE,
        exit_code=0,
        started_at=MOMENT,
        ended_at=LATER,
        message="Done.",
        files_changed=(
            FileChange("src/shop.py", ChangeKind.MODIFIED),
            FileChange("src/new.py", ChangeKind.CREATED),
        ),
    )
    command = records.job(
        builder, type="shell_command", prompt="pytest", state=JobState.FAILED, exit_code=1
    )
    command = replace(command, started_at=MOMENT, ended_at=LATER)
    failed = records.attempt(builder, 1, state=StepState.FAILED, failure=FAILURE, ended_at=LATER)
    second = records.attempt(builder, 2, state=builder.state, started_at=LATER)
    if builder.failure:
        second = replace(second, failure=FAILURE, ended_at=LATER)
    async with store.transaction() as tx:
        await tx.attempts.add(records.attempt(planner, state=StepState.SUCCESS, ended_at=LATER))
        await tx.attempts.add(failed)
        await tx.attempts.add(second)
        await tx.jobs.add(turn)
        await tx.jobs.add(command)
        await tx.questions.add(_question(builder))
        for message in _conversation(planner, builder):
            await tx.messages.add(message)


def _question(step: Step) -> Question:
    return Question(
        id=new_id(),
        key="q",
        kind=QuestionKind.QUESTION,
        title="Which shop?",
        asked_at=MOMENT,
        run_id=step.run_id,
        step_id=step.id,
        attempt=2,
        choices=("this one", "that one"),
    )


def _conversation(planner: Step, builder: Step) -> Sequence[Any]:
    call = {"role": Role.TOOL, "tool": "run_codex", "call_id": "c1", "duration": 1.5}
    return (
        records.message(planner, "Plan it.", role=Role.USER),
        records.message(planner, "1. Build it.", model="gpt-5.2", usage=USAGE),
        records.message(builder, "It is there.", arguments='{"prompt": "Build it."}', **call),
    )


async def make_execution(
    store: Store, run: Run, format_: ReportFormat | None = ReportFormat.JSON
) -> Task:
    """Make the run an execution of a new task, with a report of that format when it ends."""
    name = f"nightly {new_id()}"
    task = Task(new_id(), name, run.project_id, MOMENT, MOMENT, prompt="Do {{what}}.")
    execution = Execution(
        run.id, task.id, MOMENT, variables=(("what", "it"),), report_format=format_
    )
    async with store.transaction() as tx:
        await tx.tasks.add(task)
        return await tx.executions.add(execution, task)


async def store_messages(store: Store, run: Run, count: int, content: str) -> None:
    """Add so many messages to the first step of a run, every other one a tool call."""
    async with store.transaction() as tx:
        step = (await tx.steps.of_run(run.id))[0]
        for number in range(count):
            fields: dict[str, Any] = {"role": Role.ASSISTANT, "model": "gpt-5.2", "usage": USAGE}
            if number % 2:
                arguments = f'{{"n": {number}}}'
                fields = {"role": Role.TOOL, "tool": "read_file", "arguments": arguments}
            at = MOMENT + timedelta(milliseconds=number)
            await tx.messages.add(records.message(step, content.format(number), at=at, **fields))


def command_step(run: Run, key: str, position: int, **fields: Any) -> Step:
    """Return a command step that has succeeded."""
    return records.step(
        run, key, position, kind=StepKind.COMMAND, state=StepState.SUCCESS, attempt=1, **fields
    )


async def set_output(store: Store, step_key: str, run: Run, path: Path) -> None:
    """Let the last attempt of a step have its output there."""
    async with store.transaction() as tx:
        step = next(s for s in await tx.steps.of_run(run.id) if s.key == step_key)
        attempts = await tx.attempts.of_step(step.id)
        fresh = records.attempt(step, len(attempts) + 1, output_path=str(path), started_at=LATER)
        await tx.attempts.add(fresh)
