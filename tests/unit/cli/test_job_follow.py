"""What a job prints, as it is followed with the times at which it was there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from foredeck.app.cli.job_follow import TimedJobPrinter
from foredeck.services.domain.job_views import JobDetail, JobResult
from foredeck.services.domain.jobs import JobWish
from foredeck.services.domain.states import JobState
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import GetJobResult
from tests.support.agent_jobs import job_detail


class _Files:
    """A host that knows where the output of each attempt lies."""

    def __init__(self, base: Path, detail: JobDetail) -> None:
        self._base = base
        self._detail = detail

    async def ask(self, query: Any) -> JobResult:
        assert isinstance(query, GetJobResult)
        path = self._base / str(query.attempt) / "log"
        return JobResult(self._detail, "", "", None, "", 0, 0, str(path), "")

    def wrote(self, attempt: int, text: str) -> None:
        path = self._base / str(attempt)
        path.mkdir(exist_ok=True)
        (path / "log").write_text(text)


async def test_a_job_that_is_tried_again_is_followed_to_its_last_attempt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detail = job_detail("j1", JobWish("a job", "x"))
    files, printer = _Files(tmp_path, detail), TimedJobPrinter()
    host = cast("Host", files)
    assert not printer.printed
    files.wrote(1, "one\n")
    for attempt, state in ((1, JobState.IN_PROGRESS), (2, JobState.IN_PROGRESS)):
        row = replace(detail.job, attempt=attempt, state=state)
        await printer.put(host, replace(detail, job=row))
    files.wrote(2, "two\n")
    row = replace(detail.job, attempt=2, state=JobState.COMPLETED)
    await printer.put(host, replace(detail, job=row))
    assert capsys.readouterr().out == "--:--:--.--- one\n--:--:--.--- two\n"
    assert printer.printed
