"""A report as a document: its sections in their order, failures first (SPEC T5)."""

from __future__ import annotations

from foredeck.services.domain.report_model import RunReport
from foredeck.services.reports import overview, record, wording
from foredeck.services.reports.document import Document, note

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
# How many narrow characters of a name stand at the top and at the foot.
_NAME = 60


def compose(report: RunReport, shortened: str = "") -> Document:
    """Return what a report says, before it is written in a format.

    `shortened` is the sentence that says what of the report is not there.
    """
    sections = (make(report) for make in _SECTIONS)
    made = f"{wording.short(report.generator, _NAME)} · {wording.moment(report.generated_at)}"
    return Document(
        kind=f"Run report · {wording.short(report.run.project_name, _NAME)}",
        title=report.title,
        standing=(*overview.standing(report), *([note(shortened)] if shortened else [])),
        sections=tuple(section for section in sections if section is not None),
        foot=f"{made} · run {wording.short(report.run.id, _NAME)}",
        made_at=report.generated_at,
    )
