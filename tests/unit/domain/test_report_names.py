"""The names of the copies of reports."""

from __future__ import annotations

import pytest

from foredeck.services.domain.reports import ReportFormat, file_name
from tests.support.fake_reports import report_row


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Set the project up", "Set-the-project-up-r.html"),
        ("../../etc/passwd", "etc-passwd-r.html"),
        ("[/]\x1b…", "report-r.html"),
        ("x" * 300, "x" * 60 + "-r.html"),
    ],
)
def test_a_title_makes_a_harmless_name_of_a_file(title: str, name: str) -> None:
    assert file_name(report_row("r", title=title)) == name


def test_a_copy_of_another_kind_has_the_ending_of_that() -> None:
    assert file_name(report_row("r", title="a"), ReportFormat.PDF) == "a-r.pdf"
