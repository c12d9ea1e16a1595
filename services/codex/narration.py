"""Writes what happens in a turn into the output file, as it happens."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foredeck.services.codex.command_output import LiveTrace
from foredeck.services.codex.live_output import Anchor, LiveOutput
from foredeck.services.codex.protocol import (
    CommandItem,
    Delta,
    ErrorReported,
    FileChangeItem,
    Item,
    ItemCompleted,
    ItemStarted,
    MessageDelta,
    MessageItem,
    Notification,
    OutputDelta,
    PatchedFile,
    PlanUpdated,
    ReasoningDelta,
    ReasoningItem,
    ToolItem,
    WarningRaised,
)
from foredeck.services.codex.written import name_of
from foredeck.services.domain.records import FileChange
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter

# What the prompt and the list of changed files are called among the items of a turn.
PROMPT, CHANGES = "prompt", "changes"

_LABEL_LIMIT = 120
_LISTED_CHANGES = 200
_PATCH_WORDS = {"add": "created", "update": "modified", "delete": "deleted"}
_PLAN_MARKS = {"completed": "[x]", "inProgress": "[>]"}
_NOT_RUN = {"declined": "not run: it was declined", "failed": "could not be run"}
# Items that are at work without saying anything; while one is open, silence is no stall.
_WORKING = frozenset(
    {"commandExecution", "mcpToolCall", "dynamicToolCall", "collabAgentToolCall", "sleep"}
)
# What a shell runs as `bash -c '…'` is shown as the script alone.
_SHELL_WORDS = 3


@dataclass(slots=True)
class _Command:
    """A command under way: its live output and where each piece of that begins."""

    label: str
    trace: LiveTrace = field(default_factory=LiveTrace)
    starts: list[Anchor] = field(default_factory=list)


@dataclass(slots=True)
class _Speech:
    """A message or a reasoning summary: how much of which part is written.

    One that was not heard from its beginning is `held`: its end tells all of it.
    """

    kind: SegmentKind = SegmentKind.MESSAGE
    part: int = 0
    written: str = ""
    held: bool = False
    # What is written was read from the file: there it stands redacted.
    restored: bool = False


class Narrator:
    """Writes one turn; `message` is the last one so far, `errors` what went wrong in it."""

    def __init__(self, output: OutputWriter, mark: str, workspace: str) -> None:
        self._output = LiveOutput.of(output)
        self._mark = mark
        self._workspace = workspace
        self._commands: dict[str, _Command] = {}
        self._speeches: dict[str, _Speech] = {}
        self._working: set[str] = set()
        self._plan: tuple[tuple[str, str], ...] = ()
        self._patched_paths: set[str] = set()
        self._told: set[str] = set()
        self._announced: frozenset[str] = frozenset()
        self._heard: set[str] | None = None
        self.message = ""
        self.errors: list[str] = []

    @property
    def working(self) -> bool:
        """Whether a command or a tool runs, so that silence means nothing."""
        return bool(self._working)

    @property
    def open_commands(self) -> int:
        """How many commands have not ended."""
        return len(self._commands)

    def prompt(self, text: str) -> None:
        """Write what codex is asked."""
        self._line(PROMPT, SegmentKind.PROMPT, text)

    def note(self, text: str) -> None:
        """Write something that a person should know."""
        self._line(object(), SegmentKind.NOTE, text)

    def problem(self, text: str, item_id: str = "") -> None:
        """Write and remember something that went wrong, with an item or with the turn."""
        self.errors.append(text)
        self._line(item_id or object(), SegmentKind.ERROR, text)

    def changed(self, changes: tuple[FileChange, ...]) -> None:
        """Write how many files the turn changed, and those that no patch has named yet."""
        if not changes or CHANGES in self._told:
            return
        untold = [change for change in changes if change.path not in self._patched_paths]
        lines = [f"{change.kind.value:<8} {change.path}" for change in untold[:_LISTED_CHANGES]]
        if len(untold) > _LISTED_CHANGES:
            lines.append(f"and {len(untold) - _LISTED_CHANGES} more")
        count = f"{len(changes)} file{'s' if len(changes) != 1 else ''} changed"
        headline = f"{count}:" if lines else count
        self._line(CHANGES, SegmentKind.FILES, "\n".join([headline, *lines]), count)

    def come_late(self, told: Iterable[str]) -> None:
        """Begin in the middle of a turn; the items `told` stand in the output already.

        Of what began before now only the end says it whole. May be called again, when the
        turn was out of hearing for a while.
        """
        self._told.update(told)
        self._heard = set()
        for speech in self._speeches.values():
            speech.held = True
        for item_id, command in self._commands.items():
            self._output.let_go((self._mark, item_id), SegmentKind.OUTPUT)
            command.trace.cut()
        self._output.end_part()

    def told(self, item_id: str) -> None:
        """Say that an item stands in the output, whole."""
        self._told.add(item_id)

    def restore_speech(self, item_id: str, written: str) -> None:
        """Say how much of a message or a reasoning summary stands in the output."""
        self._speeches[item_id] = _Speech(written=written, held=True, restored=True)

    def restore_command(self, item: CommandItem, pieces: Iterable[tuple[int, bytes]]) -> None:
        """Go on with a command of which these pieces of output stand at these offsets."""
        script = self.as_written(shown_command(item.command))
        command = self._commands[item.id] = _Command(_label(script))
        self._working.add(item.id)
        for at, data in pieces:
            command.trace.cut()
            command.trace.add(data)
            command.starts.append(self._output.remember(at))
        command.trace.cut()

    def announced(self, items: Iterable[str]) -> None:
        """Say which commands stand in the output already without having begun."""
        self._announced = frozenset(items)

    def restore_patch(self, item: FileChangeItem) -> None:
        """Take note of the files of a patch that the output tells of already."""
        self._patched_paths.update(self._relative(change.path) for change in item.changes)

    def tell(self, event: Notification) -> None:
        """Write what a notification says; most say nothing for a person."""
        if isinstance(event, ItemStarted | ItemCompleted) and event.item.id in self._told:
            return
        for kind, write in _WRITERS:
            if isinstance(event, kind):
                write(self, event)
                return

    def finish(self) -> None:
        """Close what codex left open: commands without an end stay without one."""
        for item_id, command in self._commands.items():
            self._write(item_id, SegmentKind.OUTPUT, b"", command.label)
            for start in command.starts:
                self._output.forget(start)
            self._line(item_id, SegmentKind.NOTE, f"no end reported: {command.label}")
        for item_id, speech in self._speeches.items():
            self._write(item_id, speech.kind, b"")
        self._commands.clear()
        self._speeches.clear()
        self._working.clear()

    def _started(self, event: ItemStarted) -> None:
        item = event.item
        if self._heard is not None:
            self._heard.add(item.id)
        if item.type in _WORKING:
            self._working.add(item.id)
        if isinstance(item, CommandItem) and item.id not in self._commands:
            self._begin_command(item)

    def _completed(self, event: ItemCompleted) -> None:
        item = event.item
        self._working.discard(item.id)
        if isinstance(item, CommandItem):
            self._end_command(item)
        elif isinstance(item, MessageItem):
            self.message = item.text or self.message
            self._end_speech(item, SegmentKind.MESSAGE, item.text)
        elif isinstance(item, ReasoningItem):
            self._end_reasoning(item)
        elif isinstance(item, FileChangeItem):
            self._patched(item)
        elif isinstance(item, ToolItem):
            self._tool(item)

    def _begin_command(self, item: CommandItem) -> _Command:
        script = self.as_written(shown_command(item.command))
        command = self._commands[item.id] = _Command(_label(script))
        if item.id not in self._announced:
            self._line(item.id, SegmentKind.COMMAND, f"$ {script}", command.label)
        return command

    def _output_delta(self, event: OutputDelta) -> None:
        command = self._commands.get(event.item_id)
        if command is not None:
            owner = (self._mark, event.item_id)
            data = self._output.redacted(owner, SegmentKind.OUTPUT, event.text, growing=True)
            self._append(event.item_id, command, data)

    def _append(self, item_id: str, command: _Command, data: bytes) -> None:
        """Write output as it is, and remember it."""
        owner, name = (self._mark, item_id), name_of(self._mark, item_id)
        began = self._output.put(owner, SegmentKind.OUTPUT, data, _label(command.label), name)
        if began is not None and command.trace.at_a_cut:
            command.starts.append(self._output.remember(began))
        command.trace.add(data)

    def _end_command(self, item: CommandItem) -> None:
        command = self._commands.get(item.id) or self._begin_command(item)
        if item.output:  # the report has what is still held back
            self._output.let_go((self._mark, item.id), SegmentKind.OUTPUT)
        else:
            self._write(item.id, SegmentKind.OUTPUT, b"", command.label)
        # Compared as it was written: a secret that came in halves fits nowhere then.
        report = self.as_written(item.output).encode("utf-8", "replace")
        missing = command.trace.missing_from(report)
        for start, data in zip(command.starts, (missing.head, *missing.between), strict=False):
            self._output.insert(start, data)
        if missing.note:
            self._line((item.id, "note"), SegmentKind.NOTE, missing.note, command.label)
        self._append(item.id, command, missing.tail)
        for start in command.starts:
            self._output.forget(start)
        del self._commands[item.id]
        self._end_line(item, command.label)

    def _end_line(self, item: CommandItem, label: str) -> None:
        took = "" if item.duration is None else f", {item.duration:.1f} s"
        if item.exit_code is None and item.status in _NOT_RUN:
            self.problem(f"{_NOT_RUN[item.status]}: {label}", item.id)
        elif item.exit_code:
            self.problem(f"exit {item.exit_code}{took}: {label}", item.id)
        else:
            code = "ended" if item.exit_code is None else f"exit {item.exit_code}"
            self._line(item.id, SegmentKind.NOTE, f"{code}{took}", label)

    def _speech_delta(self, event: Delta) -> None:
        reasoning = isinstance(event, ReasoningDelta)
        kind = SegmentKind.REASONING if reasoning else SegmentKind.MESSAGE
        speech = self._speeches.setdefault(event.item_id, _Speech(kind, held=self._missed(event)))
        if speech.held or event.item_id in self._told:
            return
        if event.part != speech.part:
            self._write(event.item_id, kind, "\n\n")
            speech.part, speech.written = event.part, ""
        speech.written += event.text
        self._write(event.item_id, kind, event.text, growing=True)

    def _missed(self, event: Delta) -> bool:
        """Whether the beginning of what goes on here was never heard."""
        return self._heard is not None and event.item_id not in self._heard

    def _end_speech(self, item: Item, kind: SegmentKind, text: str) -> None:
        """Write what did not come live; the item's own text is the last word."""
        speech = self._speeches.pop(item.id, _Speech())
        written, text = speech.written, self.as_written(text) if speech.restored else text
        rest = text[len(written) :] if text.startswith(written) else "\n" + text
        ended = (rest or written).endswith("\n")
        self._write(item.id, kind, rest if ended or not text else rest + "\n")

    def _end_reasoning(self, item: ReasoningItem) -> None:
        speech = self._speeches.get(item.id)
        parts = item.parts[speech.part :] if speech and not speech.held else item.parts
        self._end_speech(item, SegmentKind.REASONING, "\n\n".join(parts))

    def _patched(self, item: FileChangeItem) -> None:
        if item.status in {"failed", "declined"}:
            names = ", ".join(self._relative(change.path) for change in item.changes)
            self.problem(f"the patch was not applied ({item.status}): {names}", item.id)
            return
        self._patched_paths.update(self._relative(change.path) for change in item.changes)
        lines = map(self._patch_line, item.changes)
        self._line(item.id, SegmentKind.FILES, "\n".join(lines), "patch")

    def _patch_line(self, change: PatchedFile) -> str:
        word = _PATCH_WORDS.get(change.kind, change.kind)
        moved = f" → {self._relative(change.moved_to)}" if change.moved_to else ""
        diff = f"\n{change.diff.rstrip()}" if change.kind == "update" and change.diff else ""
        return f"{word:<8} {self._relative(change.path)}{moved}{diff}"

    def _tool(self, item: ToolItem) -> None:
        self._line(item.id, SegmentKind.TOOL, item.title, item.title)
        if item.error or item.status == "failed":
            self.problem(f"{item.title} failed: {item.error or 'no reason given'}")

    def _planned(self, event: PlanUpdated) -> None:
        if event.steps and event.steps != self._plan:
            self._plan = event.steps
            lines = (f"{_PLAN_MARKS.get(state, '[ ]')} {step}" for step, state in event.steps)
            self._line("plan", SegmentKind.NOTE, "\n".join(lines), "plan")

    def _failed(self, event: ErrorReported) -> None:
        details = f" ({event.error.details})" if event.error.details else ""
        text = f"{event.error.message}{details}"
        if event.will_retry:
            self.note(text)
        else:
            self.problem(text)

    def _warned(self, event: WarningRaised) -> None:
        if event.message:
            self.errors.append(event.message)
            self.note(event.message)

    def _relative(self, path: str) -> str:
        if path.startswith("/") and Path(path).is_relative_to(self._workspace):
            return str(Path(path).relative_to(self._workspace))
        return path

    def _line(self, owner: object, kind: SegmentKind, text: str, label: str = "") -> None:
        self._write(owner, kind, text if text.endswith("\n") else text + "\n", label)

    def _write(
        self,
        owner: object,
        kind: SegmentKind,
        data: str | bytes,
        label: str = "",
        *,
        growing: bool = False,
    ) -> None:
        name = name_of(self._mark, owner) if isinstance(owner, str) else ""
        self._output.write((self._mark, owner), kind, data, _label(label), name, growing=growing)

    def as_written(self, text: str) -> str:
        """Return a text as it stands in the output: without secrets."""
        return self._output.redacted(object(), SegmentKind.NOTE, text).decode()


_WRITERS: tuple[tuple[type[Notification], Callable[[Narrator, Any], None]], ...] = (
    (OutputDelta, Narrator._output_delta),
    (MessageDelta, Narrator._speech_delta),
    (ReasoningDelta, Narrator._speech_delta),
    (ItemStarted, Narrator._started),
    (ItemCompleted, Narrator._completed),
    (ErrorReported, Narrator._failed),
    (PlanUpdated, Narrator._planned),
    (WarningRaised, Narrator._warned),
)


def shown_command(command: str) -> str:
    """Return the script of `/bin/bash -lc 'SCRIPT'`, or the command as it is."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    if len(words) == _SHELL_WORDS and words[1] in {"-c", "-lc"}:
        return words[2]
    return command


def _label(text: str) -> str:
    """Return the first line, shortened."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LABEL_LIMIT else line[: _LABEL_LIMIT - 1] + "…"
