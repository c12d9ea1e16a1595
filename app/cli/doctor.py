"""`foredeck doctor`: what is ready, what is missing, what to do."""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import click

from foredeck.app.cli.render import format_option, put_json, put_pairs, put_table, say
from foredeck.app.cli.session import Session
from foredeck.services.domain.command_rules import PolicyAction
from foredeck.services.domain.views import Check

_MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}


@click.command()
@click.option(
    "--drop-test",
    is_flag=True,
    help="Prove instead that a run outlives its dashboard: takes half a minute, needs no account.",
)
@format_option
@click.pass_obj
def doctor(session: Session, drop_test: bool, format_: str) -> int:
    """Check this machine, the settings, codex and its account.

    Prints every setting with where it came from. The exit code is 1 if a check failed.
    --drop-test starts a harmless run in a throw-away directory, takes its dashboard's terminal
    away, and shows that the run went on.
    """
    if drop_test:
        from foredeck.app.cli.drop_test import drop_test as prove

        return prove(session.settings)
    from foredeck.services.diagnosis import Diagnosis

    loaded = session.loaded()
    if format_ == "table":
        say("Looking at codex and its sandbox…")
    found = asyncio.run(Diagnosis(loaded.settings).checks())
    checks = (*found, _terminal(), *(Check("settings", "warning", w) for w in loaded.warnings))
    worst = _worst(checks)
    if format_ == "json":
        put_json(_answer(checks, worst, session))
    else:
        _put(checks, session)
    return 1 if worst == "failed" else 0


def _terminal() -> Check:
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        return Check(
            "terminal",
            "warning",
            f"TERM is {term or 'not set'}: the dashboard needs a real terminal.",
            "The commands work without one.",
        )
    colours = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    depth = "true colour" if colours else "256 colours or fewer"
    return Check("terminal", "ok", f"{term}, {depth}")


def _worst(checks: tuple[Check, ...]) -> str:
    states = {check.state for check in checks}
    return next((state for state in ("failed", "warning") if state in states), "ok")


def _answer(checks: tuple[Check, ...], worst: str, session: Session) -> dict[str, Any]:
    loaded = session.loaded()
    return {
        "id": "doctor",
        "status": worst,
        "version": version("foredeck"),
        "host": platform.node(),
        "python": platform.python_version(),
        "checks": checks,
        "config": str(loaded.config_path),
        "settings": {
            name: {"value": getattr(loaded.settings, name), "origin": origin}
            for name, origin in loaded.origins.items()
        },
    }


def _put(checks: tuple[Check, ...], session: Session) -> None:
    loaded = session.loaded()
    lines = {
        f"{_MARKS[check.state]} {check.name}": f"{check.message}\n{check.advice}".rstrip()
        for check in checks
    }
    put_pairs(lines)
    click.echo()
    rows = [
        (name, _shown(getattr(loaded.settings, name)), origin)
        for name, origin in loaded.origins.items()
    ]
    put_table(("Setting", "Value", "Origin"), rows)


def _shown(value: object) -> object:
    """Return a value as it is written in the settings file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(_entry(name, what) for name, what in value.items()) or "–"
    if isinstance(value, tuple):
        return ", ".join(value) or "–"
    return "–" if value is None else value


def _entry(name: str, value: object) -> str:
    """Return an entry of a table: a rule with what becomes of it, of others the name."""
    return f"{name} = {value}" if isinstance(value, PolicyAction) else name
