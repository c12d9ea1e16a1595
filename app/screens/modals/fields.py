"""The fields of forms: what each is, the field, and below it what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static, TextArea

from foredeck.services.domain.safe_text import safe_text


class FormField(Vertical):
    """A label, a field, a remark that may be empty, and what is wrong, if anything is."""

    def __init__(self, label: str, field: Widget) -> None:
        super().__init__(classes="input-field")
        self._label = label
        self.field = field

    def compose(self) -> ComposeResult:
        yield Label(self._label, classes="field", markup=False)
        yield self.field
        yield Static("", classes="input-remark", markup=False)
        yield Static("", classes="input-mistake", markup=False)

    def on_descendant_focus(self) -> None:
        """Bring the label into sight as well."""
        self.scroll_visible(animate=False)

    def complain(self, sentence: str) -> None:
        """Say what is wrong, or nothing."""
        self.query_one(".input-mistake", Static).update(safe_text(sentence))
        self.set_class(bool(sentence), "-wrong")

    def remark(self, text: str) -> None:
        """Say something about what was typed, or nothing."""
        self.query_one(".input-remark", Static).update(safe_text(text))
        self.set_class(bool(text), "-remarked")


def select(choices: Sequence[tuple[Text | str, object]], value: object, id_: str) -> Widget:
    """Return a choice of one; `choices` are (what it says, value)."""
    return Select(choices, value=value, allow_blank=False, id=id_, compact=True)


def value_of(field: Widget) -> str:
    """Return what was typed or chosen."""
    if isinstance(field, TextArea):
        return field.text
    assert isinstance(field, Input | Select)
    return str(field.value)
