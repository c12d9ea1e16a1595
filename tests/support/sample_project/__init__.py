"""An existing project of some size, made anew and always the same, for tests.

A Python package of number sequences: one module and one unittest module per sequence, a
registry that imports them all, a command, documentation. Its suite really runs; with -v it
prints two lines per test (thousands in all) on stderr.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULES = 40
TESTS_PER_MODULE = 60
COMMAND = "python3 -m unittest -v"
MODULUS = 1_000_003

_MODULE = '''"""Sequence {name}: a(n) = {p}·a(n-1) + {q}·a(n-2) modulo {modulus}."""

NAME = "{name}"
START = ({first}, {second})


def terms(count):
    """Return the first `count` terms."""
    if count < 0:
        raise ValueError("count must not be negative")
    result = list(START[:count])
    while len(result) < count:
        result.append(({p} * result[-1] + {q} * result[-2]) % {modulus})
    return result


def term(index):
    """Return the term at `index`, counted from 0."""
    return terms(index + 1)[index]
'''

_CASE = '''
    def test_term_{index:03d}(self):
        """Term {index} of {name} is {value}."""
        self.assertEqual(term({index}), {value})
'''

_TEST = '''import unittest

from sequences.{name} import term, terms


class {title}Test(unittest.TestCase):
    def test_negative_count_is_refused(self):
        """A negative count is refused by {name}."""
        with self.assertRaises(ValueError):
            terms(-1)
{cases}

if __name__ == "__main__":
    unittest.main()
'''

_INIT = '''"""Number sequences."""

{imports}

ALL = {{module.NAME: module for module in ({names},)}}
'''

_MAIN = '''"""Print a sequence: python3 -m sequences NAME COUNT."""

import sys

from sequences import ALL


def main(arguments):
    if len(arguments) != 2 or arguments[0] not in ALL or not arguments[1].isdecimal():
        print("usage: python3 -m sequences NAME COUNT", file=sys.stderr)
        return 2
    print(*ALL[arguments[0]].terms(int(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''


@dataclass(frozen=True)
class SampleProject:
    """Where it is, how many tests it has and how many of them fail."""

    path: Path
    tests: int
    failing: int
    command: str = COMMAND

    @property
    def lines(self) -> int:
        """The least number of lines that its verbose suite prints."""
        return self.tests * 2


@dataclass(frozen=True)
class _Sequence:
    number: int

    @property
    def name(self) -> str:
        return f"seq_{self.number:02d}"

    @property
    def constants(self) -> dict[str, int]:
        n = self.number
        return {"p": 2 + n % 7, "q": 1 + n % 5, "first": n, "second": 3 * n + 1}

    def terms(self, count: int) -> list[int]:
        k = self.constants
        result = [k["first"], k["second"]]
        while len(result) < count:
            result.append((k["p"] * result[-1] + k["q"] * result[-2]) % MODULUS)
        return result[:count]


def make_sample_project(
    path: Path,
    *,
    modules: int = MODULES,
    tests_per_module: int = TESTS_PER_MODULE,
    failing: int = 0,
    git: bool = False,
) -> SampleProject:
    """Write the project into `path` (made if missing); the first `failing` modules are wrong.

    Each wrong module has one test that fails. With `git` it is committed in a repository.
    """
    sequences = [_Sequence(number) for number in range(1, modules + 1)]
    for name, text in _files(sequences, tests_per_module, failing):
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    if git:
        _commit(path)
    return SampleProject(path, modules * (tests_per_module + 1), failing)


def _files(sequences: list[_Sequence], tests: int, failing: int) -> Iterator[tuple[str, str]]:
    names = [sequence.name for sequence in sequences]
    imports = "\n".join(f"from sequences import {name}" for name in names)
    yield "sequences/__init__.py", _INIT.format(imports=imports, names=", ".join(names))
    yield "sequences/__main__.py", _MAIN
    yield "tests/__init__.py", ""
    yield "README.md", _readme(names)
    yield "AGENTS.md", "# Conventions\n\nStandard library only. Every module has its tests.\n"
    yield ".gitignore", "__pycache__/\n"
    for sequence in sequences:
        wrong = sequence.number <= failing
        yield from _sequence_files(sequence, tests, wrong)


def _sequence_files(sequence: _Sequence, tests: int, wrong: bool) -> Iterator[tuple[str, str]]:
    name = sequence.name
    module = _MODULE.format(name=name, modulus=MODULUS, **sequence.constants)
    yield f"sequences/{name}.py", module
    values = sequence.terms(tests)
    if wrong:
        values[-1] += 1
    cases = "".join(
        _CASE.format(index=index, name=name, value=value) for index, value in enumerate(values)
    )
    title = f"Seq{sequence.number:02d}"
    yield f"tests/test_{name}.py", _TEST.format(name=name, title=title, cases=cases)


def _readme(names: list[str]) -> str:
    lines = "\n".join(f"- `{name}`" for name in names)
    return f"# Sequences\n\n{len(names)} number sequences. Tests: `{COMMAND}`\n\n{lines}\n"


def _commit(path: Path) -> None:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *arguments], cwd=path, check=True, capture_output=True)
