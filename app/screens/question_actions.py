"""What a person says to runs: answers to what they ask, and words to their codex."""

from __future__ import annotations

from textual.screen import Screen

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.app.screens.step_reasons import OTHERS_ASK
from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.views import QuestionRow, RunRow, StepRow
from foredeck.services.host.queries import ListQuestions


class QuestionActions(DialogActions):
    """Puts questions and takes words; every coroutine may raise `ForedeckError`."""

    def __init__(self, screen: Screen[None]) -> None:
        super().__init__(screen)
        self._unsaid: dict[str, str] = {}

    async def answer(self, run: RunRow | None, step: StepRow | None = None) -> None:
        """Put what the run asks, else what any run asks, one thing after the other.

        With a step only what that asks. Ends when nothing is left, or with the first that
        the person leaves for later.
        """
        from foredeck.app.screens.modals.question import QuestionDialog

        rows = await self._asked(run, step)
        if not rows and step is not None:
            raise Conflict(f"{step.title} asks nothing just now.", OTHERS_ASK)
        if not rows:
            raise Conflict("Nothing is asked just now.")
        while rows:
            dialog = QuestionDialog(self._host, rows[0], left=len(rows))
            settled = await self._screen.app.push_screen_wait(dialog)
            if not settled:
                return
            rows = await self._asked(run, step)

    async def steer(self, run: RunRow) -> None:
        """Take words for the run's codex; what was typed is kept until it was said."""
        from foredeck.app.screens.modals.steer import SteerDialog

        dialog = SteerDialog(self._host, run, self._unsaid.get(run.id, ""))
        said: str | None = await self._screen.app.push_screen_wait(dialog)
        if said is None:
            self._unsaid[run.id] = dialog.text
            return
        self._unsaid.pop(run.id, None)
        self._say(said)

    async def _asked(
        self, run: RunRow | None, step: StepRow | None = None
    ) -> tuple[QuestionRow, ...]:
        """Return the questions of the run first, then those of all others."""
        rows = await self._host.ask(ListQuestions())
        if step is not None:
            return tuple(row for row in rows if row.question.step_id == step.id)
        chosen = run.id if run else None
        return tuple(sorted(rows, key=lambda row: row.question.run_id != chosen))
