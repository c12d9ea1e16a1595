"""What codex is told of a task in a plan (SPEC D8)."""

from __future__ import annotations

import re

from foredeck.services.workflow.plan_import_cards import Card
from foredeck.services.workflow.plan_import_fields import Field, FieldKind
from foredeck.services.workflow.plan_import_text import Note, is_bullet

_REFERENCE = re.compile(r"\{\{\s*steps\.[^{}\n]{0,100}\}\}")
_ALONE = "Do this task only; the other tasks of the plan are done in steps of their own."
_PLAIN_DONE = "- all of the above is in place, and nothing that worked before is broken."


def step_prompt(card: Card, command: str, notes: list[Note]) -> str:
    """Return the prompt of a task: what to do, in which files, and when it is done."""
    parts = [
        f"{_name(card)}: {card.title}" if card.title != _name(card) else card.title,
        *_texts(card.of(FieldKind.DESCRIPTION)),
        *_files(card),
        *_texts(card.of(FieldKind.CONSTRAINT)),
        _done_means(card, command),
        _ALONE,
    ]
    prompt = "\n\n".join(filter(None, parts))
    _note_reference(prompt, card, notes)
    return prompt


def _name(card: Card) -> str:
    word = card.label.word or "task"
    return f"{word.title()} {card.number}" if card.number else "Task"


def _texts(fields: list[Field]) -> list[str]:
    """Return the words of fields; the name of one that is not plain description leads."""
    found = []
    for field in fields:
        named = field.kind is FieldKind.CONSTRAINT and field.name
        text = field.text
        found.append(f"{field.name}:\n{text}" if named and text else text)
    return found


def _files(card: Card) -> list[str]:
    texts = [field.text for field in card.of(FieldKind.FILES)]
    words = "\n".join(text for text in texts if text.strip().lower() not in ("none", "n/a", "-"))
    return [f"Files of this task (say so if others have to change):\n{words}"] if words else []


def _done_means(card: Card, command: str) -> str:
    rows = [_listed(field.text) for field in card.of(FieldKind.DONE_WHEN)]
    checks = [field.text for field in card.of(FieldKind.VERIFY)]
    rows += [_listed(text) for text in checks if text.strip(" .") != f"`{command}`"]
    if command and "\n" not in command:
        rows.append(f"- the command `{command}` ends with exit code 0.")
    elif command:
        rows.append("- the commands of the verification end with exit code 0.")
    return "\n".join(["The task is done when:", *(list(filter(None, rows)) or [_PLAIN_DONE])])


def _listed(text: str) -> str:
    """Return a text as an item of a list, unless it is a list or a code block itself."""
    if not text or is_bullet(text) or text.startswith("```"):
        return text
    return "- " + text.replace("\n", "\n  ")


def _note_reference(text: str, card: Card, notes: list[Note]) -> None:
    """Note what would be filled in when the step starts, although the plan means the words."""
    if match := _REFERENCE.search(text):
        why = "in a prompt this is filled in when the step starts; put it in other words"
        notes.append(Note(card.line, match[0], why))
