"""A report about a run of 10,000 events, in every format.

Run it with `python -m tests.benchmarks.bench_reports [EVENTS]`. The bar (5 s for each format,
from the database to the durable file) is the issue's; against it stands what `json.dumps` takes
for the same data, in the same run.
"""

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from foredeck.services.domain.records import ChangeKind, FileChange, Role, Run, Step
from foredeck.services.domain.reports import ReportFormat
from foredeck.services.domain.segments import SegmentKind
from foredeck.services.domain.states import JobState, RunState, StepState
from foredeck.services.event_bus import EventBus
from foredeck.services.jobs.output import OutputWriter
from foredeck.services.pricing import Price
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.reports.json_report import as_json
from foredeck.services.reports.service import ReportService
from foredeck.services.store.store import Store
from tests.benchmarks.figures import say, title
from tests.support import records as make
from tests.support.reported import FAILURE, USAGE, VERDICT

_BAR = 5.0
_STEPS = 40
_JOBS_OF_STEP = 5
_WORDS = "The tests of the module were run again and one of them does not pass yet. "
_CODE = "def settle(balances: dict[str, int]) -> list[Payment]:\n    return sorted(balances)\n"
_DIFF = "@@ -1,4 +1,4 @@\n def f():\n" + "-    return 1\n+    return 2\n" * 10


async def fill(store: Store, events: int, base: Path) -> Run:
    """Store a run with so many messages, tool calls and transitions together."""
    project = make.project()
    run = make.run(project, state=RunState.FAILED, started_at=make.MOMENT, summary=_WORDS * 20)
    run = replace(run, ended_at=make.MOMENT + timedelta(hours=2))
    steps = [_step(run, number) for number in range(_STEPS)]
    async with store.transaction() as tx:
        await tx.projects.add(project)
        await tx.runs.add(run)
        for step in steps:
            await tx.steps.add(step)
    for step in steps:
        await _store_work(store, step, base)
    told = len(await store.queries.history(run.id))
    for first in range(0, events - told, 1000):
        await _store_messages(store, steps, first, min(1000, events - told - first))
    return run


def _step(run: Run, number: int) -> Step:
    failed = number == _STEPS - 1
    state = StepState.FAILED if failed else StepState.SUCCESS
    needs = (f"step{number - 1}",) if number % 4 else ()
    step = make.step(run, f"step{number}", number, state=state, needs=needs, attempt=1)
    step = replace(step, started_at=make.MOMENT, ended_at=make.MOMENT + timedelta(minutes=number))
    return replace(step, summary=_WORDS * 10, verdict=VERDICT, failure=FAILURE if failed else None)


async def _store_work(store: Store, step: Step, base: Path) -> None:
    path = base / "output" / f"{step.key}.1.log"
    writer = OutputWriter(path)
    for number in range(_JOBS_OF_STEP):
        writer.segment(SegmentKind.FILES, "patch")
        writer.write(f"modified src/{step.key}/{number}.py\n{_DIFF}")
    writer.close()
    attempt = make.attempt(step, state=step.state, output_path=str(path), failure=step.failure)
    async with store.transaction() as tx:
        await tx.attempts.add(attempt)
        for number in range(_JOBS_OF_STEP):
            change = FileChange(f"src/{step.key}/{number}.py", ChangeKind.MODIFIED)
            job = make.job(step, state=JobState.COMPLETED, model="gpt-5.2", usage=USAGE)
            job = replace(job, started_at=make.MOMENT, ended_at=make.MOMENT, exit_code=0)
            await tx.jobs.add(replace(job, files_changed=(change,), message=_WORDS * 5))


async def _store_messages(store: Store, steps: list[Step], first: int, count: int) -> None:
    async with store.transaction() as tx:
        for number in range(first, first + count):
            at = make.MOMENT + timedelta(seconds=number)
            step = steps[number * len(steps) // (first + count + 1)]
            message = make.message(step, f"{number} {_WORDS * (number % 12)}", at=at, usage=USAGE)
            if number % 3 == 0:
                arguments = json.dumps({"path": f"src/{number}.py"})
                message = replace(message, role=Role.TOOL, tool="read_file", arguments=arguments)
                message = replace(message, content=_CODE * (number % 9), duration=0.25)
            await tx.messages.add(message)


async def measure(events: int) -> bool:
    """Print the figures; return whether every bar is met."""
    met = True
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        store = await Store.open(base / "data", EventBus())
        try:
            run = await fill(store, events, base)
            collector = ReportCollector(store, {"gpt-5.2": Price(1, 0.1, 10)})
            service = ReportService(store, collector, base / "data")
            title(f"a report about a run of {events:,} events")
            started = time.perf_counter()
            report = await collector.collect(run.id)
            collected = time.perf_counter() - started
            shown = len(report.transcript) + len(report.timeline)
            assert shown == events, shown
            data = as_json(report)
            started = time.perf_counter()
            json.dumps(data, ensure_ascii=False)
            plain = time.perf_counter() - started
            say("the model from the database", f"{collected:.2f} s", collected, _BAR, " s")
            for format_ in ReportFormat:
                started = time.perf_counter()
                made = await service.create(run.id, format_)
                took = time.perf_counter() - started
                figure = f"{took:.2f} s, {made.size / 1e6:.1f} MB, json.dumps × {took / plain:.0f}"
                met &= say(f"{format_.value}, to the durable file", figure, took, _BAR, " s")
        finally:
            await store.close()
    return met


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(measure(int((sys.argv[1:] or ["10000"])[0]))) else 1)
