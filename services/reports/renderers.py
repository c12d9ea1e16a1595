"""What makes each kind of file; imported with the first report of its kind."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from foredeck.services.domain.reports import ReportFormat

if TYPE_CHECKING:
    from foredeck.services.domain.report_model import RunReport

Renderer = Callable[["RunReport"], bytes]


def _lazily(module: str, name: str) -> Renderer:
    def render(report: RunReport) -> bytes:
        found = import_module(f"foredeck.services.reports.{module}")
        return cast("Renderer", getattr(found, name))(report)

    return render


RENDERERS: Mapping[ReportFormat, Renderer] = {
    ReportFormat.HTML: _lazily("html_report", "render_html"),
    ReportFormat.PDF: _lazily("pdf_report", "render_pdf"),
    ReportFormat.JSON: _lazily("json_report", "render_json"),
}
"""Each takes a report's model and returns the file; they block, for up to seconds."""


def break_off() -> None:
    """End the processes in which reports are being made, if there are any."""
    if pdf := sys.modules.get("foredeck.services.reports.pdf_report"):
        pdf.break_off()
