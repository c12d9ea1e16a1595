"""`foredeck dag graph`: the picture of a workflow or of a run, as the screen draws it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from foredeck.app.cli.dag_files import input_option, input_values
from foredeck.app.cli.dag_targets import ReadTarget, is_target, read_target
from foredeck.app.cli.render import format_option, put_json, put_table, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.clock import now
from foredeck.services.domain.errors import InvalidInput
from foredeck.services.domain.records import StepKind, TokenUsage
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import RunDetail, StepRow
from foredeck.services.domain.workflow import StepSpec, WorkflowSpec
from foredeck.services.host.queries import GetRun

if TYPE_CHECKING:
    from foredeck.widgets.dag.critical import CriticalPath
    from foredeck.widgets.painting import Cells

# Without a terminal: a width that fits most pages.
_PAGE = (100, 24)
# What is higher than this many rows is drawn smaller, if that makes it lower.
_ROWS = 60
_RESET = "\x1b[0m"
_COLOURS = {
    "state--pending": "90",
    "state--running": "34",
    "state--waiting": "35",
    "state--retry": "33",
    "state--success": "32",
    "state--failed": "31",
    "state--skipped": "2",
    "state--cancelled": "90",
    "ink--strong": "1",
    "ink--muted": "2",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn: a run, or the plan of one (`state` is empty)."""

    id: str
    name: str
    state: str
    steps: tuple[StepRow, ...]
    at: datetime

    @property
    def plan(self) -> bool:
        """Whether no step of it has a state."""
        return not self.state


@click.command()
@click.argument("target", metavar="WORKFLOW|RUN")
@click.option("--mermaid", "as_mermaid", is_flag=True, help="As a Mermaid flowchart.")
@click.option(
    "--width",
    type=click.IntRange(20, 10_000),
    help="Columns to draw in; default: the terminal's.",
)
@input_option
@format_option
@click.pass_obj
def graph(
    session: Session,
    target: str,
    as_mermaid: bool,
    width: int | None,
    inputs: tuple[str, ...],
    format_: str,
) -> None:
    """Draw the steps of a workflow, or of a run with their states.

    WORKFLOW is a file or a name that foredeck dag list shows.

    Heavy lines mark the critical path: the chain that takes longest, or before anything
    has run the one of most steps.

    \b
    foredeck dag graph release.yaml
    foredeck dag graph 7s24 --mermaid
    """
    if as_mermaid and format_ == "json":
        raise InvalidInput("--mermaid and --format json are two formats.", "Leave one of them out.")
    drawing = _drawing_of(session, target, inputs)
    from foredeck.widgets.dag.critical import critical_path

    path = critical_path(drawing.steps, drawing.at)
    if as_mermaid:
        from foredeck.app.cli.dag_mermaid import mermaid, needs_more

        text = mermaid(drawing.steps, path.steps, plan=drawing.plan)
        click.echo(text)
        if more := needs_more(text):
            say(f"Mermaid draws no more than its limits allow: set {more} where it is initialised.")
    elif format_ == "json":
        put_json(answer(drawing, path))
    else:
        columns = width or shutil.get_terminal_size(_PAGE).columns
        put_picture(drawing, path, columns)


def steps_of(spec: WorkflowSpec) -> tuple[StepRow, ...]:
    """Return the steps of a definition as a run of it would have them before its start."""
    return tuple(_row(step) for step in spec.steps)


def answer(drawing: Drawing, path: CriticalPath) -> dict[str, object]:
    """Return the graph as one flat JSON object; `layer` counts from 0."""
    from foredeck.widgets.dag.layout import layers_of

    keys = [step.key for step in drawing.steps]
    edges = [(need, step.key) for step in drawing.steps for need in step.needs]
    layer = {
        vertex: number
        for number, layer in enumerate(layers_of(keys, edges).layers)
        for vertex in layer
    }
    steps = [
        {
            "id": step.key,
            "title": step.title,
            "kind": step.kind,
            "needs": step.needs,
            "layer": layer[number],
            "critical_path": step.key in path.steps,
            **({} if drawing.plan else {"state": step.state}),
        }
        for number, step in enumerate(drawing.steps)
    ]
    state = {} if drawing.plan else {"state": drawing.state}
    return {"id": drawing.id, "name": drawing.name, **state, "steps": steps}


def put_picture(drawing: Drawing, path: CriticalPath, width: int) -> None:
    """Write the picture to stdout; where it does not fit, a list of the steps in its place."""
    from foredeck.services.domain.amounts import duration, plural

    ascii_only = not _can_say("━╭►✓")
    length = plural(len(path.steps), "step") if path.steps else "none"
    length += f", {duration(path.seconds)}" if path.seconds else ""
    state = f" {drawing.state}," if drawing.state else ""
    count = plural(len(drawing.steps), "step")
    click.echo(f"{safe_line(drawing.name)}:{state} {count}, critical path {length}\n")
    rows, needed = picture(drawing, path, width, ascii_only=ascii_only)
    if needed > width:
        _put_list(drawing, path)
        say(f"The graph is {needed} columns wide: its steps are listed. --width {needed} draws it.")
        return
    colours = _wants_colours()
    for row in rows:
        click.echo(_line(row, colours), color=colours)


def picture(
    drawing: Drawing, path: CriticalPath, width: int, *, ascii_only: bool = False
) -> tuple[list[Cells], int]:
    """Return the rows of the picture for so many columns, and how many it takes."""
    from foredeck.widgets.dag.boxes import Face
    from foredeck.widgets.dag.graph import build_page
    from foredeck.widgets.dag.paint import Scene, graph_row

    graph = build_page(drawing.steps, width, _ROWS)
    steps = {step.key: step for step in drawing.steps}
    marked = path.steps if path.marked_in(len(steps)) else ()
    face = Face(graph.level, graph.box_width, drawing.at, ascii_only=ascii_only, plan=drawing.plan)
    heavy = graph.lines_along(marked)
    scene = Scene(graph, steps, face, path=frozenset(marked), heavy=heavy)
    layout = graph.layout
    return [graph_row(scene, y, 0, layout.width)[0] for y in range(layout.height)], layout.width


def _drawing_of(session: Session, target: str, inputs: Sequence[str]) -> Drawing:
    if is_target(target):
        values = input_values(inputs)
        spec = _spec_of(read_target(target), values)
        return Drawing(spec.name, spec.name, "", steps_of(spec), now())
    if inputs:
        raise InvalidInput("--input is for a workflow file.", "A run has its inputs already.")
    detail: RunDetail = session.read(lambda host: host.ask(GetRun(target)))
    run = detail.run
    return Drawing(run.id, run.title, run.state.value, detail.steps, now())


def _spec_of(target: ReadTarget, given: dict[str, str]) -> WorkflowSpec:
    """Return the workflow; what it has to be given and is not, stands there by its name."""
    from foredeck.services.workflow import file as workflow_file

    return workflow_file.read(target.source, target.name).sample(given)


def _row(step: StepSpec) -> StepRow:
    return StepRow(
        id=step.id,
        key=step.id,
        title=step.title,
        kind=step.kind,
        state=StepState.PENDING,
        needs=step.needs,
        critical=step.critical,
        attempt=0,
        max_attempts=step.retries.max + 1,
        reason="",
        failure=None,
        summary=_does(step),
        verdict=None,
        usage=TokenUsage(),
        output_path=None,
        started_at=None,
        ended_at=None,
        retry_at=None,
    )


def _does(step: StepSpec) -> str:
    """Return in a line what a step will do; under what condition comes first."""
    message = step.gate.message if step.gate else ""
    what = {StepKind.COMMAND: step.command, StepKind.CODEX: step.prompt, StepKind.GATE: message}
    role = step.role if step.role != step.id else ""
    text = what.get(step.kind, role).strip().partition("\n")[0]
    return f"when {step.when}" if step.when else text


def _put_list(drawing: Drawing, path: CriticalPath) -> None:
    """Write the steps as a table, those of the critical path with a mark."""
    word = "kind" if drawing.plan else "state"
    rows = [
        (
            "*" if step.key in path.steps else "",
            step.key,
            step.kind.value if drawing.plan else step.state.value,
            ", ".join(step.needs),
        )
        for step in drawing.steps
    ]
    put_table(("path", "step", word, "after"), rows)


def _line(row: Cells, colours: bool) -> str:
    """Return a row as text, with colours as escape sequences if they are wanted."""
    if not colours:
        return "".join(text for text, _ in row).rstrip()
    parts = [
        f"\x1b[{_COLOURS[style]}m{text}{_RESET}" if style in _COLOURS else text
        for text, style in row
    ]
    return "".join(parts).rstrip()


def _wants_colours() -> bool:
    """Say whether stdout is a terminal that is to show colours."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def _can_say(text: str) -> bool:
    """Say whether stdout's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
