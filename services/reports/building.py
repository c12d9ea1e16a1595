"""Builds the model of a report from what was read of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from foredeck.services.domain.report_model import (
    CONTENT_LIMIT,
    SCHEMA_VERSION,
    ModelTotal,
    ReportedJob,
    ReportedMessage,
    ReportedQuestion,
    ReportedRun,
    ReportedStep,
    ReportedTask,
    ReportedTransition,
    RunReport,
    Totals,
)
from foredeck.services.domain.states import StepState
from foredeck.services.pricing import Price, cost
from foredeck.services.reports.changes import changes_of, commands_of
from foredeck.services.reports.steps import StepsBuilder, took
from foredeck.services.reports.words import Words
from foredeck.services.store.report_material import (
    JobMaterial,
    Material,
    QuestionMaterial,
    TransitionRow,
)

_JOB_LIMIT = 2_000
_DETAILS_LIMIT = 4_000
_SENTENCE = 2_000
_CODEX = "codex"


@dataclass(frozen=True)
class ReportBuilder:
    """Makes the model of what was read; blocks."""

    material: Material
    words: Words
    prices: Mapping[str, Price]
    now: datetime

    def build(
        self, title: str, transcript: tuple[ReportedMessage, ...], *, rehearsal: bool
    ) -> RunReport:
        """Return the model."""
        material, words = self.material, self.words
        steps = StepsBuilder(material, words, self.now)
        verdict, verdict_step = steps.verdict()
        changes = changes_of(material, words)
        reported = steps.steps()
        counts = material.counts
        return RunReport(
            schema_version=SCHEMA_VERSION,
            generated_at=self.now,
            generator=f"Foredeck {version('foredeck')}",
            title=words.line(title.strip() or material.run.title),
            run=self._run(),
            totals=self._totals(reported, len(changes.files) + changes.files_left_out),
            rehearsal=rehearsal,
            failures=steps.failures(),
            verdict=verdict,
            verdict_step=verdict_step,
            steps=reported,
            timeline=tuple(map(self._transition, material.transitions)),
            timeline_left_out=counts.transitions - len(material.transitions),
            transcript=transcript,
            transcript_left_out=max(0, counts.messages + counts.tool_calls - len(transcript)),
            changes=changes,
            questions=tuple(map(self._question, material.questions)),
            jobs=tuple(map(self._job, material.jobs)),
        )

    def _run(self) -> ReportedRun:
        run, words = self.material.run, self.words
        return ReportedRun(
            id=run.id,
            title=words.line(run.title),
            request=words.excerpt(run.request, CONTENT_LIMIT),
            project_id=run.project_id,
            project_name=words.line(self.material.project_name),
            workspace=words.line(self.material.workspace, _SENTENCE),
            workflow=words.line(run.workflow),
            trigger=run.trigger,
            mode=run.mode,
            state=run.state,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            paused_at=run.paused_at,
            duration=took(run.started_at, run.ended_at, self.now),
            current_stage=words.line(run.current_stage),
            summary=words.excerpt(run.summary, CONTENT_LIMIT),
            error=words.excerpt(run.error, CONTENT_LIMIT),
            parent_run_id=run.parent_run_id,
            restarts=self.material.restarts,
            task=self._task(),
        )

    def _task(self) -> ReportedTask | None:
        execution, words = self.material.execution, self.words
        if execution is None:
            return None
        pairs = ((words.line(n), words.line(v, _SENTENCE)) for n, v in execution.variables)
        return ReportedTask(
            id=execution.task_id,
            name=words.line(self.material.task_name),
            variables=tuple(pairs),
            warnings=words.lines(execution.warnings),
            due_at=execution.due_at,
        )

    def _totals(self, steps: tuple[ReportedStep, ...], files: int) -> Totals:
        material, used = self.material, self.material.usage_by_model
        begun = [job for job in material.jobs if job.started_at is not None]
        commands = frozenset(job.id for job in begun if job.type != _CODEX)
        return Totals(
            messages=material.counts.messages,
            tool_calls=material.counts.tool_calls,
            turns=len(begun) - len(commands),
            commands=len(commands) + commands_of(material, commands),
            steps=len(steps),
            steps_done=sum(step.state is StepState.SUCCESS for step in steps),
            retries=sum(step.retries for step in steps),
            failures=sum(attempt.failure is not None for attempt in material.attempts),
            files=files,
            usage=material.run.usage,
            cost=cost(used, self.prices),
            by_model=tuple(
                ModelTotal(self.words.line(model), usage, cost([(model, usage)], self.prices))
                for model, usage in used
            ),
        )

    def _transition(self, row: TransitionRow) -> ReportedTransition:
        line = self.words.line
        return ReportedTransition(
            at=row.at,
            kind=row.kind,
            subject=line(row.subject),
            old=line(row.old),
            new=line(row.new),
            actor=line(row.actor),
            reason=line(row.reason, _SENTENCE),
        )

    def _question(self, row: QuestionMaterial) -> ReportedQuestion:
        words = self.words
        return ReportedQuestion(
            step=words.line(row.step),
            kind=row.kind,
            state=row.state,
            title=words.line(row.title, _SENTENCE),
            asked_at=row.asked_at,
            place=words.line(row.place, _SENTENCE),
            reason=words.line(row.reason, _SENTENCE),
            details=words.excerpt(row.details, _DETAILS_LIMIT),
            choices=words.lines(row.choices),
            answer=words.line(row.answer, _SENTENCE),
            comment=words.line(row.comment, _SENTENCE),
            answered_by=words.line(row.answered_by),
            answered_at=row.answered_at,
        )

    def _job(self, job: JobMaterial) -> ReportedJob:
        words = self.words
        return ReportedJob(
            id=job.id,
            name=words.line(job.name),
            type=words.line(job.type),
            step=words.line(job.step),
            attempt=job.attempt,
            state=job.state,
            command=words.excerpt(job.prompt, _JOB_LIMIT),
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            duration=took(job.started_at, job.ended_at, self.now),
            exit_code=job.exit_code,
            usage=job.usage,
            message=words.excerpt(job.message, _JOB_LIMIT),
            failure=words.line(job.failure.message, _SENTENCE) if job.failure else "",
            model=words.line(job.model),
            thread_id=job.thread_id,
            cpu_seconds=job.cpu_seconds,
            peak_memory=job.peak_memory,
        )
