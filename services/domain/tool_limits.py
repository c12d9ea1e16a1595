"""Which tools the agents and codex may use in a run (SPEC T1).

A list may name the agents' own tools, those of tool servers (`mcp__SERVER__TOOL`, or
`mcp__SERVER` for all of one), and four words that stand for what codex can do:

    Bash     run commands, also as jobs
    Write    change files; Edit is the same
    Read     read files, in codex by commands in a read-only sandbox
"""

from __future__ import annotations

from dataclasses import dataclass

BASH, READ, WRITE, EDIT = "Bash", "Read", "Write", "Edit"
CODEX_TOOLS = (BASH, READ, WRITE, EDIT)
_WRITING = (WRITE, EDIT)
SERVER_PREFIX = "mcp__"


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What is allowed, None for everything; and what is not, which goes before it."""

    allowed: tuple[str, ...] | None = None
    disallowed: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether nothing is limited."""
        return self.allowed is None and not self.disallowed

    def permits(self, name: str) -> bool:
        """Whether a tool may be used that the lists call by this name."""
        return name not in self.disallowed and (self.allowed is None or name in self.allowed)

    @property
    def runs_commands(self) -> bool:
        """Whether codex may run commands at all: to read, it needs them."""
        return self.permits(BASH) or (self.permits(READ) and not self.writes)

    @property
    def writes(self) -> bool:
        """Whether codex may change anything: by commands, too, unless that is disallowed."""
        if set(_WRITING) & set(self.disallowed):
            return False  # they are two words for one thing
        return any(self.permits(name) for name in (*_WRITING, BASH))

    def permits_server(self, server: str) -> bool:
        """Whether any tool of a tool server may be used."""
        whole = SERVER_PREFIX + server
        if whole in self.disallowed:
            return False
        return self.allowed is None or any(
            name == whole or name.startswith(f"{whole}__") for name in self.allowed
        )

    def permits_tool(self, server: str, tool: str) -> bool:
        """Whether a tool of a permitted server may be used; `tool` is its full name."""
        named = self.allowed is None or {tool, SERVER_PREFIX + server} & set(self.allowed)
        return bool(named) and tool not in self.disallowed

    def server_tools(self, server: str) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        """Return the tools of a permitted server that may be used, None for all, and may not."""
        whole = SERVER_PREFIX + server
        beginning = f"{whole}__"

        def named(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(n.removeprefix(beginning) for n in names if n.startswith(beginning))

        everything = self.allowed is None or whole in self.allowed
        return None if everything else named(self.allowed or ()), named(self.disallowed)


EVERYTHING = ToolLimits()
