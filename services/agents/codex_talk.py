"""Telling codex something within a stage, and hearing its answer."""

from __future__ import annotations

from typing import Any

from foredeck.services.agents.codex_jobs import CodexJobs
from foredeck.services.agents.transcript import Transcript
from foredeck.services.domain.errors import StepFailed
from foredeck.services.domain.records import Failure, FailureClass, Role
from foredeck.services.domain.states import JobState


async def tell_codex(
    jobs: CodexJobs, transcript: Transcript, prompt: str, schema: dict[str, Any] | None = None
) -> str:
    """Return codex's last message to the prompt; both are kept. Raises `StepFailed`.

    In an attempt that is taken up again, the same question gets the answer that it got.
    """
    key = jobs.next_key()
    await transcript.say(Role.USER, prompt, key)
    job = await jobs.run(prompt, schema, key=key)
    if job.message:
        await transcript.say(Role.ASSISTANT, job.message, key)
    if job.failure:
        raise StepFailed(job.failure)
    if job.state is not JobState.COMPLETED:
        raise StepFailed(
            Failure(FailureClass.CODEX, f"The codex turn was {job.state}.", "Retry this stage.")
        )
    return job.message
