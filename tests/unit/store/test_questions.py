"""Questions and queued prompts in the store."""

from dataclasses import replace

import pytest

from foredeck.services.domain.errors import Conflict, IllegalTransition
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.questions import Question, QuestionKind
from foredeck.services.domain.records import ApprovalPolicy, FollowUp, ProjectSettings, Run, Step
from foredeck.services.domain.states import QuestionState
from foredeck.services.store.store import Store
from tests.support import records as make


async def stored_step(store: Store) -> tuple[Run, Step]:
    project = make.project(settings=ProjectSettings(approval_policy=ApprovalPolicy.DENY))
    run = make.run(project)
    step = make.step(run)
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        await tx.steps.add(step)
        assert await tx.projects.get(project.id) == project
    return run, step


def question(step: Step, key: str = "call", **fields: object) -> Question:
    return Question(
        id=new_id(),
        key=key,
        kind=QuestionKind.APPROVAL,
        title="run make",
        asked_at=make.MOMENT,
        run_id=step.run_id,
        step_id=step.id,
        place="/srv/caf\udce9",
        choices=("once", "deny"),
        details="a\nb",
        **fields,  # type: ignore[arg-type]
    )


async def test_what_is_stored_comes_back_exactly(store: Store) -> None:
    run, step = await stored_step(store)
    asked = question(step)
    async with store.transaction() as tx:
        await tx.questions.add(asked)
    async with store.transaction() as tx:
        assert await tx.questions.get(asked.id) == asked
        assert await tx.questions.find(asked.id[:6]) == asked
        assert await tx.questions.by_key(step.id, 1, "call") == asked
        assert await tx.questions.by_key(step.id, 2, "call") is None
        assert await tx.questions.by_key(None, 1, "call") is None
    (row,) = await store.queries.questions(run.id)
    assert row.question == asked
    assert (row.step_key, row.step_title, row.run_title) == ("planner", "Planner", run.title)
    assert (await store.queries.run(run.id)).run.questions == 1
    assert (await store.queries.runs()).items[0].questions == 1


async def test_a_key_is_asked_once_in_an_attempt(store: Store) -> None:
    _run, step = await stored_step(store)
    async with store.transaction() as tx:
        await tx.questions.add(question(step))
        await tx.questions.add(question(step, attempt=2))
    with pytest.raises(Conflict, match="question_of_attempt"):
        async with store.transaction() as tx:
            await tx.questions.add(question(step))


async def test_a_settled_question_stays_so(store: Store) -> None:
    run, step = await stored_step(store)
    asked = question(step)
    async with store.transaction() as tx:
        await tx.questions.add(asked)
        done = await tx.move_question(asked.id, QuestionState.ANSWERED, answer="once")
        assert done.answer == "once"
        assert await tx.questions.open_of_step(step.id) == ()
        for state in QuestionState:
            with pytest.raises(IllegalTransition):
                await tx.move_question(asked.id, state)
    assert (await store.queries.run(run.id)).run.questions == 0
    moves = [(entry.old, entry.new) for entry in await store.queries.history(run.id)]
    assert moves[-2:] == [("", "open"), ("open", "answered")]


async def test_prompts_keep_their_order_until_they_are_delivered(store: Store) -> None:
    run, step = await stored_step(store)
    first = FollowUp(new_id(), run.id, "one", make.MOMENT)
    second = FollowUp(new_id(), run.id, "two", make.MOMENT.replace(year=2026))
    job = make.job(step)
    async with store.transaction() as tx:
        await tx.jobs.add(job)
        await tx.follow_ups.add(second)
        await tx.follow_ups.add(first)
        assert await tx.follow_ups.waiting(run.id) == (first, second)
        given = replace(first, delivered_at=make.MOMENT, job_id=job.id)
        await tx.follow_ups.save(given)
        assert await tx.follow_ups.waiting(run.id) == (second,)
        assert await tx.follow_ups.begun_by(step.id, 1) == (given,)
        assert await tx.follow_ups.begun_by(step.id, 2) == ()
