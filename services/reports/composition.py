"""A report as a document: its sections in their order, failures first (SPEC T5)."""

from __future__ import annotations

from foredeck.services.domain.report_model import RunReport
from foredeck.services.reports import overview, record, wording
from foredeck.services.reports.document import Document

_SECTIONS = (
    overview.failures,
    overview.summary,
    overview.verdict,
    overview.graph,
    overview.steps,
    record.timeline,
    record.transcript,
    record.changes,
    record.questions,
    record.jobs,
    record.environment,
)


def compose(report: RunReport) -> Document:
    """Return what a report says, before it is written in a format."""
    made = (make(report) for make in _SECTIONS)
    foot = f"{report.generator} · {wording.moment(report.generated_at)} · run {report.run.id}"
    return Document(
        kind=f"Run report · {report.run.project_name}",
        title=report.title,
        standing=tuple(overview.standing(report)),
        sections=tuple(section for section in made if section is not None),
        foot=foot,
        made_at=report.generated_at,
    )
