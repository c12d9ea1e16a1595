"""Questions: asked once, durable, answered by a person, whoever crashes in between."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Ambiguous, Conflict, InvalidInput
from foredeck.services.domain.events import Event, QuestionSaved, Resync
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.states import FINAL_JOBS, QuestionState
from foredeck.services.event_bus import EventBus, Subscription
from foredeck.services.questions.standing import stand
from foredeck.services.questions.withdrawal import ENDED, withdraw
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store, Transaction

ANSWER_LENGTH = 20_000
# The whole of a long command is in the details.
_TITLE_LENGTH = 500
_PERSON = "user"
_SHOWN = 3
_WANTED = {
    QuestionKind.APPROVAL: "leave",
    QuestionKind.QUESTION: "an answer",
    QuestionKind.GATE: "approval",
}


@dataclass(frozen=True)
class Wish:
    """What is to be asked; the fields are those of the `Question` that it becomes."""

    key: str
    kind: QuestionKind
    title: str
    run_id: str | None = None
    step_id: str | None = None
    attempt: int = 1
    job_id: str | None = None
    place: str = ""
    reason: str = ""
    details: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What a person answers, and to which question.

    `question` is an id or the beginning of one; without it, the only open question of `run`
    of the kind is meant (of any kind, if it is None). `choice` counts from 1.
    """

    run: str | None = None
    question: str | None = None
    kind: QuestionKind | None = None
    answer: str = ""
    choice: int | None = None
    comment: str = ""


class QuestionService:
    """Asks and answers; lives on the services' loop."""

    def __init__(self, store: Store, bus: EventBus, stages: StageClock) -> None:
        self._store = store
        self._bus = bus
        self._stages = stages

    async def ask(self, wish: Wish, *, attended: bool) -> Question | None:
        """Ask, and return the question when it is settled; None if nobody can be asked.

        What was asked before under the same key is not asked again: its answer is returned
        at once, or waited for. Otherwise it is asked if it is `attended`. Its step waits
        meanwhile. Cancelled, the question stays open: whatever ends the attempt, or what
        asked, withdraws it.
        """
        events = self._bus.subscribe()
        try:
            question = await self._store.durably(lambda: self._open(wish, attended=attended))
            if question is None or question.state is not QuestionState.OPEN:
                return question
            with self._stages.stopped(wish.step_id):
                return await self._settled(question.id, events)
        finally:
            await events.aclose()

    async def answer(self, reply: Reply) -> Question:
        """Store an answer; returns when it is durable and its step stands accordingly.

        Raises `NotFound`, `Ambiguous`, `InvalidInput`, and `Conflict` for one that is settled.
        """
        async with self._store.transaction(_PERSON) as tx:
            question = await _meant(tx, reply)
            text = _checked_answer(question, reply)
            answered = await tx.move_question(
                question.id,
                QuestionState.ANSWERED,
                reason=text,
                answer=text,
                comment=reply.comment.strip(),
                answered_by=_PERSON,
                answered_at=clock.now(),
            )
            await _stand(tx, question)
        return answered

    async def withdraw(self, step_id: str | None, attempt: int, key: str, reason: str) -> None:
        """Withdraw what was asked under a key, if it is still open."""
        async with self._store.transaction() as tx:
            question = await tx.questions.by_key(step_id, attempt, key)
            if question is not None and question.state is QuestionState.OPEN:
                await withdraw(tx, [question], reason)
                await _stand(tx, question)

    async def reconcile(self) -> None:
        """Withdraw what an earlier host left open although what asked it has ended.

        Nothing is written where nothing is open: a database that another program holds must
        not keep a host from opening.
        """
        if not await self._store.queries.questions():
            return
        async with self._store.transaction("recovery") as tx:
            for question in await tx.questions.all_open():
                if await _has_ended(tx, question):
                    await withdraw(tx, [question], ENDED)
                    await _stand(tx, question)

    async def _open(self, wish: Wish, *, attended: bool) -> Question | None:
        async with self._store.transaction() as tx:
            question = await tx.questions.by_key(wish.step_id, wish.attempt, wish.key)
            if question is None:
                if not attended:
                    return None
                question = _new_question(wish)
                await tx.questions.add(question)
            await _stand(tx, question)
        return question

    async def _settled(self, question_id: str, events: Subscription) -> Question:
        """Return the question once it is settled, however that came about."""
        async for event in events:
            if _may_settle(event, question_id):
                async with self._store.transaction() as tx:
                    question = await tx.questions.get(question_id)
                if question.state is not QuestionState.OPEN:
                    return question
        raise Conflict("Foredeck is being closed.")


async def _stand(tx: Transaction, question: Question) -> None:
    if question.step_id is not None:
        await stand(tx, question.step_id)


async def _has_ended(tx: Transaction, question: Question) -> bool:
    if question.job_id is not None and (await tx.jobs.get(question.job_id)).state in FINAL_JOBS:
        return True
    if question.step_id is None:
        return False
    attempt = await tx.attempts.latest(question.step_id)
    return attempt is None or attempt.number != question.attempt or attempt.ended_at is not None


def _may_settle(event: Event, question_id: str) -> bool:
    return isinstance(event, Resync) or (
        isinstance(event, QuestionSaved) and event.question_id == question_id
    )


def _new_question(wish: Wish) -> Question:
    return Question(
        id=new_id(),
        key=wish.key,
        kind=wish.kind,
        title=_in_a_line(wish.title),
        asked_at=clock.now(),
        run_id=wish.run_id,
        step_id=wish.step_id,
        attempt=wish.attempt,
        job_id=wish.job_id,
        place=wish.place,
        reason=wish.reason,
        details=wish.details,
        choices=wish.choices,
    )


def _in_a_line(title: str) -> str:
    line = " ".join(title[: 2 * _TITLE_LENGTH].split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1] + "…"


async def _meant(tx: Transaction, reply: Reply) -> Question:
    """Return the open question that a reply is meant for."""
    run = await tx.runs.find(reply.run) if reply.run is not None else None
    if reply.question is not None:
        question = await tx.questions.find(reply.question)
        _require_fit(question, reply, run.id if run else None)
        return question
    if run is None:
        raise InvalidInput("Name a run or a question.", "foredeck runs questions lists them.")
    asked = await tx.questions.open_of_run(run.id)
    fitting = [q for q in asked if reply.kind in (None, q.kind)]
    if not fitting:
        raise _nothing_asked(run.id, asked)
    if len(fitting) > 1:
        ids = ", ".join(q.id for q in fitting[:_SHOWN])
        raise Ambiguous(
            f"Run {run.id} asks {len(fitting)} things just now: {ids}.",
            f"Choose one with --question ID; foredeck runs questions {run.id} shows them.",
        )
    return fitting[0]


def _nothing_asked(run_id: str, others: tuple[Question, ...]) -> Conflict:
    if not others:
        return Conflict(f"Run {run_id} asks nothing just now.")
    return Conflict(
        f"Run {run_id} waits for {_WANTED[others[0].kind]}: {others[0].title.rstrip('.')}.",
        f"{_command(others[0])} does that.",
    )


def _command(question: Question) -> str:
    """Return what answers it on the command line."""
    which = question.run_id or f"--question {question.id}"
    if question.kind is QuestionKind.QUESTION:
        return f'foredeck runs answer {which} "TEXT"'
    return f"foredeck runs approve {which}"


def _require_fit(question: Question, reply: Reply, run_id: str | None) -> None:
    if run_id is not None and question.run_id != run_id:
        raise InvalidInput(f"Question {question.id} is not one of run {run_id}.")
    if question.state is not QuestionState.OPEN:
        raise Conflict(f"Question {question.id} is {question.state} already.")
    if reply.kind not in (None, question.kind):
        raise InvalidInput(
            f"Question {question.id} wants {_WANTED[question.kind]}.",
            f"{_command(question)} does that.",
        )


def _checked_answer(question: Question, reply: Reply) -> str:
    """Return the answer in words; raises `InvalidInput` for one that does not fit."""
    text = reply.answer.strip()
    if reply.choice is not None:
        if not 1 <= reply.choice <= len(question.choices):
            count = len(question.choices)
            said = f"The choices are 1 to {count}." if count else "There is nothing to choose from."
            raise InvalidInput(f"There is no choice {reply.choice}.", said)
        text = question.choices[reply.choice - 1]
    if not text:
        raise InvalidInput("The answer is empty.", "Say something, or choose a number.")
    if len(text) > ANSWER_LENGTH:
        raise InvalidInput(f"The answer has more than {ANSWER_LENGTH:,} characters.")
    if question.kind is not QuestionKind.QUESTION and text not in question.choices:
        listed = ", ".join(question.choices)
        raise InvalidInput(f"{text} is not possible here.", f"Possible: {listed}.")
    return text
