"""Shows what a run has used of what it may use, and takes other limits."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Static

from foredeck.app.screens.modals.dialog import Dialog
from foredeck.services.domain.amounts import dollars
from foredeck.services.domain.errors import ForedeckError, InvalidInput
from foredeck.services.domain.safe_text import safe_text
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.commands import SetBudget
from foredeck.services.host.interface import Host


def read_budget(tokens: str, cost: str) -> tuple[int, float]:
    """Return the limits that were typed, 0 for none; raises `InvalidInput`."""
    try:
        read = int(tokens.replace(",", "").strip() or 0), float(cost.strip().lstrip("$") or 0)
    except ValueError:
        raise InvalidInput("Write a whole number of tokens, and dollars like 2.50.") from None
    if min(read) < 0 or not math.isfinite(read[1]):
        raise InvalidInput("A budget cannot be negative.", "Leave it empty for no limit.")
    return read


class BudgetDialog(Dialog[str]):
    """Answers with what was done, as a sentence; errors are shown here."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s,ctrl+enter", "save", "Save")]

    def __init__(self, host: Host, detail: RunDetail) -> None:
        super().__init__("Budget of the run")
        self._host = host
        self._detail = detail
        self._busy = False

    def compose_body(self) -> ComposeResult:
        detail = self._detail
        cost = "at a cost that is not known" if detail.cost is None else dollars(detail.cost)
        used = f"Used so far: {detail.run.usage.total:,} tokens, {cost}."
        about = "At 80 % there is a warning; at 100 % nothing more starts until it is raised."
        yield Static(f"{used}\n{about}", classes="dialog-paragraph", markup=False)
        yield Label("Tokens", classes="field")
        tokens = f"{detail.budget_tokens}" if detail.budget_tokens else ""
        yield Input(tokens, placeholder="no limit", id="tokens")
        yield Label("US dollars", classes="field")
        limit = f"{detail.budget_cost:g}" if detail.budget_cost else ""
        yield Input(limit, placeholder="no limit", id="cost")
        yield Static("", id="dialog-error", markup=False)
        with Horizontal(id="dialog-buttons"):
            yield Button(" Save (ctrl+s) ", variant="primary", id="save", compact=True)
            yield Button(" Back (esc) ", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one("#tokens").focus()

    @on(Input.Submitted)
    def _next_field(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        (self.action_save if event.button.id == "save" else self.action_give_up)()

    def action_save(self) -> None:
        """Give the run these limits."""
        fields = [self.query_one(f"#{name}", Input).value for name in ("tokens", "cost")]
        try:
            tokens, cost = read_budget(*fields)
        except InvalidInput as error:
            self._complain(str(error))
            return
        if not self._busy:
            self._busy = True
            self.run_worker(self._save(tokens, cost), group="budget", exit_on_error=False)

    async def _save(self, tokens: int, cost: float) -> None:
        try:
            await self._host.do(SetBudget(self._detail.run.id, tokens, cost))
        except ForedeckError as error:
            self._complain(str(error))
        else:
            self.dismiss("The run has that budget.")
        finally:
            self._busy = False

    def _complain(self, sentence: str) -> None:
        if self.is_attached:
            self.query_one("#dialog-error", Static).update(safe_text(sentence))
