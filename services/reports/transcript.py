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

    def wanted(self) -> int:
        """Return how many characters of the next messages will be shown, 0 for none of them."""
        return 0 if len(self._found) >= ENTRY_LIMIT else self._limit

    def take(self, rows: Sequence[MessageRow]) -> None:
        """Add messages, as many as are wanted."""
        wanted = rows[: ENTRY_LIMIT - len(self._found)]
        self._found.extend(map(self._entry, wanted))

    def entries(self) -> tuple[ReportedMessage, ...]:
        """Return what was taken, oldest first."""
        return tuple(reversed(self._found))

    @property
    def _limit(self) -> int:
        return SHORT_LIMIT if self._budget <= 0 else CONTENT_LIMIT

    def _entry(self, row: MessageRow) -> ReportedMessage:
        limit = self._limit
        content = self._words.excerpt(row.content, limit)
        arguments = self._words.excerpt(row.arguments, min(limit, _ARGUMENTS_LIMIT))
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
