"""The last line of a screen: the keys that apply now."""

from __future__ import annotations

from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_GAP = 2


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
        self._keys: list[tuple[str, str, str, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def render(self) -> Content:
        width = self.size.width - 1
        right = [entry for entry in self._keys if entry[0] in self._last]
        right.sort(key=lambda entry: self._last.index(entry[0]))
        room = width - sum(_length(entry) + _GAP for entry in right)
        left = []
        for entry in self._keys:
            if entry in right:
                continue
            room -= _length(entry) + _GAP
            if room < 0:
                break
            left.append(entry)
        parts = [_show(entry) for entry in left]
        used = sum(_length(entry) + _GAP for entry in (*left, *right))
        if parts and right:
            parts.append(Content(" " * max(0, width - used - _GAP)))
        return Content(" ") + Content(" " * _GAP).join([*parts, *map(_show, right)])

    def _changed(self, screen: Screen[object]) -> None:
        entries: dict[str, tuple[str, str, str, str]] = {}
        for key, (_, binding, enabled, _tooltip) in screen.active_bindings.items():
            if binding.show and enabled and binding.description:
                action = binding.action.rpartition(".")[2]
                shown = self.app.get_key_display(binding)
                entries.setdefault(action, (action, key, shown, binding.description))
        keys = list(entries.values())
        if keys != self._keys:
            self._keys = keys
            self.refresh()


def _length(entry: tuple[str, str, str, str]) -> int:
    return len(entry[2]) + 1 + len(entry[3])


def _show(entry: tuple[str, str, str, str]) -> Content:
    _, key, shown, label = entry
    click = f"[@click=app.simulate_key('{key}')]"
    return Content.from_markup(
        click + "[$footer-key-foreground bold]$key[/] [$footer-description-foreground]$label[/][/]",
        key=shown,
        label=label,
    )
