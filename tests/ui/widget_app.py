"""A small app around one widget, and the view models that the widgets' tests show in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.widget import Widget

from foredeck.services.domain.records import Mode, StepKind, TokenUsage, Trigger
from foredeck.services.domain.states import RunState, StepState
from foredeck.services.domain.views import (
    ProjectNode,
    ProjectRow,
    RunDetail,
    RunRow,
    Sidebar,
    StepRow,
)
from foredeck.styles.themes import THEMES, VARIABLE_DEFAULTS

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class WidgetApp(App[None]):
    """Shows one widget with the house's themes and a clock that a test moves."""

    def __init__(self, widget: Widget, theme: str = "foredeck-dark") -> None:
        super().__init__()
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme
        self.widget = widget
        self.moment = NOW
        self.seen: list[Message] = []

    def now(self) -> datetime:
        return self.moment

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(VARIABLE_DEFAULTS)

    def compose(self) -> ComposeResult:
        yield self.widget


def screen_text(app: App[Any]) -> list[str]:
    """Return the rows of the screen as plain text, without trailing spaces."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def run_row(run_id: str, state: RunState = RunState.RUNNING, **changes: Any) -> RunRow:
    row = RunRow(
        id=run_id,
        project_id="p1",
        project_name="ledger",
        title=f"Title of {run_id}",
        state=state,
        trigger=Trigger.MANUAL,
        mode=Mode.AGENT,
        current_stage="builder",
        done=1,
        total=4,
        usage=TokenUsage(12_000, 0, 345),
        created_at=ago(300),
        started_at=ago(240),
        ended_at=None,
    )
    return replace(row, **changes)


def project_node(project_id: str, *runs: RunRow, name: str = "ledger") -> ProjectNode:
    active = sum(run.state is RunState.RUNNING for run in runs)
    row = ProjectRow(project_id, name, "", "/w", False, len(runs), active, ago(900), None)
    return ProjectNode(row, runs)


def sidebar(*runs: RunRow) -> Sidebar:
    return Sidebar((project_node("p1", *runs),))


def step_row(key: str, state: StepState = StepState.PENDING, **changes: Any) -> StepRow:
    begun = state not in (StepState.PENDING, StepState.SKIPPED)
    row = StepRow(
        id=f"id-{key}",
        key=key,
        title=key.replace("_", " ").title(),
        kind=StepKind.AGENT,
        state=state,
        needs=(),
        critical=True,
        attempt=int(begun),
        max_attempts=4,
        reason="",
        failure=None,
        summary="",
        verdict=None,
        usage=TokenUsage(1_000, 0, 200) if begun else TokenUsage(),
        output_path=None,
        started_at=ago(64) if begun else None,
        ended_at=None,
        retry_at=None,
    )
    return replace(row, **changes)


def run_detail(*steps: StepRow, state: RunState = RunState.RUNNING, **changes: Any) -> RunDetail:
    detail = RunDetail(run_row("r1", state), "Please do it", "", "", "/w", steps)
    return replace(detail, **changes)
