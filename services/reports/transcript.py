"""The conversation of a run, as much of it as a report shows."""

from __future__ import annotations

from collections.abc import Sequence

from foredeck.services.domain.report_model import (
    CONTENT_LIMIT,
    ENTRY_LIMIT,
    SHORT_LIMIT,
    TRANSCRIPT_BUDGET,
    ReportedMessage,
)
from foredeck.services.reports.words import Words
from foredeck.services.store.report_material import MessageRow

_ARGUMENTS_LIMIT = 4_000


class TranscriptBuilder:
    """Takes messages, the latest first, and spends the budget on them."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._budget = TRANSCRIPT_BUDGET
        self._found: list[ReportedMessage] = []

    def take(self, rows: Sequence[MessageRow]) -> bool:
        """Add messages; return whether more are wanted."""
        wanted = rows[: ENTRY_LIMIT - len(self._found)]
        self._found.extend(map(self._entry, wanted))
        return len(self._found) < ENTRY_LIMIT

    def entries(self) -> tuple[ReportedMessage, ...]:
        """Return what was taken, oldest first."""
        return tuple(reversed(self._found))

    def _entry(self, row: MessageRow) -> ReportedMessage:
        short = self._budget <= 0
        content = self._words.excerpt(row.content, SHORT_LIMIT if short else CONTENT_LIMIT)
        arguments = self._words.excerpt(row.arguments, SHORT_LIMIT if short else _ARGUMENTS_LIMIT)
        self._budget -= len(content.text) + len(arguments.text)
        return ReportedMessage(
            step=self._words.line(row.step),
            attempt=row.attempt,
            role=row.role,
            at=row.at,
            content=content,
            model=self._words.line(row.model),
            usage=row.usage,
            tool=self._words.line(row.tool),
            arguments=arguments,
            duration=row.duration,
            complete=row.complete,
        )
