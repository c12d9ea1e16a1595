"""What the four agents are scripted to say and call in agent mode."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from typing import Any

from foredeck.services.rehearsal import fairshare
from foredeck.services.rehearsal.codex_turns import CAUSE
from foredeck.services.rehearsal.exchange import Action, Call, Say, Think
from foredeck.services.rehearsal.plays import Play, StuckError, Tests
from foredeck.services.rehearsal.verdicts import judge

SUMMARY_OF_PLAN = (
    "A command-line program in three modules that counts in whole cents. Assumptions: one "
    "currency, no commas in names. To watch: amounts that do not divide evenly."
)

BUILD_PROMPTS = (
    "Step 1 of 3: read the trip file\n\n"
    "Write ledger.py as AGENTS.md describes it (FR-1, FR-4) and an example, trip.txt. Amounts "
    "are whole cents. Show that the example is read.",
    "Step 2 of 3: settle up\n\n"
    "Write settle.py (balances and payments, FR-2 and FR-3) and the command fairshare.py. "
    "Show the program's output for trip.txt.",
    "Step 3 of 3: tests\n\n"
    "Write unittest tests for ledger.py and settle.py and run all of them with "
    "`python3 -m unittest -v`. Report the figures.",
)
CHECK_PROMPT = (
    "Check 1: every acceptance criterion\n\n"
    "Write test_acceptance.py with one test for each of AC-1 to AC-5 in AGENTS.md, run all "
    "tests, and report every failure with its cause. Change no other file."
)
MEND_PROMPT = (
    "Check 2: mend what failed\n\n"
    "{failure}\n\nMend the cause in settle.py, not the test, and add a regression test."
)
AGAIN_PROMPT = "Check 3: everything again\n\nRun all tests and report the figures."
RELEASE_PROMPT = (
    "Release check\n\n"
    "Change no file. Run all tests, run the program on trip.txt and on the line "
    "`Ana | ten | tea`, and list what is imported. Report exit codes and figures."
)


def planner() -> Play:
    """Look, save the plan, hand on."""
    yield [
        Think("**What is asked for**\n\nA small tool about money: whole cents, no surprises."),
        Say("Let me see what is there already."),
        Call("list_files", {"directory": "."}),
    ]
    yield [
        Say(
            "I plan three small modules. The risk lies in amounts that do not divide evenly, "
            "so the plan gets an acceptance criterion for every single cent."
        ),
        Call("save_agents_md", {"content": fairshare.PLAN}),
    ]
    return (yield from _hand_off(SUMMARY_OF_PLAN, "builder"))


def builder() -> Play:
    """Read the plan and have it carried out in three turns of codex."""
    yield [Say("I read the plan first."), Call("get_agents_md", {})]
    yield [Call("list_files", {"directory": "."})]
    words = ("The trip file comes first.", "Now who owes whom.", "Tests for both modules.")
    reports = []
    for prompt, word in zip(BUILD_PROMPTS, words, strict=True):
        reports.append((yield from _codex(prompt, Say(word))))
    open_points = [report for report in reports if report.startswith("Not done")]
    state = "NOT DONE: " + " ".join(open_points) if open_points else "as planned"
    lines = [f"FR-{number}: {state}" for number in range(1, 5)]
    run = f"Run `{fairshare.RUN_PROGRAM}`; tests: `{fairshare.RUN_TESTS}`."
    return (yield from _hand_off("\n".join([reports[-1], run, *lines]), "qa_qc"))


def qa_qc() -> Play:
    """Have every criterion tested, mend what really failed, test again."""
    yield [Call("get_agents_md", {})]
    thought = Think(
        "**Where could it be wrong?**\n\nAll tests so far use even amounts. AC-1 speaks of any "
        "trip, and the example has 100.00 among three."
    )
    found = yield from _codex(CHECK_PROMPT, thought, Say("I have every criterion tested."))
    tests = Tests.quoted(found)
    issues = "Issues: none"
    last = found
    if tests is not None and not tests.green:
        yield [
            Say(f"A real failure: {', '.join(tests.names)}. I look at the place myself."),
            Call("read_file", {"path": "settle.py"}),
        ]
        if CAUSE not in found:
            raise StuckError(f"nobody found the cause: {found}")
        mend = MEND_PROMPT.format(failure=found)
        mended = yield from _codex(mend, Say("Whole-number division drops the rest. Mend that."))
        last = yield from _codex(AGAIN_PROMPT, Say("And now everything once more."))
        issues = _issue(mended)
    tests = Tests.quoted(last)
    if tests is None:
        raise StuckError(last)
    state = "pass" if tests.green else "fail"
    evidence = f"{state}, see test_acceptance.py"
    criteria = "\n".join(f"AC-{number}: {evidence}" for number in range(1, 6))
    summary = f"{criteria}\n{issues}\nTests: `{fairshare.RUN_TESTS}`: {tests.sentence()}."
    return (yield from _hand_off(summary, "prod_ready"))


def prod_ready() -> Play:
    """Have the evidence collected and judge it."""
    yield [
        Say("I take nothing for granted: codex shall show me the tests and the program."),
        Call("get_agents_md", {}),
    ]
    report = yield from _codex(RELEASE_PROMPT)
    return judge(report)


def _issue(mended: str) -> str:
    if mended.startswith("Not done"):
        return f"Issues: OPEN: left-over cents are lost; {mended}"
    return (
        "Issues: cause: whole-number division in settle.py lost left-over cents; fix: they are "
        "handed out one by one; regression test: test_left_over_cents_are_shared_out"
    )


def _codex(prompt: str, *before: Action) -> Generator[Sequence[Action], str, str]:
    """Give codex a task, once more if it fails; returns its last message."""
    said = before
    error = ""
    for _ in range(2):
        answer = yield [*said, Call("run_codex", {"prompt": prompt, "wait": True})]
        told = _told(answer)
        if told.get("success"):
            return str(told.get("output") or "")
        error = str(told.get("error") or told.get("errors") or answer)
        said = (Say("That did not work. I give it one more try."),)
    raise StuckError(f"codex failed twice: {error[:300]}")


def _hand_off(summary: str, next_agent: str) -> Generator[Sequence[Action], str, str]:
    yield [Call("handoff", {"summary": summary, "next_agent": next_agent})]
    return summary


def _told(answer: str) -> dict[str, Any]:
    try:
        told = json.loads(answer)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
