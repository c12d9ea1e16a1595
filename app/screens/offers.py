"""Which keys of a screen with actions of its own apply now, and why the others do not."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import ActiveBinding

from foredeck.app.screens.actions import Action
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.shell import Shell, shell_of

T = TypeVar("T")


class Offers(PromptScreen[T], Generic[T]):
    """Has the keys of `actions`; a subclass binds them, does them, and says when they apply."""

    actions: ClassVar[tuple[Action, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._offered: list[tuple[str, str]] = []

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        raise NotImplementedError

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return action.label

    @property
    def typing(self) -> bool:
        """Whether a filter or a search is being typed: the slash is a letter there."""
        return False

    def why_not(self, action: Action | str) -> str:
        """Return why an action does not apply now, or an empty string."""
        return self.reason(action.action if isinstance(action, Action) else action)

    def on_screen_resume(self) -> None:
        """The footer has been made anew, perhaps while the host was gone: `offer` looks again."""
        self._offered = []

    def offer(self) -> None:
        """Look again which keys apply, if that may have changed."""
        offered = [(self.reason(one.action), self.label_of(one)) for one in self.actions]
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that apply now, each with the word that fits the situation."""
        found = super().active_bindings
        for action in self.actions:
            label, active = self.label_of(action), found.get(action.keys)
            if active is not None and active.node is self and label not in ("", action.label):
                binding = replace(active.binding, description=label, show=True)
                found[action.keys] = active._replace(binding=binding)
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what applies; the letters belong to who types."""
        if action == "search" and self.typing:
            return False
        steps = f"({parameters[0]})" if parameters else ""
        return not self.reason(action + steps)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            reason = self.reason(binding.action)
            if reason:
                self.shell.notice(f"{binding.description}: {reason}", "warning")
                event.stop()
