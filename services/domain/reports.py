"""Reports about runs: their formats, and what is kept of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Of a title, in the name of a file.
_NAME_LENGTH = 60
_NO_NAME = re.compile(r"[^\w.]+")


class ReportFormat(StrEnum):
    """What kind of file a report is (SPEC T5)."""

    HTML = "html"
    PDF = "pdf"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Report:
    """A report about a run, which lies in the file `path`, relative to the data directory.

    `automatic` says that a task wanted it; `size` is in bytes; `sha256`, of the file, in hex.
    """

    id: str
    run_id: str
    format: ReportFormat
    title: str
    path: str
    size: int
    sha256: str
    created_at: datetime
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A line of a list of reports; `task_id` and `task_name` are empty for a run of no task.

    `path` is where the file lies, absolute.
    """

    id: str
    run_id: str
    title: str
    format: ReportFormat
    automatic: bool
    size: int
    path: str
    created_at: datetime
    project_name: str
    run_state: str
    task_id: str = ""
    task_name: str = ""


def file_name(row: ReportRow, kind: ReportFormat | None = None) -> str:
    """Return TITLE-ID.EXT for a copy; of the title, what every file system and shell takes.

    `kind` is that of the copy, if it is not that of the report.
    """
    title = _NO_NAME.sub("-", row.title)[:_NAME_LENGTH].strip("-._")
    return f"{title or 'report'}-{row.id}.{(kind or row.format).value}"
