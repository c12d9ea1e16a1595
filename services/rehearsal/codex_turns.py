"""What codex is scripted to do in the rehearsal, turn by turn.

The words are scripted; files, commands and results are real, and what is said about
them depends on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence

from foredeck.services.rehearsal import fairshare
from foredeck.services.rehearsal.exchange import Action, CustomCall, Say, Think
from foredeck.services.rehearsal.plays import Play, StuckError, Tests, run, run_well

PRINT_TRIP = (
    'python3 -c "import ledger; [print(e) for e in '
    "ledger.parse_trip(open('trip.txt', encoding='utf-8').read())]\""
)
BAD_LINE = "echo 'Ana | ten | tea' | python3 fairshare.py /dev/stdin"
CAUSE = "The cause is in `settle.py`"
IMPORTS = "grep -hE '^(import|from) ' *.py | sort -u"


def plan() -> Play:
    """The Planner in direct mode: look, then write AGENTS.md."""
    yield from run("ls -A", Think("**Looking at the workspace**\n\nWhat is here already?"))
    yield from _patch(
        fairshare.added(AGENTS_md=fairshare.PLAN),
        Say("A small program: three modules, whole cents, no dependencies. I write the plan."),
    )
    return (
        "A command-line program in three modules that counts in whole cents. Assumptions: one "
        "currency, no commas in names. To watch: amounts that do not divide evenly."
    )


def build_ledger() -> Play:
    """Write and try the module that reads the trip file."""
    thought = Think("**Reading the plan**\n\nThe trip file comes first; the rest rests on it.")
    here = yield from run_well("ls", thought)
    yield from _add(
        here,
        Say("I write `ledger.py`, which reads the trip file, and an example trip to try it on."),
        trip_txt=fairshare.TRIP,
        ledger_py=fairshare.LEDGER,
    )
    printed = yield from run_well(PRINT_TRIP, Say("Does it read the example?"))
    count = printed.count("Expense(")
    return f"Step 1 is done: `ledger.py` reads {count} expenses from `trip.txt`."


def build_settlement() -> Play:
    """Write the balances, the payments and the command; run it for the first time."""
    here = yield from run_well("ls")
    yield from _add(
        here,
        Think(
            "**Settling debts**\n\nBalances first. Then the largest debtor pays the largest "
            "creditor until one of them is even; that keeps the payments few."
        ),
        Say("Now `settle.py` for the balances and payments, and the command itself."),
        settle_py=fairshare.SETTLE,
        fairshare_py=fairshare.COMMAND,
    )
    printed = yield from run_well(fairshare.RUN_PROGRAM, Say("The first real run:"))
    payments = printed.count(" pays ")
    return f"Step 2 is done: the program runs and settles the example in {payments} payments."


def build_tests() -> Play:
    """Write tests that use even amounts only, and run them: the bug stays unseen."""
    here = yield from run_well("ls")
    yield from _add(
        here,
        Say("Tests for both modules, with unittest."),
        test_ledger_py=fairshare.TEST_LEDGER,
        test_settle_py=fairshare.TEST_SETTLE,
    )
    tests = yield from _unittest(Say("All tests, once:"))
    return f"Step 3 is done. {tests.sentence()}."


def check_acceptance() -> Play:
    """Test every acceptance criterion; name the cause if one really fails."""
    here = yield from run_well("ls")
    yield from _add(
        here,
        Think(
            "**Doubt**\n\nThe tests so far use amounts that divide evenly. The plan promises "
            "that no cent is lost, so each acceptance criterion gets a test of its own."
        ),
        Say("I write one test for each acceptance criterion and run everything."),
        test_acceptance_py=fairshare.TEST_ACCEPTANCE,
    )
    tests = yield from _unittest()
    if tests.green:
        return f"{tests.sentence()}. Every acceptance criterion holds."
    shares = yield from run("sed -n '/def shares/,/^$/p' settle.py", Say("Where does it go?"))
    if "//" not in shares.output or not any("ac1" in name for name in tests.names):
        return f"{tests.sentence()}. I did not find the cause."
    return (
        f"{tests.sentence()}.\n{CAUSE}:\n\n{shares.output.strip()}\n\n"
        "Whole-number division drops what is left over: 100.00 among three is 3 × 33.33, and "
        "one cent belongs to nobody."
    )


def fix_cents() -> Play:
    """Mend the lost cents with a regression test, unless that is done already."""
    found = yield from run("grep -n '//' settle.py", Say("First the place where it goes:"))
    if "//" not in found.output:
        return "`settle.py` hands left-over cents out already; nothing to mend."
    yield from _patch(
        fairshare.FIX,
        Think("**The fix**\n\ndivmod gives the share and the rest; the first few pay one more."),
        Say("The left-over cents are handed out one by one, and a regression test keeps it so."),
    )
    ran = yield from run("python3 -m unittest -v test_settle")
    tests = _result(ran.output)
    return f"Mended in `settle.py`, with a regression test in `test_settle.py`. {tests.sentence()}."


def check_again() -> Play:
    """Run all tests and report the figures."""
    tests = yield from _unittest(Say("Everything again, from the start."))
    return f"{tests.sentence()}."


def release_check() -> Play:
    """Collect the evidence for the verdict; each line of the report is read again later."""
    tests = yield from _unittest(Say("The whole suite first."))
    program = yield from run(fairshare.RUN_PROGRAM, Say("Now as one of the friends would use it:"))
    bad = yield from run(BAD_LINE, Say("And with a line that makes no sense:"))
    imports = yield from run(IMPORTS, Say("What does it depend on?"))
    return "\n".join(
        [
            f"- Tests: {tests.sentence()}.",
            f"- Program: exit code {program.exit_code}; {_balance_sentence(program.output)}.",
            f"- Bad line: exit code {bad.exit_code}; {_complaint(bad.output)}",
            f"- Imports: {_modules(imports.output)}.",
        ]
    )


TURNS: dict[str, Callable[[], Play]] = {
    "Step 1 of 3: read the trip file": build_ledger,
    "Step 2 of 3: settle up": build_settlement,
    "Step 3 of 3: tests": build_tests,
    "Check 1: every acceptance criterion": check_acceptance,
    "Check 2: mend what failed": fix_cents,
    "Check 3: everything again": check_again,
    "Release check": release_check,
}


def turn_of(prompt: str) -> Callable[[], Play] | None:
    """Return the turn whose title the prompt contains, if any."""
    return next((turn for title, turn in TURNS.items() if title in prompt), None)


def _add(here: str, *before: Action, **files: str) -> Generator[Sequence[Action], str, None]:
    """Write the files that are not in the listing `here`: earlier work is kept."""
    present = set(here.split())
    missing = {n: text for n, text in files.items() if n.replace("_", ".") not in _dotted(present)}
    if missing:
        yield from _patch(fairshare.added(**missing), *before)


def _dotted(names: set[str]) -> set[str]:
    return {name.replace("_", ".") for name in names}


def _patch(text: str, *before: Action) -> Generator[Sequence[Action], str, None]:
    answer = yield [*before, CustomCall("apply_patch", text)]
    if "Success" not in answer:
        raise StuckError(f"the patch was refused: {answer.strip()[:300]}")


def _unittest(*before: Action) -> Generator[Sequence[Action], str, Tests]:
    ran = yield from run(fairshare.RUN_TESTS, *before)
    return _result(ran.output)


def _result(output: str) -> Tests:
    tests = Tests.read(output)
    if tests is None:
        last = (output.strip().splitlines() or ["no output"])[-1]
        raise StuckError(f"the tests did not run: {last[:200]}")
    return tests


def _balance_sentence(output: str) -> str:
    """Compare what creditors get with what the payments bring, both as printed."""
    if "To settle up:" not in output:
        return "it printed no payments"
    head, _, tail = output.partition("To settle up:")
    credit = sum(
        _cents(amount) for amount in re.findall(r"^  \S+ +(\d+\.\d\d)$", head, re.MULTILINE)
    )
    paid = sum(_cents(amount) for amount in re.findall(r" pays \S+ (\d+\.\d\d)", tail))
    verb = "match" if credit == paid else "DIFFER"
    return f"credits {credit / 100:.2f} and payments {paid / 100:.2f} {verb}"


def _complaint(output: str) -> str:
    """Return the program's own line: the shell's surroundings may have printed more."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("fairshare:")]
    return (own or lines or ["no output"])[-1][:200]


def _cents(amount: str) -> int:
    return int(amount.replace(".", ""))


def _modules(output: str) -> str:
    names = re.findall(r"^(?:import|from) (\w+)", output, re.MULTILINE)
    return ", ".join(dict.fromkeys(names)) or "none found"
