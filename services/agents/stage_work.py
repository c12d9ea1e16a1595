"""What both modes of working on a stage have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.declaration import AgentSpec
from foredeck.services.agents.job_tools import JobTools
from foredeck.services.agents.stage import StageTask
from foredeck.services.agents.tools import Files, Person
from foredeck.services.agents.transcript import Transcript
from foredeck.services.agents.verdict import parse_verdict
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Verdict


@dataclass(frozen=True)
class StageWork:
    """One attempt of a stage with everything that it works with; `plan` is AGENTS.md.

    `person` answers the agent's questions, None if there never is one; `tasks` are its job
    tools.
    """

    spec: AgentSpec
    task: StageTask
    files: Files
    transcript: Transcript
    jobs: CodexJobs
    plan: str
    person: Person | None = None
    tasks: JobTools | None = None


async def verdict_from(text: str, ask: Callable[[str], Awaitable[str]]) -> Verdict:
    """Return the verdict in a last message; one that cannot be read is asked for once more.

    Raises `StepFailed` (class model) when the second one cannot be read either.
    """
    try:
        return parse_verdict(text)
    except StepFailed as error:
        return parse_verdict(
            await ask(f"{error.message} Send the verdict again, as the JSON object alone.")
        )
