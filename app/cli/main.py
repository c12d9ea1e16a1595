"""The entry point: `foredeck` opens the dashboard, `foredeck COMMAND` does one thing.

Nothing heavy is imported here: each command group's module is imported when it is used, so
that `--help` and `--version` answer at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from foredeck.app.cli.session import Session
from foredeck.services.domain.errors import ForedeckError

# name → (module, attribute, short help); the help stands here so that listing the commands
# imports none of them.
COMMANDS = {
    "demo": ("demo", "demo", "Watch a rehearsal: real codex, scripted words, no account."),
    "doctor": ("doctor", "doctor", "Check this machine, the settings, codex and the account."),
    "projects": ("projects", "projects", "Create, list and change projects."),
    "run": ("run", "run", "Give a request to the four agents and wait for the result."),
    "runs": ("runs", "runs", "List, show, follow, cancel and retry runs."),
}

INTERRUPTED = 130


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, invoke_without_command=True)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where Foredeck keeps its data.")
@click.option("--config", type=click.Path(path_type=Path), help="Another settings file.")
@click.option("--debug", is_flag=True, help="Log more, and show tracebacks of Foredeck's own bugs.")
@click.version_option(version("foredeck"), prog_name="foredeck")
@click.pass_context
def cli(ctx: click.Context, data_dir: Path | None, config: Path | None, debug: bool) -> None:
    """Direct a small crew of agents while codex does the work.

    Without a command, the dashboard opens. New here? Run: foredeck demo
    """
    ctx.obj = Session({"data_dir": data_dir}, config, debug=debug)
    if ctx.invoked_subcommand is None:
        from foredeck.app.cli.dashboard import open_dashboard

        ctx.exit(open_dashboard(ctx.obj))


def main() -> None:
    """Run the command line; every error becomes a sentence and an exit code."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        code: Any = cli.main(arguments, prog_name="foredeck", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except ForedeckError as error:
        _complain(error)
        return error.exit_code
    except BrokenPipeError:
        return 0
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"error: Foredeck itself failed: {type(error).__name__}: {error}\n"
            "Run it again with --debug for the details, and report them.",
            err=True,
        )
        return 1
    return code if isinstance(code, int) else 0


def _complain(error: ForedeckError) -> None:
    from foredeck.services.domain.safe_text import safe_text

    click.echo(f"error: {safe_text(error.message)}", err=True)
    if error.advice:
        click.echo(safe_text(error.advice), err=True)
