"""Which keys of the audit screen apply now, and why the others do not."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.audit_keys import (
    AUDIT_ACTIONS,
    AuditSituation,
    label_of_audit,
    why_not_audit,
)
from foredeck.app.screens.list_screen import ListScreen


class AuditOffers(ListScreen[None]):
    """Has the keys of `AUDIT_ACTIONS`; a subclass says what its `situation` is, and does them."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("audit") for a in AUDIT_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = AUDIT_ACTIONS

    @property
    def situation(self) -> AuditSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        return why_not_audit(action.partition("(")[0], self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_audit(action, self.situation)
