"""The header of a run: what it is, how it stands, and what went wrong or was decided."""

from __future__ import annotations

from rich.cells import cell_len
from textual.geometry import Region
from textual.timer import Timer

from foredeck.services.domain.amounts import dollars, duration
from foredeck.services.domain.records import Verdict
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import FINAL_RUNS, RunState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.widgets.formats import elapsed, shorten_middle, tokens, wrap
from foredeck.widgets.painting import Cells, PaintedWidget, app_now, fit, spread, width_of
from foredeck.widgets.state_style import look_of

_WORD_FROM, _TOKENS_FROM = 44, 64
_INDENT, _LEAST_TITLE, _FIGURE_STEP = 3, 12, 8
# Rows that an error and its advice may take, each.
_MOST_ROWS = 3
# An outcome of so many rows takes the place of the request.
_MUCH = 3


class RunHeader(PaintedWidget):
    """Title and state, the request, the error with its advice, the verdict and its place."""

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
        right = self._figures(detail, width)
        # In steps of some cells, so that the words stay put while the figures grow.
        taken = _INDENT + -(-(width_of(right) + 1) // _FIGURE_STEP) * _FIGURE_STEP
        title, request = _title_and_request(detail, width - taken)
        look = look_of(detail.run.state)
        glyph = look.ascii if self.ascii_only else look.glyph
        left: Cells = [(f" {glyph} ", look.style), (title, "ink--strong ink--bold")]
        outcome = [fit(row, width) for row in self._outcome(detail, width)]
        rows = [spread(left, right, width)]
        # What went wrong matters more than what was asked where there is little room.
        if request and len(outcome) < _MUCH:
            rows.append(fit([(" " * _INDENT + request, "ink--muted")], width))
        return rows + outcome

    def _figures(self, detail: RunDetail, width: int) -> Cells:
        """Return what stands at the right of the first row: state, time, tokens, cost."""
        run, look = detail.run, look_of(detail.run.state)
        right: Cells = []
        if width >= _WORD_FROM:
            right.append((look.word, look.style))
        spent = duration(elapsed(run.started_at, run.ended_at, app_now(self)))
        if spent:
            right.append((f"  {spent}", "ink--strong"))
        if detail.paused_at and run.state not in FINAL_RUNS:
            right.append(("  paused", "state--waiting"))
        if width >= _TOKENS_FROM and (run.usage.total or detail.budget_tokens):
            limit = f"/{tokens(detail.budget_tokens)}" if detail.budget_tokens else ""
            right.append((f"  {tokens(run.usage.total)}{limit} tokens", "ink--muted"))
            if detail.cost is not None:
                limit = f"/{dollars(detail.budget_cost)}" if detail.budget_cost else ""
                right.append((f"  {dollars(detail.cost)}{limit}", "ink--muted"))
        return [*right, (" ", "")]

    def _outcome(self, detail: RunDetail, width: int) -> list[Cells]:
        """Return the rows about failure, need of a person, and verdict; none while all is well."""
        rows: list[Cells] = []
        culprit = _culprit(detail)
        if detail.error or culprit is not None:
            failure = culprit.failure if culprit is not None else None
            message = detail.error or (failure.message if failure else "")
            advice = failure.advice if failure and failure.advice not in message else ""
            rows += self._failure_rows(message, advice, width)
        verdict = next((s.verdict for s in reversed(detail.steps) if s.verdict), None)
        if verdict is not None:
            rows.append(self._verdict_row(verdict))
            rows += _place(detail.workspace, rows[-1], width)
        return rows

    def _failure_rows(self, message: str, advice: str, width: int) -> list[Cells]:
        """Return the error and its advice in one row if they fit, else wrapped: both whole."""
        mark = "x" if self.ascii_only else "✗"
        what, to_do = safe_line(message, limit=300), safe_line(advice, limit=300)
        if cell_len(what) + cell_len(to_do) + _INDENT + 2 < width:
            error: Cells = [(f" {mark} {what}", "state--failed")]
            return [[*error, (f"  {to_do}", "ink--strong")]]
        rows: list[Cells] = []
        for text, style in ((what, "state--failed"), (to_do, "ink--strong")):
            lines = wrap(text, width - _INDENT) if text else []
            kept, rest = lines[: _MOST_ROWS - 1], " ".join(lines[_MOST_ROWS - 1 :])
            rows += [[(" " * _INDENT + line, style)] for line in [*kept, rest] if line]
        rows[0] = [(f" {mark} {rows[0][0][0].lstrip()}", "state--failed")]
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


def _title_and_request(detail: RunDetail, width: int) -> tuple[str, str]:
    """Return the first row's words and those of the row below it, which may be empty.

    A title is as a rule how the request begins: then the request is broken into both rows
    and nothing is said twice. `width` is the room of the first row.
    """
    title = safe_line(detail.run.title, limit=200)
    request = safe_line(" ".join(detail.request.split()), limit=400)
    if not title or title == request:
        return title or request or "(untitled)", ""
    if not request.startswith(title.removesuffix("…")):
        return title, request
    first = wrap(request, max(_LEAST_TITLE, width))[0].rstrip()
    return first, request[len(first) :].lstrip()


def _place(workspace: str, verdict: Cells, width: int) -> list[Cells]:
    """Return a row that says where the result lies, or put it behind the verdict if it fits."""
    if not workspace:
        return []
    place = safe_line(workspace, limit=400)
    if width_of(verdict) + cell_len(place) + 6 <= width:
        verdict.append((f" · in {place}", "ink--muted"))
        return []
    return [[(" " * _INDENT + "in " + shorten_middle(place, width - _INDENT - 4), "ink--muted")]]


def _culprit(detail: RunDetail) -> StepRow | None:
    """Return the failed step that ended the run: a critical one first."""
    if detail.run.state not in FINAL_RUNS or detail.run.state is RunState.SUCCESS:
        return None
    failed = [step for step in detail.steps if step.state.value == "failed" and step.failure]
    return next((step for step in failed if step.critical), failed[0] if failed else None)
