"""An agent in the Agents SDK.

The only module that imports the SDK and the model client: over a second of CPU, so it
is imported in a thread, and only when an agent is about to work.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

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
from foredeck.services.agents.sdk_failures import IncompleteAnswer, failure_of
from foredeck.services.agents.session import StoreSession
from foredeck.services.agents.tool_specs import TOOLS, ToolSpec
from foredeck.services.agents.tools import ToolBox
from foredeck.services.agents.transcript import Transcript
from foredeck.services.agents.verdict import VERDICT_SCHEMA
from foredeck.services.domain.errors import ForedeckError, StepFailed
from foredeck.services.domain.records import TokenUsage

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
        session: StoreSession,
    ) -> None:
        self._endpoint = endpoint
        self._box = box
        self._jobs = jobs
        self._transcript = transcript
        self._session = session
        self._delivered: list[tuple[int, dict[str, Any]]] = []
        self._client = _client(endpoint)
        self._agent = agents.Agent[None](
            name=spec.name,
            handoff_description=spec.handoff_description,
            instructions=spec.instructions,
            model=_ToldModel(model, self._client, transcript),
            model_settings=agents.ModelSettings(parallel_tool_calls=False),
            tools=[self._tool(TOOLS[name]) for name in spec.allowed_tools],
            output_type=_VerdictOutput() if spec.judges else None,
            tool_use_behavior=self._after_tools,
        )

    async def turn(self, text: str) -> str:
        """Say something and return the agent's last words, once it needs no more tools.

        Raises `StepFailed` when the model service or the model fails, and what the store
        raises.
        """
        self._delivered.clear()
        try:
            result = await agents.Runner.run(
                self._agent,
                text,
                session=cast("Any", self._session),
                max_turns=MAX_TURNS,
                run_config=agents.RunConfig(
                    tracing_disabled=True,
                    call_model_input_filter=self._deliver,
                    tool_not_found_behavior="return_error_to_model",
                    tool_error_formatter=_tool_error,
                ),
            )
        except (openai.OpenAIError, httpx2.HTTPError, agents.AgentsException, ValueError) as error:
            raise _as_ours(error, self._endpoint) from error
        return str(result.final_output or "")

    async def close(self) -> None:
        """Close the connections to the model service."""
        await self._client.close()

    def _tool(self, spec: ToolSpec) -> agents.FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> str:
            call = await self._transcript.begin_tool(spec.name, arguments, context.tool_call_id)
            answer = await self._box.call(spec.name, arguments, context.tool_call_id)
            await self._transcript.end_tool(call, answer)
            return answer

        return agents.FunctionTool(
            name=spec.name,
            description=spec.description,
            params_json_schema=spec.schema(),
            on_invoke_tool=invoke,
        )

    def _after_tools(self, _context: Any, _results: Any) -> ToolsToFinalOutputResult:
        """End the turn after a handoff, or when codex cannot work at all."""
        over = self._box.handed_on is not None or self._box.hopeless is not None
        return ToolsToFinalOutputResult(over, self._box.handed_on or "" if over else None)

    async def _deliver(self, data: CallModelData[Any]) -> ModelInputData:
        """Tell the model the ends of jobs that it did not wait for, each once.

        What was told stays at its place in the input, so that the model can refer to it.
        """
        items = list(data.model_data.input)
        for notice in self._jobs.take_notices():
            await self._transcript.note(notice.text)
            item = {"role": "system", "content": notice.text}
            await self._session.add_items([item])
            self._delivered.append((len(items) + len(self._delivered), item))
        for place, item in self._delivered:
            items.insert(place, cast("Any", item))
        return ModelInputData(input=items, instructions=data.model_data.instructions)


class _ToldModel(OpenAIResponsesModel):
    """Streams every answer and tells the transcript of it before the SDK acts on it.

    So a message is stored while it is produced, and always before the tool calls that
    follow it.
    """

    def __init__(self, model: str, client: openai.AsyncOpenAI, transcript: Transcript) -> None:
        super().__init__(model, client)
        self._name = model
        self._transcript = transcript

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
        return ModelResponse(output=final.output, usage=_sdk_usage(final), response_id=final.id)

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


def _as_ours(error: Exception, endpoint: Endpoint) -> ForedeckError:
    """Return the error of our own that the SDK wrapped, or what its own one means."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ForedeckError):
            return inner
        inner = inner.__cause__
    return StepFailed(failure_of(error, endpoint, MAX_TURNS))


def _client(endpoint: Endpoint) -> openai.AsyncOpenAI:
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


def _tool_error(error: ToolErrorFormatterArgs[Any]) -> str | None:
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
