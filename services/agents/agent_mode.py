"""Agent mode: an agent of the Agents SDK works on the stage with its tools."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING

from foredeck.services.agents import prompts
from foredeck.services.agents.endpoint import Endpoint
from foredeck.services.agents.serving import serving
from foredeck.services.agents.session import StoredConversation
from foredeck.services.agents.stage import StageOutcome
from foredeck.services.agents.stage_work import StageWork, verdict_from
from foredeck.services.agents.tools import ToolBox
from foredeck.services.agents.verdict import describe
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Role
from foredeck.services.domain.tool_servers import McpServer
from foredeck.services.store.store import Store

if TYPE_CHECKING:
    from foredeck.services.agents.sdk import Conversation

_WAKES = 20
_PLAN_MISSING = "AGENTS.md has not been saved. Save the plan with save_agents_md, then hand off."


async def work_as_agent(
    work: StageWork,
    store: Store,
    endpoint: Endpoint,
    model: str,
    servers: Mapping[str, McpServer] | None = None,
) -> StageOutcome:
    """Let the agent work, with these tool servers, until it hands on; raises `StepFailed`."""
    task = work.task
    record = await StoredConversation.open(store, task.step.id, task.attempt, task.continues)
    await work.jobs.restore(record.mentions)
    box = ToolBox(work.spec, work.jobs, work.files, store, work.person, work.tasks)
    # The SDK takes over a second to import: not on the loop, and not before it is needed.
    sdk = await asyncio.to_thread(importlib.import_module, "foredeck.services.agents.sdk")
    async with serving(work, store, servers or {}) as tools:
        conversation: Conversation = sdk.Conversation(
            work.spec,
            work.spec.model or model,
            endpoint,
            box,
            work.jobs,
            work.transcript,
            record,
            tools,
        )
        try:
            return await _Talk(work, box, conversation, begun=bool(record.items)).outcome()
        finally:
            await conversation.close()


class _Talk:
    """The turns of one agent, from the task to its outcome."""

    def __init__(
        self, work: StageWork, box: ToolBox, conversation: Conversation, *, begun: bool
    ) -> None:
        self._work = work
        self._box = box
        self._conversation = conversation
        self._begun = begun

    async def outcome(self) -> StageOutcome:
        work = self._work
        if self._begun:
            text = await self._to_the_end(await self._checked(self._conversation.go_on()))
        else:
            text = await self._ask(prompts.stage_input(work.spec, work.task, work.plan))
        if work.spec.plans and not self._planned():
            text = await self._ask(prompts.reminder(_PLAN_MISSING))
            self._require_plan()
        verdict = await verdict_from(text, self._ask) if work.spec.judges else None
        summary = describe(verdict) if verdict else self._box.handed_on or text.strip()
        if not summary:
            raise StepFailed(_failure("The agent ended without a summary of its work."))
        usage = work.transcript.usage + work.jobs.usage
        return StageOutcome(summary, verdict, usage)

    async def _ask(self, text: str) -> str:
        """Say something and return what the agent answers in the end."""
        await self._work.transcript.say(Role.USER, text)
        return await self._to_the_end(await self._turn(text))

    async def _to_the_end(self, answer: str) -> str:
        """Return the last answer: the agent is woken again for every job that ends meanwhile."""
        for _ in range(_WAKES):
            if self._box.handed_on is not None:
                return answer
            await self._work.jobs.wait_for_one()
            notices = self._work.jobs.take_notices()
            if not notices:
                return answer
            news = "\n".join(notice.text for notice in notices)
            await self._work.transcript.note(news)
            answer = await self._turn(news)
        raise StepFailed(_failure("The agent started codex jobs without end."))

    async def _turn(self, text: str) -> str:
        return await self._checked(self._conversation.turn(text))

    async def _checked(self, turn: Awaitable[str]) -> str:
        answer = await turn
        if self._box.hopeless is not None:
            raise self._box.hopeless
        return answer

    def _planned(self) -> bool:
        return self._box.plan_saved or (
            self._box.plan_exists() and self._box.plan() != self._work.plan
        )

    def _require_plan(self) -> None:
        if not self._box.plan_exists():
            raise StepFailed(_failure("The Planner ended without leaving AGENTS.md."))


def _failure(message: str) -> Failure:
    advice = "Retry the stage; if it happens again, use another model."
    return Failure(FailureClass.MODEL, message, advice)
