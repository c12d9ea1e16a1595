"""A pane with a list and its filter, and a title that says what of it is listed."""

from __future__ import annotations

from textual.widget import Widget

from foredeck.app.screens.filter_bar import FilterBar
from foredeck.app.screens.pane import Pane
from foredeck.services.domain.safe_text import safe_line


class ListPane(Pane):
    """`shows_rows` says that rows stand in it, not a notice; who fills it sets that."""

    def __init__(self, table: Widget, *, title: str, id: str) -> None:  # noqa: A002
        super().__init__(title=title, id=id)
        self._table = table
        self.filter = FilterBar()
        self.shows_rows = False

    async def furnish(self) -> None:
        """Put the views into the pane."""
        await self.fill(self._table, below=self.filter)

    def fail(self, error: Exception) -> None:
        """Say why the list could not be read."""
        self.shows_rows = False
        super().fail(error)

    @property
    def filtered(self) -> str:
        """What the list is filtered by, as the title says it; empty if by nothing."""
        text = self.filter.text.strip()
        return f"/{safe_line(text, limit=30)}" if text else ""

    def tell(self, *parts: str) -> None:
        """Say in the title what is listed; what is empty is left out."""
        self.set_title(" · ".join(filter(None, parts)))


def how_many(count: int, total: int) -> str:
    """Return how many rows are listed, of how many if that is not all."""
    return f"{count:,} of {total:,}" if count != total else f"{count:,}"
