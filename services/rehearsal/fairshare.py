"""What the crew builds in the rehearsal: `fairshare`, which settles the costs of a trip.

Plain text that codex writes into the workspace by patches. `SETTLE` has a genuine bug
(whole-number division loses cents); `FIX` mends it and adds the regression test.
"""

REQUEST = (
    "Build fairshare, a small command-line program for friends who travel together: it reads "
    "a text file of who paid for what and prints the few payments that settle everything, "
    "exact to the cent. Python standard library only, with tests."
)
PROJECT = "Fair share"
RUN_TESTS = "python3 -m unittest -v"
RUN_PROGRAM = "python3 fairshare.py trip.txt"

PLAN = """# fairshare

## Overview
Friends travel together and take turns paying. `fairshare` reads one text file with what
everybody paid and prints the few payments that make it fair, exact to the cent.

Assumptions: one currency; nobody's name contains `|`, `,` or `#`.

## Functional requirements
1. FR-1: read lines `payer | amount | what for | who shares it`; without the last part
   everybody in the file shares it; `#` starts a comment.
2. FR-2: work out every person's balance in whole cents.
3. FR-3: print payments from debtors to creditors that bring every balance to zero.
4. FR-4: a line that cannot be understood is named by its number, with exit code 2.

## Technical requirements
- Python 3.9 or newer; amounts are whole cents, never floating point.
- `python3 fairshare.py FILE` prints the balances, then the payments.

## Dependencies
None but Python's standard library.

## File structure
- `ledger.py` reads the trip file
- `settle.py` balances and payments
- `fairshare.py` the command
- `trip.txt` an example
- `test_*.py` unittest tests

## Edge cases
- An amount that does not divide evenly: 100.00 among three.
- Somebody who paid nothing; somebody who shares nothing.
- An empty file, an unknown amount, a missing file.

## Acceptance criteria
1. AC-1 (FR-2): the balances of any trip add up to zero: no cent is lost.
2. AC-2 (FR-3): after the payments nobody owes anything.
3. AC-3 (FR-3): there are fewer payments than people.
4. AC-4 (FR-4): `Ana | ten | tea` gives "line 1" and exit code 2, no traceback.
5. AC-5 (FR-1): `python3 fairshare.py trip.txt` prints balances and payments.

All are checked by `python3 -m unittest`.

## Implementation steps
1. `ledger.py` and the example trip (FR-1, FR-4).
2. `settle.py` and the command (FR-2, FR-3).
3. Tests for both modules.
"""

TRIP = """# payer | amount | what for | who shares it (nobody named: everybody)
Ana  | 240.00 | Cabin, two nights
Ben  |  86.40 | Groceries
Cleo | 100.00 | Rowing boat | Ana, Ben, Cleo
Dev  |  52.60 | Petrol
Ana  |  31.00 | Bakery
"""

LEDGER = '''"""Read a trip file: who paid, how much, what for, and who shares the cost."""

import re
from dataclasses import dataclass

AMOUNT = re.compile(r"(\\d+)(?:\\.(\\d\\d))?")


class LedgerError(ValueError):
    """A line of the trip file cannot be understood."""


@dataclass(frozen=True)
class Expense:
    payer: str
    cents: int
    label: str
    shared_by: tuple


def parse_amount(text):
    """Turn `12` or `12.34` into cents."""
    match = AMOUNT.fullmatch(text)
    if match is None:
        raise LedgerError(f"{text!r} is not an amount")
    return int(match[1]) * 100 + int(match[2] or 0)


def parse_line(line):
    parts = [part.strip() for part in line.split("|")]
    if len(parts) not in (3, 4) or not parts[0]:
        raise LedgerError("expected: payer | amount | what for | who shares it")
    names = parts[3].split(",") if len(parts) == 4 else []
    people = tuple(name.strip() for name in names if name.strip())
    return Expense(parts[0], parse_amount(parts[1]), parts[2], people)


def parse_trip(text):
    """Return the expenses of a trip; `LedgerError` names the line that is wrong."""
    expenses = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if line:
            try:
                expenses.append(parse_line(line))
            except LedgerError as error:
                raise LedgerError(f"line {number}: {error}") from None
    everybody = people_of(expenses)
    return [
        Expense(e.payer, e.cents, e.label, e.shared_by or everybody) for e in expenses
    ]


def people_of(expenses):
    """Return everybody who pays or shares, in order of first mention."""
    names = {}
    for expense in expenses:
        for name in (expense.payer, *expense.shared_by):
            names.setdefault(name)
    return tuple(names)
'''

SETTLE = '''"""Work out who owes whom, in whole cents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payment:
    debtor: str
    creditor: str
    cents: int


def shares(expense):
    """Split one expense: every person's part in cents."""
    each = expense.cents // len(expense.shared_by)
    return {person: each for person in expense.shared_by}


def balances(expenses):
    """Return what each person gets back (positive) or owes (negative)."""
    result = {}
    for expense in expenses:
        result[expense.payer] = result.get(expense.payer, 0) + expense.cents
        for person, part in shares(expense).items():
            result[person] = result.get(person, 0) - part
    return result


def settle(balance):
    """Return payments that even the balances out, the largest debts first."""
    debtors = sorted((cents, name) for name, cents in balance.items() if cents < 0)
    creditors = sorted((-cents, name) for name, cents in balance.items() if cents > 0)
    payments = []
    while debtors and creditors:
        debt, debtor = debtors.pop(0)
        credit, creditor = creditors.pop(0)
        cents = min(-debt, -credit)
        payments.append(Payment(debtor, creditor, cents))
        if -debt > cents:
            debtors.insert(0, (debt + cents, debtor))
        if -credit > cents:
            creditors.insert(0, (credit + cents, creditor))
    return payments
'''

COMMAND = '''"""fairshare: settle the costs of a trip among friends."""

import sys

from ledger import LedgerError, parse_trip
from settle import balances, settle


def money(cents):
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def report(text):
    """Return what the program prints for a trip file."""
    expenses = parse_trip(text)
    balance = balances(expenses)
    total = money(sum(expense.cents for expense in expenses))
    lines = [f"{len(expenses)} expenses, {len(balance)} friends, {total} in all", ""]
    lines += [f"  {name:<10} {money(cents):>10}" for name, cents in balance.items()]
    lines += ["", "To settle up:"]
    payments = settle(balance)
    lines += [f"  {p.debtor} pays {p.creditor} {money(p.cents)}" for p in payments]
    return "\\n".join(lines if payments else [*lines, "  nobody owes anything"])


def main(arguments):
    if len(arguments) != 1:
        print("usage: python3 fairshare.py TRIP_FILE", file=sys.stderr)
        return 2
    try:
        with open(arguments[0], encoding="utf-8") as file:
            print(report(file.read()))
    except (OSError, UnicodeError, LedgerError) as error:
        print(f"fairshare: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''

TEST_LEDGER = """import unittest

from ledger import LedgerError, parse_amount, parse_trip


class LedgerTest(unittest.TestCase):
    def test_amounts_become_cents(self):
        self.assertEqual(parse_amount("12"), 1200)
        self.assertEqual(parse_amount("12.34"), 1234)

    def test_words_are_no_amounts(self):
        with self.assertRaises(LedgerError):
            parse_amount("a lot")

    def test_everybody_shares_by_default(self):
        trip = parse_trip("Ana | 10 | tea\\nBen | 2 | milk")
        self.assertEqual(trip[0].shared_by, ("Ana", "Ben"))

    def test_named_people_share(self):
        (expense,) = parse_trip("Ana | 10 | tea | Ben, Cleo")
        self.assertEqual(expense.shared_by, ("Ben", "Cleo"))

    def test_comments_and_empty_lines_are_skipped(self):
        self.assertEqual(parse_trip("# a trip\\n\\n"), [])

    def test_a_bad_line_is_named_by_its_number(self):
        with self.assertRaisesRegex(LedgerError, "line 2"):
            parse_trip("Ana | 10 | tea\\nBen pays nothing")


if __name__ == "__main__":
    unittest.main()
"""

TEST_SETTLE = """import unittest

from ledger import parse_trip
from settle import Payment, balances, settle


class SettleTest(unittest.TestCase):
    def test_two_friends_share_evenly(self):
        balance = balances(parse_trip("Ana | 10 | tea | Ana, Ben"))
        self.assertEqual(balance, {"Ana": 500, "Ben": -500})

    def test_the_debtor_pays_the_creditor(self):
        payments = settle({"Ana": 500, "Ben": -500})
        self.assertEqual(payments, [Payment("Ben", "Ana", 500)])

    def test_one_debtor_pays_two_creditors(self):
        payments = settle({"Ana": 300, "Ben": 200, "Cleo": -500})
        self.assertEqual([p.cents for p in payments], [300, 200])

    def test_nobody_pays_when_all_is_even(self):
        self.assertEqual(settle({"Ana": 0, "Ben": 0}), [])


if __name__ == "__main__":
    unittest.main()
"""

TEST_ACCEPTANCE = '''import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ledger import parse_trip
from settle import balances, settle

HERE = Path(__file__).resolve().parent
TRIP = (HERE / "trip.txt").read_text(encoding="utf-8")


class AcceptanceTest(unittest.TestCase):
    """The acceptance criteria of AGENTS.md, on the example trip."""

    def run_program(self, text):
        with tempfile.TemporaryDirectory() as folder:
            trip = Path(folder, "trip.txt")
            trip.write_text(text, encoding="utf-8")
            command = [sys.executable, str(HERE / "fairshare.py"), str(trip)]
            return subprocess.run(command, capture_output=True, text=True)

    def test_ac1_no_cent_is_lost(self):
        balance = balances(parse_trip(TRIP))
        self.assertEqual(sum(balance.values()), 0)

    def test_ac2_nobody_owes_anything_afterwards(self):
        balance = balances(parse_trip("Ana | 90 | cabin\\nBen | 30 | food\\nCleo | 0 | -"))
        for payment in settle(balance):
            balance[payment.debtor] += payment.cents
            balance[payment.creditor] -= payment.cents
        self.assertEqual(balance, {"Ana": 0, "Ben": 0, "Cleo": 0})

    def test_ac3_few_payments(self):
        balance = balances(parse_trip(TRIP))
        self.assertLess(len(settle(balance)), len(balance))

    def test_ac4_a_bad_line_ends_with_code_2(self):
        answer = self.run_program("Ana | ten | tea")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("line 1", answer.stderr)
        self.assertNotIn("Traceback", answer.stderr)

    def test_ac5_the_program_prints_payments(self):
        self.assertIn("pays Ana", self.run_program(TRIP).stdout)


if __name__ == "__main__":
    unittest.main()
'''

FIX = '''*** Begin Patch
*** Update File: settle.py
@@
     """Split one expense: every person's part in cents."""
-    each = expense.cents // len(expense.shared_by)
-    return {person: each for person in expense.shared_by}
+    each, left_over = divmod(expense.cents, len(expense.shared_by))
+    return {
+        person: each + (1 if place < left_over else 0)
+        for place, person in enumerate(expense.shared_by)
+    }
*** Update File: test_settle.py
@@
-from settle import Payment, balances, settle
+from settle import Payment, balances, settle, shares
@@
     def test_nobody_pays_when_all_is_even(self):
         self.assertEqual(settle({"Ana": 0, "Ben": 0}), [])
+
+    def test_left_over_cents_are_shared_out(self):
+        (expense,) = parse_trip("Ana | 100.00 | boat | Ana, Ben, Cleo")
+        self.assertEqual(shares(expense), {"Ana": 3334, "Ben": 3333, "Cleo": 3333})
+        self.assertEqual(sum(balances([expense]).values()), 0)
*** End Patch
'''


def added(**files: str) -> str:
    """Return the patch that adds the files, named by their stems (`a_py` is `a.py`)."""
    lines = ["*** Begin Patch"]
    for name, text in files.items():
        stem, _, suffix = name.rpartition("_")
        lines.append(f"*** Add File: {stem}.{suffix}")
        lines += [f"+{line}" for line in text.splitlines()]
    return "\n".join([*lines, "*** End Patch"]) + "\n"
