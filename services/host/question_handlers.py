"""What carries out the commands about questions and words to codex."""

from __future__ import annotations

from foredeck.services.codex.steering import Steering
from foredeck.services.domain.questions import Question
from foredeck.services.domain.views import RunRow
from foredeck.services.host import commands as c
from foredeck.services.host.service import Handler
from foredeck.services.questions.presence import Presence
from foredeck.services.questions.service import QuestionService, Reply
from foredeck.services.store.store import Store


class QuestionHandlers:
    """Returns what is stored once the change is durable."""

    def __init__(
        self,
        store: Store,
        questions: QuestionService,
        presence: Presence,
        steering: Steering,
    ) -> None:
        self._queries = store.queries
        self._questions = questions
        self._presence = presence
        self._steering = steering

    def table(self) -> dict[type, Handler]:
        """Return the handler of each command type."""
        return {
            c.AnswerQuestion: self.answer,
            c.DeclarePresence: self.declare_presence,
            c.SteerRun: self.steer,
            c.FollowUpRun: self.follow_up,
        }

    async def answer(self, command: c.AnswerQuestion) -> Question:
        """Carry out `AnswerQuestion`."""
        return await self._questions.answer(
            Reply(
                command.run,
                command.question,
                command.kind,
                command.answer,
                command.choice,
                command.comment,
            )
        )

    async def declare_presence(self, command: c.DeclarePresence) -> None:
        """Carry out `DeclarePresence`."""
        if command.present:
            self._presence.declare(command.client, command.run)
        else:
            self._presence.release(command.client)

    async def steer(self, command: c.SteerRun) -> RunRow:
        """Carry out `SteerRun`."""
        run = await self._steering.steer(command.ref, command.text)
        return (await self._queries.run(run.id)).run

    async def follow_up(self, command: c.FollowUpRun) -> RunRow:
        """Carry out `FollowUpRun`."""
        run = await self._steering.follow_up(command.ref, command.text)
        return (await self._queries.run(run.id)).run
