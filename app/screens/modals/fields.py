"""The fields of forms: what each is, the field, and below it what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on
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
        self._remark, self._mistake = (
            Static("", classes=f"input-{what}", markup=False) for what in ("remark", "mistake")
        )
        self._said = {"remark": "", "mistake": ""}

    def compose(self) -> ComposeResult:
        yield Label(self._label, classes="field", markup=False)
        yield self.field
        yield self._remark
        yield self._mistake

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Select.Changed)
    def _mended(self) -> None:
        """What was wrong is no longer what stands there."""
        self.complain("")

    def on_descendant_focus(self) -> None:
        """Bring the label into sight as well."""
        self.scroll_visible(animate=False)

    def complain(self, sentence: str) -> None:
        """Say what is wrong, or nothing."""
        if self._is_new("mistake", sentence):
            self._mistake.update(safe_text(sentence))
            self.set_class(bool(sentence), "-wrong")

    def remark(self, text: str) -> None:
        """Say something about what was typed, or nothing."""
        if self._is_new("remark", text):
            self._remark.update(safe_text(text))
            self.set_class(bool(text), "-remarked")

    def _is_new(self, kind: str, text: str) -> bool:
        """Whether it says something else now: the same again costs no layout of the form."""
        before, self._said[kind] = self._said[kind], text
        return before != text


def select(choices: Sequence[tuple[Text | str, object]], value: object, id_: str) -> Widget:
    """Return a choice of one; `choices` are (what it says, value)."""
    return Select(choices, value=value, allow_blank=False, id=id_, compact=True)


def value_of(field: Widget) -> str:
    """Return what was typed or chosen."""
    if isinstance(field, TextArea):
        return field.text
    assert isinstance(field, Input | Select)
    return str(field.value)
