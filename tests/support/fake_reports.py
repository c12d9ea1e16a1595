"""A host with reports, for the screen that reads them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.events import ReportSaved
from foredeck.services.domain.questions import QuestionKind
from foredeck.services.domain.records import (
    ChangeKind,
    EntityKind,
    FailureClass,
    Mode,
    Requirement,
    Role,
    StepKind,
    TokenUsage,
    Trigger,
    Verdict,
)
from foredeck.services.domain.report_model import (
    Changes,
    Excerpt,
    ReportedAttempt,
    ReportedFailure,
    ReportedFile,
    ReportedJob,
    ReportedMessage,
    ReportedPatch,
    ReportedQuestion,
    ReportedRun,
    ReportedStep,
    ReportedTask,
    ReportedTransition,
    RunReport,
    Totals,
)
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.states import JobState, QuestionState, RunState, StepState
from foredeck.services.host import report_requests
from tests.support.fake_host import NOW, ago
from tests.support.fake_tasks import TaskHost, page_of, tasked

USAGE = TokenUsage(12_000, 4_000, 900, 100)


def report_row(report_id: str, run_id: str = "run0", **changes: Any) -> ReportRow:
    """Return an HTML report that somebody asked for."""
    fields: dict[str, Any] = {
        "id": report_id,
        "run_id": run_id,
        "title": "Set the project up",
        "format": ReportFormat.HTML,
        "automatic": False,
        "size": 48_213,
        "path": f"/home/ada/.foredeck/reports/{report_id}.html",
        "created_at": ago(3600),
        "project_name": "shortener",
        "run_state": "success",
    }
    return ReportRow(**{**fields, **changes})


def message(number: int, role: Role = Role.ASSISTANT, **changes: Any) -> ReportedMessage:
    """Return something that the builder said."""
    fields: dict[str, Any] = {
        "step": "builder",
        "attempt": 1,
        "role": role,
        "at": ago(200 - min(number, 190)),
        "content": Excerpt(f"Message {number}: the second line follows.\nIt says more."),
        "model": "gpt-5.5",
        "usage": USAGE,
    }
    return ReportedMessage(**{**fields, **changes})


def sample_report(run_id: str = "run0", **changes: Any) -> RunReport:
    """Return the report of a run that failed at its tests, with something in each part."""
    failure = ReportedFailure(
        step="qa_qc",
        title="QA/QC",
        attempt=2,
        failure_class=FailureClass.COMMAND,
        message="2 of 81 tests failed.",
        advice="Look at the output, then retry the step.",
        detail=Excerpt("\n".join(f"line {n} of the output" for n in range(1, 9))),
        at=ago(30),
    )
    overcome = replace(failure, step="builder", title="Builder", attempt=1, overcome=True)
    steps = (
        _step("builder", StepState.SUCCESS, retries=1, attempt=2, summary=Excerpt("It is built.")),
        _step("qa_qc", StepState.FAILED, needs=("builder",), attempts=_attempts()),
    )
    report = RunReport(
        schema_version=1,
        generated_at=NOW,
        generator="foredeck 0.1.0",
        title="Set the project up",
        run=_run(run_id),
        totals=Totals(3, 1, 2, 1, 4, 2, 1, 2, 2, USAGE, 0.42),
        failures=(failure, overcome),
        verdict=Verdict(
            verdict="NEEDS_WORK",
            requirements=(
                Requirement(id="FR1", status="pass", evidence="tests/test_links.py"),
                Requirement(id="FR2", status="fail", evidence="410 is never answered."),
            ),
            tests_passed=79,
            tests_failed=2,
            blocking=("Expired links answer 404.",),
        ),
        verdict_step="prod_ready",
        steps=steps,
        timeline=(
            _change(220, EntityKind.RUN, "run", "created", "running"),
            _change(30, EntityKind.STEP, "qa_qc", "running", "failed", "2 of 81 tests failed."),
        ),
        transcript=(
            message(1, Role.USER),
            message(2),
            message(3, Role.TOOL, tool="run_codex", arguments=Excerpt('{"prompt": "mend it"}')),
        ),
        changes=Changes(
            files=(ReportedFile("src/links.py", ChangeKind.MODIFIED, ("builder",), 12, 3),),
            patches=(
                ReportedPatch(
                    "src/links.py",
                    "builder",
                    1,
                    ago(100),
                    Excerpt("@@ -1 +1 @@\n-old\n+new"),
                    12,
                    3,
                ),
            ),
            added=12,
            removed=3,
        ),
        questions=(
            ReportedQuestion(
                "builder",
                QuestionKind.QUESTION,
                QuestionState.ANSWERED,
                "Which port?",
                ago(150),
                answer="8080",
                answered_by="ada",
            ),
        ),
        jobs=(_job(),),
    )
    return replace(report, **changes)


def _run(run_id: str) -> ReportedRun:
    return ReportedRun(
        id=run_id,
        title="Set the project up",
        request=Excerpt("Build a URL shortener with tests."),
        project_id="p1",
        project_name="shortener",
        workspace="/home/ada/foredeck/shortener",
        workflow="default",
        trigger=Trigger.SCHEDULE,
        mode=Mode.AGENT,
        state=RunState.FAILED,
        created_at=ago(230),
        started_at=ago(220),
        ended_at=ago(20),
        duration=200.0,
        summary=Excerpt("The service is there, two tests fail."),
        error=Excerpt("QA/QC failed."),
        task=ReportedTask("t1", "nightly", (("branch", "main"),)),
    )


def _step(key: str, state: StepState, **changes: Any) -> ReportedStep:
    fields: dict[str, Any] = {
        "key": key,
        "title": key.capitalize(),
        "kind": StepKind.AGENT,
        "state": state,
        "needs": (),
        "critical": True,
        "round": 1,
        "attempt": 1,
        "max_attempts": 4,
        "retries": 0,
        "usage": USAGE,
        "duration": 64.0,
    }
    return ReportedStep(**{**fields, **changes})


def _attempts() -> tuple[ReportedAttempt, ...]:
    first = ReportedAttempt(1, StepState.FAILED, ago(100), ago(70), 30.0, USAGE, failure="No.")
    return first, replace(first, number=2, started_at=ago(60), ended_at=ago(30))


def _change(
    seconds: float, kind: EntityKind, subject: str, old: str, new: str, reason: str = ""
) -> ReportedTransition:
    return ReportedTransition(ago(seconds), kind, subject, old, new, "orchestrator", reason)


def _job() -> ReportedJob:
    return ReportedJob(
        id="j1",
        name="builder",
        type="codex",
        step="builder",
        attempt=1,
        state=JobState.COMPLETED,
        command=Excerpt("Build it."),
        created_at=ago(200),
        started_at=ago(200),
        ended_at=ago(100),
        duration=100.0,
        exit_code=0,
        usage=USAGE,
        message=Excerpt("Done."),
    )


@dataclass
class ReportHost(TaskHost):
    """Has these files, newest first, and says the same about every run but for its id."""

    reports: list[ReportRow] = field(default_factory=list)
    says: RunReport = field(default_factory=sample_report)
    folder: Path = Path()

    def _answer(self, query: object) -> object:
        match query:
            case report_requests.ListReports():
                rows = [row for row in self.reports if query.run in {None, row.run_id}]
                return page_of(rows, query.limit)
            case report_requests.GetRunReport():
                return replace(self.says, run=replace(self.says.run, id=query.run))
        return super()._answer(query)

    def _carry_out(self, command: object) -> object:
        match command:
            case report_requests.CreateReport():
                path = self.folder / f"n{len(self.reports)}.{command.format.value}"
                path.write_text("a report")
                row = report_row(path.stem, command.run, format=command.format, path=str(path))
                self.reports.insert(0, row)
                return self._tell(row)
            case report_requests.DeleteReport():
                return self._delete(command.ref)
        return super()._carry_out(command)

    def _delete(self, ref: str) -> ReportRow:
        found = [row for row in self.reports if row.id == ref]
        if not found:
            raise NotFound("There is no such report.")
        self.reports.remove(found[0])
        return self._tell(found[0])

    def _tell(self, row: ReportRow) -> ReportRow:
        self.publish(ReportSaved(report_id=row.id, run_id=row.run_id))
        return row


def reported(directory: Path) -> ReportHost:
    """Reports of two runs, in each format; the file of the first is there."""
    host = tasked(directory)
    path = directory / "r1.html"
    path.write_text("<p>the report</p>")
    rows = [
        report_row("r1", "run1", title="A URL shortener", path=str(path), run_state="running"),
        report_row("r2", format=ReportFormat.PDF, automatic=True, task_name="nightly"),
        report_row("r3", format=ReportFormat.JSON, run_state="failed", size=2_113_000),
    ]
    return ReportHost(
        host.projects,
        host.runs,
        host.transcripts,
        tasks=host.tasks,
        executions=host.executions,
        fires=host.fires,
        board=host.board,
        reports=rows,
        folder=directory,
    )
