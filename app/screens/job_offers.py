"""Which keys of the screen of jobs apply now, and why the others do not."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from foredeck.app.screens.actions import Action
from foredeck.app.screens.job_keys import JOB_ACTIONS, JobSituation, label_of_job, why_not_job
from foredeck.app.screens.list_screen import ListScreen
from foredeck.services.domain.job_views import JobRow


class JobOffers(ListScreen[JobRow]):
    """Has the keys of `JOB_ACTIONS`; a subclass says what its `situation` is, and does them."""

    BINDINGS: ClassVar[list[BindingType]] = [a.to_binding("jobs") for a in JOB_ACTIONS]
    actions: ClassVar[tuple[Action, ...]] = JOB_ACTIONS

    @property
    def situation(self) -> JobSituation:
        """What decides which actions apply."""
        raise NotImplementedError

    def reason(self, action: str) -> str:
        """Return why an action, as Textual writes it, does not apply now; empty if it does."""
        name, _, parameter = action.partition("(")
        step = parameter.rstrip(")").strip("'")
        return why_not_job(name, self.situation, int(step) if step.lstrip("-").isdigit() else 0)

    def label_of(self, action: Action) -> str:
        """Return the word of an action as it stands in the footer."""
        return label_of_job(action, self.situation)
