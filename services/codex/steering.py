"""Words for a codex turn that works: said at once, or kept for the turn after it."""

from __future__ import annotations

from foredeck.services.codex.client import CodexRpcError
from foredeck.services.codex.turns import Connector
from foredeck.services.domain import clock
from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import FollowUp, Job, Message, Role, Run
from foredeck.services.domain.states import FINAL_RUNS, JobState
from foredeck.services.store.store import Store

# codex refuses longer input (1,048,576 characters).
PROMPT_LENGTH = 200_000


class Steering:
    """Speaks with the turns of runs; lives on the services' loop."""

    def __init__(self, store: Store, server: Connector) -> None:
        self._store = store
        self._server = server

    async def steer(self, run_ref: str, text: str) -> Run:
        """Say something to the run's codex turn, which reads it before its next thought.

        Raises `Conflict` if no turn works, and what `CodexClient.call` raises.
        """
        text = _checked(text)
        async with self._store.transaction() as tx:
            run = await tx.runs.find(run_ref)
            jobs = [job for job in await tx.jobs.of_run(run.id) if _works(job)]
        if not jobs:
            raise _no_turn(run)
        await self._say(jobs[-1], run, text)
        async with self._store.transaction("user") as tx:
            if jobs[-1].step_id is not None:
                await tx.messages.add(_message(jobs[-1], run, f"Said to the working codex: {text}"))
        return run

    async def follow_up(self, run_ref: str, text: str) -> Run:
        """Queue a prompt for the run; raises `Conflict` for one that has ended."""
        text = _checked(text)
        async with self._store.transaction("user") as tx:
            run = await tx.runs.find(run_ref)
            if run.state in FINAL_RUNS:
                raise _ended(run)
            await tx.follow_ups.add(FollowUp(new_id(), run.id, text, clock.now()))
            await tx.runs.tell(run.id)
        return run

    async def _say(self, job: Job, run: Run, text: str) -> None:
        client = await self._server.connect()
        params = {
            "threadId": job.thread_id,
            "expectedTurnId": job.turn_id,
            "input": [{"type": "text", "text": text}],
        }
        try:
            await client.call("turn/steer", params)
        except CodexRpcError as error:
            raise _no_turn(run) from error
        client.tell(job.thread_id or "", f"You said to codex: {text}")


def _works(job: Job) -> bool:
    return job.state is JobState.IN_PROGRESS and bool(job.thread_id and job.turn_id)


def _ended(run: Run) -> Conflict:
    return Conflict(
        f"Run {run.id} is {run.state} already: no turn of it follows.",
        f"A new run of the same is begun with: foredeck runs restart {run.id}",
    )


def _no_turn(run: Run) -> Conflict:
    if run.state in FINAL_RUNS:
        return _ended(run)
    return Conflict(
        f"No codex turn of run {run.id} works just now, so there is nobody to steer.",
        f'Queue it for the next turn: foredeck runs follow-up {run.id} "TEXT"',
    )


def _message(job: Job, run: Run, content: str) -> Message:
    return Message(
        id=new_id(),
        run_id=run.id,
        step_id=job.step_id or "",
        attempt=job.attempt,
        position=0,
        role=Role.USER,
        content=content,
        at=clock.now(),
    )


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidInput("There is nothing to say: the text is empty.")
    if len(text) > PROMPT_LENGTH:
        raise InvalidInput(f"The text has more than {PROMPT_LENGTH:,} characters.")
    return text
