"""The entry point: `foredeck` opens the dashboard, `foredeck COMMAND` does one thing.

Nothing heavy is imported here: each command group's module is imported when it is used, so
that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import ForedeckError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name → (module, attribute, short help); the help stands here so that listing the commands
# imports none of them.
COMMANDS = {
    "agents": ("agents", "agents", "The four agents, and talking with one of them."),
    "audit": ("audit", "audit", "Who did what, and whether the record of it is whole."),
    "away": ("away", "away", "What happened while no dashboard was open."),
    "backup": ("backup", "backup", "Keep the whole data directory in one file, and restore it."),
    "batch": ("batch", "batch", "Run many commands as one batch of jobs."),
    "codex": ("codex", "codex", "Give one task to codex, and read the logs of such runs."),
    "completion": ("completion", "completion", "Print what a shell needs to complete with Tab."),
    "dag": ("dag", "dag", "Run workflows from YAML files, and see where they stand."),
    "demo": ("demo", "demo", "Watch a rehearsal: real codex, scripted words, no account."),
    "doctor": ("doctor", "doctor", "Check this machine, the settings, codex and the account."),
    "events": ("events", "events", "Print what happens in the running host, as JSON lines."),
    "jobs": ("jobs", "jobs", "Run commands as jobs, and see every job there is."),
    "notifications": (
        "notifications",
        "notifications",
        "What people were told, and trying out how it reaches them.",
    ),
    "projects": ("projects", "projects", "Create, list and change projects."),
    "reports": ("reports", "reports", "Reports about runs, as HTML, PDF, JSON or text."),
    "run": ("run", "run", "Give a request to the four agents and wait for the result."),
    "runs": ("runs", "runs", "List, show, follow and direct runs."),
    "serve": ("serve", "serve", "Work on runs without a screen; dashboards attach to it."),
    "tasks": ("tasks", "tasks", "Saved prompts: run them by hand or by the clock."),
}

INTERRUPTED = 130

_BROKEN_PIPE = 141
_GLOBAL = {"--data-dir", "--config", "--debug"}
# What writing to a standard output that takes nothing more ends with.
_UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EIO}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _help = COMMANDS[cmd_name]
        command = getattr(import_module(f"foredeck.app.cli.{module}"), attribute)
        return command if isinstance(command, click.Command) else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Return what may stand here, without importing the commands."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        names = (name for name in self.list_commands(ctx) if name.startswith(incomplete))
        return [CompletionItem(name, help=COMMANDS[name][2]) for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where Foredeck keeps its data.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file.")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks of Foredeck's own bugs.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _option, given: _show_version(ctx) if given else None,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context, data_dir: Path | None, config: Path | None, debug: bool) -> None:
    """Direct a small crew of agents while codex does the work.

    Without a command, the dashboard opens. New here? Begin with foredeck demo,
    then foredeck doctor.

    \b
    foredeck projects create shop --workspace ~/src/shop
    foredeck run "Add a --json flag to the report command" --project shop
    foredeck runs list --format json

    Exit codes: 0 success; 1 it failed, or what is there stands against it, such as
    a name that is taken; 2 usage: what was typed has a mistake, or names what is
    not there; 3 over budget; 4 needs a person; 130 interrupted.
    """
    if config:
        # A host that is started from here has to read the same file.
        os.environ["FOREDECK_CONFIG"] = str(config.expanduser().absolute())
    ctx.obj = Session({"data_dir": data_dir}, config, debug=debug)
    if ctx.invoked_subcommand is None:
        # Everything imported from here on stays: collecting garbage meanwhile only delays
        # the first paint. `open_dashboard` turns it on again once the data is open.
        gc.disable()
        from foredeck.app.cli.dashboard import open_dashboard

        ctx.exit(open_dashboard(ctx.obj))


def _show_version(ctx: click.Context) -> None:
    from importlib.metadata import version  # slow, and seldom wanted

    click.echo(f"foredeck {version('foredeck')}")
    ctx.exit()


def main() -> None:
    """Run the command line; every error becomes a sentence and an exit code."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Where the locale has no glyphs, a `?` is better than no answer.
            stream.reconfigure(errors="replace")
    code = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritable(error) or code
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Put nothing in the place of closed standard streams: no file may get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _run(arguments: list[str]) -> int:
    try:
        code: Any = cli.main(arguments, prog_name="foredeck", standalone_mode=False)
    except SystemExit as stop:
        if "_FOREDECK_COMPLETE" in os.environ and isinstance(stop.code, int):
            return stop.code
        # click's answer to a reader that left in the middle; scripts know the code.
        return _BROKEN_PIPE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        _complain(_usage_sentence(error), _usage_advice(error))
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        # A second Ctrl-C may have cut the tidying up short: Python's remarks help nobody.
        warnings.simplefilter("ignore")
        _complain("Interrupted.")
        return INTERRUPTED
    except ForedeckError as error:
        _complain(f"error: {error.message}", error.advice)
        return error.exit_code
    except Exception as error:
        return _unexpected(error, debug="--debug" in arguments)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception, *, debug: bool) -> int:
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and not error.filename:
        return _unwritable(error)
    if debug:
        raise error
    _complain(
        f"error: Foredeck itself failed: {type(error).__name__}: {error}",
        "Run it again with --debug for the details, and report them.",
    )
    return 1


def _unwritable(error: OSError) -> int:
    """Say why standard output takes nothing more, and let it go; a reader may just leave."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    if error.errno == errno.EPIPE:
        return 0
    _complain(f"error: The answer could not be written: {error.strerror}.")
    return 1


def _usage_sentence(error: click.ClickException) -> str:
    message = error.format_message()
    return f"error: {message[:1].upper()}{message[1:]}"


def _usage_advice(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.NoSuchOption) and error.option_name in _GLOBAL:
        return f"It goes before the command: foredeck {error.option_name} … COMMAND"
    return f"foredeck {_path(context)}--help says how.".replace("  ", " ") if context else ""


def _path(context: click.Context) -> str:
    words = context.command_path.split()[1:]
    return f"{' '.join(words)} " if words else ""


def _complain(sentence: str, advice: str = "") -> None:
    """Write to stderr; a terminal that is gone hears nothing."""
    from foredeck.services.domain.safe_text import safe_text

    try:
        click.echo("\n".join(filter(None, (safe_text(sentence), safe_text(advice)))), err=True)
    except OSError:
        return


if __name__ == "__main__":
    main()
