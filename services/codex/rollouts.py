"""What codex writes into a session's own file: its tokens so far, and the model.

`codex exec` says what a turn used only at its end, and nothing if the turn ends badly; the
app-server says nothing of a turn that ended while nobody listened. The session's file has a
line after every response of the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foredeck.services.codex.exec_events import parse_totals
from foredeck.services.codex.json_fields import Fields, mapping, text
from foredeck.services.domain.records import TokenUsage

_BLOCK = 1 << 20
_TOTALS, _CONTEXT = "token_count", "turn_context"
# Most lines are long and say neither; they are not parsed.
_WORTH_A_LOOK = (_TOTALS.encode(), _CONTEXT.encode())


class SessionFile:
    """The file of one session; `total` and `model` are as of the last `advance`.

    Where it lies may be known (`path`); else it is looked for.
    """

    def __init__(self, codex_home: Path, thread_id: str, path: Path | None = None) -> None:
        self._home = codex_home
        self._thread_id = thread_id
        self._path = path
        self._offset = 0
        self._rest = b""
        self.total = TokenUsage()
        self.model = ""

    def advance(self) -> None:
        """Read what is new; nothing happens while there is no file. Not for an event loop."""
        self._path = self._path or self._find()
        if self._path is None:
            return
        for line in self._new_lines(self._path):
            if any(word in line for word in _WORTH_A_LOOK):
                self._take_in(line)

    def _find(self) -> Path | None:
        pattern = f"sessions/*/*/*/rollout-*-{self._thread_id}.jsonl"
        return next(iter(sorted(self._home.glob(pattern))), None)

    def _new_lines(self, path: Path) -> Iterator[bytes]:
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                while block := file.read(_BLOCK):
                    self._offset += len(block)
                    *lines, self._rest = (self._rest + block).split(b"\n")
                    yield from lines
        except OSError:
            return  # codex itself tells what is wrong with it

    def _take_in(self, line: bytes) -> None:
        fields = _object(line)
        payload = mapping(fields, "payload")
        if text(fields, "type") == _CONTEXT:
            self.model = text(payload, "model") or self.model
        elif text(payload, "type") == _TOTALS:
            total = mapping(mapping(payload, "info"), "total_token_usage")
            self.total = parse_totals(total) if total else self.total


def _object(line: bytes) -> Fields:
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
