"""The PDF of a report, as another program reads it."""

import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.report_model import Excerpt, ReportedStep, RunReport
from foredeck.services.domain.states import RunState
from foredeck.services.reports import pdf_report, renderers
from foredeck.services.reports.pdf_bounds import MOST_MESSAGES, SHORT_TEXT, shortened
from foredeck.services.reports.pdf_report import render_pdf
from tests.support.hostile import HOSTILE
from tests.support.report_samples import EMPTY, FAILURES, PLANNER, REPORT, filled

_A4 = (595.3, 841.9)  # points
_BREAK = "\u200b"
_FOOT = 20 * 72 / 25.4  # the margin at the foot of a page, in points


@contextmanager
def _opened(report: RunReport) -> Iterator[pypdfium2.PdfDocument]:
    with closing(pypdfium2.PdfDocument(render_pdf(report))) as document:
        yield document


def _pages(report: RunReport) -> list[str]:
    """Return what stands on each page, in words with one space between them."""
    with _opened(report) as document:
        texts = []
        for page in document:
            said = page.get_textpage().get_text_range()
            texts.append(" ".join(said.replace(_BREAK, "").split()))
        return texts


def test_it_is_a4_with_numbered_pages_and_a_running_title() -> None:
    with _opened(REPORT) as document:
        sizes = [page.get_size() for page in document]
        assert document.get_metadata_dict()["Title"] == REPORT.title
    assert all(size == pytest.approx(_A4, abs=0.2) for size in sizes)
    pages = _pages(REPORT)
    assert len(pages) == len(sizes)
    assert len(pages) in range(3, 8)
    for number, page in enumerate(pages, 1):
        assert f"{number} of {len(pages)}" in page
        assert REPORT.title in page


def test_it_says_what_the_page_says_failures_first() -> None:
    text = " ".join(_pages(REPORT))
    headings = [
        "Failures", "Summary", "Verdict", "Graph", "Steps", "Timeline", "Transcript", "Changes",
        "Questions", "Jobs", "Environment",
    ]  # fmt: skip
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
    assert FAILURES[0].message in _pages(REPORT)[0]
    for said in ("split.py:12: error: no return", "I have read it.", "May codex run pip?", "newer"):
        assert said in text


def test_no_text_is_markup_of_the_typesetter() -> None:
    text = '#panic("x") $x^2$ *bold* = Heading `raw` <label> @ref \\ // #sys.inputs'
    report = replace(REPORT, title=text, failures=())
    assert text in _pages(report)[0]


def test_hostile_output_is_harmless() -> None:
    texts = [each[:3_000].decode(errors="surrogateescape") for each in HOSTILE.values()]
    failures = tuple(filled(FAILURES[0], text) for text in texts)
    half = len(failures) // 2
    for part in (failures[:half], failures[half:]):
        pages = _pages(replace(EMPTY, failures=part))
        assert "Environment" in " ".join(pages[-2:])


def test_a_word_without_end_is_broken_and_stays_on_the_paper() -> None:
    report = replace(EMPTY, run=replace(EMPTY.run, request=Excerpt("x" * 5_000)))
    with _opened(report) as document:
        texts = [page.get_textpage() for page in document]
        right = [
            text.get_charbox(index)[2] for text in texts for index in range(text.count_chars())
        ]
    assert max(right) < _A4[0] - 50


@pytest.mark.parametrize("state", RunState)
def test_a_run_of_any_state_has_a_pdf(state: RunState) -> None:
    run = replace(EMPTY.run, state=state)
    assert state.value.replace("_", " ") in _pages(replace(EMPTY, run=run))[0]


def test_a_long_run_is_shortened_and_it_is_said() -> None:
    message = replace(REPORT.transcript[0], content=Excerpt("a" * 5_000))
    report = replace(REPORT, transcript=(message,) * (MOST_MESSAGES + 5))
    short, said = shortened(report)
    assert said == (
        "Shortened for paper; the HTML has more: here are "
        f"{MOST_MESSAGES} of {MOST_MESSAGES + 5} messages."
    )
    content = short.transcript[0].content
    assert len(content.text) < SHORT_TEXT + 50
    assert content.left_out == 5_000 - SHORT_TEXT


def test_empty_lines_take_no_pages() -> None:
    message = replace(REPORT.transcript[0], content=Excerpt("first" + "\n" * 1_000 + "last"))
    short, _ = shortened(replace(REPORT, transcript=(message,)))
    content = short.transcript[0].content
    assert content.text.startswith("first")
    assert content.text.endswith("last")
    assert content.text.count("\n") < 50
    assert content.left_out == 1_009 - (len(content.text) - len("\n… 971 characters left out …\n"))


def _chain(*layers: int) -> RunReport:
    """Return a report of so many steps a layer, each of which needs all of the one before."""
    steps: list[ReportedStep] = []
    above: tuple[str, ...] = ()
    for layer, count in enumerate(layers):
        keys = tuple(f"s{layer}-{number}" for number in range(count))
        steps += (replace(PLANNER, key=key, title=f"Box {key}", needs=above) for key in keys)
        above = keys
    return replace(EMPTY, steps=tuple(steps))


def test_a_high_graph_goes_on_on_the_next_page() -> None:
    report = _chain(*[1] * 25)
    with _opened(report) as document:
        places = [_boxes_on(page) for page in document]
    drawn = [name for page in places for name in page]
    assert drawn[:25] == [step.title for step in report.steps]
    assert "Graph" in next(text for text in _pages(report) if "Box s0-0" in text)


def _boxes_on(page: pypdfium2.PdfPage) -> list[str]:
    """Return the boxes that stand within the margins of a page."""
    text = page.get_textpage()
    said = text.get_text_bounded(bottom=_FOOT).split("\n")
    return [line.strip() for line in said if line.startswith("Box ")]


def test_a_wide_graph_lies_and_one_that_is_too_wide_is_not_drawn() -> None:
    with _opened(_chain(1, 7, 1)) as document:
        sizes = [page.get_size() for page in document]
    assert sizes.count(sizes[0]) == len(sizes) - 1
    assert pytest.approx((_A4[1], _A4[0]), abs=0.2) in sizes
    assert "too large to be drawn" in " ".join(_pages(_chain(1, 12, 1)))


def test_what_was_overcome_takes_less_room_than_what_stands() -> None:
    long = Excerpt("x" * 5_000)
    failures = tuple(replace(failure, detail=long) for failure in FAILURES)
    short, _ = shortened(replace(REPORT, failures=failures))
    lengths = {failure.overcome: len(failure.detail.text) for failure in short.failures}
    assert lengths[True] < SHORT_TEXT + 50 < lengths[False]


def test_a_short_run_is_whole() -> None:
    short, said = shortened(REPORT)
    assert said == ""
    assert short.failures == REPORT.failures
    assert short.changes == REPORT.changes


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render_pdf(REPORT) == render_pdf(REPORT)


def _instead_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))


def test_no_secret_is_in_the_environment_of_the_typesetter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    _instead_of_python(tmp_path, monkeypatch, "cat >/dev/null; env")
    seen = render_pdf(EMPTY).decode()
    assert "PATH=" in seen
    assert "sk-secret" not in seen


def test_what_went_wrong_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _instead_of_python(
        tmp_path, monkeypatch, "cat >/dev/null; echo 'Traceback\nno fonts' >&2; exit 1"
    )
    with pytest.raises(ForedeckError) as caught:
        render_pdf(EMPTY)
    assert caught.value.message == "The PDF could not be made: no fonts"
    assert "HTML" in caught.value.advice


def test_a_typesetter_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_report, "TIMEOUT", 0.2)
    _instead_of_python(tmp_path, monkeypatch, "exec sleep 600")
    with pytest.raises(ForedeckError, match="not made within"):
        render_pdf(EMPTY)


def test_what_nobody_waits_for_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    _instead_of_python(tmp_path, monkeypatch, f"touch {started}; exec sleep 600")
    with ThreadPoolExecutor() as threads:
        making = threads.submit(render_pdf, EMPTY)
        while not started.exists() and not making.done():
            wait([making], timeout=0.01)
        renderers.break_off()
        with pytest.raises(ForedeckError, match="was ended"):
            making.result(timeout=60)


def test_a_python_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(ForedeckError, match="could not be made"):
        render_pdf(EMPTY)
