"""Brings an output file up to a turn that went on while nobody listened.

What stands in the file is read from the file, what happened from codex; what is missing is
written, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from foredeck.services.codex.narration import CHANGES, PROMPT, Narrator, shown_command
from foredeck.services.codex.protocol import (
    CommandItem,
    FileChangeItem,
    Item,
    ItemCompleted,
    ItemStarted,
    MessageItem,
    ReasoningItem,
    ToolItem,
)
from foredeck.services.codex.written import WrittenItem, read_span, read_written
from foredeck.services.domain.segments import SegmentKind

IN_PROGRESS = "inProgress"
_ENDED = (SegmentKind.NOTE, SegmentKind.ERROR)


class CatchUp:
    """What the file at `path` knows of the turn with that mark, and what it lacks."""

    def __init__(self, path: Path, mark: str) -> None:
        self._path = path
        self._written = read_written(path, mark)

    def apply(
        self, narrator: Narrator, prompt: str, completed: Iterable[Item], running: Iterable[Item]
    ) -> None:
        """Write what the file lacks; `running` are items that have not ended yet."""
        ended = list(completed)
        told = {item.id for item in ended if self._tells(item, narrator)}
        narrator.come_late(told | (self._written.keys() & {CHANGES}))
        if PROMPT not in self._written:
            narrator.prompt(prompt)
        self._restore_speeches(narrator, told)
        for item in ended:
            self._end(narrator, item, told=item.id in told)
        known = {item.id for item in ended}
        for item in running:
            if item.id not in known:  # it may have ended since it was said to run
                self._go_on(narrator, item)
            known.add(item.id)
        # codex lists no command that waits for leave, and begins it anew once it has that.
        narrator.announced(id_ for id_ in self._written.keys() - known if self._only_begun(id_))

    def _only_begun(self, item_id: str) -> bool:
        """Whether the file announces a command and says nothing more of it."""
        written = self._written[item_id]
        return written.has(SegmentKind.COMMAND) and not written.has(SegmentKind.OUTPUT, *_ENDED)

    def _tells(self, item: Item, narrator: Narrator) -> bool:
        """Whether the file has the whole of an item that has ended."""
        written = self._written.get(item.id)
        if written is None:
            return False
        if isinstance(item, CommandItem | FileChangeItem):
            patched = isinstance(item, FileChangeItem) and written.has(SegmentKind.FILES)
            return patched or written.has(*_ENDED)
        if isinstance(item, MessageItem):
            whole = narrator.as_written(item.text).rstrip("\n")
            return self._speech(written, SegmentKind.MESSAGE) == whole
        if isinstance(item, ReasoningItem):
            whole = narrator.as_written("\n\n".join(item.parts)).rstrip("\n")
            return self._speech(written, SegmentKind.REASONING) == whole
        return isinstance(item, ToolItem) and written.has(SegmentKind.TOOL)

    def _restore_speeches(self, narrator: Narrator, told: set[str]) -> None:
        for item_id, written in self._written.items():
            for kind in (SegmentKind.MESSAGE, SegmentKind.REASONING):
                if item_id not in told and written.has(kind):
                    narrator.restore_speech(item_id, self._speech(written, kind))

    def _end(self, narrator: Narrator, item: Item, *, told: bool) -> None:
        if isinstance(item, MessageItem):
            narrator.message = item.text or narrator.message
        if told:
            if isinstance(item, FileChangeItem):
                narrator.restore_patch(item)
            return
        self._go_on(narrator, item)
        narrator.tell(ItemCompleted("item/completed", item=item))
        narrator.told(item.id)  # its end may also be on its way to us

    def _go_on(self, narrator: Narrator, item: Item) -> None:
        """Begin an item, or go on with what the file has of it."""
        written = self._written.get(item.id)
        if isinstance(item, CommandItem) and written is not None:
            narrator.restore_command(item, self._pieces(item, written))
        elif not isinstance(item, MessageItem | ReasoningItem):
            narrator.tell(ItemStarted("item/started", item=item))

    def _pieces(self, item: CommandItem, written: WrittenItem) -> list[tuple[int, bytes]]:
        """Return the pieces of a command's output, each with its place in the file.

        A host that is killed right after it wrote the first of them has not named them yet:
        then they stand in the part that announces the command.
        """
        announced = f"$ {shown_command(item.command)}\n".encode("utf-8", "replace")
        pieces = []
        for span in written.of(SegmentKind.COMMAND):
            data = read_span(self._path, span)
            if data.startswith(announced) and len(data) > len(announced):
                pieces.append((span.start + len(announced), data[len(announced) :]))
        spans = written.of(SegmentKind.OUTPUT)
        return pieces + [(span.start, read_span(self._path, span)) for span in spans]

    def _speech(self, written: WrittenItem, kind: SegmentKind) -> str:
        """Return what stands of a speech; each of its parts begins on a line of its own."""
        parts = (read_span(self._path, span) for span in written.of(kind))
        data = b"".join(part.removesuffix(b"\n") for part in parts)
        return data.decode("utf-8", "replace").rstrip("\n")
