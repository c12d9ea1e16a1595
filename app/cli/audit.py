"""`foredeck audit …`: who did what, and whether the record of it is whole."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click

from foredeck.app.cli import audit_files
from foredeck.app.cli.answers import put_page
from foredeck.app.cli.audit_files import answer_of
from foredeck.app.cli.render import (
    format_option,
    plain,
    put_json,
    put_pairs,
    put_table,
    say,
    short_time,
)
from foredeck.app.cli.session import Session
from foredeck.services.domain import clock
from foredeck.services.domain.audit import AuditRow, AuditVerdict, Severity
from foredeck.services.domain.audit_changes import changes_of
from foredeck.services.domain.errors import NotFound
from foredeck.services.domain.moments import moment_of
from foredeck.services.domain.safe_text import safe_line, safe_text
from foredeck.services.domain.views import Page
from foredeck.services.host.interface import Host
from foredeck.services.host.queries import ListAudit, ReadAudit, VerifyAudit

# Rows of one part of a verification, after which a person is told how far it is.
_PART = 20_000


class Moment(click.ParamType[datetime]):
    """A time in ISO 8601 (local if it names no zone), or how long ago: 30m, 2h, 7d."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value, clock.now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def audit() -> None:
    """Who did what: every command, and every change of a run, step or job.

    The trail is only ever added to. Each row is sealed with the one before it, so
    that verify finds what was changed later.

    \b
    foredeck audit list --since 2h --severity ERROR
    foredeck audit verify
    foredeck audit export --output audit.jsonl
    foredeck audit verify --export audit.jsonl
    """


@audit.command("list")
@click.option("--since", type=Moment(), help="From then on: 2026-11-28, or 2h for two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--action", help="One, such as job.cancel, or a group: command, run, step, job.")
@click.option("--resource", help="A kind (run), an id, or both: run:7s24.")
@click.option(
    "--severity",
    type=click.Choice([s.value for s in Severity], case_sensitive=False),
    help="Only rows of this one.",
)
@click.option("--actor", help="A part of who did it: a user, a client, agent.")
@click.option("--trace", help="The beginning of a trace id: all that belongs together.")
@click.option("--text", help="Words that stand anywhere in a row.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@format_option
@click.pass_obj
def list_rows(session: Session, /, severity: str | None, format_: str, **wanted: Any) -> None:
    """List what was done, newest first.

    \b
    foredeck audit list --since 2h --action job
    foredeck audit list --resource run:7s24 --severity ERROR
    """
    query = ListAudit(severity=Severity(severity.upper()) if severity else None, **wanted)
    page = session.read(lambda host: host.ask(query))
    filtered = severity or any(wanted[name] for name in wanted if name not in ("limit", "offset"))
    if format_ == "json":
        put_page(page, [answer_of(row) for row in page.items])
    elif page.items:
        _put_rows(page)
    else:
        say("Nothing here." if filtered else "Nothing yet.")


@audit.command()
@click.argument("seq", type=click.IntRange(1))
@format_option
@click.pass_obj
def show(session: Session, seq: int, format_: str) -> None:
    """Show row SEQ whole, with before and after.

    foredeck audit list tells the number of each row.
    """
    rows = session.read(lambda host: host.ask(ReadAudit(seq - 1, 1)))
    if not rows or rows[0].seq != seq:
        raise NotFound(f"The audit trail has no row {seq}.", "foredeck audit list names some.")
    row = rows[0]
    if format_ == "json":
        put_json(answer_of(row))
        return
    put_pairs(
        {
            "Row": str(row.seq),
            "Time": row.at.astimezone().isoformat(sep=" ", timespec="milliseconds"),
            "Severity": row.severity.value,
            "Actor": row.actor,
            "Action": row.action,
            "Resource": f"{row.resource} {row.resource_id}".strip(),
            "Trace": row.trace_id or "–",
            "Seal": row.hash,
            "Description": row.description,
        }
    )
    _put_changes(row)


def _put_changes(row: AuditRow) -> None:
    """Write what a row says has changed, as a diff."""
    for change in changes_of(row):
        click.echo(safe_line(change.name, limit=200))
        for mark, value in (("-", change.before), ("+", change.after)):
            for line in safe_text(value).splitlines() if value is not None else ():
                click.echo(f"  {mark} {line}")


@audit.command()
@click.option("--export", "exported", metavar="FILE", help="Hold an export against the trail, too.")
@format_option
@click.pass_obj
def verify(session: Session, exported: str | None, format_: str) -> int:
    """Say whether the trail was changed, and where.

    It computes all seals anew. Somebody who can write the database could do so too, or cut
    off its end: keep the last seal, or an export, in another place, then even that shows.

    Exit codes: 0 whole, 1 changed.
    """

    async def work(host: Host) -> tuple[AuditVerdict, tuple[int, int | None, str]]:
        verdict = await _verified(host)
        held = await audit_files.difference(host, exported) if exported else (0, None, "")
        return verdict, held

    found, (same, differs, why) = session.read(work)
    whole = found.broken is None and differs is None
    if format_ == "json":
        held = {"export_rows": same, "export_differs": differs, "export_reason": why}
        put_json({"whole": whole, **plain(found), **(held if exported else {})})
        return 0 if whole else 1
    if found.broken is None:
        click.echo(f"✓ The audit trail is whole: {found.rows} rows. Last seal: {found.tip or '–'}")
    else:
        click.echo(f"✗ The audit trail was changed. {found.reason}")
        say(f"The {found.rows} rows before it are as they were written.")
    if exported:
        click.echo(f"✗ {why}" if why else f"✓ The {same} rows of the export are in the trail.")
    return 0 if whole else 1


async def _verified(host: Host) -> AuditVerdict:
    """Compute all seals, and say on a terminal how far that is."""
    verdict, told = AuditVerdict(0, complete=False), False
    while not verdict.complete:
        if verdict.rows and sys.stderr.isatty():
            sys.stderr.write(f"\rComputing the seals… {verdict.rows:,} rows")
            sys.stderr.flush()
            told = True
        verdict = await host.ask(VerifyAudit(verdict.rows, verdict.tip, _PART))
    if told:
        sys.stderr.write("\r\x1b[K")
    return verdict


@audit.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="Of the file: a JSON object a line, or a table.",
)
@click.option("--since", type=Moment(), help="From then on: 2026-11-28, or 2h for two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--output", metavar="FILE", help="A new file of mode 0600; else stdout.")
@click.pass_obj
def export(
    session: Session, form: str, since: datetime | None, until: datetime | None, output: str | None
) -> None:
    """Write the trail, the oldest row first.

    As JSON objects, one a line, or as CSV. verify --export FILE holds it against the trail later.

    \b
    foredeck audit export --since 7d --output audit.jsonl
    foredeck audit export --format csv > audit.csv
    """
    with audit_files.target(output) as stream:
        count = session.read(lambda host: audit_files.write(host, stream, form, since, until))
    if output:
        say(f"✓ {count} rows written to {output}")


def _put_rows(page: Page[AuditRow]) -> None:
    header = ("Seq", "Time", "Severity", "Actor", "Action", "Description")
    rows = [
        (row.seq, short_time(row.at), row.severity, row.actor, row.action, row.description)
        for row in page.items
    ]
    put_table(header, rows)
    if page.total > len(page.items):
        say(f"{len(page.items)} of {page.total}; --limit and --offset show more.")
