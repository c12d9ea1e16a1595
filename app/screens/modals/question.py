"""Puts one question to the person: what, where and why, and the answers that are possible."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.modals.dialog import Dialog
from foredeck.app.screens.shell import shell_of
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.questions import GateAnswer, Leave, Question, QuestionKind
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import QuestionRow
from foredeck.services.host.commands import AnswerQuestion
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListQuestions

# More is seen with `foredeck runs questions`.
_SHOWN = 20_000
_ASKS = {
    QuestionKind.APPROVAL: "asks for leave",
    QuestionKind.QUESTION: "asks",
    QuestionKind.GATE: "asks for approval",
}
_GATE = {
    GateAnswer.APPROVE: ("y", "Approve"),
    GateAnswer.REJECT: ("n", "Reject"),
}
_LEAVES = {
    Leave.ONCE: ("o", "Once"),
    Leave.SESSION: ("s", "For this session"),
    Leave.DENY: ("d", "Deny"),
    Leave.STOP: ("x", "Deny and stop"),
}


class QuestionDialog(Dialog[bool]):
    """Answers with True once the question is settled, here or elsewhere; None leaves it open.

    Nothing that could say yes has the focus at first: a stray enter changes nothing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "leave('once')", show=False),
        Binding("s", "leave('session')", show=False),
        Binding("d", "leave('deny')", show=False),
        Binding("x", "leave('deny_and_stop')", show=False),
        Binding("y", "gate('approve')", show=False),
        Binding("n", "gate('reject')", show=False),
        Binding("down,j", "scroll_lines(1)", show=False),
        Binding("up,k", "scroll_lines(-1)", show=False),
        Binding("pagedown", "scroll_lines(10)", show=False),
        Binding("pageup", "scroll_lines(-10)", show=False),
    ]

    def __init__(self, host: Host, row: QuestionRow, *, left: int = 1) -> None:
        """`left` counts the questions that wait, this one included."""
        question = row.question
        who = safe_line(row.step_title) or "codex"
        asks = _ASKS[question.kind]
        more = f" · {left - 1} more after this" if left > 1 else ""
        super().__init__(f"{who} {asks}{more}")
        self._host = host
        self._question = question
        self._run_title = row.run_title
        self._busy = False

    @property
    def question(self) -> Question:
        """What is asked."""
        return self._question

    def compose_body(self) -> ComposeResult:
        question = self._question
        with VerticalScroll(id="dialog-lines", can_focus=True):
            yield Static(safe_text(self._what()), classes="dialog-paragraph", markup=False)
            for name, text in (("where", question.place), ("why", question.reason)):
                if text:
                    line = Content.assemble((f"{name:<6}", "$ink-muted"), Content(safe_text(text)))
                    yield Static(line, classes="dialog-line")
            yield Static(_line("run", self._run_title), classes="dialog-line")
            for number, choice in enumerate(self._offered(), 1):
                yield Static(_line(str(number), choice), classes="dialog-line dialog-choice")
        if question.kind is QuestionKind.QUESTION:
            yield Input(placeholder=self._hint(), id="answer")
        if question.kind is QuestionKind.GATE:
            yield Input(placeholder="your comment, if you have one", id="comment")
        yield Static("", id="dialog-error", markup=False)
        if question.kind is QuestionKind.APPROVAL:
            with Horizontal(classes="answers"):
                yield from self._leave_buttons(Leave.ONCE, Leave.SESSION)
        with Horizontal(classes="answers"):
            if question.kind is QuestionKind.APPROVAL:
                yield from self._leave_buttons(Leave.DENY, Leave.STOP)
            elif question.kind is QuestionKind.GATE:
                yield from _gate_buttons()
            else:
                yield Button(" Answer (enter) ", variant="primary", id="say", compact=True)
            yield Button(" Later (esc) ", id="later", compact=True)

    def on_mount(self) -> None:
        shell_of(self).changed.subscribe(self, self._changed)
        asks_words = self._question.kind is QuestionKind.QUESTION
        self.query_one("#answer" if asks_words else "#dialog-lines").focus()

    def _what(self) -> str:
        question = self._question
        if question.kind is QuestionKind.QUESTION:
            return (question.details or question.title)[:_SHOWN]
        if question.kind is QuestionKind.GATE:
            return f"{question.title}\n\n{question.details}".rstrip()[:_SHOWN]
        details = question.details or question.title
        verb = question.title.partition(" ")[0]
        return f"codex wants to {verb}:\n\n{details}"[:_SHOWN]

    def _offered(self) -> tuple[str, ...]:
        """The choices of a question; leave has keys of its own."""
        question = self._question
        return question.choices if question.kind is QuestionKind.QUESTION else ()

    def _hint(self) -> str:
        return "a number, or your own words" if self._offered() else "your answer"

    def _leave_buttons(self, *leaves: Leave) -> ComposeResult:
        for leave in leaves:
            if leave.value in self._question.choices:
                button = Button(_with_key(*_LEAVES[leave]), id=f"leave-{leave}", compact=True)
                button.variant = "error" if leave in (Leave.DENY, Leave.STOP) else "primary"
                yield button

    # --- answers ----------------------------------------------------------------------

    def action_leave(self, leave: str) -> None:
        """Answer a wish for leave, if that answer is offered."""
        if self._question.kind is QuestionKind.APPROVAL and leave in self._question.choices:
            self._send(AnswerQuestion(question=self._question.id, answer=leave))

    def action_gate(self, answer: str) -> None:
        """Approve or reject at a gate, with what is typed as the comment."""
        if self._question.kind is QuestionKind.GATE:
            comment = self.query_one("#comment", Input).value
            self._send(AnswerQuestion(question=self._question.id, answer=answer, comment=comment))

    @on(Input.Submitted, "#comment")
    def _commented(self, event: Input.Submitted) -> None:
        """A comment says neither yes nor no: the keys of both work from here on."""
        event.stop()
        self.query_one("#dialog-lines").focus()
        self._complain("Now press y to approve or n to reject.")

    @on(Input.Submitted, "#answer")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._say(event.value)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        pressed = event.button.id or ""
        if pressed == "later":
            self.action_give_up()
        elif pressed == "say":
            self._say(self.query_one("#answer", Input).value)
        elif pressed.startswith("gate-"):
            self.action_gate(pressed.removeprefix("gate-"))
        else:
            self.action_leave(pressed.removeprefix("leave-"))

    def _say(self, text: str) -> None:
        text, offered = text.strip(), len(self._offered())
        if offered and text.isdecimal():
            if 1 <= int(text) <= offered:
                self._send(AnswerQuestion(question=self._question.id, choice=int(text)))
            else:
                self._complain(f"The choices are 1 to {offered}; or write your own words.")
        elif text:
            self._send(AnswerQuestion(question=self._question.id, answer=text))
        else:
            self._complain("Write an answer, or press escape to leave it for later.")

    def _send(self, command: AnswerQuestion) -> None:
        if not self._busy:
            self._busy = True
            self.run_worker(self._answer(command), group="answer", exit_on_error=False)

    async def _answer(self, command: AnswerQuestion) -> None:
        try:
            await self._host.do(command)
        except ForedeckError as error:
            self._complain(str(error))
        else:
            self._settled()
        finally:
            self._busy = False

    def _changed(self, change: HostChanged) -> None:
        """Look whether somebody else has answered meanwhile."""
        if change.touches(self._question.run_id) and not self._busy:
            self.run_worker(self._look(), group="look", exclusive=True, exit_on_error=False)

    async def _look(self) -> None:
        asked = await self._host.ask(ListQuestions())
        if self._question.id not in {row.question.id for row in asked} and not self._busy:
            shell_of(self).notice("The question has been settled elsewhere.")
            self._settled()

    def _settled(self) -> None:
        if self.is_current:
            self.dismiss(True)

    def _complain(self, sentence: str) -> None:
        self.query_one("#dialog-error", Static).update(safe_text(sentence))

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one("#dialog-lines").scroll_relative(y=lines, animate=False)


def _gate_buttons() -> ComposeResult:
    for answer, words in _GATE.items():
        button = Button(_with_key(*words), id=f"gate-{answer}", compact=True)
        button.variant = "error" if answer is GateAnswer.REJECT else "primary"
        yield button


def _line(name: str, text: str) -> Content:
    return Content.assemble((f"{name:<6}", "$ink-muted"), Content(safe_line(text)))


def _with_key(key: str, label: str) -> Content:
    return Content.assemble(" ", (key, "bold"), f" {label} ")
