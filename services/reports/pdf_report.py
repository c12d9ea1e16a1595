"""The PDF of a report, set by typst, whose wheel needs no library of the system (SPEC T5)."""

from __future__ import annotations

from importlib.resources import files

from foredeck.services.domain.report_model import RunReport
from foredeck.services.reports.composition import compose
from foredeck.services.reports.pdf_bounds import shortened
from foredeck.services.reports.pdf_data import data_of


def render_pdf(report: RunReport) -> bytes:
    import typst

    template = files("foredeck.services.reports").joinpath("report.typ").read_bytes()
    data = data_of(compose(shortened(report)))
    return typst.compile(
        template,
        sys_inputs={"data": data},
        timestamp=report.generated_at,
    )
