"""A stage's conversation: stored as it happens, and shown in its output at the same time."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, replace
from typing import Any

from foredeck.services.agents.stage import StageTask
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.codex.live_output import LiveOutput
from foredeck.services.domain import clock
from foredeck.services.domain.errors import StoreError
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import Message, Role, TokenUsage
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.store.store import Store

_log = logging.getLogger(__name__)

SAVE_SECONDS = 0.25
_ARGUMENT_LIMIT = 100
_INTERRUPTED = json.dumps({"success": False, "error": "Stopped before it ended."})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that runs: its stored message and when it began (monotonic seconds)."""

    message: Message
    began: float


class Transcript:
    """The messages of one attempt of a stage; used by one task of the loop at a time.

    Growing text is saved at most every `SAVE_SECONDS`, and always at its end. `close`
    completes whatever was cut off, so that nothing looks as if it were still going on.
    """

    def __init__(self, store: Store, task: StageTask) -> None:
        self._store = store
        self._task = task
        self._answer: Message | None = None
        self._output = LiveOutput.of(task.output)
        self._saver: asyncio.Task[None] | None = None
        self._running: dict[str, ToolCall] = {}
        self._unplaced = TokenUsage()
        self._unplaced_model = ""
        self._last: Message | None = None
        self.usage = TokenUsage()

    async def say(self, role: Role, content: str, key: str = "") -> Message:
        """Store a whole message, such as the prompt of the stage.

        With a `key`, an attempt that is taken up again says it only once.
        """
        if key and (said := await self._said(role, key)):
            return said
        return await self._add(role, content, call_id=key)

    async def note(self, content: str) -> None:
        """Store a system message and show it in the output."""
        await self.say(Role.SYSTEM, content)
        self._show(SegmentKind.NOTE, content + "\n")

    def think(self, text: str) -> None:
        """Show the model's reasoning in the output; it is not part of the conversation."""
        self._show(SegmentKind.REASONING, text, growing=True)

    @property
    def answering(self) -> bool:
        """Whether an answer was begun that is not complete yet."""
        return self._answer is not None

    async def begin_answer(self, model: str) -> None:
        """Begin a message of the assistant that will grow."""
        await self.finish_answer()
        self._answer = await self._add(Role.ASSISTANT, "", model=model, complete=False)

    async def grow(self, text: str) -> None:
        """Append text to the answer that was begun."""
        if self._answer is None:
            raise RuntimeError("no answer has been begun")
        self._answer = replace(self._answer, content=self._answer.content + text)
        self._show(SegmentKind.AGENT, text, growing=True)
        if self._saver is None:
            self._saver = asyncio.create_task(self._save_soon(), name="save transcript")

    async def finish_answer(self, text: str | None = None) -> None:
        """Complete the growing answer, if there is one; `text` is its final wording."""
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if text is not None and text.startswith(answer.content):
            self._show(SegmentKind.AGENT, text[len(answer.content) :], growing=True)
        await self._stop_saver()
        self._show(SegmentKind.AGENT, "\n")
        content = answer.content if text is None else text
        await self._save(replace(answer, content=content, complete=True))

    async def use(self, usage: TokenUsage, model: str) -> None:
        """Count the tokens of a model call on the message it produced, or on the next one."""
        self.usage += usage
        last = self._last
        if last and last.role is Role.ASSISTANT and not last.usage.total:
            await self._save(replace(last, usage=usage, model=model))
        else:
            self._unplaced += usage
            self._unplaced_model = model

    async def begin_tool(self, name: str, arguments: str, call_id: str) -> ToolCall:
        """Store a tool call before it has any effect, and show it in one line.

        One that an earlier host began is gone on with.
        """
        await self.finish_answer()
        if begun := await self._said(Role.TOOL, call_id):
            return self._run(begun)
        self._show(SegmentKind.TOOL, f"→ {name}({_short_arguments(name, arguments)})\n", name)
        message = await self._add(
            Role.TOOL, "", tool=name, arguments=arguments, call_id=call_id, complete=False
        )
        return self._run(message)

    def _run(self, message: Message) -> ToolCall:
        call = ToolCall(message, time.monotonic())
        self._running[message.id] = call
        return call

    async def _said(self, role: Role, key: str) -> Message | None:
        task = self._task
        if not (key and task.resumed):
            return None
        async with self._store.transaction("agent") as tx:
            return await tx.messages.by_call(task.step.id, task.attempt, role, key)

    async def end_tool(self, call: ToolCall, result: str) -> None:
        """Store the answer of a tool call and how long it took."""
        self._running.pop(call.message.id, None)
        duration = time.monotonic() - call.began
        error = _error_of(result)
        if error:
            self._show(SegmentKind.TOOL, f"✗ {error}\n", call.message.tool)
        await self._save(replace(call.message, content=result, duration=duration, complete=True))

    async def close(self) -> None:
        """Complete what was cut off and place the tokens that no message has yet."""
        await self.finish_answer()
        await self._stop_saver()
        self._show(SegmentKind.REASONING, "")
        for call in list(self._running.values()):
            await self.end_tool(call, _INTERRUPTED)
        if self._unplaced.total and self._last is not None:
            usage, self._unplaced = self._last.usage + self._unplaced, TokenUsage()
            await self._save(replace(self._last, usage=usage, model=self._unplaced_model))

    async def let_go(self) -> None:
        """Leave what grows as it is, for a later host to go on with."""
        await self._stop_saver()

    def _show(
        self, kind: SegmentKind, text: str, label: str = "", *, growing: bool = False
    ) -> None:
        self._output.write(self, kind, text, label, growing=growing)

    async def _add(self, role: Role, content: str, **fields: Any) -> Message:
        usage, self._unplaced = self._unplaced, TokenUsage()
        if usage.total:
            fields.setdefault("model", self._unplaced_model)
        task = self._task
        message = Message(
            id=new_id(),
            run_id=task.run.id,
            step_id=task.step.id,
            attempt=task.attempt,
            position=0,
            role=role,
            content=content,
            at=clock.now(),
            usage=usage,
            **fields,
        )
        async with self._store.transaction("agent") as tx:
            self._last = await tx.messages.add(message)
        return self._last

    async def _save(self, message: Message) -> None:
        async with self._store.transaction("agent") as tx:
            await tx.messages.save(message)
        if self._last is not None and self._last.id == message.id:
            self._last = message

    async def _save_soon(self) -> None:
        """Save the growing answer once, a moment from now."""
        await asyncio.sleep(SAVE_SECONDS)
        self._saver = None
        if self._answer is not None:
            try:
                await self._save(self._answer)
            except StoreError as error:
                # The save at the end is the one that counts, and it raises.
                _log.warning("a growing answer could not be saved: %s", error)

    async def _stop_saver(self) -> None:
        saver, self._saver = self._saver, None
        if saver is not None:
            saver.cancel()
            await asyncio.wait({saver})


def _short_arguments(tool: str, arguments: str) -> str:
    """Return a call's arguments in one short line; defaults go without saying."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        return _clip(arguments)
    if not isinstance(given, dict):
        return _clip(arguments)
    spec = TOOLS.get(tool)
    defaults = {p.name: p.default for p in spec.parameters} if spec else {}
    shown = [(n, v) for n, v in given.items() if v is not None and v != defaults.get(n)]
    if len(shown) == 1:
        return _clip(json.dumps(shown[0][1], ensure_ascii=False))
    return ", ".join(f"{name}={_clip(json.dumps(v, ensure_ascii=False))}" for name, v in shown)


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ARGUMENT_LIMIT else line[: _ARGUMENT_LIMIT - 1] + "…"


def _error_of(result: str) -> str:
    try:
        given = json.loads(result)
    except ValueError:
        return ""
    if not isinstance(given, dict) or given.get("success", True):
        return ""
    return _clip(str(given.get("error", "")))
