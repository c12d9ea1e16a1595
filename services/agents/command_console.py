"""Shows a command and what it prints in the output of its step."""

from __future__ import annotations

from foredeck.services.codex.live_output import LiveOutput
from foredeck.services.codex.written import name_of, read_written
from foredeck.services.domain.records import Job
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.jobs.printed import Printed

LABEL_LIMIT = 120

_ITEM = "command"
_TAIL_BYTES = 16_000


class CommandConsole:
    """Redacts what one command prints, shows it, and keeps the end of it.

    With `follows` the command outlives its host, and the output file is the record of how far
    an earlier one has come: whoever goes on shows everything from the beginning again, and only
    what is missing is written.
    """

    def __init__(self, output: OutputWriter, job: Job, *, follows: bool = False) -> None:
        self._output = LiveOutput.of(output)
        self._redaction = output.redactor.stream()
        self._name = name_of(job.id, _ITEM)
        self._label = safe_line(job.prompt, limit=LABEL_LIMIT)
        self._kept = b""
        self.received = 0
        """How many bytes of what the command prints were given to `show`."""
        written = read_written(output.path, job.id).get(_ITEM) if follows else None
        self._printed = Printed(output.path, written.spans if written else ())
        head = f"$ {job.prompt}\n".encode("utf-8", "replace")
        self._put(SegmentKind.COMMAND, output.redactor.data(head))

    def tail(self, lines: int) -> str:
        """Return the last lines, fit to be shown and to be sent to a model."""
        end = b"\n".join(self._kept.removesuffix(b"\n").split(b"\n")[-lines:])
        return "\n".join(safe_text(end, lines=_TAIL_BYTES).splitlines()[-lines:])

    def show(self, block: bytes) -> None:
        """Show what the command has printed next; raises `StoreError`."""
        self.received += len(block)
        self._keep(self._redaction.feed(block))

    def end(self, words: str, *, good: bool) -> None:
        """Show what is held back still, and how it ended; raises `StoreError`."""
        self._keep(self._redaction.finish())
        kind = SegmentKind.NOTE if good else SegmentKind.ERROR
        self.say(f"{words}: {self._label}", kind)

    def say(self, text: str, kind: SegmentKind = SegmentKind.NOTE) -> None:
        """Say something about the command; raises `StoreError`."""
        self._output.write((self._name, "note"), kind, f"{text}\n", self._label)

    def _keep(self, data: bytes) -> None:
        self._kept = (self._kept + data)[-_TAIL_BYTES:]
        self._put(SegmentKind.OUTPUT, data)

    def _put(self, kind: SegmentKind, data: bytes) -> None:
        missing = self._printed.missing(data)
        self._output.put(self._name, kind, missing, self._label, self._name)
