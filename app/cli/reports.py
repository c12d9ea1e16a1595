"""`foredeck reports …`: reports about runs, as files and on the terminal."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from foredeck.app.cli.answers import put_page
from foredeck.app.cli.completion import (
    complete_report,
    complete_run,
    complete_task,
    run_argument,
)
from foredeck.app.cli.render import (
    format_option,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
)
from foredeck.app.cli.report_files import TO_STDOUT, Wanted, read_stored, rendered
from foredeck.app.cli.report_opening import open_file
from foredeck.app.cli.session import Session
from foredeck.services.domain.amounts import size
from foredeck.services.domain.errors import Conflict, NotFound
from foredeck.services.domain.report_model import RunReport
from foredeck.services.domain.reports import ReportFormat, ReportRow
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.host.interface import Host
from foredeck.services.host.report_requests import (
    CreateReport,
    DeleteReport,
    GetReport,
    GetRunReport,
    ListReports,
)

_ROLE = "foredeck reports"
_FORMATS = [format_.value for format_ in ReportFormat]


class _AnswerFormat(click.Choice[str]):
    """`table` or `json`; says which option is meant when the kind of file is given."""

    def __init__(self) -> None:
        super().__init__(["table", "json"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the format of the answer."""
        if value in _FORMATS and value not in self.choices:
            self.fail(f"The kind of file is --report-format {value} here.", param, ctx)
        return super().convert(value, param, ctx)


@click.group()
def reports() -> None:
    """Reports about runs: HTML in one file, PDF, JSON, or here as text.

    RUN and REPORT are ids or the beginnings of ids: foredeck runs list and foredeck reports list
    tell them; for download and open, a run means its latest report. Tasks make reports by
    themselves, if they are told to (--generate-report).

    \b
    foredeck reports create 7s24
    foredeck reports download 3kq8 --format json --output - | jq .totals
    foredeck reports show 7s24
    """


@reports.command("list")
@click.option("--run", shell_complete=complete_run, help="Only those about this run.")
@click.option("--task", shell_complete=complete_task, help="Only those about runs of this task.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_reports(
    session: Session, run: str | None, task: str | None, limit: int, offset: int, format_: str
) -> None:
    """List reports, newest first."""
    page = session.read(lambda host: host.ask(ListReports(run, task, limit, offset)))
    if format_ == "json":
        put_page(page, [report_answer(row) for row in page.items])
    elif page.items:
        header = ("Report", "Format", "Size", "Made", "By", "Run", "Title")
        put_table(header, [_cells(row) for row in page.items])
        if page.total > len(page.items):
            say(f"{len(page.items)} of {page.total}; --limit and --offset show others.")
    else:
        say("No reports here. Make one: foredeck reports create RUN")


@reports.command()
@run_argument
@click.option(
    "--report-format",
    type=click.Choice(_FORMATS),
    default=ReportFormat.HTML.value,
    show_default=True,
    help="What kind of file.",
)
@click.option("--title", default="", help="Its title; default: that of the run.")
@click.option("--output", metavar="PATH", help="Put a copy there, too; - is stdout.")
@click.option("--force", is_flag=True, help="Also where there is a file already.")
@click.option(
    "--format",
    "format_",
    type=_AnswerFormat(),
    default="table",
    show_default=True,
    help="Of the answer: a table for people, or JSON on stdout alone.",
)
@click.pass_obj
def create(
    session: Session,
    run: str,
    report_format: str,
    title: str,
    output: str | None,
    force: bool,
    format_: str,
) -> None:
    """Make a report about a run, in whatever state it is.

    \b
    foredeck reports create 7s24 --report-format pdf --output report.pdf
    """
    wanted = Wanted(output, force=force) if output else None
    if wanted:
        wanted.check(ReportFormat(report_format))
    command = CreateReport(run, ReportFormat(report_format), title)
    row = session.write(lambda host: host.do(command), _ROLE)
    path = wanted.write(row, row.format, read_stored(row)) if wanted else None
    say(f"✓ Report created: {row.id}")
    if output == TO_STDOUT:
        return
    if format_ == "json":
        put_json({**report_answer(row), "output": path})
    elif path:
        click.echo(path)
    else:
        _put_row(row)


@reports.command()
@click.argument("report", shell_complete=complete_report)
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    help="Of the file; default: as it is kept. Another one is made anew from the run.",
)
@click.option(
    "--output", metavar="PATH", help="A file or a directory; - is stdout. Default: TITLE-ID here."
)
@click.option("--force", is_flag=True, help="Also where there is a file already.")
@click.pass_obj
def download(
    session: Session, report: str, format_: str | None, output: str | None, force: bool
) -> None:
    """Copy a report to a file, and print where it is.

    REPORT is the id of a report, or of a run: that is its latest report.

    \b
    foredeck reports download 3kq8
    foredeck reports download 3kq8 --format pdf --output ~/morning.pdf
    foredeck reports download 3kq8 --format json --output - | jq .
    """
    wanted = Wanted(output or "", force=force)
    row = session.read(lambda host: _report_or_latest(host, report))
    kind = ReportFormat(format_) if format_ else row.format
    wanted.check(kind, row)
    data = read_stored(row) if kind is row.format else None
    if data is None:
        data = _made_anew(session, row, kind)
    if path := wanted.write(row, kind, data):
        click.echo(path)


@reports.command("open")
@click.argument("report", shell_complete=complete_report)
@click.pass_obj
def open_report(session: Session, report: str) -> None:
    """Open a report in the program that shows such files.

    REPORT is the id of a report, or of a run: that is its latest report.

    Without a display it prints where the file is, and how to get it.
    """
    row = session.read(lambda host: _report_or_latest(host, report))
    if read_stored(row) is None:
        raise Conflict(
            f"The file of report {row.id} is not there any more.",
            f"Make it anew: foredeck reports create {row.run_id}",
        )
    open_file(row.path)


@reports.command()
@run_argument
@click.option("--transcript", is_flag=True, help="With what was said, and every tool call.")
@format_option
@click.pass_obj
def show(session: Session, run: str, transcript: bool, format_: str) -> None:
    """Show here what a report about a run says, what went wrong first.

    With --format json it is the whole report, as foredeck reports schema describes it.
    """
    report = session.read(lambda host: host.ask(GetRunReport(run)))
    if format_ == "json":
        click.echo(rendered(report, ReportFormat.JSON).decode(), nl=False)
        return
    from foredeck.app.cli.report_text import put_report, put_transcript

    put_report(report)
    if transcript:
        put_transcript(report)


@reports.command()
def schema() -> None:
    """Print the JSON schema of reports in JSON.

    \b
    foredeck reports schema > report.schema.json
    """
    from foredeck.services.reports.json_report import schema_text

    click.echo(schema_text(), nl=False)


@reports.command()
@click.argument("report", shell_complete=complete_report)
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option
@click.pass_obj
def delete(session: Session, report: str, yes: bool, format_: str) -> None:
    """Delete a report and its file.

    The run stays, and another report can be made of it.
    """
    row = session.read(lambda host: host.ask(GetReport(report)))
    if not yes:
        _confirm(row)
    session.write(lambda host: host.do(DeleteReport(row.id)), _ROLE)
    say(f"✓ Report deleted: {row.id}")
    if format_ == "json":
        put_json(report_answer(row))


def report_answer(row: ReportRow) -> dict[str, Any]:
    """Return a report as one flat object."""
    return {
        "id": row.id,
        "run_id": row.run_id,
        "title": row.title,
        "format": row.format,
        "automatic": row.automatic,
        "size": row.size,
        "path": row.path,
        "created_at": row.created_at,
        "project": row.project_name,
        "run_state": row.run_state,
        "task_id": row.task_id or None,
        "task": row.task_name or None,
    }


async def _report_or_latest(host: Host, given: str) -> ReportRow:
    """Return the report of this id, else the latest of the run of this id.

    Raises `NotFound` if neither is there, or the run has no report.
    """
    try:
        return await host.ask(GetReport(given))
    except NotFound as unknown:
        try:
            page = await host.ask(ListReports(run=given, limit=1))
        except NotFound:
            raise unknown from None
    if page.items:
        return page.items[0]
    raise NotFound(f"Run {given} has no report yet.", f"Make one: foredeck reports create {given}")


def _made_anew(session: Session, row: ReportRow, kind: ReportFormat) -> bytes:
    """Return a report of another kind about the same run, as the run is now."""

    async def work(host: Host) -> RunReport:
        return await host.ask(GetRunReport(row.run_id))

    say(
        f"It is kept as {row.format.upper()}; this {kind.upper()} is made anew from the run."
        if kind is not row.format
        else "Its file is not there any more; it is made anew from the run."
    )
    return rendered(replace(session.read(work), title=row.title), kind)


def _cells(row: ReportRow) -> tuple[object, ...]:
    made_by = row.task_name or "task" if row.automatic else "person"
    made = short_time(row.created_at)
    return row.id, row.format.value, size(row.size), made, made_by, row.run_id, row.title


def _put_row(row: ReportRow) -> None:
    put_pairs(
        {
            "Report": row.id,
            "Title": row.title,
            "Format": row.format.value,
            "Size": size(row.size),
            "Run": f"{row.run_id} ({row.run_state})",
            "Path": row.path,
        }
    )


def _confirm(row: ReportRow) -> None:
    if not sys.stdin.isatty():
        raise Conflict("Deleting wants a yes.", "Say --yes where nobody can be asked.")
    what = f"the report {row.id} ({row.format.value}: {safe_line(row.title, limit=60)})"
    click.confirm(f"Delete {what}?", abort=True, err=True)
