"""Texts as a report shows them: without secrets, safe to show, and no longer than wanted."""

from __future__ import annotations

from foredeck.services.domain.report_model import SHORT_LIMIT, Excerpt
from foredeck.services.domain.safe_text import clean, safe_line
from foredeck.services.redaction import Redactor
from foredeck.services.store.report_material import Long

_LEFT_OUT = "\n… {:,} characters left out …\n"
_LEFT_OUT_BEFORE = "… {:,} characters left out …\n"


class Words:
    """Makes every text of a report; the secrets are those that are known now.

    What was written before somebody told a secret is cleaned of it here.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def line(self, text: str, limit: int = SHORT_LIMIT) -> str:
        """Return a text as one line of at most `limit` characters."""
        return safe_line(self._redactor.text(text), limit=limit)

    def lines(self, texts: tuple[str, ...], limit: int = 2_000) -> tuple[str, ...]:
        """Return each of some texts as one line."""
        return tuple(self.line(text, limit) for text in texts)

    def excerpt(self, text: str | Long, limit: int) -> Excerpt:
        """Return a text with at most `limit` characters of it: its beginning and its end."""
        long = Long(len(text), text, "") if isinstance(text, str) else text
        head = self._safe(long.head)
        if not long.tail:
            if len(head) <= limit:
                return Excerpt(head)
            return _joined(head, head, limit, len(head) - limit)
        return _joined(head, self._safe(long.tail), limit, long.length - limit)

    def tail(self, text: str, limit: int) -> Excerpt:
        """Return the end of a text, from the beginning of a line if one is near."""
        safe = self._safe(text)
        left_out = len(safe) - limit
        if left_out <= 0:
            return Excerpt(safe)
        end = safe[left_out:]
        return Excerpt(_LEFT_OUT_BEFORE.format(left_out) + end, left_out)

    def _safe(self, text: str) -> str:
        return clean(self._redactor.text(text))


def _joined(head: str, tail: str, limit: int, left_out: int) -> Excerpt:
    left_out = max(1, left_out)
    half = limit // 2
    mark = _LEFT_OUT.format(left_out)
    return Excerpt(f"{head[: limit - half].rstrip()}{mark}{tail[-half:].lstrip()}", left_out)
