"""The audit trail's records: who did what to which thing, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a person should care."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be recorded; `before` and `after` are JSON objects, or empty.

    `action` is `THING.VERB` (`step.start`, `command.retry_run`).
    """

    action: str
    resource: str
    resource_id: str
    description: str
    severity: Severity = Severity.INFO
    before: str = ""
    after: str = ""
    # Stands in for the id of a command when none is known to have asked for it.
    run_id: str = ""


def change(
    action: str,
    resource_id: str,
    description: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> AuditEntry:
    """Return the entry of a change that is no transition; the action names the resource.

    Both sides are what JSON can say, empty for what was not there or is not any more.
    """
    return AuditEntry(
        action=action,
        resource=action.partition(".")[0],
        resource_id=resource_id,
        description=description,
        before=json.dumps(dict(before)) if before else "",
        after=json.dumps(dict(after)) if after else "",
    )


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the trail; `seq` counts from 1 without a gap.

    `actor` is the user of the operating system and what acted for them (`ada/agent`);
    rows with one `trace_id` belong to one command or one run. `hash` is over this row and
    the hash of the row before it.
    """

    seq: int
    at: datetime
    action: str
    resource: str
    resource_id: str
    severity: Severity
    actor: str
    trace_id: str
    hash: str
    description: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the trail is whole: `broken` is the first row that is not, `reason` says why.

    The `rows` before it are as they were written. It may be about the first part only: then
    it is not `complete`.
    """

    rows: int
    broken: int | None = None
    reason: str = ""
    # The last row's hash: kept elsewhere, it proves later that nothing before it changed.
    tip: str = ""
    complete: bool = True
