"""A tiny tool server (MCP, stdio): says what it was told, and what it finds around it."""

import os
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> str:
    """Return the text with the length of MCP_PROOF and where the server works."""
    if told := os.environ.get("MCP_LOG"):
        with Path(told).open("a") as log:
            log.write(f"{text}\n")
    return f"echo: {text} ({len(os.environ.get('MCP_PROOF', ''))}, {Path.cwd().name})"


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("it is broken")


if __name__ == "__main__":
    print("the server begins", file=sys.stderr)
    server.run()
