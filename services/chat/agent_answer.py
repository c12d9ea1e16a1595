"""An answer by an agent of the Agents SDK, with tools that only look."""

from __future__ import annotations

import asyncio
import importlib
from typing import cast

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.runner import endpoint
from foredeck.services.agents.tools import Answer, ToolBox
from foredeck.services.chat.record import ChatRecord
from foredeck.services.chat.subject import Subject, chat_spec, history, load_subject, run_status
from foredeck.services.domain.chat import Conversation
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store


class _NoJobs:
    """The codex jobs of an agent that starts none."""

    known: frozenset[str] = frozenset()
    unfinished: tuple[str, ...] = ()


class ChatTools(ToolBox):
    """The tools of a conversation; what they answer is as of the moment of the call."""

    def __init__(self, spec: AgentSpec, subject: Subject, store: Store) -> None:
        super().__init__(spec, cast("CodexJobs", _NoJobs()), subject.files, store)
        self._subject = subject

    async def get_run_status(self) -> Answer:
        """Tell where the run stands now."""
        run = self._subject.run
        now = await load_subject(self._store, self._subject.project.id, run.id if run else None)
        return run_status(now)


class AgentAnswer:
    """Asks the model; it hears what was said before from what is stored."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def __call__(
        self,
        conversation: Conversation,
        spec: AgentSpec,
        subject: Subject,
        record: ChatRecord,
        question: str,
    ) -> None:
        """Answer a question into the record; raises `StepFailed`."""
        spec = chat_spec(spec, subject)
        model = spec.model or subject.project.settings.model or self._settings.model
        # A key may come from a command, and the SDK takes over a second to import.
        service = await asyncio.to_thread(endpoint, self._settings)
        talk = await asyncio.to_thread(importlib.import_module, "foredeck.services.chat.sdk_talk")
        async with self._store.transaction() as tx:
            said = await tx.chat_messages.of_conversation(conversation.id)
        tools = ChatTools(spec, subject, self._store)
        told = [*history(said), {"role": "user", "content": question}]
        await talk.answer(spec, model, service, tools, record, told)
