"""The setting of `foredeck demo`: a throw-away directory and a scripted model."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from foredeck.services.codex.binary import CodexBinary, locate
from foredeck.services.codex.login import SandboxProbe, probe_sandbox
from foredeck.services.domain.errors import ForedeckError
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.rehearsal.fairshare import PROJECT, REQUEST, RUN_PROGRAM, RUN_TESTS
from foredeck.services.rehearsal.model_server import ModelServer, write_codex_config
from foredeck.services.rehearsal.scenario import DemoScript
from foredeck.services.settings import HostPlace, Settings

ABOUT = (
    "This is a rehearsal: the model's words are scripted. Codex, the commands it runs, the "
    "files it writes and the tests are real."
)
_NO_SANDBOX = (
    "The rehearsal goes on without the sandbox: its commands are part of the script, known to "
    "be harmless, and work in a throw-away directory only."
)


@dataclass(frozen=True)
class DemoSetting:
    """Where a demo takes place and what it asks for.

    `root` is the throw-away directory (0700) that holds all the rest: the data, codex's
    home and the `workspace`. `sandbox_note` is empty while codex's sandbox works; else it
    has to be shown: it says why it does not, what to do, and what the demo does instead.
    """

    root: Path
    workspace: Path
    settings: Settings
    server: ModelServer
    request: str = REQUEST
    project: str = PROJECT
    sandbox_note: str = ""


@contextmanager
def prepare_demo(
    base: Path, *, pace: float = 1.0, mode: Mode = Mode.AUTO, settings: Settings | None = None
) -> Iterator[DemoSetting]:
    """Make a throw-away directory below `base` and serve the scripted model meanwhile.

    `pace` 1.0 is human speed, 0 immediate. `settings` gives what has nothing to do with the
    rehearsal (theme, codex path, times). The directory stays: the result is in it. Blocks
    for up to 15 seconds while the sandbox is tried. Raises `CodexMissing` or `CodexTooOld`,
    and `ForedeckError` if the directory cannot be made.
    """
    given = settings or Settings()
    probe = _in_a_thread_of_its_own(locate(given))
    root, workspace = _directories(base)
    with ModelServer(DemoScript(), pace=pace) as server:
        write_codex_config(root / "codex", server.base_url)
        yield DemoSetting(
            root=root,
            workspace=workspace,
            settings=_rehearsal(given, root, server.base_url, mode, probe),
            server=server,
            sandbox_note="" if probe.ok else f"{probe.message} {probe.advice} {_NO_SANDBOX}",
        )


def describe_result(setting: DemoSetting) -> str:
    """Say where the result lies, how to run it, and how to get rid of it."""
    place = shlex.quote(str(setting.workspace))
    away = f"Everything is in one throw-away directory: rm -r {shlex.quote(str(setting.root))}"
    if not (setting.workspace / "fairshare.py").is_file():
        return f"There is no program yet; what there is lies in {place}.\n{away}"
    steps = (f"cd {place}", RUN_PROGRAM, RUN_TESTS)
    commands = "\n".join(f"  {step}" for step in steps)
    return f"The program that was built is real. Try it:\n{commands}\n{away}"


def _rehearsal(
    given: Settings, root: Path, base_url: str, mode: Mode, probe: SandboxProbe
) -> Settings:
    # Only the script's own commands ever run here: every other request gets words alone.
    sandbox = Sandbox.WORKSPACE_WRITE if probe.ok else Sandbox.DANGER_FULL_ACCESS
    return replace(
        given,
        data_dir=root / "data",
        workspaces_root=root / "workspaces",
        codex_home=root / "codex",
        codex_model=None,
        mode=mode,
        model="gpt-5.5",
        base_url=base_url,
        api_key="env:FOREDECK_REHEARSAL_KEY",
        sandbox=sandbox,
        prices={},  # nobody pays for scripted words
        host=HostPlace.DASHBOARD,  # the scripted model lives in this process
        rehearsal=True,
    )


def _directories(base: Path) -> tuple[Path, Path]:
    try:
        root = Path(tempfile.mkdtemp(prefix="foredeck-demo-", dir=base))
        workspace = root / "workspaces" / "fairshare"
        for directory in (root / "data", root / "workspaces", workspace):
            directory.mkdir(mode=0o700)
    except OSError as error:
        raise ForedeckError(
            f"The demo's directory cannot be made in {base}: {error.strerror}.",
            "Set TMPDIR to a directory that you may write to.",
        ) from error
    return root, workspace


def _in_a_thread_of_its_own(binary: CodexBinary) -> SandboxProbe:
    """Probe the sandbox; a thread, because the caller may have a running event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, probe_sandbox(binary)).result()
