"""A report as text: what went wrong first, in 80 columns, whatever its words are."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from foredeck.app.cli import render, report_text
from foredeck.services.domain.report_model import Excerpt, RunReport
from foredeck.services.domain.states import RunState
from foredeck.services.event_bus import EventBus
from foredeck.services.reports.collecting import ReportCollector
from foredeck.services.store.store import Store
from tests.support import reported


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", EventBus())
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let standard output be a terminal of 80 columns."""
    for module in (render, report_text):
        monkeypatch.setattr(module, "columns", lambda _stream: 80)


async def collected(store: Store, state: RunState) -> RunReport:
    run = await reported.store_run(store, state, request="Build it. " * 30)
    await reported.make_execution(store, run)
    return await ReportCollector(store, {}).collect(run.id)


def shown(report: RunReport, capsys: pytest.CaptureFixture[str]) -> str:
    report_text.put_report(report)
    report_text.put_transcript(report)
    return capsys.readouterr().out


@pytest.mark.parametrize("state", list(RunState))
async def test_a_run_in_any_state(
    store: Store, capsys: pytest.CaptureFixture[str], state: RunState
) -> None:
    text = shown(await collected(store, state), capsys)
    assert state.value in text
    assert "nightly" in text
    assert "(what=it)" in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


async def test_a_run_that_is_paused_says_so(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await collected(store, RunState.WAITING)
    assert "Paused" not in shown(report, capsys)
    paused = replace(report.run, paused_at=report.generated_at)
    assert "Paused    since " in shown(replace(report, run=paused), capsys)


async def test_what_went_wrong_comes_first(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await collected(store, RunState.FAILED)
    long = replace(report.failures[0], detail=Excerpt("word " * 100 + "\nthe end"))
    report = replace(report, failures=(long, *report.failures[1:]))
    text = shown(report, capsys)
    assert text.index("What went wrong") < text.index("Steps\n─")
    assert "✗ builder, attempt 2 (network)\n  The network is down.\n  → Try again.\n" in text
    assert "  │ the end" in text
    assert text.index("· builder, attempt 1 (network, overcome)") > text.index("  │ the end")
    assert [line for line in text.splitlines() if len(line) > 80] == []


async def test_the_verdict(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(await collected(store, RunState.SUCCESS), capsys)
    assert "Verdict of builder: NEEDS_WORK" in text
    assert "Tests: 3 passed, 1 failed, 0 skipped" in text
    assert "✗ FR-2: It does not stop." in text
    assert "Blocking:\n  • It does not stop." in text
    assert "run_codex" in text
