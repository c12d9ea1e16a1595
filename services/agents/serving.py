"""The tool servers of a stage, for as long as its agent works."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from foredeck.services.agents.stage_work import StageWork
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.patience import to_the_end
from foredeck.services.store.store import Store
from foredeck.services.tool_servers import ready

if TYPE_CHECKING:
    from foredeck.services.agents.mcp_tools import ToolServers


@asynccontextmanager
async def serving(
    work: StageWork, store: Store, servers: Mapping[str, McpServer]
) -> AsyncIterator[ToolServers | None]:
    """Start the servers and end them; None if there are none.

    One that cannot be used is a note in the transcript, and the stage does without it.
    """
    if not servers:
        yield None
        return
    found = await asyncio.to_thread(ready, servers)
    store.redactor.learn(found.secrets)
    module = await asyncio.to_thread(importlib.import_module, "foredeck.services.agents.mcp_tools")
    tools: ToolServers = module.ToolServers(
        found, work.task.project.workspace, work.task.spec.tools
    )
    try:
        for note in (*found.notes, *await tools.open()):
            await work.transcript.note(note)
        yield tools
    finally:
        await to_the_end(tools.close())
