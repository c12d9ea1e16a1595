"""Prompts that a person has queued, for the codex of one attempt of a stage."""

from __future__ import annotations

from foredeck.services.agents.stage import StageTask
from foredeck.services.domain import clock
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import FollowUp, Message, Role
from foredeck.services.store.store import Store, Transaction


class QueuedPrompts:
    """Hands out the run's prompts in their order and shows each in the conversation.

    That a prompt was given to codex is stored with the job that it becomes, in one
    transaction; one whose job is still under way is handed out again after a restart, and
    its key finds that job.
    """

    def __init__(self, store: Store, task: StageTask) -> None:
        self._store = store
        self._task = task

    async def next(self, finished: frozenset[str]) -> FollowUp | None:
        """Return the next prompt, None if nothing is queued."""
        task = self._task
        async with self._store.transaction() as tx:
            begun = await tx.follow_ups.begun_by(task.step.id, task.attempt)
            left = [prompt for prompt in begun if prompt.job_id not in finished]
            queued = next(iter((*left, *await tx.follow_ups.waiting(task.run.id))), None)
            if queued is not None:
                await self._show(tx, queued)
        return queued

    async def _show(self, tx: Transaction, queued: FollowUp) -> None:
        """Put the prompt into the conversation, once."""
        try:
            await tx.messages.get(queued.id)
        except NotFound:
            await tx.messages.add(
                Message(
                    id=queued.id,
                    run_id=self._task.run.id,
                    step_id=self._task.step.id,
                    attempt=self._task.attempt,
                    position=0,
                    role=Role.USER,
                    content=f"Queued for codex: {queued.prompt}",
                    at=clock.now(),
                )
            )
