"""The last line of a screen: the keys that apply now."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_GAP = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key on the bar; `x` is where it begins, in cells."""

    action: str
    key: str
    shown: str
    label: str
    x: int = 0

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.label)

    def at(self, x: int) -> _Entry:
        return _Entry(self.action, self.key, self.shown, self.label, x)


class KeyBar(Widget):
    """One line of keys; what does not fit is left out before `last` are.

    A single widget (and not one for each key), because it is redrawn with every change
    of the selection. The keys can be clicked.
    """

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
    }
    """

    ALLOW_SELECT = False

    def __init__(self, *, last: tuple[str, ...] = ("command_palette", "help", "ask_quit")) -> None:
        """`last` names the actions that stand at the right end."""
        super().__init__()
        self._last = last
        self._keys: list[_Entry] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_click(self, event: events.Click) -> None:
        """Press the key under the mouse."""
        for entry in self.entries(self.size.width):
            if entry.x <= event.x < entry.x + entry.width:
                self.app.simulate_key(entry.key)

    def render(self) -> Content:
        line = Content("")
        for entry in self.entries(self.size.width):
            line += Content(" " * (entry.x - line.cell_length))
            line += Content.styled(entry.shown, "bold $footer-key-foreground")
            line += Content.styled(f" {entry.label}", "$footer-description-foreground")
        return line

    def entries(self, width: int) -> list[_Entry]:
        """Return the keys that fit into `width` cells, with their places."""
        right = sorted(
            (entry for entry in self._keys if entry.action in self._last),
            key=lambda entry: self._last.index(entry.action),
        )
        end = width - 1 - sum(entry.width for entry in right) - _GAP * max(0, len(right) - 1)
        left = _row([entry for entry in self._keys if entry not in right], 1, end - _GAP)
        return left + _row(right, max(1, end), width)

    def _changed(self, screen: Screen[object]) -> None:
        entries: dict[str, _Entry] = {}
        for key, (_, binding, enabled, _tooltip) in screen.active_bindings.items():
            if binding.show and enabled and binding.description:
                action = binding.action.rpartition(".")[2]
                shown = self.app.get_key_display(binding)
                entries.setdefault(action, _Entry(action, key, shown, binding.description))
        keys = list(entries.values())
        if keys != self._keys:
            self._keys = keys
            self.refresh()


def _row(entries: list[_Entry], x: int, end: int) -> list[_Entry]:
    """Place entries from `x` on, as many as end before `end`."""
    placed = []
    for entry in entries:
        if x + entry.width > end:
            break
        placed.append(entry.at(x))
        x += entry.width + _GAP
    return placed
