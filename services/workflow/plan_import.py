"""A Markdown plan as a workflow of codex steps, and back with its marks updated (SPEC D8).

A plan has tasks, as headings or as list items; each has fields. The form may vary, but
nothing is guessed: what is not understood becomes a note with its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foredeck.services.domain.errors import PlanError
from foredeck.services.workflow.plan_import_cards import Card, Plan, read_plan
from foredeck.services.workflow.plan_import_fields import Field, FieldKind, match_field
from foredeck.services.workflow.plan_import_marks import (
    is_dropped,
    mark_status,
    mark_title,
    status_done,
)
from foredeck.services.workflow.plan_import_needs import find_needs
from foredeck.services.workflow.plan_import_prompt import step_prompt
from foredeck.services.workflow.plan_import_text import Note, code_spans, plain_words, slug
from foredeck.services.workflow.plan_import_verify import find_command
from foredeck.services.workflow.plan_import_yaml import dump

__all__ = ["ImportedPlan", "Note", "PlanStep", "export_marks", "import_plan"]

SIZE_LIMIT = 1_000_000
"""How many characters a plan may have."""

_PATH = re.compile(
    r"(?<![\w.@+~/-])(?:[\w.@+~-]{0,100}[/.][\w./@+~*-]{0,200}\w|Makefile|Dockerfile|README)"
)
_LONGEST_TITLE = 200
_PRIORITIES = {
    **dict.fromkeys(("critical", "urgent", "highest", "blocker", "p0"), 20),
    **dict.fromkeys(("high", "p1"), 10),
    **dict.fromkeys(("low", "lowest", "p3", "p4"), -10),
}


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A task of a plan as a step; `line` is where it is named, `command` verifies it."""

    id: str
    title: str
    line: int
    done: bool
    needs: tuple[str, ...]
    files: tuple[str, ...]
    command: str
    prompt: str
    priority: int
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ImportedPlan:
    """A plan as the text of a workflow file; `notes`, by line, say what was not understood."""

    workflow_yaml: str
    steps: tuple[PlanStep, ...]
    notes: tuple[Note, ...]


def import_plan(text: str, name: str) -> ImportedPlan:
    """Return a plan as a workflow called `name`.

    Raises `PlanError` if the plan has no tasks, too many of them, or a cycle.
    """
    plan = _checked(text)
    needs = find_needs(plan.cards, plan.orders, plan.notes)
    steps = tuple(_step(card, needs[card.id], plan.notes) for card in plan.cards)
    notes = sorted(dict.fromkeys(plan.notes), key=lambda note: note.line)
    return ImportedPlan(_yaml(name, plan, steps), steps, tuple(notes))


def export_marks(text: str, done: Mapping[str, bool]) -> str:
    """Return the plan with the marks of the tasks whose step ids are in `done` updated.

    Every other byte stays as it is. Raises `PlanError` as `import_plan`.
    """
    rows = text.split("\n")
    plan = _checked(text)
    word = _done_word(plan.cards)
    for card in plan.cards:
        wanted = done.get(card.id)
        if wanted is not None and wanted != _is_done(card, []):
            _mark(rows, card, wanted, word if wanted else "todo")
    return "\n".join(rows)


def _checked(text: str) -> Plan:
    if len(text) > SIZE_LIMIT:
        raise PlanError(
            f"The plan has {len(text):,} characters; {SIZE_LIMIT:,} is the limit.",
            "Import it in parts.",
        )
    plan = read_plan(text)
    if not plan.cards:
        raise PlanError(
            "No tasks were found in the plan.",
            "Give each a heading such as “### Task 1: Parse the ledger”, with its fields below.",
        )
    return plan


def _step(card: Card, needs: tuple[str, ...], notes: list[Note]) -> PlanStep:
    command = find_command(card.of(FieldKind.VERIFY), notes)
    return PlanStep(
        id=card.id,
        title=card.title[:_LONGEST_TITLE].rstrip(),
        line=card.line,
        done=_is_done(card, notes),
        needs=needs,
        files=_files(card, notes),
        command=command,
        prompt=step_prompt(card, command, notes),
        priority=_priority(card),
        metadata=_metadata(card),
    )


def _is_done(card: Card, notes: list[Note]) -> bool:
    """Whether the task is not to be worked on; one on which its marks disagree is."""
    says = [mark.done for mark in card.marks]
    says += [card.label.done] if card.label.done is not None else []
    for field in card.of(FieldKind.STATUS):
        status = status_done(_first(field))
        if is_dropped(_first(field)):
            notes.append(Note(field.line, _first(field), "the task is dropped; it is skipped"))
            return True
        if status is None:
            why = "this status is not known; the task counts as not done"
            notes.append(Note(field.line, _first(field), why))
        says.append(bool(status))
    if len(set(says)) > 1:
        why = "its marks disagree on whether it is done; it counts as not done"
        notes.append(Note(card.line, card.title, why))
    return bool(says) and all(says)


def _first(field: Field) -> str:
    return field.text.strip().split("\n")[0]


def _files(card: Card, notes: list[Note]) -> tuple[str, ...]:
    found: list[str] = []
    for field in card.of(FieldKind.FILES):
        paths = [span[2].strip() for span in code_spans(field.text)]
        paths = paths or _PATH.findall(field.text)
        if not paths and field.text.strip().lower() not in ("", "none", "n/a", "-"):
            notes.append(Note(field.line, _first(field), "no path was found in it; see the prompt"))
        found += paths
    return tuple(dict.fromkeys(found))


def _priority(card: Card) -> int:
    for field in card.of(FieldKind.META):
        if field.name.lower() in ("priority", "prio"):
            return _PRIORITIES.get(plain_words(_first(field)).lower(), 0)
    return 0


def _metadata(card: Card) -> dict[str, str]:
    """Return the fields that mean nothing to Foredeck, the status, the number and the files."""
    found = {"task": card.number} if card.number else {}
    for field in card.of(FieldKind.STATUS, FieldKind.META):
        name = slug(field.name).replace("-", "_") or "field"
        value = plain_words(field.text)
        found[name] = f"{found[name]}; {value}" if name in found else value
    return found


def _yaml(name: str, plan: Plan, steps: Sequence[PlanStep]) -> str:
    workflow: dict[str, Any] = {"name": slug(name) or "plan"}
    if plan.title:
        workflow["description"] = plan.title[:_LONGEST_TITLE]
    return dump({**workflow, "steps": [_as_mapping(step) for step in steps]})


def _as_mapping(step: PlanStep) -> dict[str, Any]:
    """Return a step in the language of workflow files; what is not said is left out."""
    wanted: dict[str, Any] = {
        "id": step.id,
        "kind": "codex",
        "title": step.title,
        "needs": list(step.needs),
        "skip": step.done,
        "priority": step.priority,
        "prompt": step.prompt,
        "verify": step.command,
        "metadata": {
            **step.metadata,
            **({"files": ", ".join(step.files)} if step.files else {}),
        },
    }
    return {key: value for key, value in wanted.items() if value}


def _done_word(cards: Sequence[Card]) -> str:
    """Return the word that this plan itself uses for what is done."""
    for card in cards:
        for field in card.of(FieldKind.STATUS):
            words = plain_words(_first(field)).strip("✅✔☑\ufe0f [x]X.")
            if status_done(_first(field)) and words:
                return words.split("(")[0].split(" - ")[0].split(",")[0].strip() or "done"
    return "done"


def _mark(rows: list[str], card: Card, done: bool, word: str) -> None:
    """Change the lines of a task that say whether it is done."""
    statuses = card.of(FieldKind.STATUS)
    if card.label.done is not None or not (statuses or card.marks):
        rows[card.line - 1] = mark_title(rows[card.line - 1], done)
    for mark in card.marks:
        rows[mark.line - 1] = mark_title(rows[mark.line - 1], done)
    for field in statuses:
        at = next((row.number for row in field.rows if row.text.strip()), field.line) - 1
        start, end = _value_range(rows[at], inline=at == field.line - 1)
        rows[at] = rows[at][:start] + mark_status(rows[at][start:end], done, word) + rows[at][end:]


def _value_range(row: str, *, inline: bool) -> tuple[int, int]:
    """Return where the value of a status begins and ends in its line."""
    end = len(row.rstrip().rstrip("|").rstrip())
    match = match_field(row[:end]) if inline else None
    start = match.start("value") if match else len(row) - len(row.lstrip(" \t-*+"))
    return min(start, end), end
