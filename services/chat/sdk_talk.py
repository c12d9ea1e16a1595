"""One question to an agent of the Agents SDK; imported only when one is asked."""

from __future__ import annotations

import time
from typing import Any, cast

import agents
import httpx2
import openai
from agents.tool_context import ToolContext

from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.agents.sdk import ToldModel, as_ours, client_of, tool_error
from foredeck.services.agents.tool_schema import ToolSpec
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.agents.tools import ToolBox
from foredeck.services.chat.record import ChatRecord

# Model calls that one answer may take.
_MAX_TURNS = 20


async def answer(
    spec: AgentSpec,
    model: str,
    endpoint: Endpoint,
    tools: ToolBox,
    record: ChatRecord,
    told: list[dict[str, str]],
) -> None:
    """Let the agent answer the last of what it is `told`; raises `StepFailed`."""
    client = client_of(endpoint)
    agent = agents.Agent[None](
        name=spec.name,
        instructions=spec.instructions,
        model=ToldModel(model, client, record),
        model_settings=agents.ModelSettings(parallel_tool_calls=False),
        tools=[_tool(TOOLS[name], tools, record) for name in spec.allowed_tools],
    )
    config = agents.RunConfig(
        tracing_disabled=True,
        tool_not_found_behavior="return_error_to_model",
        tool_error_formatter=tool_error,
    )
    try:
        await agents.Runner.run(agent, cast("Any", told), max_turns=_MAX_TURNS, run_config=config)
    except (openai.OpenAIError, httpx2.HTTPError, agents.AgentsException, ValueError) as error:
        raise as_ours(error, endpoint) from error
    finally:
        await client.close()


def _tool(spec: ToolSpec, tools: ToolBox, record: ChatRecord) -> agents.FunctionTool:
    async def invoke(context: ToolContext[Any], arguments: str) -> str:
        began = time.monotonic()
        call = await record.begin_tool(spec.name, arguments, context.tool_call_id)
        found = await tools.call(spec.name, arguments, context.tool_call_id)
        await record.end_tool(call, found, began)
        return found

    return agents.FunctionTool(
        name=spec.name,
        description=spec.description,
        params_json_schema=spec.schema(),
        on_invoke_tool=invoke,
    )
