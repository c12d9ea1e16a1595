"""The files of a codex run: where they lie and what stands in them (SPEC C12).

`codex-run-ID.log` is what the attempts printed, `.meta.json` what is known before codex
starts, `.summary.json` how it ended. Metadata and summary have the same fields.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from foredeck.services.domain.records import TokenUsage
from foredeck.services.domain.views import CodexRun

UNKNOWN = "unknown"

# The last lines of a log, as `codex parse` finds them again.
SESSION_KEY = "codex_session_id"
EXIT_KEY = "codex_exit_code"
USAGE_KEY = "token_usage"
# Stands in the metadata and the summary once the log is gone (SPEC J7), ISO 8601 in UTC.
REMOVED_KEY = "output_removed_at"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Where the files of one run lie."""

    log: Path
    meta: Path
    summary: Path

    @classmethod
    def of(cls, log_dir: str | Path, run_id: str) -> RunPaths:
        """Return the paths in that directory."""
        stem = Path(log_dir) / f"codex-run-{run_id}"
        return cls(
            stem.with_name(f"{stem.name}.log"),
            stem.with_name(f"{stem.name}.meta.json"),
            stem.with_name(f"{stem.name}.summary.json"),
        )


def document(run: CodexRun) -> dict[str, Any]:
    """Return a run as the fields of its metadata or summary; times are ISO 8601 in UTC."""
    return {
        "run_id": run.run_id,
        "session_id": run.session_id,
        "resume_session": run.resume_session,
        "mode": mode(run.resume_session),
        "repo": run.repo,
        "task": run.task,
        "codex_bin": run.codex_bin,
        "codex_version": run.codex_version,
        "log_file": run.log_file,
        "meta_file": run.meta_file,
        "summary_file": run.summary_file,
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "elapsed_seconds": elapsed(run.started_at, run.ended_at),
        "exit_code": run.exit_code,
        "success": None if run.exit_code is None else run.exit_code == 0,
        "token_usage": None if run.usage is None else usage_fields(run.usage),
        "cost": run.cost,
    }


def mode(resume_session: str | None) -> str:
    """Return `resume` or `new`."""
    return "resume" if resume_session else "new"


def elapsed(start: datetime | None, end: datetime | None) -> float | None:
    """Return the seconds between two times, None while one is missing."""
    return round((end - start).total_seconds(), 3) if start and end else None


def usage_fields(usage: TokenUsage) -> dict[str, int]:
    """Return tokens by codex's own names; cached input is part of the input."""
    return {
        "input_tokens": usage.input,
        "cached_input_tokens": usage.cached_input,
        "output_tokens": usage.output,
        "reasoning_output_tokens": usage.reasoning,
        "total_tokens": usage.total,
    }


def preamble(run: CodexRun, moment: datetime, command: str) -> str:
    """Return the first lines of a log; `command` is how codex is called."""
    lines = {
        "codex_run_id": run.run_id,
        "started_utc": moment.isoformat(timespec="seconds"),
        "started_local": moment.astimezone().isoformat(timespec="seconds"),
        "mode": mode(run.resume_session),
        "resume_session_id": run.resume_session or "none",
        "codex_bin": run.codex_bin or UNKNOWN,
        "repo": run.repo,
        "command": command,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def last_lines(run: CodexRun) -> str:
    """Return the end of a log: what `codex parse` needs and a reader wants to know."""
    code = UNKNOWN if run.exit_code is None else run.exit_code
    usage = "null" if run.usage is None else json.dumps(usage_fields(run.usage))
    return f"{SESSION_KEY}={run.session_id or UNKNOWN}\n{EXIT_KEY}={code}\n{USAGE_KEY}={usage}\n"


def write_document(path: Path, fields: Mapping[str, Any]) -> None:
    """Put a JSON document there whole, for this user alone (0600); raises `OSError`."""
    data = (json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_document(path: Path) -> dict[str, Any]:
    """Return the fields of a document; none if it is not there or cannot be understood."""
    try:
        fields = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
