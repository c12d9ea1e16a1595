"""The transcript: what the agents were told, what they said, and the tools they used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from foredeck.services.domain.views import TranscriptEntry
from foredeck.widgets.block_view import BlockView
from foredeck.widgets.painting import Cells, fit
from foredeck.widgets.transcript_rows import Rows, entry_rows, stage_row


class TranscriptView(BlockView):
    """The entries of a conversation, oldest first; it follows the end while it is there.

    Rows are made once for an entry and again only when it grows, is folded, or the width
    changes; painting touches the visible ones alone.
    """

    DEFAULT_CSS = "TranscriptView { scrollbar-gutter: stable; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,x,enter", "fold", "Fold", tooltip="Show or hide the rest of a long text"),
        Binding("z", "fold_all", "Fold all", show=False),
        Binding("f", "follow", "Follow", tooltip="Go to the end and stay there"),
        Binding("right_square_bracket", "stage(1)", "Next stage", show=False),
        Binding("left_square_bracket", "stage(-1)", "Previous stage", show=False),
    ]
    empty_text = "Nothing has been said yet. Messages appear here as the agents work."

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._entries: tuple[TranscriptEntry, ...] = ()
        self._titles: Mapping[str, str] = {}
        self._unfolded: set[str] = set()
        self._cache: dict[str, tuple[tuple[object, ...], Rows]] = {}
        self._rows: list[Rows] = []
        self._begins: list[bool] = []
        self._made_for = 0

    def update_entries(
        self, entries: tuple[TranscriptEntry, ...], titles: Mapping[str, str] | None = None
    ) -> None:
        """Show these entries; at the end it stays at the end, elsewhere nothing moves.

        `titles` names the stages by their keys; one that it lacks is named by its key.
        """
        self._titles = titles or {}
        first = not self._entries
        # A conversation that is still going on is shown at its end, a finished one from the top.
        follow = self.at_end if not first else any(not entry.complete for entry in entries)
        self._entries = entries
        self._rebuild()
        if follow and entries:
            self._go_to_end()

    @property
    def at_end(self) -> bool:
        """Whether the last row is in sight, so that new entries are followed."""
        return self.scroll_offset.y + self._room >= self._starts[-1]

    def action_activate(self) -> None:
        """Fold or unfold the entry under the cursor (click)."""
        self.action_fold()

    def action_fold(self) -> None:
        """Fold or unfold the entry under the cursor."""
        if self.cursor_key is not None and self._rows[self.cursor_index].foldable:
            self._unfolded ^= {self.cursor_key}
            self._rebuild()
            self._scroll_to_cursor()

    def action_fold_all(self) -> None:
        """Unfold everything, or fold everything again."""
        keys = {key for key, rows in zip(self._keys, self._rows, strict=True) if rows.foldable}
        self._unfolded = set() if keys <= self._unfolded else keys
        self._rebuild()
        self._scroll_to_cursor()

    def action_follow(self) -> None:
        """Go to the end; what comes is followed from there."""
        if self._keys:
            self._go_to_end()

    def action_stage(self, step: int) -> None:
        """Go to the beginning of the next or the previous stage."""
        starts = [index for index, begins in enumerate(self._begins) if begins]
        self.go_to_next_of(starts, step)

    def action_page(self, step: int) -> None:
        """Scroll by a screen; the cursor goes to the first entry in sight."""
        if self._keys:
            last = max(0, self._starts[-1] - self._room)
            line = max(0, min(self.scroll_offset.y + step * max(1, self._room - 1), last))
            self._scroll_to_line(line)
            index = len(self._keys) - 1 if step > 0 and line == last else self._block_at(line)
            self.move_cursor(index, scroll=False)

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines again when the width has changed."""
        del event
        if self._entries and self.content_width != self._made_for:
            at_end = self.at_end
            self._rebuild()
            if at_end:
                self._go_to_end()

    def cursor_moved(self) -> None:
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer folding only where there is something to fold."""
        del parameters
        if action == "fold" and not (self._rows and self._rows[self.cursor_index].foldable):
            return None
        return True

    def block_row(self, index: int, offset: int, width: int) -> Cells:
        entry, rows = self._entries[index], self._rows[index].rows
        if self._begins[index]:
            if offset == 0:
                title = self._titles.get(entry.step_key, entry.step_key)
                return stage_row(title, entry.attempt, width, ascii_only=self.ascii_only)
            offset -= 1
        row = rows[offset]
        return fit([self.cursor_cell(index), *row] if offset == 0 else row, width)

    def cursor_offset(self, index: int) -> int:
        """Return the row that shows the cursor: the head, which may follow a stage's rule."""
        return int(self._begins[index]) if index < len(self._begins) else 0

    def _go_to_end(self) -> None:
        self.move_cursor(len(self._keys) - 1, scroll=False)
        self._scroll_to_line(max(0, self._starts[-1] - self._room))

    def _rebuild(self) -> None:
        self._made_for = self.content_width
        width = self._made_for or 80
        self._rows = [self._rows_of(entry, width) for entry in self._entries]
        places = [(entry.step_key, entry.attempt) for entry in self._entries]
        self._begins = [
            index == 0 or places[index] != places[index - 1] for index in range(len(places))
        ]
        ids = {entry.id for entry in self._entries}
        self._cache = {key: kept for key, kept in self._cache.items() if key in ids}
        heights = [
            len(rows.rows) + begins for rows, begins in zip(self._rows, self._begins, strict=True)
        ]
        self.set_blocks([entry.id for entry in self._entries], heights)

    def _rows_of(self, entry: TranscriptEntry, width: int) -> Rows:
        """Return the entry's rows, from the cache unless something about it has changed."""
        unfolded = entry.id in self._unfolded
        state = (entry.content, entry.arguments, entry.complete, entry.duration, width, unfolded)
        kept = self._cache.get(entry.id)
        if kept is None or kept[0] != state:
            rows = entry_rows(entry, width, unfolded=unfolded, ascii_only=self.ascii_only)
            kept = (state, rows)
            self._cache[entry.id] = kept
        return kept[1]
