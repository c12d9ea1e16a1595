"""Copies of reports: under a name that every file system takes, for the user alone."""

import os
import stat
from pathlib import Path

import pytest

from foredeck.app.cli.report_files import Wanted
from foredeck.services.domain.reports import ReportFormat, ReportRow, file_name
from tests.support.records import MOMENT


def _row(title: str) -> ReportRow:
    return ReportRow(
        id="0123456789ab",
        run_id="r",
        title=title,
        format=ReportFormat.HTML,
        automatic=False,
        size=1,
        path="",
        created_at=MOMENT,
        project_name="shop",
        run_state="success",
        task_id="",
        task_name="",
    )


@pytest.mark.parametrize("force", [False, True])
def test_nobody_else_may_read_it(tmp_path: Path, force: bool) -> None:
    mask = os.umask(0o022)
    try:
        wanted = Wanted(str(tmp_path), force=force)
        path = wanted.write(_row("Nightly"), ReportFormat.HTML, b"report")
    finally:
        os.umask(mask)
    assert path == str(tmp_path / "Nightly-0123456789ab.html")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "title", ["x" * 300, "報" * 300, "𠀀" * 300, "../../etc", "\x1b[31m", ""], ids=range(6)
)
def test_any_title_gives_a_name(tmp_path: Path, title: str) -> None:
    path = Wanted(str(tmp_path), force=True).write(_row(title), ReportFormat.HTML, b"report")
    assert path is not None
    assert Path(path).parent == tmp_path
    assert file_name(_row(title), ReportFormat.HTML).endswith("-0123456789ab.html")
