"""What says of a task that it is done: checkboxes, status words and glyphs (SPEC D8)."""

from __future__ import annotations

import re

DONE_GLYPHS = "✅✔☑🟢"
OPEN_GLYPHS = "☐⬜🔲⏳🚧🔄❌🔴🟡⏸"
BOX = re.compile(r"\[([ xX~/-])\](?!\()")
_GLYPH = re.compile(f"[{DONE_GLYPHS}{OPEN_GLYPHS}]")
_TRAILING = re.compile(r"\s*[(\[](done|completed?)[)\]]\s*$", re.IGNORECASE)
_NOT_DONE = re.compile(
    r"(?:not[ -]+(?:yet[ -]+)?(?:done|started|complete[d]?)|in[ -]?complete|partial(?:ly)?\b.*"
    r"|almost\b.*|mostly\b.*|to[ -]?do|pending|open|in[ -]?progress|in[ -]?review|wip|doing"
    r"|started|ongoing|active|planned|ready|next|new|backlog|blocked|waiting|on[ -]?hold|paused"
    r"|deferred|failed|reopened)(?!\w)",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"(?:done|complete[d]?|finished|implemented|shipped|merged|closed|resolved|100 ?%)(?!\w)",
    re.IGNORECASE,
)
_DROPPED = re.compile(
    r"(?:cancel+ed|dropped|obsolete|won'?t (?:do|fix)|skipped|abandoned|superseded|removed)(?!\w)",
    re.IGNORECASE,
)
_DECORATION = f"`*_~\"' .{DONE_GLYPHS}{OPEN_GLYPHS}\ufe0f[]"


def box_done(text: str) -> bool | None:
    """Return what the first checkbox or glyph of a heading or list item says, None for none."""
    box, glyph = BOX.search(text), _GLYPH.search(text)
    says = [box[1] in "xX"] if box else []
    says += [glyph[0] in DONE_GLYPHS] if glyph else []
    if _TRAILING.search(text):
        says.append(True)
    return all(says) if says else None


def without_marks(text: str) -> str:
    """Return the title of a task without its checkbox and glyphs."""
    bare = _GLYPH.sub("", text.replace("\ufe0f", ""))
    return _TRAILING.sub("", bare).strip()


def status_done(text: str) -> bool | None:
    """Return what a status says; None where it is not understood."""
    words = BOX.sub("", text).strip(_DECORATION)
    if _NOT_DONE.match(words):
        return False
    if _DONE.match(words):
        return True
    return box_done(text) if not words else None


def is_dropped(text: str) -> bool:
    """Whether a status says that the task is not to be done any more."""
    return _DROPPED.match(text.strip(_DECORATION)) is not None


def mark_status(value: str, done: bool, word: str) -> str:
    """Return the value of a status field with its mark changed and all else as it was."""
    glyph = "✅" if done else "⬜"
    value, boxes = BOX.subn("[x]" if done else "[ ]", value, count=1)
    value, glyphs = _GLYPH.subn(glyph, value, count=1)
    start = len(value) - len(value.lstrip(_DECORATION + "\t|x"))
    found = (_DONE if not done else _NOT_DONE).search(value)
    if found and found.start() <= start + 1:
        return value[: found.start()] + _cased(word, found[0]) + value[found.end() :]
    if boxes or glyphs or (_DONE if done else _NOT_DONE).search(value):
        return value
    bare = value.rstrip()
    return word + value[len(bare) :]


def mark_title(line: str, done: bool) -> str:
    """Return a heading or list item with its mark changed; one without any gets a ✅."""
    ending = line[len(line.rstrip()) :]
    body = line[: len(line) - len(ending)]
    body, boxes = BOX.subn("[x]" if done else "[ ]", body, count=1)
    if done:
        body, glyphs = _GLYPH.subn("✅", body, count=1)
        marked = boxes or glyphs or _TRAILING.search(body)
        return (body if marked else f"{body} ✅") + ending
    body = re.sub(f" ?[{DONE_GLYPHS}]\ufe0f?", "", body, count=1)
    return _TRAILING.sub("", body) + ending


def _cased(word: str, like: str) -> str:
    if like.isupper():
        return word.upper()
    return word.capitalize() if like[0].isupper() else word.lower()
