"""`foredeck dag import` and `dag export`: a Markdown plan to a workflow, and its marks back."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from foredeck.app.cli.completion import complete_run
from foredeck.app.cli.output_places import unwritable
from foredeck.app.cli.render import say
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import Conflict, InvalidInput, PlanError
from foredeck.services.domain.states import StepState
from foredeck.services.domain.views import RunDetail
from foredeck.services.host.queries import GetRun
from foredeck.services.workflow.plan_import import (
    SIZE_LIMIT,
    ImportedPlan,
    export_marks,
    import_plan,
)

# A character has at most four bytes.
_MOST_BYTES = 4 * SIZE_LIMIT


@click.command("import")
@click.argument("plan", metavar="PLAN.md")
@click.option("-o", "--output", metavar="FILE", help="Write the workflow there, not to stdout.")
@click.option("--force", is_flag=True, help="With --output: also where there is a file already.")
def import_(plan: str, output: str | None, force: bool) -> int:
    """Turn the Markdown plan PLAN.md into a workflow of codex steps.

    A plan has tasks as headings (### Task 3: Parse the ledger) or list items with a checkbox
    (- [ ] **T3** …), each with fields such as status, files, verification and depends on, and
    maybe an execution order. Tasks marked complete become steps that are skipped.

    What was not understood is told on stderr as PLAN.md:LINE. - reads stdin.

    \b
    foredeck dag import PLAN.md -o plan.yaml
    """
    text = _read(plan)
    name = "plan" if plan == "-" else Path(plan).stem
    try:
        imported = import_plan(text, name)
    except PlanError as error:
        where = f"{_shown(plan)}:{error.line}: " if error.line else f"{_shown(plan)}: "
        raise PlanError(f"{where}{error.message}", error.advice, error.line) from error
    for note in imported.notes:
        say(f"{_shown(plan)}:{note.line}: {note.text}: {note.why}")
    _put(imported.workflow_yaml, output, force=force)
    say(f"✓ Imported: {_counted(imported)}")
    return 0


@click.command("export")
@click.argument("plan", metavar="PLAN.md")
@click.argument("run", shell_complete=complete_run)
@click.option(
    "-o", "--output", metavar="FILE", help="Write it there, not to stdout; may be PLAN.md."
)
@click.pass_obj
def export(session: Session, plan: str, run: str, output: str | None) -> None:
    """Give PLAN.md back with the tasks marked done that RUN has done.

    Checkboxes, status fields and ✅ change; everything else stays byte for byte.

    \b
    foredeck dag export PLAN.md 7s24 -o PLAN.md
    """
    text = _read(plan)
    detail = session.read(lambda host: host.ask(GetRun(run)))
    _check_same_plan(text, detail)
    _put(export_marks(text, _done(detail)), output, force=True)


def _done(detail: RunDetail) -> dict[str, bool]:
    return {step.key: True for step in detail.steps if step.state is StepState.SUCCESS}


def _check_same_plan(text: str, detail: RunDetail) -> None:
    """Raise `Conflict` where the run can have nothing to do with the plan."""
    ids = {step.id for step in import_plan(text, "plan").steps}
    if not ids & {step.key for step in detail.steps}:
        raise Conflict(
            f"Run {detail.run.id} has no step of this plan.",
            f"Its steps are {', '.join(step.key for step in detail.steps[:10])}.",
        )


def _counted(imported: ImportedPlan) -> str:
    steps = imported.steps
    done = sum(step.done for step in steps)
    words = [f"{len(steps)} step{'s' if len(steps) > 1 else ''}"]
    words += [f"{done} done already"] if done else []
    words += [f"{len(imported.notes)} not understood, see above"] if imported.notes else []
    return ", ".join(words)


def _shown(plan: str) -> str:
    return "stdin" if plan == "-" else plan


def _read(plan: str) -> str:
    """Return a plan with its line ends as they are; raises `InvalidInput`."""
    try:
        if plan == "-":
            data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(plan).open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        return data.decode("utf-8")
    except OSError as error:
        raise InvalidInput(f"{plan} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidInput(f"{_shown(plan)} is not a text in UTF-8.") from error


def _put(text: str, output: str | None, *, force: bool) -> None:
    """Write to stdout, or to a file that is replaced as a whole."""
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.flush()
        return
    path = Path(output)
    if path.exists() and not force:
        raise Conflict(f"{output} is there already.", "Choose another name, or add --force.")
    try:
        _replace(path, text.encode())
    except OSError as error:
        raise unwritable(path, error) from error


def _replace(path: Path, data: bytes) -> None:
    path = path.resolve()
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(data)
        if path.exists():
            fresh.chmod(path.stat().st_mode & 0o7777)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
