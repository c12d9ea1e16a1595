"""How much of a report goes into a PDF: what a person would print, and no more.

What is left out here is in the HTML and the JSON; the PDF says so where it is missing.
"""

from foredeck.services.domain.report_model import RunReport


def shortened(report: RunReport) -> RunReport:
    return report
