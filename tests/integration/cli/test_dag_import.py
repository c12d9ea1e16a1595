"""`dag import` and `dag export` on real files; the run is one of a real orchestrator."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from foredeck.app.cli.dag_import import export, import_
from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput, PlanError
from foredeck.services.domain.records import FailureClass, StepKind
from foredeck.services.domain.views import RunDetail
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.host.queries import GetRun
from foredeck.services.workflow.plan_import import import_plan
from foredeck.services.workflow.runs import RunWish
from tests.integration.workflow.conftest import build
from tests.support.stages import FakeStages, fail

PLAN = (
    "# Map\r\n\r\n## Task 1: Draw ✅\r\n\r\n## Task 2: Walk\r\n\r\nStatus: todo\r\n"
    "Depends on: 1\r\n\r\n## Task 3: Name\r\n\r\nDepends on: 2, 9\r\n"
)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "PLAN.md"
    path.write_bytes(PLAN.encode())
    return path


def invoke(command: Any, *words: str | Path, given: bytes | None = None, obj: Any = None) -> Result:
    result = CliRunner().invoke(
        command, [str(word) for word in words], input=given, obj=obj, standalone_mode=False
    )
    if isinstance(result.exception, ForedeckError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


def test_an_import_writes_yaml_to_stdout_and_notes_to_stderr(plan: Path) -> None:
    result = invoke(import_, plan)
    workflow = yaml.safe_load(result.stdout)
    assert workflow["name"] == "plan"
    assert [step["id"] for step in workflow["steps"]] == ["task-1", "task-2", "task-3"]
    assert f"{plan}:12: 9: no task has this number" in " ".join(result.stderr.split())
    assert "✓ Imported: 3 steps, 1 done already, 1 not understood" in result.stderr
    assert not result.return_value


def test_an_import_reads_stdin() -> None:
    result = invoke(import_, "-", given=PLAN.encode())
    assert yaml.safe_load(result.stdout)["name"] == "plan"
    assert "stdin:12: 9" in result.stderr


def test_an_import_replaces_a_file_only_when_told(plan: Path, tmp_path: Path) -> None:
    target = tmp_path / "map.yaml"
    assert invoke(import_, plan, "-o", target).stdout == ""
    written = target.read_text()
    assert written == import_plan(PLAN, "PLAN").workflow_yaml
    with pytest.raises(Conflict, match="add --force"):
        invoke(import_, plan, "-o", target)
    plan.write_text("## Task 1: Other\n")
    invoke(import_, plan, "-o", target, "--force")
    assert "Other" in target.read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["PLAN.md", "map.yaml"]


def test_what_cannot_be_imported_is_said_with_its_line(plan: Path) -> None:
    plan.write_text("Nothing.\n")
    with pytest.raises(PlanError, match=r"PLAN\.md: No tasks were found") as empty:
        invoke(import_, plan)
    plan.write_text("## Task 1: A\n\nDepends on: 1\n")
    with pytest.raises(PlanError, match=r"PLAN\.md:3: The tasks wait for each other"):
        invoke(import_, plan)
    assert empty.value.exit_code == 1


def test_what_cannot_be_read_or_written_is_said(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file") as missing:
        invoke(import_, tmp_path / "none.md")
    assert missing.value.exit_code == 2
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        invoke(import_, tmp_path)
    with pytest.raises(InvalidInput, match="There is no directory"):
        invoke(import_, plan, "-o", tmp_path / "no" / "map.yaml")
    plan.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not a text in UTF-8"):
        invoke(import_, plan)


class Reading:
    """Stands for the session: its host answers with one run."""

    def __init__(self, detail: RunDetail) -> None:
        self._detail = detail

    def read(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        async def ask() -> Any:
            return await work(self)

        return asyncio.run(ask())

    async def ask(self, query: GetRun) -> RunDetail:
        assert query == GetRun("r1")
        return self._detail


def ran(tmp_path: Path, *ids: str) -> RunDetail:
    """Run steps of these ids to their end; `task-3` fails."""

    async def run() -> RunDetail:
        stages = FakeStages()
        stages.behaviours["task-3"] = fail(FailureClass.AUTHENTICATION)
        house = await build(tmp_path / "data", stages)
        try:
            await house.projects.create("demo")
            steps = tuple(
                StepSpec(i, StepKind.AGENT, i, role="builder", skip=i == "task-1") for i in ids
            )
            wish = RunWish("demo", "Go", workflow=WorkflowSpec("mine", steps))
            made = await house.runs.create(wish)
            await house.orchestrator.start(made.id)
            return await house.finished(made.id)
        finally:
            await house.orchestrator.close()
            await house.store.close()

    return asyncio.run(run())


def test_an_export_marks_what_the_run_has_done(plan: Path, tmp_path: Path) -> None:
    session = Reading(ran(tmp_path, "task-1", "task-2", "task-3"))
    marked = PLAN.replace("Status: todo", "Status: done")
    assert invoke(export, plan, "r1", obj=session).stdout_bytes == marked.encode()
    plan.chmod(0o640)
    invoke(export, plan, "r1", "-o", plan, obj=session)
    assert plan.read_bytes() == marked.encode()
    assert plan.stat().st_mode & 0o777 == 0o640


def test_a_run_of_another_workflow_marks_nothing(plan: Path, tmp_path: Path) -> None:
    session = Reading(ran(tmp_path, "elsewhere"))
    with pytest.raises(Conflict, match="has no step of this plan"):
        invoke(export, plan, "r1", "-o", plan, obj=session)
    assert plan.read_bytes() == PLAN.encode()
