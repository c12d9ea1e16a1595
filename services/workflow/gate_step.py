"""Steps of kind gate: a person approves or rejects what the steps before it came to (SPEC A7)."""

from __future__ import annotations

from foredeck.services.agents.stage import StageOutcome, StageTask
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.questions import GateAnswer, Question, QuestionKind
from foredeck.services.domain.records import Failure, FailureClass, Step
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import QuestionState
from foredeck.services.questions.service import QuestionService, Wish
from foredeck.services.store.store import Store

_KEY = "gate"
_SUMMARY_LIMIT = 8_000
_LINE = 400
_WITHOUT_MESSAGE = "Go on?"


class GateStepRunner:
    """Asks at a gate and waits as long as it takes (a `StageRunner`).

    It asks whether somebody is there or not: an open gate is found by whoever comes. The
    attempt stays under way meanwhile, so that the next host waits for the same question; the
    time of the step stands still.
    """

    def __init__(self, store: Store, questions: QuestionService) -> None:
        self._store = store
        self._questions = questions

    async def run(self, task: StageTask) -> StageOutcome:
        """Return the approval as the outcome; raises `StepFailed` for a rejection."""
        wish = await self._wish(task)
        if not task.resumed:
            _say(task, f"{wish.title}\n\n{wish.details}".rstrip())
        question = await self._questions.ask(wish, attended=True)
        if question is None or question.state is not QuestionState.ANSWERED:
            raise StepFailed(_WITHDRAWN)
        said = _said(question)
        _say(task, said)
        if question.answer != GateAnswer.APPROVE:
            raise StepFailed(_rejection(question))
        return StageOutcome(said)

    async def _wish(self, task: StageTask) -> Wish:
        async with self._store.transaction() as tx:
            steps = await tx.steps.of_run(task.run.id)
        gate = task.spec.gate
        message = (gate.message.strip() if gate else "") or _WITHOUT_MESSAGE
        approved = [_described(s) for s in steps if s.key in task.step.needs]
        return Wish(
            key=_KEY,
            kind=QuestionKind.GATE,
            title=message,
            run_id=task.run.id,
            step_id=task.step.id,
            attempt=task.attempt,
            place=task.project.workspace,
            details="\n\n".join([*_whole(message), *approved]),
            choices=tuple(answer.value for answer in GateAnswer),
        )


def _whole(message: str) -> list[str]:
    """The title of a question is a line; a longer message stands before what is approved."""
    return [message] if "\n" in message or len(message) > _LINE else []


def _described(step: Step) -> str:
    """Return a step as it is approved: which attempt, and what came of it."""
    tries = f", attempt {step.attempt}" if step.attempt else ""
    said = step.failure.message if step.failure else step.summary or step.reason
    return f"{step.title} ({step.key}): {step.state}{tries}\n{said[:_SUMMARY_LIMIT]}".rstrip()


def _said(question: Question) -> str:
    verb = "approved" if question.answer == GateAnswer.APPROVE else "rejected"
    comment = f": {question.comment}" if question.comment else ""
    return f"{verb} by {question.answered_by}{comment}"


def _rejection(question: Question) -> Failure:
    return Failure(
        FailureClass.REJECTED,
        f"Rejected: {question.comment}" if question.comment else "Rejected without a comment.",
        "Run again from the step that has to change; the gate asks again after it. A retry of "
        "the gate asks again at once.",
    )


def _say(task: StageTask, text: str) -> None:
    task.output.segment(SegmentKind.NOTE)
    task.output.write(task.output.redactor.text(text) + "\n")


_WITHDRAWN = Failure(
    FailureClass.INTERNAL,
    "The question of the gate was withdrawn without an answer.",
    "Retry the gate: it asks again.",
)
