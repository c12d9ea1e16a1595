"""Servers of tools (Model Context Protocol) that agents and codex may use."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class McpServer:
    """A tool server: a program to start, or the address of one that runs.

    The values of `environment` are plain or references (`env:NAME`, `file:PATH`,
    `command:…`); `token`, sent to `url` as bearer, is a reference or empty.
    """

    command: str = ""
    args: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, hash=False)
    url: str = ""
    token: str = ""

    @property
    def words(self) -> str:
        """What it is, in one line: the command line or the address."""
        return self.url or " ".join([self.command, *self.args])
