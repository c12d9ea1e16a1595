"""`foredeck backup …`: the whole data directory in one file, and back."""

from __future__ import annotations

import glob
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foredeck.app.cli.render import format_option, local_time, plain, put_json, put_pairs, say
from foredeck.app.cli.session import Session
from foredeck.services.domain import clock
from foredeck.services.domain.amounts import size
from foredeck.services.domain.backups import BackupView, Restored

if TYPE_CHECKING:
    from foredeck.services.domain.audit import AuditVerdict
    from foredeck.services.host.interface import Host

# How often it is said how far it has come, in seconds.
_EVERY = 0.5


@click.group()
def backup() -> None:
    """Keep the whole data directory in one file, also while Foredeck works.

    A backup holds the database, the output of runs and jobs, the files of projects,
    reports, and the log. It does not hold the workspaces, the settings file, codex's own
    data, and files in a --log-dir of your own. It is as private as they are: mode 0600.

    \b
    foredeck backup create --output ~/foredeck.tar.gz
    foredeck backup verify ~/foredeck.tar.gz
    foredeck --data-dir /srv/foredeck backup restore ~/foredeck.tar.gz
    """


@backup.command()
@click.option(
    "--output", "path", metavar="FILE", help="A new file; default: foredeck-TIME.tar.gz here."
)
@click.option("--no-output", "bare", is_flag=True, help="Leave out what runs and jobs printed.")
@format_option
@click.pass_obj
def create(session: Session, path: str | None, bare: bool, format_: str) -> None:
    """Write a backup into a new file; nothing has to stop for it.

    It holds the database as it is at one moment, and the files as they are then.

    \b
    foredeck backup create
    foredeck backup create --no-output --output ~/small.tar.gz
    """
    import asyncio

    from foredeck.services.host.backup_requests import CreateBackup

    stamp = clock.now().astimezone().strftime("%Y%m%d-%H%M%S")
    target = Path(path or f"foredeck-{stamp}.tar.gz").expanduser().absolute()

    async def work(host: Host) -> BackupView:
        with _Progress("Written") as progress:
            doing = asyncio.ensure_future(host.do(CreateBackup(str(target), not bare)))
            while not (await asyncio.wait({doing}, timeout=_EVERY))[0]:
                progress(_written(target))
            return doing.result()

    made = session.write(work, "foredeck backup create")
    if format_ == "json":
        put_json(_answer(made))
        return
    say(f"✓ Backup created: {made.path}")
    put_pairs(_pairs(made))
    _say_skipped(made)


@backup.command()
@click.argument("file")
@format_option
def verify(file: str, format_: str) -> int:
    """Check every file of a backup, and the audit trail in it.

    Nothing is changed or restored.

    Exit codes: 0 whole, 1 its audit trail was changed, 2 it cannot be used.
    """
    import asyncio

    from foredeck.services.backup import restoring

    with _Progress("Checked") as progress:
        found, verdict = asyncio.run(restoring.verify(_path(file), progress))
    whole = verdict.broken is None
    if format_ == "json":
        put_json({**_answer(found), "audit_whole": whole, "audit_broken": verdict.broken})
    else:
        put_pairs({**_pairs(found), "Audit trail": _trail(verdict)})
        say("✓ The backup is whole." if whole else "✗ Its audit trail was changed.")
        _say_skipped(found)
    return 0 if whole else 1


@backup.command()
@click.argument("file")
@click.option("--force", is_flag=True, help="Move the data that is there aside first.")
@click.option("--data-dir", "directory", metavar="DIR", help="Where to; else the data directory.")
@format_option
@click.pass_obj
def restore(session: Session, file: str, force: bool, directory: str | None, format_: str) -> None:
    """Put a backup in the place of the data directory.

    All of it is checked before anything is changed. What was at work when it was made is
    not run again: runs, the queue of jobs and schedules wait until you say so. No host may
    be at work there.

    \b
    foredeck backup restore foredeck-20261128-030000.tar.gz --data-dir ~/copy
    foredeck backup restore foredeck-20261128-030000.tar.gz --force
    """
    import asyncio

    from foredeck.services.backup import restoring

    data_dir = Path(directory).expanduser() if directory else session.settings.data_dir
    with _Progress("Restored") as progress:
        done = asyncio.run(restoring.restore(_path(file), data_dir, progress, force=force))
    if format_ == "json":
        put_json({"id": done.data_dir, **plain(done)})
    else:
        _put_restored(done)


def _written(target: Path) -> int:
    """Return how many bytes there are of a backup that is being written."""
    sizes = [0]
    for place in target.parent.glob(f".{glob.escape(target.name)}.*/archive"):
        with suppress(OSError):
            sizes.append(place.stat().st_size)
    return max(sizes)


def _put_restored(done: Restored) -> None:
    say(f"✓ Restored to {done.data_dir}: as it was at {local_time(done.backup.created_at)}.")
    if done.moved_aside:
        say(f"What was there is in {done.moved_aside} now.")
    if done.runs:
        say(f"Paused runs: {', '.join(done.runs)}. To go on: foredeck runs resume RUN")
    if done.steps:
        say(f"Stages that were at work, and whose end is not known here: {done.steps}.")
    if done.jobs:
        say(f"Jobs that were at work, and are lost unless their end was in it: {done.jobs}.")
    say("The queue of jobs is paused: foredeck jobs resume. So are the schedules.")
    if done.passed_over:
        say(
            f"Tasks that were due since, which is not made up for: {done.passed_over}. "
            "Which times: foredeck tasks due-times"
        )
    say("What the backup has as waiting may have been done since by where it was taken.")


def _answer(found: BackupView) -> dict[str, Any]:
    return {"id": found.path, **plain(found)}


def _pairs(found: BackupView) -> dict[str, str]:
    return {
        "File": found.path,
        "Size": f"{size(found.size)}, {size(found.unpacked)} unpacked",
        "Files": f"{found.files:,}",
        "Taken": local_time(found.created_at),
        "Of": found.data_dir,
        "Output": "included" if found.output else "left out",
        "Version": f"{found.version} (schema {found.schema})",
        "Last seal": f"{found.audit_seal or '–'} (row {found.audit_rows:,})",
    }


def _trail(verdict: AuditVerdict) -> str:
    if verdict.broken is None:
        return f"whole: {verdict.rows:,} rows"
    return f"changed: {verdict.reason}"


def _say_skipped(found: BackupView) -> None:
    for name in found.skipped:
        say(f"! Not taken up whole: {name}")


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


class _Progress:
    """Says on a terminal's last line how many bytes have been done, not too often."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._next = time.monotonic() + _EVERY
        self._said = False

    def __enter__(self) -> Callable[[int], None]:
        return self._note

    def __exit__(self, *_: object) -> None:
        if self._said:
            sys.stderr.write("\r\x1b[K")

    def _note(self, done: int) -> None:
        if time.monotonic() >= self._next and sys.stderr.isatty():
            self._next, self._said = time.monotonic() + _EVERY, True
            sys.stderr.write(f"\r{self._verb} {size(done)}\x1b[K")
            sys.stderr.flush()
