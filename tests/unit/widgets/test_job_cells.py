"""What jobs and batches look like in a row, at every width."""

from __future__ import annotations

import pytest

from foredeck.services.domain.job_views import JobRow
from foredeck.services.domain.states import JobState
from foredeck.widgets.job_cells import (
    batch_cells,
    job_cells,
    job_heading,
    job_progress,
    job_title,
    job_type,
)
from foredeck.widgets.painting import Cells, width_of
from tests.support.fake_host import NOW, ago
from tests.support.fake_jobs import counts, job_row, own_job

S = JobState


def text(cells: Cells) -> str:
    return "".join(part for part, _style in cells)


@pytest.mark.parametrize("width", [20, 40, 60, 71, 79, 100, 200])
@pytest.mark.parametrize("name", ["build", "a very long name " * 9, "名前" * 30])
def test_a_row_fills_its_width_and_stands_under_its_captions(width: int, name: str) -> None:
    row = own_job("x", S.FAILED, name=name, exit_code=255, project_name=name)
    assert width_of(job_cells(row, width, NOW)) == width - 1
    assert width_of(job_heading(width)) == width
    status = counts(failed=999, timeout=999, lost=999, cancelled=999)
    batch = own_job("x", S.IN_PROGRESS, name=name, counts=status)
    assert width_of(batch_cells(batch, status, width, NOW)) <= width - 1


def test_what_a_narrow_row_keeps() -> None:
    row = own_job("x", S.IN_PROGRESS, name="build", progress=42.0, started_at=ago(64))
    narrow, wide = (text(job_cells(row, width, NOW)) for width in (40, 120))
    assert "● " in narrow
    assert "1m 04s" in narrow
    assert "build" in narrow
    for part in ("running", "42%", "normal", "shortener", "command", "━"):
        assert part in wide


def test_a_batch_says_how_many_of_how_many_and_what_went_wrong() -> None:
    batch = own_job("x", S.IN_PROGRESS, name="thumbs", counts=counts(lost=1, pending=958))
    found = text(batch_cells(batch, counts(lost=1, pending=958), 79, NOW))
    assert "thumbs 38/1000" in found
    assert "2 failed 1 lost" in found
    assert "━" in found
    assert "#" in text(batch_cells(batch, counts(), 79, NOW, ascii_only=True))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (own_job("x", S.IN_PROGRESS, progress=41.6), "42%"),
        (own_job("x", S.IN_PROGRESS, progress=99.7), "99%"),
        (own_job("x", S.IN_PROGRESS, progress=100.0), "100%"),
        (own_job("x", S.IN_PROGRESS, started_at=ago(30), expected=60.0), "~50%"),
        (own_job("x", S.IN_PROGRESS, started_at=ago(90), expected=60.0), "~99%"),
        (own_job("x", S.IN_PROGRESS), ""),
        (own_job("x", S.COMPLETED, progress=100.0), ""),
    ],
)
def test_how_far_it_is_only_while_it_works(row: JobRow, words: str) -> None:
    assert job_progress(row, NOW)[1] == words


def test_of_a_job_in_a_batch_the_number_is_kept() -> None:
    row = own_job("x", name="convert the pictures of the shop (17/1000)", batch_index=17)
    assert "(17/1000)" in text(job_cells(row, 72, NOW))


def test_titles_and_types_are_plain_text() -> None:
    assert job_title(job_row("x", step_key="qa\x1b[31m")).startswith("qa")
    assert "\x1b" not in job_title(job_row("x", step_key="qa\x1b[31m"))
    assert job_type(own_job("x", type="batch_import")) == "batch import"
    assert job_type(own_job("x")) == "command"
