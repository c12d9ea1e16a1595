"""The HTML of a report: one file that needs neither a network nor a script (SPEC T5)."""

from __future__ import annotations

from importlib.resources import files

from foredeck.services.domain.report_model import RunReport
from foredeck.services.reports import html_overview as overview
from foredeck.services.reports import html_record as record
from foredeck.services.reports import wording
from foredeck.services.reports.markup import Element, element, written

# The policy holds even if something hostile got past the escaping: nothing is loaded or run.
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
"""
_SECTIONS = (
    overview.failures,
    overview.summary,
    overview.verdict,
    overview.graph,
    overview.steps,
    record.timeline,
    record.transcript,
    record.changes,
    record.questions,
    record.jobs,
    record.environment,
)


def render_html(report: RunReport) -> bytes:
    """Return a report as one self-contained HTML file in UTF-8.

    The same report gives the same bytes. Takes seconds for a very long run, and the processor
    all that time: call it in a process or a thread of its own.
    """
    parts = [part for part in (make(report) for make in _SECTIONS) if part is not None]
    body = element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        overview.masthead(report),
        _contents(parts),
        element("main", *parts, id="report", tabindex=-1),
        element("footer", _foot(report)),
    )
    title = written(element("title", report.title))
    page = f"{_HEAD}{title}\n<style>\n{_style()}</style>\n</head>\n{written(body)}\n</html>\n"
    return page.encode()


def _style() -> str:
    return files("foredeck.services.reports").joinpath("report.css").read_text("utf-8")


def _contents(parts: list[Element]) -> Element:
    anchors = [dict(part.attributes)["id"] for part in parts]
    links = (element("li", element("a", name.title(), href=f"#{name}")) for name in anchors)
    return element("nav", element("ul", *links), aria_label="Sections")


def _foot(report: RunReport) -> str:
    return f"{report.generator} · {wording.moment(report.generated_at)} · run {report.run.id}"
