"""Tool servers (MCP) of a conversation: started, asked for their tools, called, ended.

Imports the SDK, so it is imported as late as `sdk`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from agents.mcp import (
    MCPServer,
    MCPServerManager,
    MCPServerStdio,
    MCPServerStdioParams,
    MCPServerStreamableHttp,
)
from mcp.client.stdio import stdio_client

from foredeck.services.agents.mcp_names import tool_name
from foredeck.services.domain.safe_text import safe_line
from foredeck.services.domain.tool_limits import EVERYTHING, ToolLimits
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.tool_servers import ReadyServers, bearer

# Seconds: a server may have to be fetched first, and a tool may work for as long as a turn.
_START, _STOP, _LIST, _CALL = 30.0, 5.0, 30.0, 600.0
# Characters of an answer that the model gets at most, and of a reason in a note.
_LONGEST = 50_000
_REASON_LENGTH = 200


@dataclass(frozen=True)
class OfferedTool:
    """A tool as the agent gets to see it; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class _Place:
    """Where a tool is, and what it is called there."""

    server: MCPServer
    tool: str


class ToolServers:
    """The servers of one conversation; `close` them also after an `open` that failed.

    Each is worked on by a task of its own, which a server that dies cannot take along.
    """

    def __init__(
        self, found: ReadyServers, workspace: str, limits: ToolLimits = EVERYTHING
    ) -> None:
        self._limits = limits
        self._nowhere = Path(os.devnull).open("w")  # noqa: SIM115 (`close` does)
        self._servers = {
            _connection(name, server, workspace, self._nowhere): name
            for name, server in found.servers.items()
        }
        self._manager = MCPServerManager(
            self._servers,
            connect_timeout_seconds=_START,
            cleanup_timeout_seconds=_STOP,
            connect_in_parallel=True,
        )
        self._places: dict[str, _Place] = {}
        self.tools: tuple[OfferedTool, ...] = ()

    async def open(self) -> tuple[str, ...]:
        """Start the servers; return a sentence for each that the agent has to do without."""
        await self._manager.connect_all()
        _raise_if_cancelled()
        failed = self._manager.errors
        notes = [_note(self._servers[server], error) for server, error in failed.items()]
        offered: list[OfferedTool] = []
        for server in self._manager.active_servers:
            try:
                async with asyncio.timeout(_LIST):
                    offered += self._offers(server, await server.list_tools())
            except Exception as error:
                notes.append(_note(self._servers[server], error))
        self.tools = tuple(offered)
        return tuple(notes)

    async def call(self, name: str, arguments: str) -> str:
        """Return what a tool answers; what goes wrong is an answer too."""
        place = self._places.get(name)
        if place is None:
            return refusal(f"The tool server of {name} is not there.")
        try:
            given = json.loads(arguments or "{}")
            result = await place.server.call_tool(place.tool, given)
        except asyncio.CancelledError:
            _raise_if_cancelled()
            return refusal(f"The tool server of {name} has ended.")
        except Exception as error:
            return refusal(_reason(error))
        text = _text_of(result)
        return refusal(text) if result.is_error else text

    async def close(self) -> None:
        """End the servers."""
        try:
            await self._manager.cleanup_all()
        finally:
            self._nowhere.close()

    def _offers(self, server: MCPServer, tools: list[Any]) -> Iterator[OfferedTool]:
        for tool in tools:
            name = tool_name(self._servers[server], tool.name)
            server_name = self._servers[server]
            if name not in self._places and self._limits.permits_tool(server_name, name):
                self._places[name] = _Place(server, tool.name)
                yield OfferedTool(name, tool.description or "", tool.input_schema)


class _Program(MCPServerStdio):
    """A server whose remarks on stderr do not reach a terminal that is the dashboard's."""

    def __init__(self, params: MCPServerStdioParams, name: str, remarks: TextIO) -> None:
        super().__init__(params, name=name, client_session_timeout_seconds=_CALL)
        self._remarks = remarks

    def create_streams(self) -> AbstractAsyncContextManager[Any]:
        return stdio_client(self.params, errlog=self._remarks)


def refusal(error: str) -> str:
    """Return an answer that says what went wrong, as those of the agents' own tools do."""
    return json.dumps({"success": False, "error": error}, ensure_ascii=False)


def _connection(name: str, server: McpServer, workspace: str, remarks: TextIO) -> MCPServer:
    if server.url:
        return MCPServerStreamableHttp(
            {"url": server.url, "headers": bearer(server.token)},
            name=name,
            client_session_timeout_seconds=_CALL,
        )
    params: MCPServerStdioParams = {
        "command": server.command,
        "args": list(server.args),
        "env": dict(server.environment),
        "cwd": workspace,
    }
    return _Program(params, name, remarks)


def _text_of(result: Any) -> str:
    parts = [part.text if part.type == "text" else f"[{part.type}]" for part in result.content]
    text = "\n".join(parts)
    if not text and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n[the rest is left out]"


def _note(name: str, error: BaseException) -> str:
    return f"The tool server {name} cannot be used: {_reason(error)}. The stage goes on without it."


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    words = re.sub(r"\s+", " ", str(error)) or type(error).__name__
    return safe_line(words, limit=_REASON_LENGTH).rstrip(".")


def _raise_if_cancelled() -> None:
    """Go on being cancelled if we are; a server that dies may only make it look so."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
