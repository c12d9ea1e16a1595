"""Untrusted bytes in, text that can neither command a terminal nor deceive its reader out.

What is done, in this order (the rules are those of ECMA-48 and of UTR #36):

1. bytes are decoded as UTF-8, what is not UTF-8 becomes U+FFFD;
2. complete escape sequences (CSI, OSC, DCS, APC, PM, SOS, two-byte ones; 7-bit and 8-bit
   introducers) are removed; of an incomplete one the introducer becomes visible, so
   nothing behind it is hidden;
3. of a line with carriage returns the last state stays, marked with `␍` if it covers text;
4. tabs become spaces; every other C0 control its picture (U+2400…), C1 and
   non-characters U+FFFD; bidirectional, zero-width and tag characters are spelled out as
   `<U+202E>`; runs of combining marks are cut;
5. long lines and many lines are cut, and the cut says how much is missing.

Both functions are idempotent.
"""

from __future__ import annotations

import re
import unicodedata

LIMIT = 4000
LINES = 2000
TAB_SIZE = 8
MARKS = 4
"""Combining marks kept on one character; real writing needs no more than four."""

_OVERWRITTEN = "␍"
_NEWLINE = " ↵ "

# A string sequence ends at BEL or ST. Its body stops at every other control, so a lost
# terminator cannot swallow the lines that follow, and no input is scanned twice.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0a-\x1f\x7f-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
)
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_BROKEN = r"\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff" + "".join(
    f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
)
_UNSAFE = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f\ufe0e\ufe0f{_BROKEN}{_INVISIBLE}]")
_IS_BROKEN = re.compile(f"[{_BROKEN}]")
_LINE_END = re.compile(r"\r+(?=\n|\Z)")
_COVERED = re.compile(r"^([^\n]*)\r", re.MULTILINE)
# Everything that may hold combining marks; scripts that hold none are passed over quickly.
_MAYBE_MARKS = re.compile(
    r"[^\x00-\u02ff\u2000-\u20cf\u2100-\u2cee\u3100-\ua66e\uac00-\ud7ff\ue000-\ufdff]"
    rf"{{{MARKS + 1},}}"
)


def safe_text(data: str | bytes, *, limit: int = LIMIT, lines: int = LINES) -> str:
    """Return `data` as plain text that is safe to show, newlines kept.

    `limit` is the number of characters of a line, `lines` the number of lines, the marks
    that say what was cut included.
    """
    limit, lines = max(limit, 1), max(lines, 1)
    text, lost = _decode(data, (limit + 64) * min(lines + 1, 4096) * 4)
    rows = clean(text).split("\n")
    if len(rows) > lines:
        rows[lines - 1 :] = [f"… +{len(rows) - lines + 1} lines"]
    if any(len(row) > limit for row in rows):
        rows = [_cut(row, limit) for row in rows]
    if lost:
        rows[-1] = _cut(rows[-1], limit, lost)
    return "\n".join(rows)


def safe_line(data: str | bytes, *, limit: int = LIMIT) -> str:
    """Return `data` as one line of at most `limit` characters; a newline is shown as `↵`."""
    limit = max(limit, 1)
    text, lost = _decode(data, (limit + 64) * 4)
    line = re.sub(r"\n+", _NEWLINE, clean(text).strip("\n"))
    return _cut(line, limit, lost)


def clean(text: str) -> str:
    """Apply the rules 2–4 to text of any length; newlines stay, nothing is cut."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    text = _SEQUENCE.sub("", text)
    if "\r" in text:
        text = _COVERED.sub(_last_state, _LINE_END.sub("", text))
    if "\t" in text:
        text = text.expandtabs(TAB_SIZE)
    return visible(text)


def visible(text: str) -> str:
    """Make every control and every deceiving character visible; newlines stay."""
    text = _UNSAFE.sub(_picture, text)
    if not text.isascii():
        text = _MAYBE_MARKS.sub(_fewer_marks, text)
    return text


def _decode(data: str | bytes, bound: int) -> tuple[str, int]:
    """Return the first `bound` bytes or characters as text, and how many are left out."""
    lost = max(0, len(data) - bound)
    data = data[:bound]
    return (data.decode("utf-8", "replace") if isinstance(data, bytes) else data), lost


def _last_state(match: re.Match[str]) -> str:
    return _OVERWRITTEN if match[1].strip(" \r") else ""


def _picture(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code in {0xFE0E, 0xFE0F}:
        # Text or emoji style: terminals disagree about the width, and nothing is hidden.
        return ""
    return "\ufffd" if _IS_BROKEN.match(character) else f"<U+{code:04X}>"


def _fewer_marks(match: re.Match[str]) -> str:
    kept: list[str] = []
    run = surplus = 0
    for character in match[0] + " ":
        run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if run > MARKS:
            surplus += 1
            continue
        if surplus:
            kept.append(f"<+{surplus} marks>")
            surplus = 0
        kept.append(character)
    return "".join(kept)[:-1]


def _cut(line: str, limit: int, lost: int = 0) -> str:
    """Cut `line` to `limit` characters, the mark that says how many are missing included."""
    if len(line) <= limit and not lost:
        return line
    missing = len(line) + lost - limit
    # The mark takes the place of more, so that its number may need one digit more.
    for _ in range(2):
        mark = f"… +{missing} characters"
        kept = min(len(line), max(limit - len(mark), 0))
        missing = len(line) - kept + lost
    if not kept:
        return line[: limit - 1] + "…"
    return f"{line[:kept]}… +{missing} characters"
