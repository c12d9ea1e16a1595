"""Which keys of the screen of jobs apply now, and why the others do not."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import ActiveBinding, BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.job_keys import JOB_ACTIONS, JobSituation, label_of_job, why_not_job
from foredeck.app.screens.prompt import PromptScreen
from foredeck.app.screens.shell import Shell, shell_of
from foredeck.services.domain.job_views import JobRow


class JobOffers(PromptScreen[JobRow]):
    """Has the keys of `JOB_ACTIONS`; a subclass says what its `situation` is, and does them."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("jobs") for a in JOB_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = JOB_ACTIONS

    def __init__(self) -> None:
        super().__init__()
        self._offered: list[tuple[str, str]] = []

    @property
    def shell(self) -> Shell:
        """The application."""
        return shell_of(self)

    @property
    def situation(self) -> JobSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    def offer(self) -> None:
        """Look again which keys apply, if that may have changed."""
        situation = self.situation
        offered = [(_reason(a.action, situation), label_of_job(a, situation)) for a in JOB_ACTIONS]
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def why_not(self, action: Action | str) -> str:
        """Return why an action does not apply now, or an empty string."""
        text = action.action if isinstance(action, Action) else action
        return _reason(text, self.situation)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_job(action, self.situation)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that apply now, each with the word that fits the situation."""
        found, situation = super().active_bindings, self.situation
        for action in JOB_ACTIONS:
            label, active = label_of_job(action, situation), found.get(action.keys)
            if active is not None and active.node is self and label not in ("", action.label):
                binding = replace(active.binding, description=label, show=True)
                found[action.keys] = active._replace(binding=binding)
        return found

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what applies; the letters belong to who types."""
        if action == "search" and self.situation.typing:
            return False  # the slash is a letter there
        steps = f"({parameters[0]})" if action == "prioritise" else ""
        return not self.why_not(action + steps)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing now."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            reason = self.why_not(binding.action)
            if reason:
                self.shell.notice(f"{binding.description}: {reason}", "warning")
                event.stop()


def _reason(action: str, situation: JobSituation) -> str:
    """Return why an action, as Textual writes it, does not apply now."""
    name, _, parameter = action.partition("(")
    return why_not_job(name, situation, int(parameter.rstrip(")") or 0) if parameter else 0)
