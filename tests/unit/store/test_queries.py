"""What the screen reads, and that no query walks through a big table."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.records import Failure, FailureClass, Role, TokenUsage, Verdict
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.store import statements
from foredeck.services.store.store import Store
from tests.support import records as make
from tests.support.records import MOMENT


async def fill(store: Store) -> None:
    """Two projects in use with three runs each, an archived one with one run."""
    async with store.transaction() as tx:
        for number, name in enumerate(("first", "second", "gone")):
            project = make.project(
                name,
                id=f"project{number}0000",
                created_at=MOMENT + timedelta(days=number),
                archived_at=MOMENT if name == "gone" else None,
            )
            await tx.projects.add(project)
            for turn in range(1 if name == "gone" else 3):
                run = make.run(
                    project,
                    id=f"run{number}{turn}0000000",
                    title=f"{name} {turn}",
                    created_at=MOMENT + timedelta(hours=turn, minutes=number),
                    usage=TokenUsage(10, 1, 2, 1),
                )
                await tx.runs.add(run)


async def test_the_sidebar_has_the_latest_runs_of_each_project(store: Store) -> None:
    await fill(store)
    sidebar = await store.queries.sidebar(runs=2)
    titles = {n.project.name: [run.title for run in n.runs] for n in sidebar.projects}
    assert titles == {"second": ["second 2", "second 1"], "first": ["first 2", "first 1"]}
    assert [node.project.name for node in sidebar.projects] == ["second", "first"]
    assert sidebar.seq == store._bus.seq
    everything = await store.queries.sidebar(archived=True)
    assert [node.project.name for node in everything.projects] == ["gone", "second", "first"]
    assert everything.projects[0].project.archived
    assert all(node.runs == () for node in (await store.queries.sidebar(runs=0)).projects)


async def test_an_empty_store_has_empty_answers(store: Store) -> None:
    assert (await store.queries.sidebar()).projects == ()
    assert (await store.queries.runs()).items == ()
    assert (await store.queries.projects()).total == 0
    counts = await store.queries.counts()
    assert (counts.active, counts.waiting) == (0, 0)
    assert await store.queries.tokens_total() == TokenUsage()


async def test_project_rows_count_their_runs(store: Store) -> None:
    await fill(store)
    async with store.transaction() as tx:
        await tx.move_run("run000000000", RunState.RUNNING)
        await tx.move_run("run010000000", RunState.WAITING)
    row = await store.queries.project("first")
    assert (row.runs, row.active_runs) == (3, 2)
    assert row.last_run_at == MOMENT + timedelta(hours=2)
    assert await store.queries.project("project0") == row
    page = await store.queries.projects(limit=1, offset=1)
    assert (page.items, page.total, page.limit, page.offset) == ((row,), 2, 1, 1)
    assert (await store.queries.projects(archived=True)).total == 3
    counts = await store.queries.counts()
    assert (counts.active, counts.waiting) == (2, 1)
    with pytest.raises(NotFound):
        await store.queries.project("nothing")


async def test_archiving_and_bringing_back_keeps_the_totals(store: Store) -> None:
    await fill(store)
    async with store.transaction() as tx:
        project = await tx.projects.find("gone")
        await tx.projects.save(replace(project, archived_at=None))
    assert (await store.queries.projects()).total == 3
    assert (await store.queries.projects()).items[0].name == "gone"


async def test_pages_of_runs_are_newest_first(store: Store) -> None:
    await fill(store)
    everything = await store.queries.runs()
    assert everything.total == 7
    assert [run.title for run in everything.items[:3]] == ["second 2", "first 2", "second 1"]
    assert (await store.queries.runs(limit=2, offset=1)).items == everything.items[1:3]
    assert (await store.queries.runs(offset=7)).items == ()
    assert (await store.queries.runs("project00000")).total == 3
    async with store.transaction() as tx:
        await tx.move_run("run000000000", RunState.RUNNING)
    for project, total in ((None, 1), ("project00000", 1), ("project10000", 0)):
        page = await store.queries.runs(project, "running")
        assert (len(page.items), page.total) == (total, total)
    assert (await store.queries.runs(state="created")).total == 6


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (1, -1), (2**64, 0)])
async def test_a_page_that_makes_no_sense_is_refused(store: Store, limit: int, offset: int) -> None:
    with pytest.raises(InvalidInput):
        await store.queries.runs(limit=limit, offset=offset)
    with pytest.raises(InvalidInput):
        await store.queries.projects(limit, offset)


async def test_an_unknown_state_is_refused_with_the_known_ones(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no run state 'done'") as caught:
        await store.queries.runs(state="done")
    assert "partial_success" in caught.value.advice


async def test_a_run_is_shown_whole(store: Store) -> None:
    await fill(store)
    failure = Failure(FailureClass.TIMEOUT, "Too slow.")
    async with store.transaction() as tx:
        run = await tx.runs.get("run000000000")
        last = make.step(run, "prod_ready", 2, verdict=Verdict("APPROVED"), summary="ok")
        first = make.step(run, "planner", 0, state=StepState.SUCCESS, usage=TokenUsage(5))
        middle = make.step(
            run, "builder", 1, needs=("planner",), state=StepState.FAILED, failure=failure
        )
        for step in (last, first, middle):
            await tx.steps.add(step)
        await tx.attempts.add(make.attempt(middle, 1))
        await tx.attempts.add(make.attempt(middle, 2))
    detail = await store.queries.run("run00")
    assert [step.key for step in detail.steps] == ["planner", "builder", "prod_ready"]
    assert (detail.run.done, detail.run.total) == (1, 3)
    assert detail.run.usage == TokenUsage(10, 1, 2, 1)
    assert detail.request == "Build a thing"
    planner, builder, ready = detail.steps
    assert (planner.usage, planner.output_path) == (TokenUsage(5), None)
    assert (builder.needs, builder.failure) == (("planner",), failure)
    assert builder.output_path == "/tmp/output/builder.2.log"
    assert ready.verdict == Verdict("APPROVED")
    assert detail.seq == store._bus.seq
    assert (await store.queries.runs()).items[-1].total in (0, 3)


async def test_the_transcript_is_in_the_order_of_its_making(store: Store) -> None:
    await fill(store)
    async with store.transaction() as tx:
        run = await tx.runs.get("run000000000")
        one, two = make.step(run, "planner", 0), make.step(run, "builder", 1)
        await tx.steps.add(one)
        await tx.steps.add(two)
        for step, text in ((two, "a"), (one, "b"), (two, "c")):
            await tx.messages.add(make.message(step, text))
        tool = make.message(one, "4", role=Role.TOOL, tool="add", arguments="[2,2]", duration=0.5)
        await tx.messages.add(tool)
    entries = await store.queries.transcript("run00")
    assert [(e.step_key, e.content) for e in entries] == [
        ("builder", "a"),
        ("planner", "b"),
        ("builder", "c"),
        ("planner", "4"),
    ]
    assert (entries[3].tool, entries[3].arguments, entries[3].duration) == ("add", "[2,2]", 0.5)
    assert await store.queries.transcript("run00", "planner") == (entries[1], entries[3])
    with pytest.raises(NotFound, match="no step 'qa'"):
        await store.queries.transcript("run00", "qa")


async def test_tokens_are_totalled_as_they_change(store: Store) -> None:
    await fill(store)
    assert await store.queries.tokens_total() == TokenUsage(70, 7, 14, 7)
    async with store.transaction() as tx:
        step = make.step(await tx.runs.get("run000000000"))
        await tx.steps.add(step)
        await tx.messages.add(make.message(step, usage=TokenUsage(5, 4, 3, 2)))
    assert await store.queries.tokens_total() == TokenUsage(75, 11, 17, 9)


_PLANS = [
    (statements.PROJECT, 1),
    (statements.projects(archived=False), 2),
    (statements.projects(archived=True), 2),
    (statements.PROJECT_TOTALS, 0),
    (statements.latest_runs(archived=False), 1),
    (statements.latest_runs(archived=True), 1),
    (statements.runs(project=False, state=False), 2),
    (statements.runs(project=True, state=False), 3),
    (statements.runs(project=False, state=True), 3),
    (statements.runs(project=True, state=True), 4),
    (statements.RUN_TOTALS, 1),
    (statements.USAGE_TOTAL, 0),
    (statements.MODEL_USAGE, 1),
    (statements.RUN, 1),
    (statements.STEPS, 1),
    (statements.STEP_ID, 2),
    (statements.TRANSCRIPT, 1),
    (statements.STEP_TRANSCRIPT, 1),
    (statements.HISTORY, 1),
    ("SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY id LIMIT 4", 2),
    ("SELECT id FROM project WHERE name = ? LIMIT 20", 1),
    ("SELECT * FROM run WHERE state IN (?, ?, ?) ORDER BY created_at DESC, id DESC", 3),
    ("SELECT * FROM job WHERE state IN (?, ?, ?) ORDER BY created_at, id", 3),
    ("SELECT * FROM job WHERE run_id = ? ORDER BY created_at, id", 1),
    ("SELECT * FROM job WHERE step_id = ? ORDER BY created_at, id", 1),
    ("SELECT * FROM attempt WHERE step_id = ? ORDER BY number DESC LIMIT 1", 1),
    ("SELECT max(position) FROM message WHERE step_id = ?", 1),
    ("SELECT item FROM session_item WHERE session_id = ? ORDER BY id DESC LIMIT ?", 2),
]


@pytest.mark.parametrize(("sql", "parameters"), _PLANS)
async def test_no_query_scans_a_table(store: Store, sql: str, parameters: int) -> None:
    """Only a page that was already picked out (`page`) may be gone through."""
    async with store._database.reading() as link:
        plan = await link.rows(f"EXPLAIN QUERY PLAN {sql}", (1,) * parameters)
    scans = [row[3] for row in plan if re.match(r"SCAN (?!page\b)", row[3])]
    assert scans == []
    assert any("SEARCH" in row[3] for row in plan)
