"""Whether codex can work here: its account, and the sandbox its commands run in."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from foredeck.services.codex.binary import CodexBinary
from foredeck.services.domain.errors import CodexLoggedOut
from foredeck.services.domain.safe_text import safe_line

_PROBE_SECONDS = 15.0
_BUILT_IN = "openai"
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "CODEX_HOME")
# The app-server takes no key from the environment, as `codex exec` does.
_LOG_IN = "Run `codex login` (with a key: `codex login --with-api-key`), then try again."
_WITHOUT = (
    "Where the machine itself is the sandbox (a container made for this), the sandbox "
    "setting danger-full-access does without."
)
# Switches of Linux that forbid what the sandbox is made of, and how to allow it.
_SWITCHES = (
    ("user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=15000"),
    ("kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
_CONTAINER_SIGNS = ("/.dockerenv", "/run/.containerenv")


class Caller(Protocol):
    """What is needed of a `CodexClient`."""

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request."""
        ...


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """Whether codex has an account to work with; `message` names it or says it is missing."""

    ok: bool
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class SandboxProbe:
    """Whether codex's sandbox works on this machine; else why not and what to do."""

    ok: bool
    message: str
    advice: str = ""


async def check_login(client: Caller) -> LoginStatus:
    """Ask the app-server for its account; raises `CodexError` if it does not answer.

    A provider of the user's own, configured in codex, needs none.
    """
    answer = await client.call("account/read", {})
    account = answer.get("account")
    if isinstance(account, dict):
        return LoginStatus(True, _describe(account))
    if not answer.get("requiresOpenaiAuth", True):
        return LoginStatus(True, "The model provider that codex is configured for needs no login.")
    return LoginStatus(False, "codex is not logged in.", _LOG_IN)


async def require_login(client: Caller) -> None:
    """Raise `CodexLoggedOut` if codex has no account."""
    status = await check_login(client)
    if not status.ok:
        raise CodexLoggedOut(status.message, status.advice)


def require_login_for_exec(
    binary: Path, environment: Mapping[str, str], config: Mapping[str, Any]
) -> None:
    """Raise `CodexLoggedOut` if `codex exec` would have no account; not for an event loop.

    `config` are codex's settings. A provider of the user's own needs no login; neither does
    `codex exec` with a key in CODEX_API_KEY.
    """
    if config.get("model_provider", _BUILT_IN) != _BUILT_IN or environment.get("CODEX_API_KEY"):
        return
    try:
        done = subprocess.run(
            [str(binary), "login", "status"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # codex itself will say what is wrong
    if done.returncode and b"Not logged in" in done.stderr + done.stdout:
        raise CodexLoggedOut("codex is not logged in.", _LOG_IN)


async def probe_sandbox(binary: CodexBinary) -> SandboxProbe:
    """Run a program that does nothing in codex's sandbox; takes 15 seconds at most."""
    try:
        code, said = await _run_sandboxed(binary.path)
    except TimeoutError:
        said = f"nothing happened within {_PROBE_SECONDS:.0f} seconds"
    except OSError as error:
        said = error.strerror or str(error)
    else:
        if code == 0:
            return SandboxProbe(True, "codex's sandbox works on this machine.")
        said = said or f"code {code}"
    return SandboxProbe(
        False, f"codex's sandbox does not work on this machine: {said}.", _sandbox_advice()
    )


def _describe(account: dict[str, Any]) -> str:
    if account.get("type") == "chatgpt":
        who = safe_line(str(account.get("email") or "an account"), limit=200)
        plan = safe_line(str(account.get("planType") or "unknown"), limit=40)
        return f"codex is logged in to ChatGPT as {who} (plan {plan})."
    if account.get("type") == "apiKey":
        return "codex works with an API key."
    return "codex has an account."


async def _run_sandboxed(codex: Path) -> tuple[int, str]:
    """Return the exit code and the last line on stderr."""
    process = await asyncio.create_subprocess_exec(
        str(codex),
        "sandbox",
        "--",
        "true",
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, errors = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    lines = errors.strip().splitlines()
    last = safe_line(lines[-1], limit=300).rstrip(".") if lines else ""
    return process.returncode or 0, last


def _sandbox_advice() -> str:
    steps = [
        f"Allow it with `{command}`."
        for name, forbidding, command in _SWITCHES
        if _switch(name) == forbidding
    ]
    if not steps and any(Path(sign).exists() for sign in _CONTAINER_SIGNS):
        steps.append("Start the container with `--security-opt seccomp=unconfined`.")
    if not steps:
        steps.append("It needs unprivileged user namespaces; ask whoever runs this machine.")
    return " ".join([*steps, _WITHOUT])


def _switch(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
