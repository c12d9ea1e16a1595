"""`foredeck codex …`: one task for codex, fire and forget, and the logs of such runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from foredeck.app.cli.detaching import detach_option
from foredeck.app.cli.follow import follow
from foredeck.app.cli.interrupts import INTERRUPTED
from foredeck.app.cli.render import format_option, put_json, put_pairs, say
from foredeck.app.cli.run import project_for
from foredeck.app.cli.session import Session
from foredeck.services.codex import run_files
from foredeck.services.codex.codex_arguments import CodexArguments, parse_arguments
from foredeck.services.codex.run_log import rebuild
from foredeck.services.domain.errors import InvalidInput, NotFound
from foredeck.services.domain.records import Sandbox
from foredeck.services.domain.views import CodexRun
from foredeck.services.host.commands import ConcludeCodexRun, CreateCodexRun, StartRun
from foredeck.services.host.interface import Host

FAILED = 1


@click.group()
def codex() -> None:
    """Give one task to codex, and read the logs of such runs.

    \b
    foredeck codex run --repo ~/src/shop --task "Make the tests pass"
    foredeck codex run --repo ~/src/shop --resume SESSION_ID --detach
    foredeck codex parse --log codex-run-ID.log --meta codex-run-ID.meta.json
    """


@codex.command()
@click.option("--repo", required=True, metavar="DIR", help="Work in DIR; it becomes a project.")
@click.option("--task", metavar="TEXT", help="What codex shall do; optional with --resume.")
@click.option("--resume", metavar="ID", help="Go on in this codex session (a UUID).")
@click.option("--model", metavar="M", help="The model; default: the project's or codex's own.")
@click.option("--sandbox", type=click.Choice([s.value for s in Sandbox]), help="codex's sandbox.")
@click.option("--timeout", type=float, metavar="S", help="Seconds that the turn may take.")
@click.option("--log-dir", metavar="DIR", help="Where log, metadata and summary go.")
@detach_option
@format_option
@click.argument("codex_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- CODEX ARGS…]")
@click.pass_obj
def run(
    session: Session,
    repo: str,
    task: str | None,
    resume: str | None,
    model: str | None,
    sandbox: str | None,
    timeout: float | None,
    log_dir: str | None,
    detach: bool,
    format_: str,
    codex_args: tuple[str, ...],
) -> int:
    """Give a task to codex and wait until it has ended.

    Before codex exists, stdout has codex_run_id=, log_file=, meta_file= and
    summary_file_pending=; at the end it has codex_run_id=, codex_session_id=,
    codex_exit_code= and the files. Progress goes to stderr. With --format json those lines go
    to stderr, and stdout has the summary. Ctrl-C stops it; if the line drops, it goes on in
    the background.

    \b
    foredeck codex run --repo . --task "Make the tests pass"
    foredeck codex run --repo . --resume SESSION_ID --task "Now the documentation"
    foredeck codex run --repo . --resume SESSION_ID     go on without a new task
    foredeck codex run --repo . --task "…" -- -m gpt-5.5 -c web_search="live"

    What follows -- are options of codex: -m, -s and -c.

    Exit codes: 0 completed, 1 failed, 2 usage, 4 needs a person, 124 out of time, 130
    interrupted.
    """
    if not (task or "").strip() and resume is None:
        raise InvalidInput("There is no task.", "Say what codex shall do with --task TEXT.")
    if not Path(repo).expanduser().is_dir():
        raise NotFound(f"There is no directory {repo}.", "Make it first, or name another --repo.")
    passed_on = parse_arguments(codex_args)

    async def work(host: Host) -> tuple[CodexRun, int]:
        project = await project_for(host, None, repo)
        wish = _wish(project, passed_on, task, resume, model, sandbox, timeout, log_dir)
        created = await host.do(wish)
        _put_lines(_first_lines(created), format_)
        if detach:
            await host.do(StartRun(created.run_id))
            return created, 0
        _, code = await follow(host, lambda: host.do(StartRun(created.run_id)))
        ended = await host.do(ConcludeCodexRun(created.run_id))
        return ended, _exit_code(ended, code)

    if detach:
        result, code = session.hand_over(work)
    else:
        result, code = session.write(work, "foredeck codex run")
        _put_lines(_last_lines(result), format_)
    if format_ == "json":
        put_json({"id": result.run_id, **run_files.document(result)})
    return code


@codex.command()
@click.option("--log", "log_", required=True, metavar="FILE", help="The log of a codex run.")
@click.option("--meta", required=True, metavar="FILE", help="Its metadata.")
@format_option
def parse(log_: str, meta: str, format_: str) -> None:
    """Rebuild the summary of a codex run from its log and its metadata.

    The log may also be what codex exec printed by itself, with --json or without. What it
    does not say is null.

    \b
    foredeck codex parse --log codex-run-ID.log --meta codex-run-ID.meta.json
    """
    fields = run_files.read_document(_existing(meta, "metadata"))
    if not fields:
        raise InvalidInput(f"{meta} is no metadata of a codex run.", "It is a JSON object.")
    _require_kept(log_, fields)
    summary, warnings = rebuild(_existing(log_, "log"), fields)
    for warning in warnings:
        say(f"warning: {warning}")
    if format_ == "json":
        put_json(summary)
    else:
        pairs = {name: _shown(value) for name, value in summary.items()}
        if summary.get("mode") == "new":
            pairs["resume_session"] = "none"
        put_pairs(pairs)


def _require_kept(log: str, fields: dict[str, Any]) -> None:
    """Raise `InvalidInput` for a log that is gone because nobody wanted it kept longer."""
    removed_at = fields.get(run_files.REMOVED_KEY)
    if removed_at and not Path(log).expanduser().exists():
        summary = str(fields.get("summary_file"))
        raise InvalidInput(
            f"The log {log} was removed on {str(removed_at)[:10]} (run_retention_days).",
            f"Its summary is kept: {summary}",
        )


def _wish(
    project: str,
    passed_on: CodexArguments,
    task: str | None,
    resume: str | None,
    model: str | None,
    sandbox: str | None,
    timeout: float | None,
    log_dir: str | None,
) -> CreateCodexRun:
    return CreateCodexRun(
        project,
        task or "",
        resume,
        model or passed_on.model,
        Sandbox(sandbox) if sandbox else passed_on.sandbox,
        passed_on.config,
        timeout,
        str(Path(log_dir).expanduser().absolute()) if log_dir else None,
    )


def _first_lines(run: CodexRun) -> dict[str, object]:
    return {
        "codex_run_id": run.run_id,
        "log_file": run.log_file,
        "meta_file": run.meta_file,
        "summary_file_pending": run.summary_file,
    }


def _last_lines(run: CodexRun) -> dict[str, object]:
    code = run_files.UNKNOWN if run.exit_code is None else run.exit_code
    return {
        "codex_run_id": run.run_id,
        "codex_session_id": run.session_id or run_files.UNKNOWN,
        "codex_exit_code": code,
        "log_file": run.log_file,
        "meta_file": run.meta_file,
        "summary_file": run.summary_file,
    }


def _put_lines(lines: dict[str, object], format_: str) -> None:
    """Write `name=value` lines, for programs on stdout at once, beside JSON on stderr."""
    text = "\n".join(f"{name}={value}" for name, value in lines.items())
    click.echo(text, err=format_ == "json")


def _exit_code(run: CodexRun, followed: int) -> int:
    """The run's own code is finer than how following it ended; an interrupt goes first."""
    return followed if followed == INTERRUPTED or run.exit_code is None else run.exit_code


def _existing(path: str, what: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_file():
        raise InvalidInput(f"There is no {what} {path}.", "Name a file that exists.")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return "unknown" if value is None else str(value)
