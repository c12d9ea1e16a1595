"""What the screens with a list have in common: its filter, and what is under its cursor."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar, Generic

from textual.widget import Widget
from textual.widgets import Input

from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.offers import Offers, T


class ListScreen(Offers[T], Generic[T]):
    """Shows a list and, beside it or (with the class `in_place`) in its place, one item of it.

    Whatever is done to an item is followed by another read.
    """

    AUTO_FOCUS = None
    in_place: ClassVar[str]

    # --- what a subclass says ---------------------------------------------------------

    @property
    def filter_bar(self) -> FilterBar:
        """Where the list is filtered."""
        raise NotImplementedError

    @property
    def list_table(self) -> Widget:
        """What takes the keys of the list."""
        raise NotImplementedError

    @property
    def in_item(self) -> bool:
        """Whether the keys go to the item, not to the list."""
        raise NotImplementedError

    @property
    def help_topic(self) -> str:
        """The topic of the help for what has the keys."""
        raise NotImplementedError

    def read_again(self) -> None:
        """Read what is shown again."""
        raise NotImplementedError

    def rearrange(self) -> None:
        """List what the filter lets through."""
        raise NotImplementedError

    # --- the filter -------------------------------------------------------------------

    @property
    def typing(self) -> bool:
        """Whether a filter or a search is being typed."""
        return isinstance(self.focused, Input)

    def on_filter_bar_filtered(self, event: FilterBar.Filtered) -> None:
        event.stop()
        self.rearrange()

    def on_filter_bar_left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.list_table.focus()

    def action_search(self) -> None:
        self.remove_class(self.in_place)
        self.filter_bar.open()

    # --- actions ----------------------------------------------------------------------

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Ask a person or the host for something, and read what has come of it."""
        self.shell.start(self._and_read(work), group="dialog")

    async def _and_read(self, work: Coroutine[Any, Any, object]) -> None:
        """Read also when it was refused: what is shown may be old."""
        try:
            await work
        finally:
            if self.is_attached:
                self.read_again()

    def action_focus_list(self) -> None:
        self.remove_class(self.in_place)
        self.list_table.focus()

    def action_reload(self) -> None:
        if self.shell.host is None:
            self.shell.connect()
        else:
            self.read_again()

    def action_help(self) -> None:
        from foredeck.app.screens.modals.help import HelpDialog

        keys = [(action.key_text, action.description) for action in self.actions]
        self.app.push_screen(HelpDialog(self.help_topic, keys))

    def action_close(self) -> None:
        """From the item to the list, from a filtered list to the whole one, then back."""
        if self.has_class(self.in_place) or self.in_item:
            self.action_focus_list()
        elif self.filter_bar.text:
            self.filter_bar.action_clear()
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)

    async def action_ask_quit(self) -> None:
        await self.app.run_action("ask_quit")
