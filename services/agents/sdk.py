"""An agent in the Agents SDK.

The only module besides `mcp_tools` that imports the SDK and the model client: over a second
of CPU, so it is imported in a thread, and only when an agent is about to work.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol, cast

import agents
import httpx2
import openai
from agents.agent import ToolsToFinalOutputResult
from agents.items import ModelResponse
from agents.models.openai_responses import OpenAIResponsesModel
from agents.run_config import CallModelData, ModelInputData, ToolErrorFormatterArgs
from agents.tool_context import ToolContext
from openai.types.responses import Response, ResponseCompletedEvent

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.agents.mcp_names import UNKNOWN_RESULT, is_of_server
from foredeck.services.agents.sdk_failures import IncompleteAnswer, failure_of
from foredeck.services.agents.session import StoredConversation, answer_of
from foredeck.services.agents.tool_schema import ToolSpec
from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.agents.tools import ToolBox
from foredeck.services.agents.transcript import Transcript
from foredeck.services.agents.verdict import VERDICT_SCHEMA
from foredeck.services.domain.errors import ForedeckError, StepFailed
from foredeck.services.domain.records import TokenUsage

if TYPE_CHECKING:
    from foredeck.services.agents.mcp_tools import OfferedTool, ToolServers

MAX_TURNS = 60
_CONNECT_SECONDS = 10.0
_CLIENT_RETRIES = 2

# Traces would go to a third party, and their exporter talks on stderr; the SDK's own log
# lines must not reach a terminal that belongs to the dashboard.
agents.set_tracing_disabled(True)
logging.getLogger("openai.agents").addHandler(logging.NullHandler())


class Conversation:
    """One attempt's conversation with one agent; `close` it at the end."""

    def __init__(
        self,
        spec: AgentSpec,
        model: str,
        endpoint: Endpoint,
        box: ToolBox,
        jobs: CodexJobs,
        transcript: Transcript,
        record: StoredConversation,
        servers: ToolServers | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._box = box
        self._servers = servers
        self._jobs = jobs
        self._transcript = transcript
        self._record = record
        self._client = client_of(endpoint)
        self._agent = agents.Agent[None](
            name=spec.name,
            handoff_description=spec.handoff_description,
            instructions=spec.instructions,
            model=ToldModel(model, self._client, transcript, record),
            model_settings=agents.ModelSettings(parallel_tool_calls=False),
            tools=[
                *(self._tool(TOOLS[name]) for name in spec.allowed_tools),
                *(self._offered(tool) for tool in (servers.tools if servers else ())),
            ],
            output_type=_VerdictOutput() if spec.judges else None,
            tool_use_behavior=self._after_tools,
        )

    async def turn(self, text: str) -> str:
        """Say something and return the agent's last words, once it needs no more tools.

        Raises `StepFailed` when the model service or the model fails, and what the store
        raises.
        """
        await self._record.say("user", text)
        return await self._run()

    async def go_on(self) -> str:
        """Go on where the stored conversation ends, and return as `turn` does.

        A tool call without an answer is made again: what it had started is found by its id.
        Only of a tool server's tool nobody knows what it did, and the agent is told so.
        """
        self._box.plan_saved = bool(self._record.calls_of("save_agents_md"))
        calls = self._record.unanswered
        if self._record.ends_with_handoff:
            calls = self._record.calls_of("handoff")[-1:]
        for call in calls:
            name = str(call["name"])
            known = UNKNOWN_RESULT if is_of_server(name) else None
            await self._invoke(name, str(call["arguments"]), str(call["call_id"]), known)
        if self._over:
            return self._box.handed_on or ""
        words = self._record.last_words
        return await self._run() if words is None else words

    async def _run(self) -> str:
        try:
            result = await agents.Runner.run(
                self._agent,
                cast("Any", self._record.items),
                max_turns=MAX_TURNS,
                run_config=agents.RunConfig(
                    tracing_disabled=True,
                    call_model_input_filter=self._deliver,
                    tool_not_found_behavior="return_error_to_model",
                    tool_error_formatter=tool_error,
                ),
            )
        except (openai.OpenAIError, httpx2.HTTPError, agents.AgentsException, ValueError) as error:
            raise as_ours(error, self._endpoint) from error
        return str(result.final_output or "")

    async def close(self) -> None:
        """Close the connections to the model service."""
        await self._client.close()

    def _tool(self, spec: ToolSpec) -> agents.FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> str:
            return await self._invoke(spec.name, arguments, context.tool_call_id)

        return agents.FunctionTool(
            name=spec.name,
            description=spec.description,
            params_json_schema=spec.schema(),
            on_invoke_tool=invoke,
        )

    def _offered(self, tool: OfferedTool) -> agents.FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> str:
            return await self._invoke(tool.name, arguments, context.tool_call_id)

        return agents.FunctionTool(
            name=tool.name,
            description=tool.description,
            params_json_schema=tool.schema,
            on_invoke_tool=invoke,
            strict_json_schema=False,
        )

    async def _invoke(
        self, name: str, arguments: str, call_id: str, known: str | None = None
    ) -> str:
        call = await self._transcript.begin_tool(name, arguments, call_id)
        answer = known or await self._answer(name, arguments, call_id)
        await self._transcript.end_tool(call, answer)
        await self._record.add([answer_of(call_id, answer)])
        return answer

    async def _answer(self, name: str, arguments: str, call_id: str) -> str:
        if self._servers is not None and is_of_server(name):
            return await self._servers.call(name, arguments)
        return await self._box.call(name, arguments, call_id)

    @property
    def _over(self) -> bool:
        """Whether the agent has handed on, or codex cannot work at all."""
        return self._box.handed_on is not None or self._box.hopeless is not None

    def _after_tools(self, _context: Any, _results: Any) -> ToolsToFinalOutputResult:
        over = self._over
        return ToolsToFinalOutputResult(over, self._box.handed_on or "" if over else None)

    async def _deliver(self, data: CallModelData[Any]) -> ModelInputData:
        """Store what the tools answered, and tell the ends of jobs that were not waited for.

        Each end is told once and stays at its place, so that the model can refer to it.
        """
        await self._record.add(list(data.model_data.input))
        for notice in self._jobs.take_notices():
            await self._transcript.note(notice.text)
            await self._record.say("system", notice.text)
        items = cast("Any", self._record.items)
        return ModelInputData(input=items, instructions=data.model_data.instructions)


class Listener(Protocol):
    """Who hears what a model says (`transcript.Transcript`)."""

    @property
    def answering(self) -> bool: ...
    async def begin_answer(self, model: str) -> None: ...
    async def grow(self, text: str) -> None: ...
    async def finish_answer(self, text: str | None = None) -> None: ...
    async def use(self, usage: TokenUsage, model: str) -> None: ...
    def think(self, text: str) -> None: ...


class ToldModel(OpenAIResponsesModel):
    """Streams every answer and tells the transcript of it before the SDK acts on it.

    So a message is stored while it is produced, and always before the tool calls that
    follow it.
    """

    def __init__(
        self,
        model: str,
        client: openai.AsyncOpenAI,
        transcript: Listener,
        record: StoredConversation | None = None,
    ) -> None:
        """`record` keeps every answer for a later host to go on with."""
        super().__init__(model, client)
        self._name = model
        self._transcript = transcript
        self._record = record

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Return the whole answer, streamed all the same."""
        final: Response | None = None
        stream = cast("Any", self.stream_response(*args, **kwargs))
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, ResponseCompletedEvent):
                    final = event.response
        if final is None:
            raise IncompleteAnswer("the stream ended without response.completed")
        response = ModelResponse(output=final.output, usage=_sdk_usage(final), response_id=final.id)
        if self._record is not None:  # before the SDK acts on it
            await self._record.add(response.to_input_items())
        return response

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """Yield the events of the answer after the transcript has heard them."""
        stream = cast("Any", super().stream_response(*args, **kwargs))
        async with aclosing(stream) as events:
            async for event in events:
                await self._hear(event)
                yield event

    async def _hear(self, event: Any) -> None:
        told = self._transcript
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                if not told.answering:
                    await told.begin_answer(self._name)
                await told.grow(event.delta)
            case "response.reasoning_summary_text.delta":
                told.think(event.delta)
            case "response.reasoning_summary_text.done":
                told.think("\n")
            case "response.output_item.done" if event.item.type == "message":
                text = _text_of(event.item)
                if text and not told.answering:
                    await told.begin_answer(self._name)
                await told.finish_answer(text)
            case "response.completed":
                await told.finish_answer()
                await told.use(_usage(event.response), self._name)


class _VerdictOutput(agents.AgentOutputSchemaBase):
    """Asks for a verdict; what comes is read by `verdict.parse_verdict`, not by the SDK."""

    def is_plain_text(self) -> bool:
        return False

    def name(self) -> str:
        return "verdict"

    def json_schema(self) -> dict[str, Any]:
        return VERDICT_SCHEMA

    def is_strict_json_schema(self) -> bool:
        return True

    def validate_json(self, json_str: str) -> str:
        return json_str


def as_ours(error: Exception, endpoint: Endpoint) -> ForedeckError:
    """Return the error of our own that the SDK wrapped, or what its own one means."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ForedeckError):
            return inner
        inner = inner.__cause__
    return StepFailed(failure_of(error, endpoint, MAX_TURNS))


def client_of(endpoint: Endpoint) -> openai.AsyncOpenAI:
    """Return a client of the model service; to be closed."""
    timeout = httpx2.Timeout(endpoint.patience, connect=_CONNECT_SECONDS)
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key,
        max_retries=_CLIENT_RETRIES,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpx2Client(
            trust_env=not endpoint.is_local, timeout=timeout
        ),
    )


def tool_error(error: ToolErrorFormatterArgs[Any]) -> str | None:
    """Return what a model is told that called a tool which it does not have."""
    if error.kind != "tool_not_found":
        return None
    message = f"There is no tool {error.tool_name} here."
    return json.dumps({"success": False, "error": message})


def _text_of(item: Any) -> str:
    parts = item.content or []
    return "".join(getattr(part, "text", "") or getattr(part, "refusal", "") for part in parts)


def _usage(response: Response) -> TokenUsage:
    usage = response.usage
    if usage is None:
        return TokenUsage()
    return TokenUsage(
        input=usage.input_tokens,
        cached_input=getattr(usage.input_tokens_details, "cached_tokens", 0) or 0,
        output=usage.output_tokens,
        reasoning=getattr(usage.output_tokens_details, "reasoning_tokens", 0) or 0,
    )


def _sdk_usage(response: Response) -> agents.Usage:
    usage = _usage(response)
    return agents.Usage(
        requests=1,
        input_tokens=usage.input,
        output_tokens=usage.output,
        total_tokens=usage.total,
    )
