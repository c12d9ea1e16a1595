"""Questions on the screen: nothing is allowed by accident, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from foredeck.app.screens.modals.question import QuestionDialog
from foredeck.app.screens.modals.steer import SteerDialog
from foredeck.services.domain.errors import Conflict, HostGone
from foredeck.services.domain.questions import GateAnswer, Leave, Question, QuestionKind
from foredeck.services.domain.views import QuestionRow
from foredeck.services.host.commands import AnswerQuestion, FollowUpRun, SteerRun
from foredeck.widgets.key_bar import KeyBar
from tests.support import fake_host
from tests.support.dashboard import dashboard, until, workbench_of
from tests.support.fake_host import NOW, FakeHost

SIZES = pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 40)])


def approval(question_id: str = "q1", details: str = "rm -rf build", **changes: str) -> QuestionRow:
    question = Question(
        id=question_id,
        key=question_id,
        kind=QuestionKind.APPROVAL,
        title=f"run {details.splitlines()[0]}",
        asked_at=NOW,
        run_id="run1",
        step_id="s-builder",
        place="/srv/shop",
        reason=changes.get("reason", "it is in the way"),
        details=details,
        choices=tuple(leave.value for leave in Leave),
    )
    return QuestionRow(question, "builder", "Builder", "Build a URL shortener with tests")


def at_gate(details: str = "Build (build): success, attempt 2\nIt works") -> QuestionRow:
    question = Question(
        id="q4",
        key="gate",
        kind=QuestionKind.GATE,
        title="Ship 1.2?",
        asked_at=NOW,
        run_id="run1",
        step_id="s-builder",
        place="/srv/shop",
        details=details,
        choices=tuple(answer.value for answer in GateAnswer),
    )
    return QuestionRow(question, "sign-off", "Sign off", "Build a URL shortener with tests")


def words(*choices: str) -> QuestionRow:
    question = Question(
        id="q2",
        key="call",
        kind=QuestionKind.QUESTION,
        title="Which database?",
        asked_at=NOW,
        run_id="run1",
        details="Which database?",
        choices=choices,
    )
    return QuestionRow(question, "planner", "Planner", "Build a URL shortener with tests")


def shown(pilot: Pilot[int]) -> str:
    return "\n".join(str(line.render()) for line in pilot.app.screen.query(Static))


def footer(pilot: Pilot[int]) -> str:
    return str(workbench_of(pilot).query_one(KeyBar).render())


async def ask(pilot: Pilot[int], host: FakeHost, *rows: QuestionRow) -> None:
    """Ask these things and open the dialog."""
    for row in rows:
        host.ask_person(row)
    await until(pilot, lambda: workbench_of(pilot).desk.asked >= len(rows))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


async def test_a_toast_and_the_footer_say_that_something_is_asked(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: host.present)
        assert "Answer" not in footer(pilot)
        host.ask_person(approval())
        await until(pilot, lambda: "Answer" in footer(pilot))
        toasts = [note.message for note in pilot.app._notifications]
        assert "codex asks for leave to run rm -rf build\nPress a to answer." in toasts
        assert pilot.app.screen is workbench_of(pilot)  # it does not take the keys away
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))
        assert list(pilot.app._notifications) == []  # it would lie over the answers


async def test_without_a_question_the_key_says_so(tmp_path: Path) -> None:
    async with dashboard(fake_host.running(tmp_path)) as pilot:
        await pilot.press("a")
        await until(
            pilot,
            lambda: any("Nothing is asked" in n.message for n in pilot.app._notifications),
        )


@SIZES
async def test_what_where_and_why_are_in_sight(tmp_path: Path, size: tuple[int, int]) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size=size) as pilot:
        await ask(pilot, host, approval())
        text = shown(pilot)
        assert "Builder asks for leave" in text
        assert "codex wants to run:\n\nrm -rf build" in text
        assert "/srv/shop" in text
        assert "it is in the way" in text
        for button in pilot.app.screen.query("Button"):
            assert button.region.right <= size[0], button
            assert button.region.bottom <= size[1], button
        await pilot.press("enter")  # by mistake: it changes nothing
        assert isinstance(pilot.app.screen, QuestionDialog)
        assert host.done == []


@pytest.mark.parametrize(
    ("key", "leave"),
    [("o", Leave.ONCE), ("s", Leave.SESSION), ("d", Leave.DENY), ("x", Leave.STOP)],
)
async def test_each_answer_has_a_key(tmp_path: Path, key: str, leave: Leave) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, approval())
        await pilot.press(key)
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q1", answer=leave.value)]
        await until(pilot, lambda: "Answer" not in footer(pilot))


@SIZES
async def test_a_gate_shows_what_is_approved_and_enter_changes_nothing(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size=size) as pilot:
        await ask(pilot, host, at_gate())
        text = shown(pilot)
        assert "Sign off asks for approval" in text
        assert "Ship 1.2?\n\nBuild (build): success, attempt 2\nIt works" in text
        for button in pilot.app.screen.query("Button"):
            assert button.region.right <= size[0], button
            assert button.region.bottom <= size[1], button
        await pilot.press("a", "enter", "o", "d")  # by mistake: it changes nothing
        assert isinstance(pilot.app.screen, QuestionDialog)
        assert host.done == []


@pytest.mark.parametrize(("key", "answer"), [("y", "approve"), ("n", "reject")])
async def test_a_gate_is_answered_by_a_key_with_a_comment(
    tmp_path: Path, key: str, answer: str
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, at_gate())
        pilot.app.screen.query_one("#comment").focus()
        await pilot.press("n", "o", "w", "enter")
        assert "Now press y to approve or n to reject." in shown(pilot)
        await pilot.press(key)
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q4", answer=answer, comment="now")]


async def test_a_gate_is_announced_and_answered_by_its_buttons(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await until(pilot, lambda: host.present)
        host.ask_person(at_gate("[/] \x1b[2Jx"))
        await until(pilot, lambda: "Answer" in footer(pilot))
        toasts = [note.message for note in pilot.app._notifications]
        assert "A gate asks for approval: Ship 1.2?\nPress a to answer." in toasts
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))
        assert "\x1b" not in shown(pilot)
        await pilot.click("#gate-reject")
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q4", answer="reject")]


@SIZES
async def test_a_long_command_scrolls_and_the_answers_stay(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host, size=size) as pilot:
        await ask(pilot, host, approval(details="\n".join(f"echo {n}" for n in range(200))))
        lines = pilot.app.screen.query_one("#dialog-lines", VerticalScroll)
        assert lines.max_scroll_y > 0
        await pilot.press("down", "j", "pagedown")
        assert lines.scroll_y >= 3
        deny = pilot.app.screen.query_one("#leave-deny")
        assert 0 < deny.region.bottom <= size[1]


async def test_hostile_words_are_shown_as_words(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    hostile = approval(details="echo [/] [bold]x \x1b[2J\x1b]0;title\x07", reason="[/red]\x1b[31m")
    async with dashboard(host) as pilot:
        await ask(pilot, host, hostile)
        text = shown(pilot)
        assert "echo [/] [bold]x" in text
        assert "\x1b" not in text


async def test_left_for_later_it_stays_open_and_several_queue_up(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, approval("q1"), approval("q3", details="make install"))
        assert "1 more after this" in shown(pilot)
        await pilot.press("escape")
        await back(pilot)
        assert host.done == []
        assert len(host.questions) == 2
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))
        await pilot.press("o")
        await until(pilot, lambda: "make install" in shown(pilot))
        await pilot.press("d")
        await back(pilot)
        assert [command.question for command in host.done] == ["q1", "q3"]  # type: ignore[attr-defined]


async def test_a_choice_by_its_number(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, words("SQLite", "PostgreSQL"))
        assert "2     PostgreSQL" in shown(pilot)
        await pilot.press("3", "enter")
        assert "The choices are 1 to 2" in shown(pilot)
        await pilot.press("backspace", "2", "enter")
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q2", choice=2)]


async def test_own_words_in_the_place_of_a_choice_may_hold_a_number(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, words("SQLite", "PostgreSQL"))
        await pilot.press(*"Use MySQL 2", "enter")
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q2", answer="Use MySQL 2")]


async def test_an_answer_in_words(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, words())
        assert isinstance(pilot.app.screen.focused, Input)
        await pilot.press("enter")
        assert "Write an answer" in shown(pilot)
        await pilot.press(*"MySQL 8", "enter")
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q2", answer="MySQL 8")]


async def test_an_error_of_the_host_is_shown_in_the_dialog(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[AnswerQuestion] = Conflict("Question q1 is answered already.")
    async with dashboard(host) as pilot:
        await ask(pilot, host, approval())
        await pilot.press("o")
        await until(pilot, lambda: "answered already" in shown(pilot))
        assert isinstance(pilot.app.screen, QuestionDialog)


async def test_answered_elsewhere_the_dialog_closes(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    async with dashboard(host) as pilot:
        await ask(pilot, host, approval())
        host._answer_question(AnswerQuestion(question="q1", answer="deny"))
        await back(pilot)
        assert any("settled elsewhere" in note.message for note in pilot.app._notifications)


async def test_words_that_cannot_be_said_say_why_and_no_more(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[SteerRun] = HostGone("The host went away.", "Open foredeck to go on.")
    async with dashboard(host) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SteerDialog))
        await pilot.press("x", "ctrl+s")
        await until(pilot, lambda: "The host went away. Open foredeck" in shown(pilot))
        assert "ctrl+n queues it" not in shown(pilot)


async def test_words_to_the_working_codex(tmp_path: Path) -> None:
    host = fake_host.running(tmp_path)
    host.errors[SteerRun] = Conflict("No codex turn works just now.")
    async with dashboard(host) as pilot:
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SteerDialog))
        await pilot.press(*"no tests", "ctrl+s")
        await until(pilot, lambda: "ctrl+n queues it" in shown(pilot))
        await pilot.press("escape")
        await back(pilot)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SteerDialog))
        assert pilot.app.screen.query_one(TextArea).text == "no tests"
        await pilot.press("ctrl+n")
        await back(pilot)
        assert host.done == [SteerRun("run1", "no tests"), FollowUpRun("run1", "no tests")]


async def test_a_finished_run_has_no_codex_to_speak_to(tmp_path: Path) -> None:
    async with dashboard(fake_host.finished(tmp_path)) as pilot:
        await pilot.press("s")
        await until(
            pilot,
            lambda: any("no codex works" in note.message for note in pilot.app._notifications),
        )
