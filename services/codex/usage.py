"""Tokens of one turn, out of what codex reports for whole threads.

`thread/tokenUsage/updated` comes after every response of the model with the thread's
`total` over all its turns (resumed and forked ones too) and the response's own `last`.
Adding up the totals of several turns would count most tokens several times (SPEC C7).
"""

from __future__ import annotations

from foredeck.services.codex.protocol import UsageUpdated
from foredeck.services.domain.records import TokenUsage

_NOTHING = TokenUsage()


class UsageMeter:
    """Measures a turn of `thread_id`; `before` is what the thread had used, if known.

    The first response of the turn tells the truth about that itself (total − last), also
    for a turn that died before its tokens were recorded. Sub-agents' threads are
    not in their parent's total, so their responses are added up one by one. `known` says that
    `before` is right and that the turn's first response may have been missed.
    """

    def __init__(
        self, thread_id: str, before: TokenUsage = _NOTHING, *, known: bool = False
    ) -> None:
        self._thread_id = thread_id
        self._before = before
        self._total = before
        self._sub_agents = _NOTHING
        self._turn_id = ""
        self._measured = known

    @property
    def thread_total(self) -> TokenUsage:
        """What the thread has used over all its turns."""
        return self._total

    @property
    def turn(self) -> TokenUsage:
        """What this turn has used so far, its sub-agents included."""
        return self._total - self._before + self._sub_agents

    def begin(self, turn_id: str) -> None:
        """Say which turn is measured; updates of earlier ones only move the start."""
        self._turn_id = turn_id

    def update(self, report: UsageUpdated) -> None:
        """Take in a report of codex."""
        if report.thread_id != self._thread_id:
            self._sub_agents += report.last
            return
        self._total = report.total
        if not self._turn_id or report.turn_id != self._turn_id:
            if not self._measured:
                self._before = report.total
        elif not self._measured:
            self._measured = True
            if report.last != _NOTHING:
                self._before = report.total - report.last
