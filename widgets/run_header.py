"""The header of a run: what it is, how it stands, and what went wrong or was decided."""

from __future__ import annotations

from foredeck.services.domain.money import dollars
from foredeck.services.domain.records import Verdict
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.formats import duration, elapsed, tokens
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, fit, spread, width_of
from foredeck.widgets.state_style import look_of
from textual.geometry import Region
from textual.timer import Timer

_WORD_FROM, _TOKENS_FROM = 44, 64


class RunHeader(PaintedWidget):
    """Two to four rows: title and state, the request, the error with its advice, the verdict."""

    DEFAULT_CSS = "RunHeader { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._detail: RunDetail | None = None
        self._ticker: Timer | None = None

    def update_run(self, detail: RunDetail | None) -> None:
        """Show a run, or nothing; a layout happens only when the number of rows changes."""
        if detail == self._detail:
            return
        width = self.size.width
        before = len(self.rows(width)) if width else 0
        self._detail = detail
        self.refresh(layout=before != (len(self.rows(width)) if width else 0))
        self._tick_while(detail is not None and detail.run.state is RunState.RUNNING)

    def rows(self, width: int) -> list[Cells]:
        detail = self._detail
        if detail is None:
            return [[(" No run", "ink--muted")]]
        rows = [self._title_row(detail, width)]
        request = safe_line(detail.request, limit=400)
        if request and request != safe_line(detail.run.title, limit=400):
            rows.append(fit([("   " + request, "ink--muted")], width))
        rows += [fit(row, width) for row in self._outcome(detail, width)]
        return rows

    def _title_row(self, detail: RunDetail, width: int) -> Cells:
        run, look = detail.run, look_of(detail.run.state)
        left: Cells = [
            (f" {look.ascii if self.ascii_only else look.glyph} ", look.style),
            (safe_line(run.title, limit=200) or "(untitled)", "ink--strong ink--bold"),
        ]
        right: Cells = []
        if width >= _WORD_FROM:
            right.append((look.word, look.style))
        spent = duration(elapsed(run.started_at, run.ended_at, app_now(self)))
        if spent:
            right.append((f"  {spent}", "ink--strong"))
        if width >= _TOKENS_FROM and run.usage.total:
            right.append((f"  {tokens(run.usage.total)} tokens", "ink--muted"))
            if detail.cost is not None:
                right.append((f"  {dollars(detail.cost)}", "ink--muted"))
        return spread(left, [*right, (" ", "")], width)

    def _outcome(self, detail: RunDetail, width: int) -> list[Cells]:
        """Return the rows about failure, need of a person, and verdict; none while all is well."""
        rows: list[Cells] = []
        culprit = _culprit(detail)
        if detail.error or culprit is not None:
            failure = culprit.failure if culprit is not None else None
            message = detail.error or (failure.message if failure else "")
            advice = failure.advice if failure and failure.advice not in message else ""
            mark = "x" if self.ascii_only else "✗"
            what: Cells = [(f" {mark} {safe_line(message, limit=300)}", "state--failed")]
            to_do: Cells = [("  " + safe_line(advice, limit=300), "ink--strong")]
            together = not advice or width_of([*what, *to_do]) < width
            rows += [[*what, *to_do]] if together else [what, [(" ", ""), *to_do]]
        verdict = next((s.verdict for s in reversed(detail.steps) if s.verdict), None)
        if verdict is not None:
            rows.append(self._verdict_row(verdict))
        return rows

    def _verdict_row(self, verdict: Verdict) -> Cells:
        passed = sum(item.status == "pass" for item in verdict.requirements)
        word = safe_line(verdict.verdict, limit=40).replace("_", " ")
        style = "state--success" if verdict.approved else "state--failed"
        glyph = ("+" if self.ascii_only else "✓") if verdict.approved else "!"
        facts = []
        if verdict.requirements:
            facts.append(f"{passed}/{len(verdict.requirements)} requirements")
        tests = (("passed", verdict.tests_passed), ("failed", verdict.tests_failed))
        facts += [f"{count} tests {what}" for what, count in tests if count]
        facts += [f"{len(verdict.blocking)} blocking"] if verdict.blocking else []
        return [
            (f" {glyph} {word}", f"{style} ink--bold"),
            ("  " + " · ".join(facts), "ink--muted"),
        ]

    def _tick_while(self, running: bool) -> None:
        if running and self._ticker is None:
            self._ticker = self.set_interval(1.0, self._tick)
        elif self._ticker is not None:
            (self._ticker.resume if running else self._ticker.pause)()

    def _tick(self) -> None:
        if self.is_attached and self.screen.is_active and self.display and self.app.app_focus:
            self.refresh(Region(0, 0, self.size.width, 1))


def _culprit(detail: RunDetail) -> StepRow | None:
    """Return the failed step that ended the run: a critical one first."""
    if detail.run.state not in FINAL_RUNS or detail.run.state is RunState.SUCCESS:
        return None
    failed = [step for step in detail.steps if step.state.value == "failed" and step.failure]
    return next((step for step in failed if step.critical), failed[0] if failed else None)
