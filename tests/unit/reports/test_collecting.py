"""The model of a report: runs in every state, what is cut, what is kept out."""

from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.services.codex.written import name_of
from foredeck.services.domain import report_model
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.records import ChangeKind, FailureClass, FileChange, Role
from foredeck.services.domain.safe_text import clean
from foredeck.services.domain.segments import SUFFIX, Segment, SegmentKind
from foredeck.services.domain.states import FINAL_RUNS, RunState, StepState
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.json_report import as_json
from foredeck.services.store.store import Store
from tests.support import records, reported
from tests.support.hostile import HOSTILE
from tests.support.records import MOMENT


@pytest.mark.parametrize("state", list(RunState))
async def test_a_run_in_any_state(
    store: Store, collector: ReportCollector, state: RunState
) -> None:
    run = await reported.store_run(store, state, summary="Here it is.", error="")
    report = await collector.collect(run.id[:8])
    assert (report.run.id, report.run.state, report.title) == (run.id, state, run.title)
    assert [step.key for step in report.steps] == ["planner", "builder"]
    assert report.steps[1].needs == ("planner",)
    assert report.run.is_over == (state in FINAL_RUNS)
    assert [entry.subject for entry in report.timeline] == ["run", "planner", "builder"] + (
        [] if state is RunState.CREATED else ["builder", "builder", "question"]
    )
    if state is RunState.CREATED:
        assert (report.run.duration, report.transcript, report.jobs) == (None, (), ())
        assert report.totals.usage.total == 0
        return
    assert report.run.duration is not None
    assert report.run.duration == 90 if state in FINAL_RUNS else report.run.duration > 90
    assert report.totals.retries == 1
    assert len(report.steps[1].attempts) == 2


async def test_a_run_that_ended_well(store: Store, collector: ReportCollector) -> None:
    run = await reported.store_run(store, RunState.PARTIAL_SUCCESS)
    report = await collector.collect(run.id, "Morning")
    totals = report.totals
    assert report.title == "Morning"
    assert (totals.messages, totals.tool_calls, totals.turns, totals.commands) == (2, 1, 1, 1)
    assert (totals.steps, totals.steps_done, totals.failures, totals.files) == (2, 2, 1, 2)
    assert totals.usage.input == 2000
    assert [(each.model, each.usage.output) for each in totals.by_model] == [
        ("gpt-5.2", 200),
        ("gpt-5.2-codex", 200),
    ]
    # 600 fresh, 400 cached and 200 out of each million's price.
    assert totals.cost == pytest.approx(0.00264 + 0.00528)
    assert report.verdict == reported.VERDICT
    assert report.verdict_step == "builder"
    (question,) = report.questions
    assert (question.step, question.title, question.choices) == (
        "builder",
        "Which shop?",
        ("this one", "that one"),
    )
    turn, command = sorted(report.jobs, key=lambda job: job.type)
    assert (turn.is_turn, turn.exit_code, turn.duration) == (True, 0, 90)
    assert (command.is_turn, command.exit_code, command.command.text) == (False, 1, "pytest")
    assert [(e.role, e.step, e.content.text) for e in report.transcript] == [
        (Role.USER, "planner", "Plan it."),
        (Role.ASSISTANT, "planner", "1. Build it."),
        (Role.TOOL, "builder", "It is there."),
    ]
    call = report.transcript[2]
    assert (call.tool, call.arguments.text, call.duration) == (
        "run_codex",
        '{"prompt": "Build it."}',
        1.5,
    )


async def test_what_is_not_known_is_not_made_up(store: Store) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    report = await ReportCollector(store, {}).collect(run.id)
    assert report.totals.cost is None
    assert [each.cost for each in report.totals.by_model] == [None, None]
    assert all(file.added is None for file in report.changes.files)
    assert report.changes.patches == ()


async def test_there_is_no_such_run(collector: ReportCollector) -> None:
    with pytest.raises(NotFound):
        await collector.collect("zzzz")


async def test_failures_come_first_and_the_overcome_ones_last(
    store: Store, collector: ReportCollector
) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    report = await collector.collect(run.id)
    assert [(f.step, f.attempt, f.overcome) for f in report.failures] == [
        ("builder", 2, False),
        ("builder", 1, True),
    ]
    first = report.failures[0]
    assert (first.failure_class, first.message, first.advice, first.detail.text) == (
        FailureClass.NETWORK,
        "The network is down.",
        "Try again.",
        "Traceback: …",
    )
    good = await reported.store_run(store, RunState.SUCCESS)
    assert [f.overcome for f in (await collector.collect(good.id)).failures] == [True]


async def test_a_failure_that_sent_the_work_back_is_overcome(
    store: Store, collector: ReportCollector
) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    again = records.step(run, "builder#2", 2, round=2, state=StepState.SUCCESS)
    async with store.transaction() as tx:
        await tx.steps.add(again)
    assert [failure.overcome for failure in (await collector.collect(run.id)).failures] == [
        True,
        True,
    ]


async def test_a_step_that_waits_without_a_failed_attempt(
    store: Store, collector: ReportCollector
) -> None:
    run = await reported.store_run(store, RunState.CREATED)
    async with store.transaction() as tx:
        step = (await tx.steps.of_run(run.id))[0]
        await tx.move_step(step.id, StepState.WAITING, failure=reported.FAILURE, reason="lost")
    (failure,) = (await collector.collect(run.id)).failures
    assert (failure.step, failure.message, failure.overcome) == (
        "planner",
        "The network is down.",
        False,
    )


async def test_an_execution_names_its_task(store: Store, collector: ReportCollector) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    task = await reported.make_execution(store, run)
    found = (await collector.collect(run.id)).run.task
    assert found is not None
    assert (found.id, found.name, found.variables) == (task.id, task.name, (("what", "it"),))


async def test_long_texts_are_cut_and_say_so(store: Store, collector: ReportCollector) -> None:
    run = await reported.store_run(store, RunState.SUCCESS, request="r" * 20_000)
    text = "begin " + "x" * 50_000 + " end"
    await reported.store_messages(store, run, 1, text)
    report = await collector.collect(run.id)
    content = report.transcript[-1].content
    assert content.text.startswith("begin xxx")
    assert content.text.endswith("xxx end")
    assert content.left_out == len(text) - report_model.CONTENT_LIMIT
    assert f"… {content.left_out:,} characters left out …" in content.text
    assert len(content.text) < report_model.CONTENT_LIMIT + 100
    assert report.run.request.left_out == 20_000 - report_model.CONTENT_LIMIT


async def test_the_latest_messages_keep_their_words(
    store: Store, collector: ReportCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foredeck.services.reports.transcript.TRANSCRIPT_BUDGET", 5_000)
    monkeypatch.setattr("foredeck.services.reports.transcript.ENTRY_LIMIT", 600)
    run = await reported.store_run(store, RunState.SUCCESS)
    await reported.store_messages(store, run, 1_000, "{} " + "word " * 200)
    report = await collector.collect(run.id)
    assert len(report.transcript) == 600
    assert report.transcript_left_out == 403
    assert report.transcript[-1].content.text.startswith("999 ")
    assert report.transcript[-1].content.left_out == 0
    assert report.transcript[0].content.text.startswith("400 ")
    assert report.transcript[0].content.left_out > 0
    assert report.totals.messages + report.totals.tool_calls == 1_003


async def test_the_timeline_keeps_its_end(
    store: Store, collector: ReportCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await reported.store_run(store, RunState.FAILED)
    async with store.transaction() as tx:
        await tx.move_run(run.id, RunState.RUNNING, reason="again")
    monkeypatch.setattr("foredeck.services.domain.report_model.ENTRY_LIMIT", 2)
    report = await collector.collect(run.id)
    assert report.timeline_left_out == 5
    assert [(e.old, e.new, e.reason) for e in report.timeline][-1] == (
        "failed",
        "running",
        "again",
    )


async def test_no_secret_is_in_it(store: Store, collector: ReportCollector) -> None:
    secret = "correct-horse-battery-staple"
    run = await reported.store_run(store, RunState.FAILED, request=f"Use {secret}.")
    # One that lies across the place where a long message is cut.
    half = report_model.CONTENT_LIMIT // 2
    await reported.store_messages(store, run, 1, "y" * (half - 10) + secret + "y" * 50_000)
    store.redactor.learn([secret])
    report = await collector.collect(run.id, f"About {secret}")
    text = str(as_json(report))
    assert secret not in text
    assert secret[:10] not in text
    assert report.title == "About [redacted]"
    assert report.run.request.text == "Use [redacted]."


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_hostile_texts_are_safe_in_it(
    store: Store, collector: ReportCollector, name: str
) -> None:
    text = HOSTILE[name].decode("utf-8", "replace")[:200_000]
    line = text[:1_000]
    run = await reported.store_run(store, RunState.SUCCESS, title=line, request=text, error=text)
    async with store.transaction() as tx:
        step = (await tx.steps.of_run(run.id))[1]
        failure = replace(reported.FAILURE, message=text, detail=text, advice=text)
        await tx.attempts.add(records.attempt(step, 3, failure=failure, state=StepState.FAILED))
        await tx.messages.add(records.message(step, text, tool=line, arguments=text))
        change = FileChange(line, ChangeKind.CREATED)
        await tx.jobs.add(records.job(step, prompt=text, name=line, files_changed=(change,)))
    report = as_json(await collector.collect(run.id))
    texts = list(_strings(report))
    assert [word for word in texts if clean(word) != word] == []
    assert all("\n" not in word for word in _strings(report["failures"][0]["message"]))
    assert max(map(len, texts)) < report_model.CONTENT_LIMIT + 100


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [word for item in value.values() for word in _strings(item)]
    if isinstance(value, list):
        return [word for item in value for word in _strings(item)]
    return []


async def test_what_became_of_the_files(store: Store, collector: ReportCollector) -> None:
    run = await reported.store_run(store, RunState.CREATED)
    created, modified, deleted = ChangeKind.CREATED, ChangeKind.MODIFIED, ChangeKind.DELETED
    turns = [
        {"new": created, "old": modified, "gone": modified, "passing": created, "back": deleted},
        {"new": modified, "gone": deleted, "passing": deleted, "back": created},
    ]
    async with store.transaction() as tx:
        for number, (step, turn) in enumerate(
            zip(await tx.steps.of_run(run.id), turns, strict=True)
        ):
            changes = tuple(FileChange(path, kind) for path, kind in turn.items())
            at = MOMENT if number == 0 else reported.LATER
            await tx.jobs.add(records.job(step, files_changed=changes, created_at=at))
    files = (await collector.collect(run.id)).changes.files
    assert [(file.path, file.kind) for file in files] == [
        ("back", modified),
        ("gone", deleted),
        ("new", created),
        ("old", modified),
    ]
    assert files[2].steps == ("planner", "builder")


async def test_commands_of_codex_are_counted_with_the_others(
    store: Store, collector: ReportCollector, tmp_path: Path
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    report = await collector.collect(run.id)
    before = report.totals.commands
    job = next(job.id for job in report.jobs if not job.is_turn)
    output = tmp_path / "builder.log"
    output.write_text("$ make\nfine\n$ make\n$ of the step\n")
    parts = (
        Segment(0, SegmentKind.COMMAND, 1, "make", "job1/call1"),
        Segment(7, SegmentKind.OUTPUT, 2, "make", "job1/call1"),
        Segment(12, SegmentKind.COMMAND, 3, "make", "job1/call2"),
        # That of the step is a job, which is counted already.
        Segment(19, SegmentKind.COMMAND, 4, "of the step", name_of(job, "command")),
    )
    Path(f"{output}{SUFFIX}").write_text("".join(part.to_line() for part in parts))
    await reported.set_output(store, "builder", run, output)
    assert (await collector.collect(run.id)).totals.commands == before + 2


async def test_an_output_that_is_gone_is_no_trouble(
    store: Store, collector: ReportCollector, tmp_path: Path
) -> None:
    run = await reported.store_run(store, RunState.SUCCESS)
    await reported.set_output(store, "builder", run, tmp_path / "nothing.log")
    assert (await collector.collect(run.id)).changes.patches == ()
