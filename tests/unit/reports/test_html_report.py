"""The HTML of a report: it says what the report says, and no text in it is markup."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foredeck.services.domain.report_model import Excerpt, ReportedStep, RunReport
from foredeck.services.domain.states import RunState
from foredeck.services.reports import wording
from foredeck.services.reports.html_report import render_html
from tests.support.hostile import HOSTILE
from tests.support.page import Page
from tests.support.report_samples import (
    EMPTY,
    FAILURES,
    REPORT,
    TYPES,
    filled,
    texts_of,
    with_text,
)

MARK = """<script>alert(1)</script></style>]]>--><img src=x onerror="a()">&lt;&"'`javascript:a()"""
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def _page(report: RunReport) -> Page:
    return Page(render_html(report))


def test_it_is_one_file_that_loads_nothing_and_runs_nothing() -> None:
    page = _page(REPORT)
    names = {tag for tag, _ in page.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in page.elements:
        for name, value in attributes:
            assert not name.startswith("on")
            assert name not in {"src", "style"}
            assert name != "href" or (value or "").startswith("#")
    policy = dict(dict(page.elements[3][1]))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert "url(" not in render_html(REPORT).decode()


def test_every_link_leads_somewhere_and_every_anchor_is_one() -> None:
    attributes = [dict(each) for _, each in _page(REPORT).elements]
    anchors = [each["id"] for each in attributes if "id" in each]
    assert len(anchors) == len(set(anchors))
    links = [(each["href"] or "")[1:] for each in attributes if "href" in each]
    assert links
    assert set(links) <= set(anchors)


def test_failures_stand_first_and_every_section_has_its_place() -> None:
    page = _page(REPORT)
    sections = [dict(each)["id"] for tag, each in page.elements if tag == "section"]
    assert sections == [
        "failures", "summary", "verdict", "graph", "steps", "timeline", "transcript", "changes",
        "questions", "jobs", "environment",
    ]  # fmt: skip
    assert page.text.index(FAILURES[0].message) < page.text.index("Messages")


def test_everything_that_the_report_says_is_on_the_page() -> None:
    going_on = replace(REPORT, run=replace(REPORT.run, ended_at=None))
    for number, text in enumerate(texts_of(going_on)):
        page = _page(with_text(going_on, number, f"mark-{number}"))
        assert f"mark-{number}" in page.text or text in _UNSHOWN or not text, (number, text)


# The run's own title where the report has another, and verdicts of steps other than the last.
_UNSHOWN = {REPORT.run.title, *texts_of(TYPES.verdict)}


@pytest.mark.parametrize("number", range(len(texts_of(REPORT))))
def test_no_text_of_the_report_can_be_markup(number: int) -> None:
    plain = _page(with_text(REPORT, number, "harmless"))
    hostile = _page(with_text(REPORT, number, MARK))
    assert hostile.structure() == plain.structure()
    assert not hostile.others


@given(st.text(st.characters(exclude_characters="\n\r"), min_size=1))
def test_no_text_whatsoever_can_be_markup(text: str) -> None:
    # An element begins with what is not a state here, so that its class is that of none.
    page = _page(filled(REPORT, f"x{text}"))
    assert page.structure() == _page(filled(REPORT, "xharmless")).structure()
    assert not page.others
    assert not _CONTROLS.search(page.text)


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_output_is_harmless(name: str) -> None:
    text = HOSTILE[name][:20_000].decode(errors="surrogateescape")
    page = _page(filled(REPORT, text))
    assert not page.open
    assert not page.others
    assert not _CONTROLS.search(page.text)


@pytest.mark.parametrize("state", RunState)
def test_a_run_of_any_state_has_a_page(state: RunState) -> None:
    run = replace(REPORT.run, state=state, ended_at=None)
    page = _page(replace(REPORT, run=run))
    assert state.value.replace("_", " ") in page.text
    assert "6m 41s so far" in page.text


def test_a_run_without_anything_has_a_page() -> None:
    page = _page(EMPTY)
    assert "The run has no steps yet." in page.text
    assert "Failures" not in page.text
    assert "unknown" in page.text  # what it costs, not nothing


def test_what_is_left_out_is_said() -> None:
    text = _page(REPORT).text
    assert "2 earlier changes not in this report" in text
    assert "1 earlier message not in this report" in text
    assert "3 files not in this report" in text
    assert "removed by the retention" in text


def test_a_graph_that_nobody_could_follow_is_not_drawn() -> None:
    steps = tuple(_renamed(REPORT.steps[0], number) for number in range(400))
    page = _page(replace(REPORT, steps=steps))
    assert "too large to be drawn" in page.text
    assert "Step 399" in page.text


def _renamed(step: ReportedStep, number: int, *needs: str) -> ReportedStep:
    return replace(step, key=f"s{number}", title=f"Step {number}", needs=needs)


def test_a_high_graph_is_in_parts_that_a_page_holds() -> None:
    needs = [(), *((f"s{number}",) for number in range(39))]
    steps = tuple(_renamed(REPORT.steps[0], n, *need) for n, need in enumerate(needs))
    page = _page(replace(REPORT, steps=steps))
    drawings = [dict(each) for tag, each in page.elements if tag == "svg"]
    heights = [float(each["height"] or 0) for each in drawings if "height" in each]
    assert len(heights) == 4
    assert max(heights) < 840
    assert len([each for tag, each in page.elements if tag == "a" and "box" in str(each)]) == 40


def test_on_paper_nothing_is_kept_together_that_may_be_longer_than_a_page() -> None:
    style = render_html(EMPTY).decode()
    selectors = re.findall(r"([^{}/;]+?)\s*\{ break-inside: avoid; \}", style)
    kept = {selector.strip() for each in selectors for selector in each.split(",")}
    assert kept == {
        "tr", ".figures", ".graph svg", ".lane", ".question > dl", ".small", ".message",
    }  # fmt: skip


def test_when_a_step_began_has_a_zone_and_its_date_unless_that_is_known() -> None:
    begun = REPORT.steps[0].started_at
    assert begun is not None
    late = replace(REPORT.steps[0], started_at=begun + timedelta(days=2))
    page = _page(replace(REPORT, steps=(REPORT.steps[0], late)))
    assert "Started (UTC)" in page.text
    assert "14:03:09" in page.text
    assert "2026-03-03 14:03:09 UTC" in page.text


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render_html(REPORT) == render_html(REPORT)


def test_a_diff_is_shown_by_lines() -> None:
    page = _page(REPORT)
    kinds = [dict(each).get("class") for tag, each in page.elements if tag == "span"]
    assert [kind for kind in kinds if kind in {"added", "removed", "place"}] == [
        "place", "removed", "added", "added",
    ]  # fmt: skip


def test_long_texts_keep_their_lines() -> None:
    report = replace(REPORT, run=replace(REPORT.run, summary=Excerpt("one\n  two\n\nthree")))
    assert '<pre class="prose">one\n  two\n\nthree</pre>' in render_html(report).decode()


def _brightness(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_colour_can_be_read_on_every_ground(scheme: int) -> None:
    style = render_html(EMPTY).decode()
    root = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", root))
    for ground in ("ground", "panel"):
        for ink in {"ink", "muted", "link", *wording.COLOURS}:
            dark, bright = sorted((_brightness(colours[ink]), _brightness(colours[ground])))
            assert (bright + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
