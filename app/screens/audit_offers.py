"""Which keys of the audit screen apply now, and why the others do not."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import ActiveBinding, BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.audit_keys import (
    AUDIT_ACTIONS,
    AuditSituation,
    label_of_audit,
    why_not_audit,
)
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.shell import Shell, shell_of


class AuditOffers(PromptScreen[None]):
    """Has the keys of `AUDIT_ACTIONS`; a subclass says what its `situation` is, and does them."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("audit") for a in AUDIT_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = AUDIT_ACTIONS

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    @property
    def situation(self) -> AuditSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    def why_not(self, action: Action) -> str:
        """Return why an action does not apply now, or an empty string."""
        return why_not_audit(action.name, self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_audit(action, self.situation)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that apply now, each with the word that fits the situation."""
        found, situation = super().active_bindings, self.situation
        for action in AUDIT_ACTIONS:
            label, active = label_of_audit(action, situation), found.get(action.keys)
            if active is not None and active.node is self and label not in ("", action.label):
                found[action.keys] = active._replace(
                    binding=replace(active.binding, description=label, show=True)
                )
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what applies; the letters belong to who types."""
        del parameters
        if action == "search" and self.situation.typing:
            return False  # the slash is a letter there
        return not why_not_audit(action, self.situation)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            reason = why_not_audit(binding.action, self.situation)
            if reason:
                self.shell.notice(f"{binding.description}: {reason}", "warning")
                event.stop()
