"""A talk with one agent about a run or a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from foredeck.app.bridge import HostChanged
from foredeck.app.screens.pane import Pane
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.refresher import Refresher
from foredeck.app.screens.shell import Shell, host_of, shell_of
from foredeck.services.domain.chat import AgentCard, ConversationDetail, ConversationRow
from foredeck.services.domain.errors import ForedeckError, NotFound
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.views import RunDetail, Sidebar
from foredeck.services.host.commands import SendChat, StopChat
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetConversation, ListAgents, ListConversations
from foredeck.widgets.key_bar import KeyBar
from foredeck.widgets.transcript import TranscriptView

_KEYS = (
    ("enter", "Send what you typed"),
    ("tab", "Go from the text to the conversation and back"),
    ("ctrl+t", "Talk with the next agent"),
    ("ctrl+n", "Begin a new conversation"),
    ("ctrl+o", "Go to the conversation before this one"),
    ("ctrl+g", "Stop the answer that is being produced"),
    ("ctrl+y", "Send the last message again, if it got no whole answer"),
    ("ctrl+r", "Read it again from the host"),
    ("escape", "Back to the workbench"),
)
# How far back ctrl+o goes.
_OLDER = 100


@dataclass(frozen=True, slots=True)
class Topic:
    """What the talk is about: a run, or else a project (ids), and its name."""

    name: str
    project: str | None = None
    run: str | None = None


def topic_of(detail: RunDetail | None, project_id: str | None, sidebar: Sidebar | None) -> Topic:
    """Return what a talk is about: the run on display, else the selected project."""
    if detail is not None:
        return Topic(detail.run.title, detail.run.project_id, detail.run.id)
    projects = [node.project for node in sidebar.projects] if sidebar else []
    name = next((project.name for project in projects if project.id == project_id), "")
    return Topic(name, project_id)


class ChatScreen(PromptScreen[None]):
    """The conversation above, one line to type below; answers appear while they come."""

    CSS_PATH = "../../styles/chat.tcss"
    # The keys work while somebody types: none of them is a letter.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Back"),
        Binding("ctrl+t", "next_agent", "Next agent", key_display="^t"),
        Binding("ctrl+n", "new", "New", key_display="^n"),
        Binding("ctrl+o", "older", "Older", key_display="^o"),
        Binding("ctrl+g", "stop", "Stop", key_display="^g"),
        Binding("ctrl+y", "again", "Send again", key_display="^y"),
        Binding("ctrl+r", "reload", "Reload", show=False),
        Binding("f1", "help", "Help"),
    ]

    def __init__(self, topic: Topic) -> None:
        super().__init__()
        self._topic = topic
        self._agents: tuple[AgentCard, ...] = ()
        self._chosen = 0
        self._place: str | None = None
        self._rows: tuple[ConversationRow, ...] | None = None
        self._detail: ConversationDetail | None = None
        self._sending = False
        self._reads = Refresher(self, self._read, self._failed)

    def compose(self) -> ComposeResult:
        yield Pane(title="Chat", id="pane-chat")
        yield Input(id="chat-text", placeholder="Loading…")
        yield KeyBar(last=("help", "close"))

    async def on_mount(self) -> None:
        await self._pane.fill(TranscriptView())
        self.shell.changed.subscribe(self, self._apply)
        self._pane.say("Loading…")
        self.query_one(Input).focus()
        self._reads.request()

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    @property
    def _pane(self) -> Pane:
        return self.query_one(Pane)

    @property
    def _host(self) -> Host:
        return host_of(self)

    @property
    def agent(self) -> AgentCard:
        """The agent that is talked with."""
        if not self._agents:
            raise NotFound("The agents are not known yet.")
        return self._agents[self._chosen]

    def _apply(self, change: HostChanged) -> None:
        if change.resync or self._place in change.chats:
            self._reads.request()

    # --- what is shown ----------------------------------------------------------------

    async def _read(self) -> None:
        if not self._agents:
            self._agents = await self._host.ask(ListAgents())
        if self._rows is None:
            self._rows = await self._earlier()
            self._place = self._rows[0].id if self._rows else None
        place = self._place
        detail: ConversationDetail | None = None
        if place:
            detail = await self._host.ask(GetConversation(place))
        if place == self._place:  # else another one was chosen meanwhile, and is read next
            self._show(detail)

    async def _earlier(self) -> tuple[ConversationRow, ...]:
        """Return the conversations with this agent about the same thing, the latest first."""
        topic = self._topic
        page = await self._host.ask(
            ListConversations(
                None if topic.run else topic.project, topic.run, self.agent.role, _OLDER
            )
        )
        return tuple(row for row in page.items if row.run_id == topic.run)

    def _show(self, detail: ConversationDetail | None) -> None:
        another = detail is not None and (
            self._detail is None or self._detail.row.id != detail.row.id
        )
        self._detail = detail
        self._show_title()
        self.refresh_bindings()
        if detail is None or not detail.entries:
            self._pane.say(
                f"Nothing has been said to {self.agent.name} yet.",
                "Type a question below, then press enter. The agent looks and changes nothing.",
            )
            return
        view = self.query_one(TranscriptView)
        view.update_entries(detail.entries, {self.agent.role: self.agent.name})
        self._pane.show_content()
        if another:
            self.call_after_refresh(view.action_follow)

    def _show_title(self) -> None:
        # The agent first: a long title would push it out of sight.
        title = f"Chat · {self.agent.name} · {self._topic.name}"
        self._pane.set_title(safe_line(title))
        answering = self._detail is not None and self._detail.answering
        hint = "is answering… (ctrl+g stops it)" if answering else "listens: type, then enter"
        self.query_one(Input).placeholder = f"{self.agent.name} {hint}"

    def _failed(self, error: Exception) -> None:
        self._pane.fail(error)
        if not isinstance(error, ForedeckError):
            self.shell.show_error(error)

    # --- what a person does -----------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer stopping and sending again only where they apply."""
        del parameters
        detail = self._detail
        if action == "stop":
            return detail is not None and detail.answering
        if action == "again":
            return detail is not None and detail.repeatable
        return True

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self._send(event.value)

    def _send(self, text: str, *, again: bool = False) -> None:
        if not self._sending and self._agents:
            self._sending = True
            self.shell.start(self._do_send(text, again=again), group="chat")

    async def _do_send(self, text: str, *, again: bool) -> None:
        """Send it; what was typed is kept until it is stored."""
        topic, field = self._topic, self.query_one(Input)
        command = SendChat(
            self.agent.role, text, topic.project, topic.run, self._place, again=again
        )
        try:
            row = await self._host.do(command)
        finally:
            self._sending = False
        if self.is_attached:
            self._place = row.id
            if field.value == text:
                field.value = ""
            self._reads.request()

    def action_again(self) -> None:
        self._send("", again=True)

    def action_stop(self) -> None:
        if self._place is not None:
            self.shell.start(self._stop(self._place), group="chat")

    async def _stop(self, place: str) -> None:
        await self._host.do(StopChat(place))

    def action_next_agent(self) -> None:
        if self._agents and not self._sending:
            self._chosen = (self._chosen + 1) % len(self._agents)
            self._rows, self._place = None, None
            self._reads.request()

    def action_new(self) -> None:
        if self._agents and not self._sending:
            self._place = None
            self._reads.request()

    def action_older(self) -> None:
        """Go back in time; from a new conversation to the latest one."""
        self.shell.start(self._go_back(), group="chat")

    async def _go_back(self) -> None:
        if not self._agents:
            return
        self._rows = await self._earlier()
        ids = [row.id for row in self._rows]
        following = ids.index(self._place) + 1 if self._place in ids else 0
        if following >= len(ids):
            self.shell.notice("There is no older conversation with this agent here.")
            return
        self._place = ids[following]
        self._reads.request()

    def action_close(self) -> None:
        self.dismiss()

    def action_reload(self) -> None:
        self._reads.request()

    def action_help(self) -> None:
        from foredeck.app.screens.modals.help import HelpDialog

        self.app.push_screen(HelpDialog("chat", _KEYS))
