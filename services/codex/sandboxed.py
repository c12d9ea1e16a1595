"""Commands in codex's own sandbox: `codex sandbox`, as the native program spells it (SPEC J5)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from foredeck.services.codex.binary import locate
from foredeck.services.codex.environment import codex_environment
from foredeck.services.domain.records import Sandbox
from foredeck.services.settings import Settings

# Profiles that are built into codex. Unlike the setting `sandbox_mode` they are not widened by
# what stands in a configuration, which may lie in the workspace.
_PROFILES = {Sandbox.READ_ONLY: ":read-only", Sandbox.WORKSPACE_WRITE: ":workspace"}
# A program that is not there ends with 127 and a line of the shell: codex itself would panic.
_START = ("/bin/sh", "-c", 'exec "$@"', "sh")


class CommandSandbox:
    """Wraps commands; the workspace is the directory that they are started in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self) -> None:
        """Raise `CodexMissing` or `CodexTooOld` unless there is a codex to wrap commands in."""
        await asyncio.to_thread(locate, self._settings)

    async def wrap(
        self, sandbox: Sandbox, words: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """Return the words and the environment of the command in its sandbox.

        Raises `CodexMissing`, `CodexTooOld`, and `CodexError` without a codex home.
        """
        binary = await asyncio.to_thread(locate, self._settings)
        codex = (str(binary.path), "sandbox", "-P", _PROFILES[sandbox], "--")
        return (*codex, *_START, *words), {**self._home(), **environment}

    def _home(self) -> dict[str, str]:
        """Return the variable that names codex's directory, where it is not the usual one."""
        found = codex_environment(self._settings)
        return {name: found[name] for name in ("CODEX_HOME",) if name in found}
