"""Conversations with one agent about a project or a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from foredeck.services.domain.records import Mode, Role, TokenUsage
from foredeck.services.domain.views import TranscriptEntry


class ChatState(StrEnum):
    """How far a message is; a person's is `growing` while its answer is being produced."""

    GROWING = "growing"
    COMPLETE = "complete"
    CUT_OFF = "cut_off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; `agent` is a role, `thread_id` codex's, where codex answers."""

    id: str
    project_id: str
    agent: str
    mode: Mode
    title: str
    created_at: datetime
    updated_at: datetime
    run_id: str | None = None
    thread_id: str | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message or a tool call of a conversation.

    A tool call has role `tool`, a `tool` name and JSON `arguments`; its answer is the
    `content`. `turn_id` is the codex turn that answers a person's message.
    """

    id: str
    conversation_id: str
    role: Role
    state: ChatState
    content: str
    at: datetime
    model: str = ""
    tool: str = ""
    call_id: str = ""
    arguments: str = ""
    duration: float | None = None
    turn_id: str | None = None
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class AgentCard:
    """An agent as `agents list` and the chat show it."""

    role: str
    name: str
    description: str
    model: str
    tools: tuple[str, ...]
    instructions: str


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A conversation in a list; `last` is how its latest message of a person fared."""

    id: str
    project_id: str
    project_name: str
    run_id: str | None
    agent: str
    mode: Mode
    title: str
    created_at: datetime
    updated_at: datetime
    messages: int
    last: ChatState
    usage: TokenUsage = field(default_factory=TokenUsage)


@dataclass(frozen=True, slots=True)
class ConversationDetail:
    """A conversation and what was said in it, oldest first."""

    row: ConversationRow
    entries: tuple[TranscriptEntry, ...]

    @property
    def answering(self) -> bool:
        """Whether an answer is being produced."""
        return self.row.last is ChatState.GROWING

    @property
    def repeatable(self) -> bool:
        """Whether the last message got no whole answer, so that it may be sent again."""
        return self.row.last in (ChatState.CUT_OFF, ChatState.FAILED)
