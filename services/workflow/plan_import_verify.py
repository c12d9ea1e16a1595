"""The command in a task's verification: in backticks or in a code block (SPEC D8)."""

from __future__ import annotations

import re

from foredeck.services.workflow.plan_import_fields import Field
from foredeck.services.workflow.plan_import_text import (
    LineKind,
    Note,
    code_spans,
    without_bullet,
)

_SHELLS = frozenset({"", "bash", "sh", "shell", "console", "zsh", "shell-session", "text", "cmd"})
_PROGRAM = re.compile(
    r"bash|bundle|bun|cargo|cat|cd|cmake|composer|ctest|curl|deno|diff|docker|dotnet|eslint|flake8"
    r"|foredeck|git|go|golangci-lint|gradle|grep|helm|jest|just|kubectl|ls|make|mix|mocha|mvn|mypy"
    r"|node|nox|npm|npx|php|phpunit|pip|pnpm|poetry|pre-commit|pyright|pytest|python|python3|rake"
    r"|rspec|ruby|ruff|rustc|sh|shellcheck|swift|terraform|test|tox|tsc|uv|uvx|vitest|yarn"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=\S*$")
_VERB = re.compile(
    r"\b(?:run|runs|running|execute|executing|command:?|(?:verify|check) (?:with|by):?)\s*$",
    re.IGNORECASE,
)
_NEAR = 40
_JOINT = re.compile(r"\s*(?:,|;|&&|and|then|,? ?and then|, then|, and)\s*")


def find_command(fields: list[Field], notes: list[Note]) -> str:
    """Return the shell command of a task's verification, empty for none.

    Several are joined, so that the first that fails ends it. What is not a command is noted.
    """
    commands: list[str] = []
    for field in fields:
        found = _in_blocks(field, notes) + _in_backticks(field)
        if not found and field.text.strip():
            why = "the verification names no command in backticks or in a code block"
            notes.append(
                Note(field.line, _first(field.text), f"{why}; its words are in the prompt")
            )
        commands += found
    return _joined(commands)


def _joined(commands: list[str]) -> str:
    commands = list(dict.fromkeys(commands))
    if any("\n" in command for command in commands):
        return "\n".join(["set -e", *commands])
    return " && ".join(
        f"({c})" if _needs_brackets(c) and len(commands) > 1 else c for c in commands
    )


def _needs_brackets(command: str) -> bool:
    return re.search(r"[;|&]", command) is not None


def _in_blocks(field: Field, notes: list[Note]) -> list[str]:
    """Return the scripts in code blocks; one of another language is noted."""
    scripts: list[str] = []
    script: list[str] | None = None
    language = ""
    for row in field.rows:
        if row.kind is LineKind.FENCE and script is None:
            script, language = [], row.text.split()[0] if row.text else ""
        elif row.kind is LineKind.FENCE and script is not None:
            scripts += _script(script, language, row.number, notes)
            script = None
        elif row.kind is LineKind.CODE and script is not None:
            script.append(row.text)
    return scripts


def _script(rows: list[str], language: str, line: int, notes: list[Note]) -> list[str]:
    if language not in _SHELLS:
        why = f"a block of {language} is no shell command; it is in the prompt"
        notes.append(Note(line - len(rows) - 1, f"```{language}", why))
        return []
    margin = min((len(r) - len(r.lstrip()) for r in rows if r.strip()), default=0)
    rows = [row[margin:].rstrip() for row in rows]
    if prompted := [row[2:] for row in rows if row.startswith("$ ")]:
        rows = prompted
    rows = [row for row in rows if row and not row.startswith("#")]
    return ["\n".join(rows)] if rows else []


def _in_backticks(field: Field) -> list[str]:
    found: list[str] = []
    for row in field.rows:
        if row.kind is LineKind.TEXT:
            found += _in_row(without_bullet(row.text))
    return found


def _in_row(text: str) -> list[str]:
    """Return the commands in a line; one is asked for by being alone, or by the words before."""
    found: list[str] = []
    spans = code_spans(text)
    alone = len(spans) == 1 and spans[0][0] == text.strip(" .")
    end = -1
    for span in spans:
        start = span.start()
        joined = end >= 0 and _JOINT.fullmatch(text, end, start)
        asked = alone or bool(joined) or bool(_VERB.search(text[max(0, start - _NEAR) : start]))
        command = span[2].strip().removeprefix("$ ").strip()
        if _is_command(command, asked=asked, first=start == 0):
            found.append(command)
            end = span.end()
    return found


def _is_command(text: str, *, asked: bool, first: bool) -> bool:
    """Whether code in backticks is a command and not a name, a file or an output."""
    words = [word for word in text.split() if not _ASSIGNMENT.match(word)]
    if not words:
        return False
    if _PROGRAM.fullmatch(words[0]):
        return asked or first or len(words) > 1
    if words[0].startswith(("./", "../", "bin/", "scripts/")):
        return asked or len(words) > 1
    return asked and (len(words) > 1 or re.fullmatch(r"[\w-]+", words[0]) is not None)


def _first(text: str) -> str:
    return text.strip().split("\n")[0]
