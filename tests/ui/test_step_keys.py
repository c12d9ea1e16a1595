"""`r` and `a` in the graph are for the selected stage; elsewhere they are for the run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.app.screens.modals.question import QuestionDialog
from foredeck.app.screens.modals.retry import RetryDialog
from foredeck.app.screens.step_reasons import can_retry, why_not_answer, why_not_retry
from foredeck.services.domain.questions import GateAnswer, Question, QuestionKind
from foredeck.services.domain.records import StepKind
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import Preview, QuestionRow, RunDetail
from foredeck.services.host import queries
from foredeck.services.host.commands import AnswerQuestion, RerunFrom, RetryRun
from foredeck.widgets.dag.view import DagView
from tests.support import fake_host
from tests.support.dashboard import dashboard, messages, until, workbench_of
from tests.support.fake_host import NOW, FakeHost, ago, project_row, run_detail, step_row
from tests.support.graphs import command

S = StepState
SIZES = pytest.mark.parametrize("size", [(80, 24), (60, 20), (120, 40)])


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DagView, "pulse_enabled", False)


def gated() -> RunDetail:
    """Return a run at rest: two steps failed, a gate waits and another is not reached."""
    steps = (
        command("build", S.SUCCESS, took=9),
        command("lint", S.FAILED, "build", took=3, critical=False),
        command("docs", S.FAILED, "build", took=3, critical=False),
        command("sign-off", S.WAITING, "lint docs", kind=StepKind.GATE, started_at=ago(30)),
        command("ship", S.PENDING, "sign-off"),
        command("shout", S.PENDING, "ship", kind=StepKind.GATE),
    )
    return run_detail("run1", RunState.WAITING, steps, title="Release")


@dataclass
class PreviewingHost(FakeHost):
    """Says of each retry which one it is; `impossible` are the kinds that are not."""

    impossible: set[str] = field(default_factory=set)

    def _answer(self, query: object) -> object:
        match query:
            case queries.PreviewRetry():
                return self._said(f"retry of {query.step_key}")
            case queries.PreviewRerun():
                return self._said(f"rerun of {query.step_key}")
        return super()._answer(query)

    def _said(self, what: str) -> Preview:
        if what in self.impossible:
            return Preview("", (), possible=False, reason=f"No {what} now.")
        return Preview(what, (f"A {what}.", "Voids the approval of “Sign off”."))


def host_at_rest() -> PreviewingHost:
    detail = gated()
    host = PreviewingHost([project_row()], {"run1": detail}, {"run1": ()})
    for number, step in enumerate(("s-sign-off", "s-elsewhere")):
        question = Question(
            id=f"q{number}",
            key="gate",
            kind=QuestionKind.GATE,
            title=f"Ship it, {step}?",
            asked_at=NOW,
            run_id="run1",
            step_id=step,
            choices=tuple(GateAnswer),
        )
        host.questions.append(QuestionRow(question, "sign-off", "Sign off", "Release"))
    host.runs["run1"] = replace(detail, run=replace(detail.run, questions=2))
    return host


def body(pilot: Pilot[int]) -> str:
    return "\n".join(str(line.render()) for line in pilot.app.screen.query(Static))


async def in_graph(pilot: Pilot[int], step: str) -> None:
    """Put the focus on the graph and the selection on a step."""
    await pilot.press("4")
    graph = workbench_of(pilot).desk.graph
    await until(pilot, lambda: graph.has_focus and bool(graph.picture.steps))
    assert graph.select_step(step)
    await until(pilot, lambda: shown(pilot) == step)


def shown(pilot: Pilot[int]) -> str:
    step = workbench_of(pilot).desk.view.step
    return step.key if step else ""


async def open_retry(pilot: Pilot[int]) -> None:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(pilot.app.screen, RetryDialog))


async def back(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: pilot.app.screen is workbench_of(pilot))


def said(pilot: Pilot[int], words: str) -> bool:
    return any(words in message for message in messages(pilot))


@SIZES
@pytest.mark.parametrize(
    ("key", "preview", "done"),
    [
        ("1", "A retry of lint.", RetryRun("run1", "lint")),
        ("2", "A rerun of lint.", RerunFrom("run1", "lint")),
        ("3", "A retry of None.", RetryRun("run1")),
    ],
)
async def test_a_retry_of_the_selected_step_has_a_choice_each_with_its_preview(
    key: str, preview: str, done: object, size: tuple[int, int]
) -> None:
    host = host_at_rest()
    async with dashboard(host, size=size) as pilot:
        await in_graph(pilot, "lint")
        await open_retry(pilot)
        assert "Retry Lint?" in body(pilot)
        await pilot.press(key)
        await until(pilot, lambda: preview in body(pilot))
        assert "Voids the approval" in body(pilot)
        for button in pilot.app.screen.query("Button"):
            assert button.region.bottom <= size[1]
        await pilot.press("enter")
        await back(pilot)
        await until(pilot, lambda: host.done == [done])


async def test_leaving_a_retry_changes_nothing() -> None:
    host = host_at_rest()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "lint")
        for key in ("escape", "n"):
            await open_retry(pilot)
            await pilot.press(key)
            await back(pilot)
        assert host.done == []


async def test_a_choice_that_is_not_possible_says_why() -> None:
    host = host_at_rest()
    host.impossible = {"rerun of lint"}
    async with dashboard(host) as pilot:
        await in_graph(pilot, "lint")
        await open_retry(pilot)
        await pilot.press("2")
        await until(pilot, lambda: "Not now: No rerun of lint now." in body(pilot))
        await pilot.press("enter")
        assert pilot.app.screen.query_one("#choices", OptionList).highlighted == 1
        assert host.done == []
        host.impossible |= {"retry of lint", "retry of None"}
        await pilot.press("escape")
        await back(pilot)
        await pilot.press("r")
        await until(pilot, lambda: said(pilot, "No retry of lint now."))
        assert pilot.app.screen is workbench_of(pilot)


async def test_in_the_table_a_retry_is_for_the_stage_if_that_has_failed() -> None:
    host = host_at_rest()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "docs")
        await pilot.press("2")
        await open_retry(pilot)
        assert "Retry Docs?" in body(pilot)
        await pilot.press("escape")
        await back(pilot)
        workbench_of(pilot)._select_step("build")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert "A retry of None." in body(pilot)


async def test_the_details_of_a_step_belong_to_the_graph() -> None:
    host = host_at_rest()
    async with dashboard(host, size=(120, 50)) as pilot:
        await in_graph(pilot, "lint")
        await pilot.press("space", "tab")
        assert workbench_of(pilot).desk.focused_pane == "graph"
        await open_retry(pilot)
        assert "Retry Lint?" in body(pilot)


async def test_a_step_that_cannot_be_retried_says_why_and_the_run_still_can() -> None:
    host = host_at_rest()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "build")
        await pilot.press("r")
        await until(pilot, lambda: said(pilot, "Build has succeeded. R runs it and everything"))
        await pilot.press("1", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        assert "A retry of None." in body(pilot)


@pytest.mark.parametrize(("key", "answer"), [("y", "approve"), ("n", "reject")])
@pytest.mark.parametrize("pane", ["4", "2"])
async def test_the_selected_gate_is_answered_with_a_comment_and_no_other(
    key: str, answer: str, pane: str
) -> None:
    host = host_at_rest()
    host.questions.reverse()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "sign-off")
        await pilot.press(pane, "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))
        assert "Ship it, s-sign-off?" in body(pilot)
        pilot.app.screen.query_one("#comment", Input).value = "as agreed"
        await pilot.press(key)
        await back(pilot)
        assert host.done == [AnswerQuestion(question="q0", answer=answer, comment="as agreed")]


async def test_what_cannot_be_approved_says_why_and_others_are_answered_elsewhere() -> None:
    host = host_at_rest()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "shout")
        await pilot.press("a")
        await until(pilot, lambda: said(pilot, "Shout is not reached yet"))
        workbench_of(pilot).desk.graph.select_step("ship")
        await until(pilot, lambda: shown(pilot) == "ship")
        await pilot.press("a")
        await until(pilot, lambda: said(pilot, "Ship asks nothing just now. What others ask"))
        await pilot.press("1", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))


async def test_a_question_that_was_settled_meanwhile_is_said() -> None:
    host = host_at_rest()
    async with dashboard(host) as pilot:
        await in_graph(pilot, "sign-off")
        host.questions.clear()
        await pilot.press("a")
        await until(pilot, lambda: said(pilot, "Sign off asks nothing just now."))


async def test_outside_the_graph_a_retry_is_the_runs_own(tmp_path: Path) -> None:
    host = fake_host.failed(tmp_path)
    async with dashboard(host) as pilot:
        await pilot.press("3", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))


async def test_a_hostile_title_is_plain_text_in_the_palette_too() -> None:
    host = host_at_rest()
    detail = host.runs["run1"]
    nasty = "[red]x[/] [@click=app.quit]\x1b]0;owned\x07 [/nope]"
    steps = tuple(replace(s, title=nasty) if s.key == "build" else s for s in detail.steps)
    host.runs["run1"] = replace(detail, steps=steps)
    async with dashboard(host) as pilot:
        await in_graph(pilot, "build")
        await pilot.press("r")
        await until(pilot, lambda: said(pilot, "[@click=app.quit] [/nope] has succeeded"))
        await pilot.press("ctrl+p", *"Retry")
        found = pilot.app.screen.query_one(OptionList)
        await until(pilot, lambda: "[/nope] has succeeded" in prompts(found))
        assert "\x1b" not in prompts(found)


def prompts(found: OptionList) -> str:
    return "\n".join(str(option.prompt) for option in found.options)


@pytest.mark.parametrize("state", list(StepState))
def test_every_state_has_its_reason(state: StepState) -> None:
    for kind in (StepKind.COMMAND, StepKind.GATE):
        step = step_row("qa_qc", state, kind=kind)
        reason = why_not_retry(step)
        assert bool(reason) != can_retry(step)
        assert "\n" not in reason
        gate_waits = kind is StepKind.GATE and state is StepState.WAITING
        assert (why_not_answer(step, 0) == "") == gate_waits
