"""An answer by codex alone: a turn that may only read, in the conversation's own thread."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.chat.record import ChatRecord
from foredeck.services.chat.subject import Subject, first_prompt, history
from foredeck.services.codex.failures import unknown_thread
from foredeck.services.codex.orders import TurnOrder, TurnReport
from foredeck.services.codex.supervisor import Runner
from foredeck.services.domain.chat import Conversation
from foredeck.services.domain.errors import StepFailed, StoreError
from foredeck.services.domain.records import Failure, FailureClass, Sandbox, TokenUsage
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.patience import to_the_end
from foredeck.services.redaction import Redactor
from foredeck.services.settings import Settings
from foredeck.services.store.store import Store

# How often what codex says reaches the database, in seconds.
_TAKE_SECONDS = 0.1


class HeardOutput(OutputWriter):
    """An output file that also tells which messages and commands go into it."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        super().__init__(path, redactor)
        self._kind: SegmentKind | None = None
        self.heard: list[tuple[SegmentKind, str, str]] = []

    def segment(self, kind: SegmentKind, label: str = "", of: str = "") -> int:
        """Begin a part; a message or a command is noted."""
        self._kind = kind
        if kind in (SegmentKind.MESSAGE, SegmentKind.COMMAND):
            self.heard.append((kind, label, ""))
        return super().segment(kind, label, of)

    def write(self, text: str | bytes) -> None:
        """Append; the words of a message are noted."""
        super().write(text)
        if self._kind is SegmentKind.MESSAGE:
            words = text if isinstance(text, str) else text.decode("utf-8", "replace")
            self.heard.append((SegmentKind.MESSAGE, "", words))

    def take(self) -> list[tuple[SegmentKind, str, str]]:
        """Return what was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard


class CodexAnswer:
    """Asks codex; a thread that exists is gone on with."""

    def __init__(self, store: Store, runner: Runner, settings: Settings) -> None:
        self._store = store
        self._runner = runner
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
        path = self._settings.data_dir / "output" / "chat" / f"{conversation.id}.log"
        output = HeardOutput(path, self._store.redactor)
        report = TurnReport(thread_id=conversation.thread_id)
        order = await self._order(conversation, spec, subject, record.question.id, question, output)
        listening = asyncio.create_task(_listen(output, record, report), name="hear codex")
        try:
            await self._runner.run(order, started=record.turn_began, report=report)
        except StepFailed as error:
            if not _is_forgotten(error, conversation.thread_id):
                raise
            await record.forget_thread()
            raise StepFailed(_FORGOTTEN) from error
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            with suppress(StoreError):
                output.close()
            await _tell(output, record, report)
            await record.finish_answer()
            if report.usage.total:
                await record.use(report.usage, report.model)

    async def _order(
        self,
        conversation: Conversation,
        spec: AgentSpec,
        subject: Subject,
        mark: str,
        question: str,
        output: OutputWriter,
    ) -> TurnOrder:
        new = conversation.thread_id is None
        prompt = question
        if new:
            async with self._store.transaction() as tx:
                said = await tx.chat_messages.of_conversation(conversation.id)
            prompt = first_prompt(spec, subject, history(said), question)
        return TurnOrder(
            job_id=mark,
            workspace=subject.project.workspace,
            prompt=prompt,
            output=output,
            thread_id=conversation.thread_id,
            thread_usage=TokenUsage() if new else conversation.usage,
            model=subject.project.settings.model or self._settings.codex_model,
            sandbox=Sandbox.READ_ONLY,
            timeout=self._settings.turn_timeout,
            stall_timeout=self._settings.stall_timeout,
        )


_FORGOTTEN = Failure(
    FailureClass.CODEX,
    "Codex's record of this conversation is gone.",
    "Send the message again: a new codex thread begins, which is told what was said before.",
)


def _is_forgotten(error: StepFailed, thread_id: str | None) -> bool:
    """Whether codex does not know the thread any more."""
    failure = error.failure
    return thread_id is not None and failure == unknown_thread(thread_id, failure.detail)


async def _listen(output: HeardOutput, record: ChatRecord, report: TurnReport) -> None:
    while True:
        await asyncio.sleep(_TAKE_SECONDS)
        await to_the_end(_tell(output, record, report))


async def _tell(output: HeardOutput, record: ChatRecord, report: TurnReport) -> None:
    """Store what was heard: the words of messages as they come, commands by their names."""
    for kind, label, words in output.take():
        if kind is SegmentKind.COMMAND:
            call = await record.begin_tool("command", label, "")
            await record.end_tool(call, "", time.monotonic())
        elif words:
            if not record.answering:
                await record.begin_answer(report.model)
            await record.grow(words)
        else:
            await record.finish_answer()
