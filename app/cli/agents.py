"""`foredeck agents …`: who they are, and talking with one of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import complete_project, complete_run
from foredeck.app.cli.interrupts import INTERRUPTED, Interrupts
from foredeck.app.cli.render import (
    format_option,
    plain,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain.chat import AgentCard, ConversationDetail, ConversationRow
from foredeck.services.domain.errors import ForedeckError, NotFound
from foredeck.services.domain.events import ChatGrew, Event, Resync
from foredeck.services.domain.records import Role
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import TranscriptEntry
from foredeck.services.host.commands import SendChat, StopChat
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetConversation, ListAgents, ListConversations

_ROLE = "foredeck agents chat"
# How much of a typed line is read at once, in bytes.
_BLOCK = 65_536


@click.group()
def agents() -> None:
    """The four agents: what each is for, and talking with one of them.

    \b
    foredeck agents list
    foredeck agents chat planner --project shop "What is missing in the plan?"
    foredeck agents chat qa_qc --run 7s24
    """


@agents.command("list")
@format_option
@click.pass_obj
def list_agents(session: Session, format_: str) -> None:
    """List the agents in the order in which they work."""
    cards = session.read(lambda host: host.ask(ListAgents()))
    if format_ == "json":
        items = [{"id": card.role, **plain(card)} for card in cards]
        put_json({"items": items, "total": len(items)})
        return
    rows = [(card.role, card.name, card.model, card.description) for card in cards]
    put_table(("Agent", "Name", "Model", "What it does"), rows)


@agents.command()
@click.argument("agent")
@format_option
@click.pass_obj
def show(session: Session, agent: str, format_: str) -> None:
    """Show an agent with its tools and its instructions."""
    card = _find(session.read(lambda host: host.ask(ListAgents())), agent)
    if format_ == "json":
        put_json({"id": card.role, **plain(card)})
        return
    put_pairs(
        {
            "Agent": card.role,
            "Name": card.name,
            "What it does": card.description,
            "Model": card.model,
            "Tools": ", ".join(card.tools),
            "Instructions": card.instructions,
        }
    )


@agents.command()
@click.option("--project", shell_complete=complete_project, help="Only about this project.")
@click.option("--run", shell_complete=complete_run, help="Only about this run.")
@click.option("--agent", help="Only with this agent.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def conversations(
    session: Session,
    project: str | None,
    run: str | None,
    agent: str | None,
    limit: int,
    offset: int,
    format_: str,
) -> None:
    """List conversations with agents, the latest first."""
    query = ListConversations(project, run, agent, limit, offset)
    page = session.read(lambda host: host.ask(query))
    if format_ == "json":
        put_page(page, [_answer(row) for row in page.items])
    elif page.items:
        rows = [
            (
                row.id,
                row.agent,
                row.project_name,
                row.run_id or "–",
                short_time(row.updated_at),
                row.title,
            )
            for row in page.items
        ]
        put_table(("Conversation", "Agent", "Project", "Run", "Latest", "Title"), rows)
    else:
        say("No conversations here. Begin one: foredeck agents chat planner --project NAME")


@agents.command()
@click.argument("agent", required=False)
@click.argument("message", required=False)
@click.option("--project", shell_complete=complete_project, help="Talk about this project.")
@click.option("--run", shell_complete=complete_run, help="Talk about this run.")
@click.option("--conversation", help="Go on with this conversation.")
@click.option("--again", is_flag=True, help="Send its last message again: it got no whole answer.")
@format_option
@click.pass_obj
def chat(
    session: Session,
    agent: str | None,
    message: str | None,
    project: str | None,
    run: str | None,
    conversation: str | None,
    again: bool,
    format_: str,
) -> int:
    """Talk with one agent about a project or a run.

    With a MESSAGE, its answer is printed while it comes. Without one, each line that you
    type is a message (an empty one or ctrl+d ends it); what is piped in is one message.
    The agent looks into the workspace and changes nothing. Without an API key codex answers.

    \b
    foredeck agents chat planner --project shop "Which files matter most?"
    foredeck agents chat qa_qc --run 7s24
    foredeck agents chat --conversation k3f9 "And the tests?"
    foredeck agents chat --conversation k3f9 --again

    Exit codes: 0 answered, 1 no whole answer, 2 usage, 130 interrupted.
    """
    if conversation and agent and message is None:
        agent, message = None, agent  # the conversation knows its agent
    if conversation is None and agent is None:
        raise click.UsageError("Which agent? One of planner, builder, qa_qc, prod_ready.")
    first = SendChat(agent or "", message or "", project, run, conversation, again)
    lines = _Lines(first, typed=message is None and not again)
    return session.write(lambda host: _talk(host, lines, format_), _ROLE)


class _Lines:
    """What is sent, one after the other; `typed` comes from a person or a pipe."""

    def __init__(self, first: SendChat, *, typed: bool) -> None:
        self._first = first
        self._typed = typed
        self._sent = False
        self._buffer = b""

    async def take(self, row: ConversationRow | None) -> SendChat | None:
        """Return what is sent next, None at the end; `row` is the conversation so far."""
        first = self._first
        if not self._typed:
            sent, self._sent = self._sent, True
            return None if sent else first
        text = await (self._line() if sys.stdin.isatty() else asyncio.to_thread(sys.stdin.read))
        if not text.strip():
            return None
        place = row.id if row else first.conversation
        return SendChat(first.agent, text, first.project, first.run, place)

    async def _line(self) -> str:
        """Return a line of the terminal, empty at its end, without holding up the loop."""
        click.echo("> ", nl=False, err=True)
        handle, ready, loop = sys.stdin.fileno(), asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(handle, ready.set)
        try:
            while b"\n" not in self._buffer:
                await ready.wait()
                ready.clear()
                data = os.read(handle, _BLOCK)
                if not data:
                    break
                self._buffer += data
        finally:
            loop.remove_reader(handle)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace")


async def _talk(host: Host, lines: _Lines, format_: str) -> int:
    """Send what comes and show the answers; the first interrupt ends it in order."""
    talk = _Talk(host, format_)
    stopping = asyncio.ensure_future(Interrupts().first.wait())
    talking = asyncio.ensure_future(talk.go_on(lines))
    try:
        await asyncio.wait({talking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            talking.cancel()
            with suppress(asyncio.CancelledError):
                await talking
            await talk.stop()
            return INTERRUPTED
        return talking.result()
    finally:
        stopping.cancel()


class _Talk:
    """One conversation at the terminal."""

    def __init__(self, host: Host, format_: str) -> None:
        self._host = host
        self._json = format_ == "json"
        self._row: ConversationRow | None = None

    async def go_on(self, lines: _Lines) -> int:
        """Send each message and show its answer; return the exit code."""
        whole = True
        while (command := await lines.take(self._row)) is not None:
            events = self._host.events()
            self._row = await self._host.do(command)
            shown = _Shown(quiet=self._json)
            detail = await _follow(self._host, events, self._row.id, shown.show)
            whole = not detail.repeatable
        if self._row is None:
            say("Nothing was sent.")
        elif self._json:
            put_json(_told(await self._host.ask(GetConversation(self._row.id))))
        else:
            say(f'Go on with: foredeck agents chat --conversation {self._row.id} "…"')
        return 0 if whole else 1

    async def stop(self) -> None:
        """Cut off an answer that is still being produced."""
        if self._row is not None:
            with suppress(ForedeckError):
                await self._host.do(StopChat(self._row.id))
            say(f"Stopped. Go on with: foredeck agents chat --conversation {self._row.id} --again")


async def _follow(
    host: Host,
    events: AsyncIterator[Event],
    conversation_id: str,
    show: Callable[[ConversationDetail], None],
) -> ConversationDetail:
    """Show the conversation until its answer has ended."""
    detail = await host.ask(GetConversation(conversation_id))
    show(detail)
    while detail.answering:
        event = await anext(events)
        ours = isinstance(event, ChatGrew) and event.conversation_id == conversation_id
        if ours or isinstance(event, Resync):
            detail = await host.ask(GetConversation(conversation_id))
            show(detail)
    return detail


class _Shown:
    """Writes what came since it looked last; words to stdout, everything else to stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._begun: int | None = None
        self._written: dict[str, int] = {}
        self._open = False

    def show(self, detail: ConversationDetail) -> None:
        """Write what is new."""
        if self._begun is None:
            roles = [entry.role for entry in detail.entries]
            self._begun = len(roles) - roles[::-1].index(Role.USER) if Role.USER in roles else 0
        if not self._quiet:
            for entry in detail.entries[self._begun :]:
                self._show(entry)

    def _show(self, entry: TranscriptEntry) -> None:
        if entry.role is Role.ASSISTANT:
            self._words(entry)
        elif entry.id not in self._written:
            self._written[entry.id] = 0
            self._end_line()
            say(_tool_line(entry) if entry.role is Role.TOOL else entry.content)

    def _words(self, entry: TranscriptEntry) -> None:
        text = safe_text(entry.content)
        # The last character may still belong to a sequence that is taken out.
        whole = len(text) if entry.complete else max(0, len(text) - 1)
        new = text[self._written.get(entry.id, 0) : whole]
        self._written[entry.id] = max(whole, self._written.get(entry.id, 0))
        if new:
            click.echo(new, nl=False)
            sys.stdout.flush()
            self._open = not new.endswith("\n")
        if entry.complete:
            self._end_line()

    def _end_line(self) -> None:
        if self._open:
            click.echo()
            self._open = False


def _tool_line(entry: TranscriptEntry) -> str:
    return f"→ {safe_line(entry.tool)} {safe_line(entry.arguments, limit=100)}"


def _find(cards: tuple[AgentCard, ...], ref: str) -> AgentCard:
    wanted = ref.casefold()
    for card in cards:
        if wanted in (card.role, card.name.casefold()):
            return card
    known = ", ".join(card.role for card in cards)
    raise NotFound(f"There is no agent {ref!r}.", f"The agents are: {known}.")


def _answer(row: ConversationRow) -> dict[str, Any]:
    """Return a conversation as one flat object."""
    answer = {name: value for name, value in plain(row).items() if name != "usage"}
    return {**answer, "tokens": row.usage.total}


def _told(detail: ConversationDetail) -> dict[str, Any]:
    said = [
        {
            "id": entry.id,
            "role": entry.role.value,
            "content": entry.content,
            "tool": entry.tool or None,
            "arguments": entry.arguments or None,
            "model": entry.model or None,
            "tokens": entry.usage.total,
            "at": entry.at,
        }
        for entry in detail.entries
    ]
    words = [entry.content for entry in detail.entries if entry.role is Role.ASSISTANT]
    return {**_answer(detail.row), "answer": words[-1] if words else None, "said": said}
