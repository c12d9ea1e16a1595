"""Tasks and what is counted about their runs (SPEC T1, T7)."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from foredeck.services.domain.errors import Ambiguous, Conflict, NotFound
from foredeck.services.domain.ids import new_id
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Run, Sandbox
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.schedules import Misfire, Overlap, Schedule
from foredeck.services.domain.states import RunState
from foredeck.services.domain.tasks import Execution, ListedTask, Task, TaskOptions
from foredeck.services.host.wire import encode, to_line
from foredeck.services.store.store import Store
from foredeck.services.store.task_views import TaskFilter
from tests.support import records as make

MOMENT = datetime(2026, 11, 29, 3, 4, 5, 678, tzinfo=UTC)


def _task(project_id: str, name: str = "review", **fields: Any) -> Task:
    prompt = "Review {{file}}"
    return Task(new_id(), name, project_id, MOMENT, MOMENT, prompt=prompt, **fields)


def _all_fields(project_id: str) -> Task:
    return _task(
        project_id,
        description="What it is for",
        variables=(("file", "main.py"),),
        workflow="four-agents",
        allowed_tools=("Bash",),
        disallowed_tools=("mcp__docs",),
        options=TaskOptions("gpt", Sandbox.READ_ONLY, Mode.DIRECT, 60.0, 1000, 1.5),
        directory="src",
        schedule=Schedule(
            "0 3 * * *", "Europe/Berlin", False, Overlap.QUEUE, Misfire.CATCH_UP, 3, 5.0
        ),
        report=True,
        report_format=ReportFormat.PDF,
        notify=(Cause.FAILURE, Cause.WAITING),
        tags=("nightly", "python"),
        public=True,
        active=False,
        next_at=MOMENT,
        metadata=(("team", "core"),),
    )


async def _project(store: Store) -> str:
    project = make.project()
    async with store.transaction() as tx:
        await tx.projects.add(project)
    return project.id


async def _executed(store: Store, task: Task) -> Run:
    """Store a run of a task and let it run."""
    async with store.transaction() as tx:
        run = make.run(task.project_id)
        await tx.runs.add(run)
        await tx.executions.add(Execution(run.id, task.id, MOMENT), await tx.tasks.get(task.id))
        return await tx.move_run(run.id, RunState.RUNNING)


async def _move(store: Store, run: Run, *states: RunState) -> None:
    for state in states:
        async with store.transaction() as tx:
            await tx.move_run(run.id, state)


async def _counts(store: Store, task: Task) -> tuple[int, int, int]:
    found = (await store.queries.task(task.id)).task
    return found.executions, found.successes, found.failures


async def test_every_field_comes_back_as_it_was(store: Store) -> None:
    task = _all_fields(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)

    assert (await store.queries.task(task.id)).task == task
    async with store.transaction() as tx:
        assert await tx.tasks.get(task.id) == task


async def test_nothing_is_different_from_no_tools_and_no_notices(store: Store) -> None:
    task = replace(_all_fields(await _project(store)), allowed_tools=(), notify=(), schedule=None)
    async with store.transaction() as tx:
        await tx.tasks.add(task)
        await tx.tasks.save(replace(task, allowed_tools=None, notify=None))

        found = await tx.tasks.get(task.id)
    assert (found.allowed_tools, found.notify, found.schedule) == (None, None, None)


async def test_a_name_is_taken_until_its_task_is_deleted(store: Store) -> None:
    project = await _project(store)
    first, second = _task(project), _task(project)
    async with store.transaction() as tx:
        await tx.tasks.add(first)
    with pytest.raises(Conflict, match=first.id):
        async with store.transaction() as tx:
            await tx.tasks.add(second)
    async with store.transaction() as tx:
        await tx.tasks.save(replace(first, deleted_at=MOMENT))
        await tx.tasks.add(second)
    with pytest.raises(Conflict, match=second.id):
        async with store.transaction() as tx:
            await tx.tasks.save(first)


async def test_a_task_is_found_by_name_and_by_the_beginning_of_its_id(store: Store) -> None:
    project = await _project(store)
    first = replace(_task(project, "one"), id="aaaa00000001")
    second = replace(_task(project, "two"), id="aaaa00000002")
    async with store.transaction() as tx:
        await tx.tasks.add(first)
        await tx.tasks.add(second)

    assert (await store.queries.task("two")).id == second.id
    assert (await store.queries.task("AAAA00000001")).id == first.id
    with pytest.raises(Ambiguous):
        await store.queries.task("aaaa")
    with pytest.raises(NotFound, match="There is no task"):
        await store.queries.task("tow")


@pytest.mark.parametrize(
    ("end", "successes", "failures"),
    [
        (RunState.SUCCESS, 1, 0),
        (RunState.FAILED, 0, 1),
        (RunState.PARTIAL_SUCCESS, 0, 1),
        (RunState.CANCELLED, 0, 0),
    ],
)
async def test_a_run_is_counted_as_it_ends(
    store: Store, end: RunState, successes: int, failures: int
) -> None:
    task = _task(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)
    run = await _executed(store, task)
    assert await _counts(store, task) == (1, 0, 0)

    await _move(store, run, end)

    assert await _counts(store, task) == (1, successes, failures)


async def test_a_run_that_is_retried_is_counted_once_as_it_ends_at_last(store: Store) -> None:
    task = _task(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)
    run = await _executed(store, task)
    await _move(store, run, RunState.FAILED)
    assert await _counts(store, task) == (1, 0, 1)

    await _move(store, run, RunState.RUNNING)
    assert await _counts(store, task) == (1, 0, 0)
    await _move(store, run, RunState.SUCCESS)

    assert await _counts(store, task) == (1, 1, 0)


async def test_what_is_undone_is_not_counted(store: Store) -> None:
    task = _task(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)
    run = await _executed(store, task)

    async def broken() -> None:
        async with store.transaction() as tx:
            await tx.move_run(run.id, RunState.SUCCESS)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()
    assert await _counts(store, task) == (1, 0, 0)
    assert (await store.queries.execution(run.id)).state is RunState.RUNNING


async def test_lists_by_project_tag_and_whether_deleted(store: Store) -> None:
    mine, other = await _project(store), await _project(store)
    names = iter("abcd")

    def task(project: str, names: Iterator[str] = names, **fields: Any) -> Task:
        return _task(project, next(names), **fields)

    a, b = task(mine, tags=("x", "y")), task(other, public=True)
    c, d = task(other, tags=("x",)), task(mine, deleted_at=MOMENT)
    async with store.transaction() as tx:
        for one in (a, b, c, d):
            await tx.tasks.add(one)

    async def listed(**wanted: Any) -> set[str]:
        page = await store.queries.tasks(TaskFilter(**wanted))
        assert page.total == len(page.items)
        return {row.name for row in page.items}

    assert await listed() == {"a", "b", "c"}
    assert await listed(project=mine) == {"a", "b"}
    assert await listed(tag="x") == {"a", "c"}
    assert await listed(tag="x", project=mine) == {"a"}
    assert await listed(deleted=True) == {"d"}
    assert await listed(tag="'; --") == set()


async def test_a_list_of_tasks_is_without_their_long_texts(store: Store) -> None:
    task = replace(_all_fields(await _project(store)), prompt="x" * 100_000)
    async with store.transaction() as tx:
        await tx.tasks.add(task)

    (line,) = (await store.queries.tasks(TaskFilter())).items

    known = {field.name: getattr(task, field.name) for field in fields(ListedTask)}
    assert line.task == ListedTask(**known)
    assert len(to_line(encode(line))) < 2_000
    assert (await store.queries.task(task.id)).task == task


async def test_the_status_of_an_execution(store: Store) -> None:
    task = _task(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)
    run = await _executed(store, task)
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.SUCCESS, summary='```json\n{"ok": true}\n```')

    found = await store.queries.execution(run.id[:8])

    assert (found.id, found.task_id, found.task_name) == (run.id, task.id, "review")
    assert found.state is RunState.SUCCESS
    assert found.result_data == '{"ok": true}'
    assert found.report_id == ""
    assert (await store.queries.executions(task.name)).items == (found,)
    row = await store.queries.task(task.id)
    assert (row.running, row.last_state, row.last_run_id) == (0, RunState.SUCCESS, run.id)


@pytest.mark.parametrize("answer", ["ok", "{", "NaN", "[1, 2", "```\n{}"])
async def test_an_answer_that_is_no_json_has_no_data(store: Store, answer: str) -> None:
    task = _task(await _project(store))
    async with store.transaction() as tx:
        await tx.tasks.add(task)
    run = await _executed(store, task)
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.SUCCESS, summary=answer)

    assert (await store.queries.execution(run.id)).result_data == ""


async def test_a_run_of_no_task_is_no_execution(store: Store) -> None:
    async with store.transaction() as tx:
        project = make.project()
        await tx.projects.add(project)
        run = make.run(project)
        await tx.runs.add(run)

    with pytest.raises(Conflict, match="not of a task"):
        await store.queries.execution(run.id)
