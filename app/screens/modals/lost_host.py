"""Offers to take the place of a host that is gone."""

from __future__ import annotations

from foredeck.app.screens.modals.confirm import ConfirmDialog
from foredeck.services.domain.errors import HostGone
from foredeck.services.domain.views import Preview

_LINES = (
    "Take over: this dashboard becomes the host and goes on with the runs.",
    "Wait: it attaches by itself as soon as there is another host.",
    "codex turns that were under way go on meanwhile; nothing that was stored is lost.",
)


class LostHostDialog(ConfirmDialog):
    """True means: take over."""

    def __init__(self, error: HostGone) -> None:
        preview = Preview("The host is gone", (error.message, *_LINES))
        super().__init__(preview, yes="Take over", no="Wait", dangerous=False)
