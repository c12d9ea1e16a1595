"""A question is asked once, whoever crashes; its step waits exactly as long as it is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from foredeck.services.domain import clock
from foredeck.services.domain.errors import Ambiguous, Conflict, InvalidInput, NotFound
from foredeck.services.domain.events import QuestionSaved
from foredeck.services.domain.questions import Leave, Question, QuestionKind
from foredeck.services.domain.records import Attempt, Run, Step
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.questions.service import ANSWER_LENGTH, QuestionService, Reply, Wish
from foredeck.services.questions.withdrawal import withdraw
from foredeck.services.stage_clock import StageClock
from foredeck.services.store.store import Store
from foredeck.services.workflow.outcomes import end_attempt
from tests.support import records as make

PATIENCE = 5.0


@dataclass
class Desk:
    """A run with a step at work, and who asks for it."""

    store: Store
    bus: EventBus
    service: QuestionService
    run: Run
    step: Step
    attempt: Attempt

    def wish(self, key: str = "call-1", **changes: object) -> Wish:
        wish = Wish(
            key=key,
            kind=QuestionKind.QUESTION,
            title="Which colour?",
            run_id=self.run.id,
            step_id=self.step.id,
            choices=("red", "blue"),
        )
        return replace(wish, **changes)  # type: ignore[arg-type]

    def ask(self, wish: Wish | None = None, *, attended: bool = True) -> asyncio.Task[Question]:
        asking = self.service.ask(wish or self.wish(), attended=attended)
        return asyncio.create_task(asking)  # type: ignore[arg-type]

    async def open(self, count: int = 1) -> tuple[Question, ...]:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with self.store.transaction() as tx:
                    found = await tx.questions.open_of_run(self.run.id)
                if len(found) == count:
                    return found
                await asyncio.sleep(0.005)

    async def states(self) -> tuple[RunState, StepState, str]:
        async with self.store.transaction() as tx:
            step = await tx.steps.get(self.step.id)
            return (await tx.runs.get(self.run.id)).state, step.state, step.reason

    async def answer(self, **reply: object) -> Question:
        given = {"run": self.run.id, "answer": "red", **reply}
        return await self.service.answer(Reply(**given))  # type: ignore[arg-type]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    bus = EventBus()
    store = await Store.open(tmp_path, bus)
    project = make.project()
    run = make.run(project, state=RunState.RUNNING)
    step = make.step(run, state=StepState.RUNNING, attempt=1, started_at=make.MOMENT)
    attempt = make.attempt(step)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        await tx.attempts.add(attempt)
    yield Desk(store, bus, QuestionService(store, bus, StageClock()), run, step, attempt)
    await store.close()


async def test_the_step_waits_and_the_answer_lets_it_go_on(desk: Desk) -> None:
    asking = desk.ask()
    (question,) = await desk.open()
    assert await desk.states() == (RunState.WAITING, StepState.WAITING, "Asks: Which colour?")
    answered = await desk.answer(choice=2, comment=" soft ")
    assert (answered.answer, answered.comment, answered.answered_by) == ("blue", "soft", "user")
    assert await asyncio.wait_for(asking, PATIENCE) == answered
    assert answered.id == question.id
    assert await desk.states() == (RunState.RUNNING, StepState.RUNNING, "")


async def test_asked_twice_at_once_it_is_one_question(desk: Desk) -> None:
    first, second = desk.ask(), desk.ask()
    await desk.open(1)
    await desk.answer()
    assert await asyncio.wait_for(first, PATIENCE) == await asyncio.wait_for(second, PATIENCE)


async def test_after_a_crash_it_waits_on_the_same_question(desk: Desk) -> None:
    asking = desk.ask()
    (question,) = await desk.open()
    asking.cancel()
    await asyncio.wait({asking})
    assert (await desk.states())[1] is StepState.WAITING  # nobody has withdrawn it

    desk.service = QuestionService(desk.store, desk.bus, StageClock())
    again = desk.ask(attended=False)  # it was asked: that nobody is there now changes nothing
    await desk.open()
    await desk.answer()
    assert (await asyncio.wait_for(again, PATIENCE)).id == question.id


async def test_an_answer_from_before_the_crash_is_returned_at_once(desk: Desk) -> None:
    asking = desk.ask()
    await desk.open()
    asking.cancel()
    await asyncio.wait({asking})
    await desk.answer(answer="green")
    later = QuestionService(desk.store, desk.bus, StageClock())
    answered = await asyncio.wait_for(later.ask(desk.wish(), attended=False), PATIENCE)
    assert answered is not None
    assert answered.answer == "green"
    assert (await desk.states())[1] is StepState.RUNNING


async def test_another_attempt_asks_anew(desk: Desk) -> None:
    asking = desk.ask()
    await desk.open()
    await desk.answer()
    await asking
    assert await desk.service.ask(desk.wish(attempt=2), attended=False) is None


async def test_the_step_waits_until_the_last_of_several_is_settled(desk: Desk) -> None:
    asking = [desk.ask(desk.wish(key)) for key in ("one", "two", "three")]
    first, second, third = await desk.open(3)
    assert (await desk.states())[2] == "Asks: Which colour? (and 2 more)"
    with pytest.raises(Ambiguous, match="asks 3 things just now"):
        await desk.answer()
    await desk.answer(question=second.id)
    await desk.answer(question=first.id[:8], run=None)
    assert (await desk.states())[1] is StepState.WAITING
    await desk.answer()
    assert (await desk.states())[1] is StepState.RUNNING
    assert third.id in {(await asyncio.wait_for(one, PATIENCE)).id for one in asking}


async def test_nobody_there_nothing_is_stored(desk: Desk) -> None:
    assert await desk.service.ask(desk.wish(), attended=False) is None
    await desk.open(0)
    assert (await desk.states())[1] is StepState.RUNNING


async def test_the_end_of_the_attempt_withdraws_it(desk: Desk) -> None:
    asking = desk.ask()
    await desk.open()
    async with desk.store.transaction() as tx:
        await end_attempt(tx, desk.step, StepState.CANCELLED)
        await tx.move_step(desk.step.id, StepState.CANCELLED, ended_at=clock.now())
    assert (await asyncio.wait_for(asking, PATIENCE)).state is QuestionState.WITHDRAWN


async def test_withdrawn_alone_the_step_goes_on(desk: Desk) -> None:
    asking = desk.ask()
    await desk.open()
    await desk.service.withdraw(desk.step.id, 1, "call-1", "not needed")
    await desk.service.withdraw(desk.step.id, 1, "unknown", "nothing happens")
    assert (await asyncio.wait_for(asking, PATIENCE)).state is QuestionState.WITHDRAWN
    assert (await desk.states())[1] is StepState.RUNNING
    with pytest.raises(Conflict, match="asks nothing just now"):
        await desk.answer()


async def test_a_new_host_withdraws_what_nothing_asks_any_more(desk: Desk) -> None:
    job = make.job(desk.step, state=JobState.IN_PROGRESS)
    asking = [desk.ask(desk.wish("a", job_id=job.id)), desk.ask(desk.wish("b"))]
    async with desk.store.transaction() as tx:
        await tx.jobs.add(job)
    await desk.open(2)
    async with desk.store.transaction() as tx:
        await tx.move_job(job.id, JobState.LOST)
    await desk.service.reconcile()
    (left,) = await desk.open()
    assert left.key == "b"
    for one in asking:
        one.cancel()
    await asyncio.wait(asking)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ({"answer": " "}, InvalidInput, "The answer is empty"),
        ({"choice": 3}, InvalidInput, "There is no choice 3. The choices are 1 to 2"),
        ({"answer": "x" * (ANSWER_LENGTH + 1)}, InvalidInput, "more than 20,000 characters"),
        ({"kind": QuestionKind.APPROVAL}, Conflict, "waits for an answer: Which colour"),
        ({"run": "nothing"}, NotFound, "no run"),
        ({"run": None}, InvalidInput, "Name a run or a question"),
        ({"run": None, "question": "zz"}, NotFound, "no question"),
    ],
)
async def test_an_answer_that_does_not_fit_changes_nothing(
    desk: Desk, reply: dict[str, object], error: type[Exception], words: str
) -> None:
    asking = desk.ask()
    await desk.open()
    with pytest.raises(error) as caught:
        await desk.answer(**reply)
    assert words in str(caught.value)
    await desk.open(1)
    asking.cancel()
    await asyncio.wait({asking})


async def test_leave_is_one_of_the_offered_words(desk: Desk) -> None:
    wish = desk.wish(kind=QuestionKind.APPROVAL, choices=(Leave.ONCE, Leave.DENY))
    asking = desk.ask(wish)
    (question,) = await desk.open()
    assert (await desk.states())[2] == "Asks for leave: Which colour?"
    with pytest.raises(InvalidInput, match="session is not possible here"):
        await desk.answer(answer=Leave.SESSION)
    with pytest.raises(InvalidInput, match=f"Question {question.id} wants leave"):
        await desk.answer(question=question.id, kind=QuestionKind.QUESTION)
    await desk.answer(answer=Leave.DENY)
    with pytest.raises(Conflict, match="is answered already"):
        await desk.answer(question=question.id, answer=Leave.ONCE)
    await asyncio.wait_for(asking, PATIENCE)


async def test_every_change_is_told(desk: Desk) -> None:
    events = desk.bus.subscribe()
    asking = desk.ask(desk.wish(title="Which\n colour?" + "x" * 1000))
    await desk.open()
    await desk.answer()
    await asking
    seen: list[QuestionSaved] = []
    async with asyncio.timeout(PATIENCE):
        async for event in events:
            if isinstance(event, QuestionSaved):
                seen.append(event)
            if len(seen) == 2:
                break
    assert [(event.previous, event.state) for event in seen] == [
        (None, QuestionState.OPEN),
        (QuestionState.OPEN, QuestionState.ANSWERED),
    ]
    assert seen[0].title.startswith("Which colour?xxx")
    assert len(seen[0].title) == 500


async def test_a_question_outside_any_run(desk: Desk) -> None:
    wish = Wish(key="thread:item", kind=QuestionKind.QUESTION, title="Go on?")
    asking = asyncio.create_task(desk.service.ask(wish, attended=True))
    async with asyncio.timeout(PATIENCE):
        while not (rows := await desk.store.queries.questions()):
            await asyncio.sleep(0.005)
    assert (rows[0].step_key, rows[0].run_title) == ("", "")
    await desk.service.answer(Reply(question=rows[0].question.id, answer="yes"))
    settled = await asyncio.wait_for(asking, PATIENCE)
    assert settled is not None
    async with desk.store.transaction() as tx:
        await withdraw(tx, ())
        assert (await tx.questions.get(settled.id)).answer == "yes"
