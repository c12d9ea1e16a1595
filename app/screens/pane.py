"""A framed pane: its content, or a notice in its place (loading, empty, broken)."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from foredeck.services.domain.safe_text import safe_text


class Pane(Vertical):
    """Shows its content or a notice; one broken pane leaves the others alone.

    It begins empty, with a notice: what it shows is mounted by `fill`, after the first paint.
    """

    def __init__(self, *, title: str, id: str) -> None:  # noqa: A002
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._title = title
        self._content: tuple[Widget, ...] = ()
        self._notice = Static("Opening…", classes="pane-notice")

    def compose(self) -> ComposeResult:
        yield self._notice

    async def fill(self, *content: Widget, below: Widget | None = None) -> None:
        """Mount the content, hidden behind the notice; `below` stays out of its way."""
        self._content = content
        for widget in content:
            widget.display = False
        await self.mount(*content, *(() if below is None else (below,)))

    @property
    def notice(self) -> str:
        """The notice that stands in place of the content, or an empty string."""
        return str(self._notice.render()) if self._notice.display else ""

    def set_title(self, title: str) -> None:
        """Put an untrusted text into the frame; the same again costs no repaint of the pane."""
        if title != self._title:
            self._title = title
            self.border_title = Content(title)  # a text would be read as markup

    def show_content(self) -> None:
        """Put the content back."""
        self._switch(to_notice=False)

    def say(self, text: str, hint: str = "", *, broken: bool = False) -> None:
        """Put a notice in place of the content; both texts may be untrusted."""
        first = Content.styled(safe_text(text), "$text-error" if broken else "")
        second = Content.styled(f"\n\n{safe_text(hint)}", "$ink-muted") if hint else Content("")
        self._notice.update(first + second)
        self._switch(to_notice=True)

    def fail(self, error: Exception) -> None:
        """Say that the content could not be read, and which key tries again."""
        self.say(str(error) or "It could not be read.", "ctrl+r reads it again.", broken=True)

    def _switch(self, *, to_notice: bool) -> None:
        self._notice.display = to_notice
        for widget in self._content:
            widget.display = not to_notice
