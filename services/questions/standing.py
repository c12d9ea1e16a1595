"""How questions and the states of their steps go together, inside a transaction."""

from __future__ import annotations

from dataclasses import replace

from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.states import StepState
from foredeck.services.store.store import Transaction
from foredeck.services.workflow import graph
from foredeck.services.workflow.run_driver import settle

_WORDS = {
    QuestionKind.APPROVAL: "Asks for leave: ",
    QuestionKind.QUESTION: "Asks: ",
    QuestionKind.GATE: "Asks for approval: ",
}


async def stand(tx: Transaction, step_id: str) -> None:
    """Bring a step at work to what its questions say: it waits until the last is settled."""
    step = await tx.steps.get(step_id)
    if not graph.under_way(step):
        return
    asked = await tx.questions.open_of_step(step_id)
    wanted = StepState.WAITING if asked else StepState.RUNNING
    reason = _reason(asked)
    if step.state is wanted:
        if step.reason != reason:
            await tx.steps.save(replace(step, reason=reason))
        return
    await tx.move_step(step_id, wanted, reason=reason)
    steps = await tx.steps.of_run(step.run_id)
    await settle(tx, step.run_id, steps, ready=bool(graph.ready(steps)))


def _reason(asked: tuple[Question, ...]) -> str:
    if not asked:
        return ""
    first = asked[0]
    words = _WORDS[first.kind]
    more = f" (and {len(asked) - 1} more)" if len(asked) > 1 else ""
    return f"{words}{first.title}{more}"
