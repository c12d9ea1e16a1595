"""The moment before a step starts: what a spent budget holds back and a larger one releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from foredeck.services.domain import clock
from foredeck.services.domain.events import NoticeRaised
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Message, Role, Run, Step, TokenUsage
from foredeck.services.domain.states import StepState
from foredeck.services.pricing import Price, cost
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import graph, usage_wait
from foredeck.services.workflow.budget import Limit, Standing, judge, limits_of


class Boundary:
    """Looks at the budgets of a run whenever a step of it could start."""

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = prices or {}

    async def budgeted(
        self, tx: Transaction, run: Run, steps: tuple[Step, ...]
    ) -> tuple[Step, ...]:
        """Hold back what would start over a budget, release what may; return the steps then.

        Warns once, with a notice and a line in the conversation, when a budget is nearly used.
        """
        limits = limits_of(run, await tx.projects.get(run.project_id))
        if not limits and not any(step.over_budget for step in steps):
            return steps
        standings = [await self._standing(tx, limit) for limit in limits]
        now = clock.now()
        startable = (*(s for s in steps if usage_wait.is_due(s, now)), *graph.ready(steps))
        await _warn(tx, run, startable, standings)
        stop = next((standing.stop for standing in standings if standing.stop), "")
        for step in steps:
            await _hold_or_release(tx, step, stop, startable=step in startable)
        return await tx.steps.of_run(run.id)

    async def _standing(self, tx: Transaction, limit: Limit) -> Standing:
        used = await tx.usage_by_model(limit.owner_id)
        tokens = sum((usage for _model, usage in used), TokenUsage()).total
        return judge(limit, tokens, cost(used, self._prices))


async def _hold_or_release(tx: Transaction, step: Step, stop: str, *, startable: bool) -> None:
    if stop and startable:
        await tx.move_step(step.id, StepState.WAITING, reason=stop, over_budget=True, retry_at=None)
    elif step.over_budget and not stop:
        await tx.move_step(step.id, StepState.PENDING, over_budget=False)
    elif step.over_budget and step.reason != stop:
        await tx.steps.save(replace(step, reason=stop))


async def _warn(
    tx: Transaction, run: Run, startable: tuple[Step, ...], standings: list[Standing]
) -> None:
    """Give each warning once; it counts as given when there is a step to show it at."""
    news = [w for standing in standings for w in standing.warnings if w[0] not in run.warned]
    if not news or not startable:
        return
    for _key, sentence in news:
        tx.publish(NoticeRaised(severity="warning", message=f"“{run.title}”: {sentence}"))
        await tx.messages.add(_said(startable[0], sentence))
    await tx.runs.save(replace(run, warned=(*run.warned, *(key for key, _ in news))))


def _said(step: Step, sentence: str) -> Message:
    return Message(
        id=new_id(),
        run_id=step.run_id,
        step_id=step.id,
        attempt=step.attempt + 1,
        position=0,
        role=Role.SYSTEM,
        content=sentence,
        at=clock.now(),
    )
