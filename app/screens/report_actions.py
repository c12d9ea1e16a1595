"""What a person does to reports: made, saved elsewhere, opened, deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from foredeck.app.screens.dialog_actions import DialogActions
from foredeck.services.domain.amounts import size
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.views import Preview
from foredeck.services.host.report_requests import CreateReport, DeleteReport


class ReportActions(DialogActions):
    """Every coroutine may raise `ForedeckError`."""

    async def create(self, run_id: str, title: str) -> ReportRow | None:
        """Ask for a format, then make a report; None if the person left it."""
        from foredeck.app.screens.modals.report_dialogs import FormatDialog

        format_: ReportFormat | None = await self._screen.app.push_screen_wait(FormatDialog(title))
        if format_ is None:
            return None
        self._say("The report is being made…")
        row = await self._host.do(CreateReport(run_id, format_))
        self._say(f"The report is made, {size(row.size)}: {row.path}")
        return row

    async def save(self, row: ReportRow) -> None:
        """Ask for a place, and copy the file there."""
        from foredeck.app.screens.modals.report_dialogs import SaveDialog

        saved: Path | None = await self._screen.app.push_screen_wait(SaveDialog(row))
        if saved is not None:
            self._say(f"Saved: {saved}")

    async def open(self, row: ReportRow) -> None:
        """Open the file with the system's program for it."""
        from foredeck.app.opening import open_file

        await asyncio.to_thread(open_file, Path(row.path))
        self._say(f"Opened: {row.path}")

    def copy_path(self, row: ReportRow) -> None:
        """Put the path of the file into the clipboard of the terminal, and say it as well."""
        self._screen.app.copy_to_clipboard(row.path)
        self._say(f"Copied, if the terminal lets programs do that: {row.path}")

    async def delete(self, row: ReportRow) -> None:
        """Ask, then delete a report with its file."""
        kept = "The run stays, and another report can be made of it."
        lines = (f"The file goes: {row.path}", kept)
        name = f"{row.format.value.upper()} report “{safe_line(row.title, limit=50)}”"
        if await self._confirm(Preview(f"Delete the {name}?", lines), yes="Delete", no="Keep it"):
            await self._host.do(DeleteReport(row.id))
            self._say("The report is deleted.")
