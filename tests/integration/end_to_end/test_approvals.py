"""The real codex asks for leave, and gets each answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput
from foredeck.services.domain.events import Event, QuestionSaved
from foredeck.services.domain.questions import Leave, QuestionKind
from foredeck.services.domain.records import ApprovalPolicy, Mode, Sandbox, Unattended
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from foredeck.services.domain.views import QuestionRow, RunDetail
from foredeck.services.host.commands import AnswerQuestion, CancelRun, DeclarePresence, RetryRun
from foredeck.services.host.queries import GetHistory, ListQuestions, PreviewRetry
from foredeck.services.rehearsal.model_server import ModelServer
from tests.support.crew_script import CrewScript, escalated, patch
from tests.support.house import PATIENCE, House, OpenHouse

pytestmark = pytest.mark.codex

PATCH = "*** Begin Patch\n*** Add File: added.txt\n+hello\n*** End Patch\n"


async def asked(home: OpenHouse, run_id: str, count: int = 1) -> tuple[QuestionRow, ...]:
    """Wait until a run asks so much and return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await home.host.ask(ListQuestions(run_id))
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.02)


async def attend(home: OpenHouse) -> None:
    await home.host.do(DeclarePresence("a test"))


async def say(home: OpenHouse, run_id: str, leave: Leave, comment: str = "") -> None:
    kind = QuestionKind.APPROVAL
    await home.host.do(AnswerQuestion(run_id, kind=kind, answer=leave, comment=comment))


def written(detail: RunDetail, key: str = "builder") -> str:
    step = next(step for step in detail.steps if step.key == key)
    return Path(step.output_path or "").read_text()


async def test_leave_given_once_runs_the_command(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch done", why="to be done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (row,) = await asked(home, run.id)
        detail = await home.detail(run.id)
        builder = detail.steps[1]
        assert (detail.run.state, builder.state) == (RunState.WAITING, StepState.WAITING)
        assert builder.reason.startswith("Asks for leave: run /bin/bash -c 'touch done'")
        assert builder.ended_at is None
        assert detail.run.questions == 1
        question = row.question
        assert question.place == detail.workspace
        assert question.reason == "to be done"
        assert question.details == "/bin/bash -c 'touch done'"
        assert question.choices == tuple(Leave)
        assert not (Path(detail.workspace) / "done").exists()

        await say(home, run.id, Leave.ONCE)

        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert (Path(detail.workspace) / "done").exists()
        assert "Allowed: codex asked to run /bin/bash -c 'touch done' (to be done)" in written(
            detail
        )
        history = await home.host.ask(GetHistory(run.id))
        moves = [(entry.old, entry.new) for entry in history if entry.subject == "question"]
        assert moves == [("", "open"), ("open", "answered")]
        moves = [(entry.old, entry.new) for entry in history if entry.subject == "builder"]
        assert moves[2:4] == [("running", "waiting"), ("waiting", "running")]


async def test_leave_for_the_session_is_not_asked_for_again(
    house: House, script: CrewScript
) -> None:
    script.crew("one").codex["builder"] = escalated("echo x >> done", "echo x >> done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        await asked(home, run.id)
        await say(home, run.id, Leave.SESSION)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert (Path(detail.workspace) / "done").read_text() == "x\nx\n"


async def test_a_denied_one_goes_on(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch one", "touch two")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (first,) = await asked(home, run.id)
        await say(home, run.id, Leave.DENY)
        while (await asked(home, run.id))[0].question.id == first.question.id:
            await asyncio.sleep(0.02)
        await say(home, run.id, Leave.ONCE)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        workspace = Path(detail.workspace)
        assert not (workspace / "one").exists()
        assert (workspace / "two").exists()


async def test_codex_hears_why_it_was_denied(
    house: House, script: CrewScript, model: ModelServer
) -> None:
    """The scripted model asks the same again after it was told something."""
    script.crew("one").codex["builder"] = escalated("touch one")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (first,) = await asked(home, run.id)
        told = "[run one] [work of builder] not that one"
        await say(home, run.id, Leave.DENY, told)
        while (await asked(home, run.id))[0].question.id == first.question.id:
            await asyncio.sleep(0.02)
        heard = [text for request in model.requests for text in request.user_texts]
        wish = "run /bin/bash -c 'touch one'"
        assert f"The person declined your request to {wish}, and says: {told}" in heard
        await say(home, run.id, Leave.ONCE)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert f"said user: {told}" in written(detail)


async def test_denied_and_stopped_ends_the_turn(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch one", "touch two")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        await asked(home, run.id)
        await say(home, run.id, Leave.STOP)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.FAILED
        failure = detail.steps[1].failure
        assert failure is not None
        denied = "Codex was denied leave to run /bin/bash -c 'touch one', and its turn was stopped."
        assert failure.message == denied
        assert list(Path(detail.workspace).glob("t*")) == []
        assert (await home.jobs(run.id))[-1].state is JobState.FAILED


async def test_a_patch_is_shown_with_its_files(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = patch(PATCH)
    async with house.open(sandbox=Sandbox.READ_ONLY) as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (row,) = await asked(home, run.id)
        path = Path((await home.detail(run.id)).workspace) / "added.txt"
        assert row.question.title == f"change {path}"
        assert row.question.details == f"add {path}\nhello"
        await say(home, run.id, Leave.ONCE)
        assert (await home.rest(run.id)).run.state is RunState.SUCCESS
        assert path.read_text() == "hello\n"


async def test_nobody_there_declines_and_says_so(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch done")
    async with house.open() as home:
        run = await home.begin("one", Mode.DIRECT)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert not (Path(detail.workspace) / "done").exists()
        assert "Declined: codex asked to run" in written(detail)
        assert "nobody is there to answer" in written(detail)


@pytest.mark.parametrize(
    ("policy", "words"),
    [(ApprovalPolicy.DENY, "approval policy"), (ApprovalPolicy.NEVER, "")],
)
async def test_other_policies_never_ask(
    house: House, script: CrewScript, policy: ApprovalPolicy, words: str
) -> None:
    script.crew("one").codex["builder"] = escalated("touch done")
    async with house.open(approval_policy=policy) as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert not (Path(detail.workspace) / "done").exists()
        assert words in written(detail)
        assert ("Declined" in written(detail)) is bool(words)


async def test_an_unattended_run_may_wait(house: House, script: CrewScript) -> None:
    """Neither the turn's nor the stage's time runs out while nobody answers."""
    script.crew("one").codex["builder"] = escalated("touch done")
    limits: dict[str, Any] = {"turn_timeout": 3.0, "stall_timeout": 3.0, "stage_timeout": 6.0}
    async with house.open(unattended=Unattended.WAIT, **limits) as home:
        run = await home.begin("one", Mode.DIRECT)
        await asked(home, run.id)
        await asyncio.sleep(7)  # longer than every limit: that is what is tested
        await say(home, run.id, Leave.ONCE)
        assert (await home.rest(run.id)).run.state is RunState.SUCCESS


async def test_cancelling_the_run_withdraws_its_questions(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (row,) = await asked(home, run.id)
        events: list[Event] = []
        subscription = home.host.events()
        await home.host.do(CancelRun(run.id, "no more"))
        async with asyncio.timeout(PATIENCE):
            async for event in subscription:
                events.append(event)
                if isinstance(event, QuestionSaved):
                    assert event.question_id == row.question.id
                    assert event.state is QuestionState.WITHDRAWN
                    break
        assert (await home.detail(run.id)).run.state is RunState.CANCELLED
        assert await home.host.ask(ListQuestions(run.id)) == ()
        with pytest.raises(Conflict, match="asks nothing just now"):
            await say(home, run.id, Leave.ONCE)


async def test_what_cannot_be_answered_says_why(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (row,) = await asked(home, run.id)
        with pytest.raises(InvalidInput, match="maybe is not possible here"):
            await home.host.do(AnswerQuestion(run.id, answer="maybe"))
        with pytest.raises(Conflict, match="waits for leave"):
            await home.host.do(AnswerQuestion(run.id, kind=QuestionKind.QUESTION, answer="yes"))
        with pytest.raises(Conflict, match="Builder is not over: Asks for leave"):
            await home.host.do(RetryRun(run.id))
        preview = await home.host.ask(PreviewRetry(run.id))
        assert "runs questions" in preview.reason
        assert not preview.possible
        await home.host.do(AnswerQuestion(question=row.question.id[:8], answer=Leave.ONCE))
        with pytest.raises(Conflict, match="is answered already"):
            await home.host.do(AnswerQuestion(question=row.question.id, answer=Leave.DENY))
        assert (await home.rest(run.id)).run.state is RunState.SUCCESS


async def test_an_agent_asks_and_gets_the_answer(house: House, script: CrewScript) -> None:
    script.crew("one").questions["planner"] = {
        "question": "Which colour?",
        "choices": ["red", "blue"],
    }
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.AGENT)
        (row,) = await asked(home, run.id)
        assert row.question.kind is QuestionKind.QUESTION
        assert (row.step_key, row.question.title) == ("planner", "Which colour?")
        assert row.question.reason == ""  # who asks is known
        with pytest.raises(InvalidInput, match="no choice 3"):
            await home.host.do(AnswerQuestion(run.id, choice=3))
        await home.host.do(AnswerQuestion(run.id, choice=2))
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert '"answer": "blue"' in detail.steps[0].summary


async def test_an_agent_that_nobody_hears_goes_on(house: House, script: CrewScript) -> None:
    script.crew("one").questions["planner"] = {"question": "Which colour?", "choices": None}
    async with house.open() as home:
        run = await home.begin("one", Mode.AGENT)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS
        assert "Nobody is there to answer" in detail.steps[0].summary


async def test_an_unanswered_one_outlives_the_host(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("echo x >> done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        (before,) = await asked(home, run.id)
        home.services.departure.leaving = True
    async with house.open() as home:
        (row,) = await asked(home, run.id)
        assert row.question.id == before.question.id
        assert (await home.detail(run.id)).run.state is RunState.WAITING
        await say(home, run.id, Leave.ONCE)
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert (Path(detail.workspace) / "done").read_text() == "x\n"
        assert written(detail).count("$ echo x >> done\n") == 1
        assert [job.name.split(":")[0] for job in await home.jobs(run.id)].count("builder") == 1


async def test_one_answered_between_two_hosts_is_obeyed(house: House, script: CrewScript) -> None:
    script.crew("one").codex["builder"] = escalated("touch done")
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.DIRECT)
        await asked(home, run.id)
        home.services.departure.leaving = True
    async with house.open(recover=False) as home:
        await say(home, run.id, Leave.DENY)
        home.services.departure.leaving = True
    async with house.open() as home:
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert not (Path(detail.workspace) / "done").exists()
        assert "said user" in written(detail)


async def test_an_agents_question_outlives_the_host(house: House, script: CrewScript) -> None:
    script.crew("one").questions["planner"] = {"question": "Which?", "choices": ["red", "blue"]}
    async with house.open() as home:
        await attend(home)
        run = await home.begin("one", Mode.AGENT)
        (before,) = await asked(home, run.id)
        home.services.departure.leaving = True
    async with house.open() as home:
        (row,) = await asked(home, run.id)
        assert row.question.id == before.question.id
        await home.host.do(AnswerQuestion(run.id, choice=1))
        detail = await home.rest(run.id)
        assert detail.run.state is RunState.SUCCESS, detail.error
        assert '"answer": "red"' in detail.steps[0].summary
