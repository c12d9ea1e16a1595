"""What a client may want of reports; they belong to `commands` and `queries`.

A `ref` of a report is an id or the beginning of one.
"""

from dataclasses import dataclass

from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.views import Page
from foredeck.services.host.interface import Command, Query


@dataclass(frozen=True)
class CreateReport(Command[ReportRow]):
    """Make a report about a run in whatever state it is; an empty `title` is the run's.

    Raises `NotFound`, `Ambiguous` and `StorageFull`.
    """

    run: str
    format: ReportFormat = ReportFormat.HTML
    title: str = ""


@dataclass(frozen=True)
class DeleteReport(Command[ReportRow]):
    """Delete a report and its file; the run stays, and another one can be made of it."""

    ref: str


@dataclass(frozen=True)
class ListReports(Query[Page[ReportRow]]):
    """Reports, newest first; about one run, or about the runs of one task, if asked for."""

    run: str | None = None
    task: str | None = None
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class GetReport(Query[ReportRow]):
    """One report; what it says lies in the file `path`."""

    ref: str


@dataclass(frozen=True)
class GetRunReport(Query[RunReport]):
    """What a report about a run would say just now."""

    run: str
