"""The fields for the inputs of a workflow: what each shows first, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.workflow import InputType
from foredeck.services.domain.workflow_views import WorkflowInput

_TYPES = {
    InputType.STRING: "text",
    InputType.INTEGER: "whole number",
    InputType.NUMBER: "number",
    InputType.BOOLEAN: "true or false",
}
_LONGEST = 200


def first_text(one: WorkflowInput) -> str:
    """Return what stands in a field at first: the default, if a line can show it as it is."""
    default = one.default or ""
    return default if safe_line(default, limit=_LONGEST) == default else ""


def given(inputs: tuple[WorkflowInput, ...], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the values that the fields give; what is as it was at first is left to the file.

    An empty field without a default gives nothing, so that it is missing and not wrong.
    """
    values = {one.name: texts.get(one.name, first_text(one)) for one in inputs}
    return {
        one.name: values[one.name]
        for one in inputs
        if values[one.name] != first_text(one) or (values[one.name] and one.default is None)
    }


class InputField(Vertical):
    """One input: what it is, its value, and below that what is wrong with it."""

    def __init__(self, one: WorkflowInput, text: str) -> None:
        super().__init__(classes="input-field")
        self.one = one
        self._text = text

    def compose(self) -> ComposeResult:
        yield Static(self._label(), classes="input-label")
        if choices := self._choices():
            options = [(Text(safe_line(choice, limit=_LONGEST)), choice) for choice in choices]
            value = self._text if self._text in choices else Select.NULL
            yield Select(options, value=value, prompt="choose", compact=True)
        else:
            yield Input(self._text, placeholder=self._hint())
        yield Static("", classes="input-mistake", markup=False)

    @property
    def field(self) -> Widget:
        """What takes the value."""
        return self.query_one("Input, Select")

    @property
    def text(self) -> str:
        """What was typed or chosen."""
        field = self.field
        if isinstance(field, Input):
            return field.value
        assert isinstance(field, Select)
        return "" if field.value is Select.NULL else str(field.value)

    def complain(self, sentence: str) -> None:
        """Say what is wrong with the value; nothing if it is right."""
        self.query_one(".input-mistake", Static).update(safe_text(sentence))
        self.set_class(bool(sentence), "-wrong")

    def _choices(self) -> tuple[str, ...]:
        return ("true", "false") if self.one.type is InputType.BOOLEAN else self.one.choices

    def _label(self) -> Content:
        one = self.one
        need = "required" if one.default is None else f"default {safe_line(one.default, limit=30)}"
        need = "default empty" if one.default == "" else need
        about = f" {safe_text(one.description.strip())}" if one.description.strip() else ""
        kind = f"  {_TYPES[one.type]}, {need}."
        return Content.assemble(
            (safe_line(one.name, limit=60), "bold"), (kind + about, "$ink-muted")
        )

    def _hint(self) -> str:
        hidden = self.one.default and not first_text(self.one)
        return "empty: as the file says" if hidden else ""
