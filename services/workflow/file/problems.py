"""What is wrong with a workflow file: every problem with its place, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from yaml import Mark, Node

from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.workflow import near

MOST = 100
"""More problems than this help nobody; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or (as a warning) probably not meant.

    `line` and `column` count from 1; both are 0 for what is in no line of the file. `key` is
    the path to it, such as `steps.build.retries.max`.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.says}"

    @property
    def says(self) -> str:
        """The message and the hint."""
        return f"{self.message} {self.hint}".strip()


class InvalidWorkflow(InvalidInput):
    """A workflow file, or the inputs given to it, cannot be used; `problems` says all of it."""

    def __init__(self, message: str, advice: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, advice)
        self.problems = problems

    @classmethod
    def of(cls, name: str, problems: tuple[Problem, ...], more: int = 0) -> InvalidWorkflow:
        """Return the error for the problems of the file `name`; `more` are not listed."""
        if len(problems) == 1 and not more:
            return cls(str(problems[0]), "", problems)
        lines = [str(problem) for problem in problems]
        lines += [f"… and {more:,} more."] if more else []
        count = len(problems) + more
        head = f"{safe_line(name, limit=200)} has {count:,} problems:"
        return cls("\n  ".join([head, *lines]), "", problems)


class Findings:
    """Collects the problems and warnings of one file, each once, in the order of its lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = safe_line(name, limit=200)
        self._errors: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}
        self._more = 0

    def error(self, at: Node | Mark | None, key: str, message: str, hint: str = "") -> None:
        """Note a problem at a node or a mark; None is for what is in no line."""
        self._add(self._errors, _problem(self._file, at, key, message, hint))

    def warning(self, at: Node | Mark | None, key: str, message: str, hint: str = "") -> None:
        """Note what is allowed but probably not meant."""
        self._add(self._warnings, _problem(self._file, at, key, message, hint))

    def did_you_mean(self, name: str, known: Iterable[str]) -> str:
        """Return the question for the nearest known name; empty once there are too many."""
        return "" if len(self._errors) >= MOST else near.did_you_mean(name, known)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings, by line."""
        return _by_place(self._warnings)

    @property
    def any(self) -> bool:
        """Whether there is a problem."""
        return bool(self._errors)

    def check(self) -> None:
        """Raise `InvalidWorkflow` if there is a problem."""
        if self._errors:
            raise InvalidWorkflow.of(self.name, _by_place(self._errors), self._more)

    def _add(self, found: dict[Problem, None], problem: Problem) -> None:
        if len(found) < MOST:
            found[problem] = None
        elif problem not in found:
            self._more += found is self._errors


def stem(name: str) -> str:
    """Return the name of a file without its directory and its ending."""
    return PurePath(name).stem


def _problem(file: str, at: Node | Mark | None, key: str, message: str, hint: str) -> Problem:
    mark = at.start_mark if isinstance(at, Node) else at
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    said = safe_line(message, limit=400)
    return Problem(file, line, column, safe_line(key, limit=200), said, safe_line(hint, limit=400))


def _by_place(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
