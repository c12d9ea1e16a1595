"""The HTML of a report: one file that needs neither a network nor a script (SPEC T5)."""

from __future__ import annotations

from importlib.resources import files

from foredeck.services.domain.report_model import RunReport
from foredeck.services.reports.composition import compose
from foredeck.services.reports.document import Document
from foredeck.services.reports.html_parts import block_of, contents, section_of
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


def render_html(report: RunReport) -> bytes:
    """Return a report as one self-contained HTML file in UTF-8.

    The same report gives the same bytes. Takes seconds for a very long run, and the processor
    all that time: call it in a process or a thread of its own.
    """
    document = compose(report)
    title = written(element("title", document.title))
    body = written(_body(document))
    return f"{_HEAD}{title}\n<style>\n{_style()}</style>\n</head>\n{body}\n</html>\n".encode()


def _style() -> str:
    return files("foredeck.services.reports").joinpath("report.css").read_text("utf-8")


def _body(document: Document) -> Element:
    return element(
        "body",
        element("a", "Skip to the report", href="#report", class_="skip"),
        element(
            "header",
            element("p", document.kind, class_="kind"),
            element("h1", document.title),
            map(block_of, document.standing),
        ),
        contents(document.sections),
        element("main", map(section_of, document.sections), id="report", tabindex=-1),
        element("footer", document.foot),
    )
