"""The last line of a screen: the keys that apply now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


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
        return len(self.shown) + (1 + len(self.label) if self.label else 0)


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
            if entry.label:
                line += Content.styled(f" {entry.label}", "$footer-description-foreground")
        return line

    def entries(self, width: int) -> list[_Entry]:
        """Return the keys that fit into `width` cells, with their places.

        Where they do not all fit they move closer, then those at the right end lose their
        words, and in the end the last ones at the left are left out.
        """
        right = sorted(
            (entry for entry in self._keys if entry.action in self._last),
            key=lambda entry: self._last.index(entry.action),
        )
        left = [entry for entry in self._keys if entry not in right]
        bare = [replace(entry, label="") for entry in right]
        for gap, end in ((2, right), (1, right), (1, bare)):
            if _length(left, gap) + gap + _length(end, gap) + 2 <= width:
                return _row(left, 1, gap, width) + _row(
                    end, width - 1 - _length(end, gap), gap, width
                )
        start = max(1, width - 1 - _length(bare, 1))
        return _row(left, 1, 1, start - 1) + _row(bare, start, 1, width)

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


def _length(entries: list[_Entry], gap: int) -> int:
    return sum(entry.width for entry in entries) + gap * max(0, len(entries) - 1)


def _row(entries: list[_Entry], x: int, gap: int, end: int) -> list[_Entry]:
    """Place entries from `x` on, as many as end before `end`."""
    placed = []
    for entry in entries:
        if x + entry.width > end:
            break
        placed.append(replace(entry, x=x))
        x += entry.width + gap
    return placed
