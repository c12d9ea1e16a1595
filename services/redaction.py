"""Takes secrets out of whatever Foredeck writes down; best effort, and the same in any pieces.

A secret is looked for by its beginning (its "head"), which costs one fast search each over
the data; only where a head is found does anything else run, and that looks at a bounded
stretch. So a line of many megabytes takes no longer per byte than a short one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from foredeck.services.secret_shapes import HEAD_SIZE, SHAPES, Finding, Known, Shape, forms_of

MARK = b"[redacted]"
# Up to so many bytes one look for all heads at once is faster than one for each.
_SHORT = 4096


class Redactor:
    """Knows what is secret: values that were told to it, and shapes that tokens have.

    Values that are shorter than 8 characters or trivially common are left alone.
    `learn` may be called at any time; streams that are under way know at once.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._table = _Table(())
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Take more values for secret."""
        values = {value for value in values if value} - self._values
        if values:
            self._values |= values
            self._table = _Table(self._values)

    def stream(self) -> Redaction:
        """Return the redaction of one text that comes in pieces."""
        return Redaction(self)

    def data(self, data: bytes) -> bytes:
        """Return a whole text without its secrets."""
        if len(data) <= _SHORT and not self._table.may_hold(data):
            return data
        stream = Redaction(self)
        return stream.feed(data) + stream.finish()

    def text(self, text: str) -> str:
        """Return a whole text without its secrets; one without any comes back as it is."""
        raw = text.encode("utf-8", "surrogatepass")
        clean = self.data(raw)
        return text if clean == raw else clean.decode("utf-8", "surrogatepass")

    def json_text(self, text: str) -> str:
        """Return JSON without the secrets in its strings: it stays JSON."""
        if self.text(text) == text:
            return text
        try:
            value = json.loads(text)
        except ValueError:
            return self.text(text)
        return json.dumps(self._in_json(value), separators=(",", ":"))

    def _in_json(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._in_json(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self._in_json(item) for name, item in value.items()}
        return value

    def scan(self, data: bytes, start: int, *, final: bool) -> Iterator[tuple[int, Finding]]:
        """Yield where something may begin at or behind `start`, and what is known of it."""
        return self._table.scan(data, start, final=final)


class Redaction:
    """One text in pieces: `feed` returns what is safe to write, `finish` the rest.

    Only what may be the beginning of a secret is held back. However a text is cut, the
    pieces that come out are together the same.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # What was held back, behind one byte that went before it (a token's left edge).
        self._held = b""
        # How many of those bytes are written or redacted already.
        self._done = 0
        self._begun = False
        # The redacted tokens that reached the end of the last piece and may go on.
        self._open: set[Shape] = set()

    def feed(self, data: bytes) -> bytes:
        """Return what can be written now, in front of what is held back."""
        return self._take(data, final=False) if data else b""

    def finish(self) -> bytes:
        """Return what was held back: no more will come."""
        written = self._take(b"", final=True)
        self.forget()
        return written

    def forget(self) -> None:
        """Let go of what was held back and begin anew."""
        self._held, self._done = b"", 0
        self._begun, self._open = False, set()

    def _take(self, piece: bytes, *, final: bool) -> bytes:
        data = self._held + piece
        ends = {shape: shape.run_end(data, len(self._held)) for shape in self._open}
        self._done = max(self._done, *ends.values(), 0)
        self._open = {shape for shape, end in ends.items() if end == len(data)}
        spans, hold = self._found(data, final=final)
        written, done = _written(data, spans, self._done, hold)
        if data:
            self._keep(data, hold, done)
        return written

    def _found(self, data: bytes, *, final: bool) -> tuple[list[Finding], int]:
        """Return the secrets in order, and the first byte that is not decided yet."""
        found = list(self._redactor.scan(data, int(self._begun), final=final))
        hold = min((at for at, finding in found if finding.undecided), default=len(data))
        decided = [(at, finding) for at, finding in found if not finding.undecided]
        # A token that has to wait behind something undecided is found again by its head.
        for at, span in sorted(decided, key=lambda pair: pair[0], reverse=True):
            if at < hold <= span.start:
                hold = at
        spans = sorted((span for _at, span in decided), key=lambda span: span.start)
        for span in spans:
            if span.open is not None and span.start < hold and not final:
                self._open.add(span.open)
        return spans, hold

    def _keep(self, data: bytes, hold: int, done: int) -> None:
        kept = max(0, hold - 1)
        self._begun = self._begun or kept < hold
        self._held = data[kept:]
        self._done = max(hold, done) - kept


def _written(data: bytes, spans: list[Finding], done: int, hold: int) -> tuple[bytes, int]:
    """Return `data` from `done` to `hold`, redacted, and up to where it is dealt with."""
    parts: list[bytes] = []
    covered = done
    cursor = done
    for span in spans:
        if span.start >= hold:
            break
        if span.start >= covered:
            parts += (data[cursor : span.start], MARK)
        covered = max(covered, span.end)
        cursor = covered
    if cursor < hold:
        parts.append(data[cursor:hold])
    return b"".join(parts), covered


class _Table:
    """What is looked for, by its head."""

    def __init__(self, values: Iterable[str]) -> None:
        self._by_head: dict[bytes, list[Known | Shape]] = {}
        for form in {form for value in values for form in forms_of(value)}:
            self._by_head.setdefault(form[:HEAD_SIZE], []).append(Known(form))
        for shape in SHAPES:
            for head in shape.heads:
                self._by_head.setdefault(head, []).append(shape)
        self._any_head = re.compile(b"|".join(map(re.escape, self._by_head)))
        self._beginnings = {head[:size] for head in self._by_head for size in range(1, len(head))}
        self._longest = max(map(len, self._by_head)) - 1

    def may_hold(self, data: bytes) -> bool:
        """Whether a head is somewhere in it; most of what is written down has none."""
        return self._any_head.search(data) is not None

    def scan(self, data: bytes, start: int, *, final: bool) -> Iterator[tuple[int, Finding]]:
        for head, looked_for in self._by_head.items():
            at = data.find(head, start)
            while at >= 0:
                for one in looked_for:
                    if finding := one.look(data, at, head, final=final):
                        yield at, finding
                at = data.find(head, at + 1)
        if not final:
            yield from self._cut_heads(data, start)

    def _cut_heads(self, data: bytes, start: int) -> Iterator[tuple[int, Finding]]:
        """Yield the places at the end where a head may have begun."""
        for at in range(max(start, len(data) - self._longest), len(data)):
            if data[at:] in self._beginnings:
                yield at, Finding(at, len(data), undecided=True)
