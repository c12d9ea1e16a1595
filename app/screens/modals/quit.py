"""Asks before leaving while runs are working."""

from __future__ import annotations

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.services.domain.views import Preview, RunRow


class QuitDialog(ConfirmDialog):
    """Names the runs that end with the dashboard; True means leave."""

    def __init__(self, working: tuple[RunRow, ...]) -> None:
        super().__init__(quit_preview(working), yes="Stop them and quit", no="Stay")


def quit_preview(working: tuple[RunRow, ...]) -> Preview:
    """Return what leaving would stop; the host ends its runs when it closes."""
    count = len(working)
    title = "Quit while a run is working?" if count == 1 else f"Quit while {count} runs work?"
    lines = [_line(run) for run in working]
    lines.append("What they have finished is kept; retry goes on from there.")
    return Preview(title, tuple(lines))


def _line(run: RunRow) -> str:
    return f"“{run.title}” ({run.project_name}) is cancelled; its processes end."
