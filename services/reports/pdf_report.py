"""The PDF of a report, set by typst, whose wheel needs no library of the system (SPEC T5)."""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import PIPE

from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.reports.composition import compose
from foredeck.services.reports.pdf_bounds import shortened
from foredeck.services.reports.pdf_data import data_of

# In seconds; three hundred pages take less than five.
TIMEOUT = 120.0
_ADVICE = "The report can be had as HTML or JSON: foredeck reports create RUN --format html"
# What a child needs to find Python and the fonts. Unlike ours, its environment can be read by
# other processes of the user, so no secret is in it (SPEC R3).
_KEPT = (
    "HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR",
    "XDG_DATA_DIRS", "XDG_DATA_HOME",
)  # fmt: skip

_at_work: set[subprocess.Popen[bytes]] = set()


def render_pdf(report: RunReport) -> bytes:
    """Return a report as PDF, A4, shortened to what a person would print.

    The same report gives the same bytes where the same fonts are. Blocks for up to seconds, so
    call it in a thread. Raises `ForedeckError` if the PDF cannot be made.

    typst works in a process of its own: it keeps what it has laid out for next time, hundreds of
    megabytes for a long report, and a failure in its native code would end ours.
    """
    data = data_of(compose(*shortened(report)))
    done = _typeset(data.encode(), int(report.generated_at.timestamp()))
    if done.returncode < 0:
        raise ForedeckError("The PDF was not made: its typesetter was ended.", _ADVICE)
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ForedeckError(f"The PDF could not be made: {safe_line(said, limit=300)}", _ADVICE)
    return done.stdout


def _typeset(data: bytes, made_at: int) -> subprocess.CompletedProcess[bytes]:
    words = [sys.executable, "-P", "-m", "foredeck.services.reports.typesetting", str(made_at)]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        # A session of its own: Ctrl+C in the terminal ends Foredeck, not what it still writes.
        child = subprocess.Popen(
            words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=kept, start_new_session=True
        )
        with child:
            _at_work.add(child)
            try:
                pdf, said = child.communicate(data, timeout=TIMEOUT)
            finally:
                _at_work.discard(child)
                child.kill()
        return subprocess.CompletedProcess(words, child.returncode, pdf, said)
    except subprocess.TimeoutExpired:
        taken = f"The PDF was not made within {TIMEOUT:g} seconds."
        raise ForedeckError(taken, _ADVICE) from None
    except OSError as error:
        raise ForedeckError(f"The PDF could not be made: {error}.", _ADVICE) from error


def break_off() -> None:
    """End what is being set, in whatever threads: nobody waits for it any more."""
    for child in tuple(_at_work):
        child.kill()
