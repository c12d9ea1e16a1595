"""Markdown plans of several styles, real-looking and random, as workflows."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foredeck.services.domain.errors import PlanError
from foredeck.services.workflow.plan_import import (
    SIZE_LIMIT,
    ImportedPlan,
    export_marks,
    import_plan,
)
from foredeck.services.workflow.plan_import_cards import TASK_LIMIT
from foredeck.services.workflow.plan_import_needs import find_cycle

PLANS = Path(__file__).parents[2] / "support" / "plans"


def plan_text(name: str) -> str:
    return (PLANS / f"{name}.md").read_bytes().decode()


def imported(text: str) -> ImportedPlan:
    return import_plan(text, "plan")


def steps_of(plan: ImportedPlan) -> dict[str, Mapping[str, Any]]:
    """Return the steps as the YAML has them, by id."""
    return {step["id"]: step for step in yaml.safe_load(plan.workflow_yaml)["steps"]}


def escaped(text: str) -> str:
    return text.replace("{{", r"\{{")


def needs_of(plan: ImportedPlan) -> dict[str, list[str]]:
    return {key: step.get("needs", []) for key, step in steps_of(plan).items()}


def whys(plan: ImportedPlan) -> list[tuple[int, str, str]]:
    return [(note.line, note.text, note.why) for note in plan.notes]


def test_headed_tasks_with_bulleted_fields() -> None:
    plan = imported(plan_text("headings"))
    workflow = yaml.safe_load(plan.workflow_yaml)
    assert (workflow["name"], workflow["description"]) == ("plan", "Ledger rewrite")
    first, second, third = workflow["steps"]
    assert first == {
        "id": "task-1",
        "kind": "codex",
        "title": "Parse the ledger",
        "skip": True,
        "prompt": first["prompt"],
        "verify": "pytest -q tests/test_ledger.py",
        "metadata": {
            "task": "1",
            "status": "complete",
            "owner": "Ann",
            "files": "src/ledger.py, tests/test_ledger.py",
        },
    }
    assert "skip" not in second
    assert second["needs"] == ["task-1"]
    assert second["verify"] == "pytest -q tests/test_balance.py && ruff check src"
    assert second["priority"] == 10
    assert second["metadata"]["estimate"] == "2h"
    assert third["needs"] == ["task-1", "task-2"]
    assert "verify" not in third


def test_a_prompt_names_the_files_and_says_what_done_means() -> None:
    plan = imported(plan_text("headings"))
    second, third = plan.steps[1].prompt, plan.steps[2].prompt
    assert second.startswith("Task 2: Balance the accounts\n\nSum up each account.\nRound at")
    assert "- `src/balance.py`: the sums\n- `tests/test_balance.py`" in second
    assert "The task is done when:\n- `pytest" in second
    assert "Constraints:\n- ASCII only" in third
    assert "The task is done when:\n- totals line up\n" in third
    assert "- the output looks right on paper\n" in third


def test_braces_of_the_plan_mean_themselves_in_the_workflow() -> None:
    plan = imported(
        "## Task 1: A {{b}}\n\nVerify: `x --format '{{.y}}'`\n\n{{{{ and {{steps.a.b}}\n"
    )
    (step,) = yaml.safe_load(plan.workflow_yaml)["steps"]
    assert step["title"] == r"A \{{b}}"
    assert step["verify"] == r"x --format '\{{.y}}'"
    assert r"\{{\{{ and \{{steps" in step["prompt"]
    assert plan.steps[0].command == "x --format '{{.y}}'"
    assert [(note.line, note.text) for note in plan.notes] == [(1, "{{steps.a.b}}")]


def test_bold_fields_sections_tables_and_blocks() -> None:
    plan = imported(plan_text("bold"))
    assert [step.id for step in plan.steps] == ["task-1-1", "task-1-2", "task-1-3"]
    assert [step.done for step in plan.steps] == [True, False, False]
    assert plan.steps[0].command == "set -e\npip install -e .\npython -c 'import shop'"
    assert plan.steps[1].command == "set -e\npytest -q tests/test_cart.py\nmypy src"
    assert plan.steps[1].files == ("src/shop/cart.py", "tests/test_cart.py")
    assert needs_of(plan) == {
        "task-1-1": [],
        "task-1-2": ["task-1-1"],
        "task-1-3": ["task-1-2"],
    }
    assert "never goes below zero" in plan.steps[1].prompt
    assert plan.steps[2].metadata["owner"] == "Bo"
    assert "Task 7" in plan.steps[2].prompt
    assert plan.notes == ()


def test_a_list_of_tasks_with_checkboxes_and_an_order() -> None:
    plan = imported(plan_text("checklist"))
    assert [step.title for step in plan.steps] == [
        "Draw the map",
        "Walk the map",
        "Name the places",
        "Print the map",
    ]
    assert [step.done for step in plan.steps] == [True, False, False, False]
    assert needs_of(plan) == {
        "task-1": [],
        "task-2": ["task-1"],
        "task-3": ["task-2"],
        "task-4": ["task-2"],
    }
    assert plan.steps[1].command == "make walk"


def test_numbered_headings_are_tasks_and_an_introduction_is_not() -> None:
    plan = imported(plan_text("numbered"))
    assert [step.title for step in plan.steps] == [
        "Read the file",
        "Check the rows",
        "Store the rows",
        "Tell the user",
    ]
    assert needs_of(plan)["task-3"] == ["task-2"]
    assert needs_of(plan)["task-4"] == ["task-1", "task-2", "task-3"]
    assert plan.steps[0].command == "pytest -q"
    assert whys(plan) == [
        (
            29,
            "the design review",
            "no task has this number or title; the dependency is left out",
        )
    ]


def test_headings_without_number_are_tasks_by_their_fields() -> None:
    plan = imported(
        "# Plan\n\nStatus: draft\n\n## Draw a map\n\nStatus: done\n\n## Über den Fluß gehen\n"
        "\n- Status: open\n- Depends on: Draw a map\n\n## 東京\n\nStatus: open\nNeeds: none\n"
        "\n## Why\n\nBecause.\n"
    )
    assert needs_of(plan) == {
        "draw-a-map": [],
        "uber-den-flu-gehen": ["draw-a-map"],
        "task-3": [],
    }
    assert plan.notes == ()


def test_plain_checkboxes_are_tasks_where_nothing_else_is() -> None:
    plan = imported("## Tasks\n\n- [x] Draw\n- [ ] Walk\n  - depends on: Draw\n* no task\n")
    assert needs_of(plan) == {"draw": [], "walk": ["draw"]}


def test_a_checklist_above_headed_tasks_is_their_marks() -> None:
    text = "- [x] Task 1: Draw\n- [ ] Task 2: Walk\n\n## Task 1: Draw\n\n## Task 2: Walk\n"
    plan = imported(text)
    assert [(step.id, step.done) for step in plan.steps] == [("task-1", True), ("task-2", False)]
    assert export_marks(text, {"task-2": True}) == text.replace("[ ]", "[x]")


def test_steps_below_a_task_belong_to_it_and_phases_hold_tasks() -> None:
    plan = imported(
        "## Phase 1\n### Task 1: Draw\n#### Step 1: Take a pen\n#### Step 2: Draw a line\n"
        "## Phase 2\n### Task 2: Walk\nDepends on: 1\n"
    )
    assert list(needs_of(plan)) == ["task-1", "task-2"]
    assert "Step 2: Draw a line" in plan.steps[0].prompt


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("1 → 2 → (3, 4)", {"2": ["1"], "3": ["2"], "4": ["2"]}),
        ("- Task 1 -> Task 2\n- Task 1 -> Task 3", {"2": ["1"], "3": ["1"]}),
        ("1. Draw\n2. Tasks 2 and 3 (in parallel)\n3. Task 4", {"2": "1", "3": "1", "4": "23"}),
        ("```\n1 --> 3\n```", {"3": ["1"]}),
        ("1. Phase 1: T1\n2. Phase 2: T2, T3", {"2": ["1"], "3": ["1"]}),
        ("1. Task 1 (Draw)\n2. Task 4 first of the rest", {"4": ["1"]}),
    ],
)
def test_an_execution_order_gives_dependencies(order: str, expected: dict[str, Any]) -> None:
    tasks = "".join(
        f"## Task {n}: {title}\n\n"
        for n, title in enumerate(("Draw", "Walk", "Name", "Print"), start=1)
    )
    plan = imported(f"{tasks}## Execution order\n\n{order}\n")
    wanted = {key: [f"task-{n}" for n in ids] for key, ids in needs_of(plan).items() if not ids}
    wanted |= {f"task-{key}": [f"task-{n}" for n in ids] for key, ids in expected.items()}
    assert needs_of(plan) == wanted
    assert plan.notes == ()


def test_an_order_does_not_add_to_what_a_task_says_itself() -> None:
    plan = imported(
        "## Task 1: A\n## Task 2: B\nDepends on: none\n## Task 3: C\n## Execution order\n1 → 2 → 3"
    )
    assert needs_of(plan) == {"task-1": [], "task-2": [], "task-3": ["task-2"]}


def test_tasks_in_no_order_are_noted() -> None:
    (note,) = imported("## Task 1: A\n## Task 2: B\n").notes
    assert note.line == 1
    assert "may run at the same time" in note.why


@pytest.mark.parametrize(
    ("verification", "command"),
    [
        ("`make test`", "make test"),
        ("`tox`.", "tox"),
        ("run `./check.sh all`, then `diff a b`", "./check.sh all && diff a b"),
        ("`pytest -q` passes and `ledger.py` exists", "pytest -q"),
        ("`CI=1 npm test` prints `all is well`", "CI=1 npm test"),
        ("`a | b` and `make x`", "make x"),
        ("run `a | b` and `make x`", "(a | b) && make x"),
        ("make sure that it works", ""),
        ("`ledger.py`", ""),
        ("it prints `hello world`", ""),
        ("`docker ps --format {{.Names}}`", "docker ps --format {{.Names}}"),
        ("\n\n```python\nassert True\n```", ""),
        ("see below\n\n```bash\n# all\nmake a\n```", "make a"),
        ("\n1. `make a`\n2. `make b`", "make a && make b"),
    ],
)
def test_a_verification_is_a_command_or_is_noted(verification: str, command: str) -> None:
    plan = imported(f"## Task 1: A\n\nVerification: {verification}\n")
    assert plan.steps[0].command == command
    assert bool(plan.notes) is (not command)


def test_every_word_of_a_verification_reaches_codex() -> None:
    plan = imported("## Task 1: A\n\nVerification: `pytest -q` passes and it looks good\n")
    assert "- `pytest -q` passes and it looks good\n" in plan.steps[0].prompt


@pytest.mark.parametrize("status", ["done", "✅ Complete", "[x]", "**Completed** (May)", "`done`"])
def test_statuses_that_say_done(status: str) -> None:
    plan = imported(f"## Task 1: A\n\n**Status:** {status}\n")
    assert plan.steps[0].done
    assert plan.notes == ()


@pytest.mark.parametrize("status", ["todo", "⏳ In progress", "[ ]", "not done", "Not started"])
def test_statuses_that_say_not_done(status: str) -> None:
    plan = imported(f"## Task 1: A\n\n**Status:** {status}\n")
    assert not plan.steps[0].done
    assert plan.notes == ()


def test_marks_that_are_unclear_are_noted_and_the_task_is_done_again() -> None:
    plan = imported(
        "## [x] Task 1: A\n\nStatus: todo\n\n## Task 2: B\n\nStatus: 70 percent\nNeeds: 1\n"
        "\n## Task 3: C\n\nStatus: cancelled\nNeeds: 1\n"
    )
    assert [step.done for step in plan.steps] == [False, False, True]
    assert [(line, text) for line, text, _why in whys(plan)] == [
        (1, "A"),
        (7, "70 percent"),
        (12, "cancelled"),
    ]


def test_what_was_not_understood_is_noted_with_its_line() -> None:
    plan = imported(
        "## Task 1: A\n\nFiles: to be decided\nDepends on: Task 7\n\n## Task 1: B\n\n"
        "Depends on: 1\nVerification: look at it\n\n## Execution order\n\n1. Task 1\n2. Task 8\n"
        "\n```\n"
    )
    assert [(line, text) for line, text, _why in whys(plan)] == [
        (3, "to be decided"),
        (4, "Task 7"),
        (6, "Task 1"),
        (9, "look at it"),
        (14, "Task 8"),
        (16, "```"),
    ]
    assert needs_of(plan) == {"task-1": [], "task-1-2": ["task-1"]}


def test_a_cycle_is_an_error_with_its_path() -> None:
    text = "## Task 1: A\nDepends on: 3\n## Task 2: B\nDepends on: 1\n## Task 3: C\nDepends on: 2\n"
    with pytest.raises(PlanError, match="task-1 → task-3 → task-2 → task-1") as caught:
        imported(text)
    assert caught.value.line == 2
    with pytest.raises(PlanError, match="task-1 → task-1"):
        imported("## Task 1: A\n\nDepends on: Task 1\n")


def test_a_plan_without_tasks_or_with_too_many_is_refused() -> None:
    for text in ("", "# Title\n\nWords.\n", "```\n## Task 1: A\n```\n", "<!--\n## Task 1: A\n-->"):
        with pytest.raises(PlanError, match="No tasks were found"):
            imported(text)
    with pytest.raises(PlanError, match="1,001 tasks"):
        imported("".join(f"## Task {n}: A\n" for n in range(TASK_LIMIT + 1)))
    with pytest.raises(PlanError, match="1,000,000 is the limit"):
        imported("a" * (SIZE_LIMIT + 1))


def test_a_thousand_tasks_in_a_row_are_read() -> None:
    tasks = (f"## Task {n}: A\n\nDepends on: {n - 1 or 'none'}\n" for n in range(1, TASK_LIMIT + 1))
    assert len(imported("".join(tasks)).steps) == TASK_LIMIT


def test_words_that_command_a_terminal_are_made_harmless() -> None:
    plan = imported("## Task 1: \x1b[31mred\x1b[0m\n\nStatus: open\x07\nNote: a\u202eb\n")
    assert plan.steps[0].title == "red"
    assert "\x1b" not in plan.workflow_yaml
    assert "\u202e" not in plan.workflow_yaml


@pytest.mark.parametrize("name", ["headings", "bold", "checklist", "numbered"])
def test_an_export_changes_the_marks_and_nothing_else(name: str) -> None:
    text = plan_text(name).replace("\n", "\r\n") + "  \t\x0c end\r\n"
    plan = imported(text)
    assert export_marks(text, {step.id: step.done for step in plan.steps}) == text
    assert export_marks(text, {}) == text
    for state in (True, False):
        changed = export_marks(text, {step.id: state for step in plan.steps})
        again = imported(changed)
        assert [step.done for step in again.steps] == [state] * len(plan.steps)
        before, after = text.split("\n"), changed.split("\n")
        differ = [b for b, a in zip(before, after, strict=True) if b != a]
        marked = ("tatus", "[", "#")
        assert all(any(mark in row for mark in marked) for row in differ)


def test_an_export_uses_the_words_of_the_plan() -> None:
    text = plan_text("bold")
    assert export_marks(text, {"task-1-3": True}) == text.replace("Not started", "Done").replace(
        "### [ ] Task 1.3", "### [x] Task 1.3"
    )
    numbered = plan_text("numbered")
    assert export_marks(numbered, {"task-1": True, "task-3": True}) == numbered.replace(
        "## 1. Read the file", "## 1. Read the file ✅"
    ).replace("⏳ pending", "✅ done")


_PIECES = st.sampled_from(
    [
        "# Plan",
        "## Task 1: A {{x}}",
        "# {{name}}",
        "- Files: `{{a}}`",
        "- Owner: {{{b}}}",
        "### Task 2: B ✅",
        "## [x] Task 3",
        "### 1.1 Sub",
        "## 4. Four",
        "- [ ] **T5** five",
        "  - depends on: T5",
        "- [x] six",
        "Status: done",
        "**Status:** todo",
        "- Status: ✅ (mostly)",
        "| Status | done |",
        "Depends on: 1, 2 and B",
        "Needs: all previous tasks",
        "Verification: `make x` and `ls {{y}}`",
        "#### Verification",
        "#### Status",
        "```bash",
        "```",
        "$ make a",
        "## Execution order",
        "1 → 2 → (3, 4)",
        "1. Task 2",
        "<!--",
        "-->",
        "---",
        "",
        "  indented: value",
    ]
)
_ROWS = st.lists(st.one_of(_PIECES, st.text(max_size=30)), max_size=25)


@settings(max_examples=200, deadline=None)
@given(_ROWS.map("\n".join))
def test_any_text_is_imported_or_refused_in_a_sentence(text: str) -> None:
    try:
        plan = imported(text)
    except PlanError as error:
        assert error.message.startswith(("No tasks", "The tasks wait"))  # noqa: PT017
        return
    steps = steps_of(plan)
    assert list(steps) == [step.id for step in plan.steps]
    assert find_cycle(needs_of(plan)) == []
    for step in plan.steps:
        in_file = steps[step.id]
        assert in_file["prompt"] == escaped(step.prompt)
        assert in_file.get("verify", "") == escaped(step.command)
        assert in_file["title"] == escaped(step.title)
        assert in_file.get("skip", False) is step.done
        assert set(step.needs) <= set(steps)
    last = text.count("\n") + 1
    assert all(1 <= note.line <= last for note in plan.notes)


@settings(max_examples=200, deadline=None)
@given(_ROWS.map("\n".join), st.data())
def test_an_export_is_the_identity_when_nothing_changed(text: str, data: st.DataObject) -> None:
    try:
        plan = imported(text)
    except PlanError:
        return
    now = {step.id: step.done for step in plan.steps}
    assert export_marks(text, now) == text
    wanted = {key: data.draw(st.booleans()) for key in now}
    assert export_marks(text, wanted).count("\n") == text.count("\n")


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_a_cycle_is_found_exactly_where_there_is_one(needs: dict[str, list[str]]) -> None:
    cycle = find_cycle(needs)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(b in needs[a] for a, b in pairwise(cycle))
        return
    left = dict(needs)
    while left:
        free = [key for key, ids in left.items() if not set(ids) & set(left)]
        assert free, needs
        for key in free:
            del left[key]
