"""What carries out the commands of a talk with an agent."""

from __future__ import annotations

from foredeck.services.chat.service import ChatService, Question
from foredeck.services.domain.chat import ConversationRow
from foredeck.services.host import commands as c
from foredeck.services.host.service import Handler
from foredeck.services.store.store import Store


class ChatHandlers:
    """Returns the conversation as it stands once the change is durable."""

    def __init__(self, store: Store, chat: ChatService) -> None:
        self._queries = store.queries
        self._chat = chat

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {c.SendChat: self.send_chat, c.StopChat: self.stop_chat}

    async def send_chat(self, command: c.SendChat) -> ConversationRow:
        """Carry out `SendChat`."""
        question = Question(
            command.agent,
            command.text,
            command.project,
            command.run,
            command.conversation,
            command.again,
        )
        return await self._row(await self._chat.send(question))

    async def stop_chat(self, command: c.StopChat) -> ConversationRow:
        """Carry out `StopChat`."""
        return await self._row(await self._chat.stop(command.ref))

    async def _row(self, conversation_id: str) -> ConversationRow:
        return (await self._queries.conversation(conversation_id)).row
