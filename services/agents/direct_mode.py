"""Direct mode: the stage's own prompt goes to codex, which does all of the work."""

from __future__ import annotations

from foredeck.services.agents import prompts
from foredeck.services.agents.codex_talk import tell_codex
from foredeck.services.agents.declaration import AGENTS_MD
from foredeck.services.agents.stage import StageOutcome
from foredeck.services.agents.stage_work import StageWork, verdict_from
from foredeck.services.agents.tools import read_plan
from foredeck.services.agents.verdict import (
    SUMMARY_SCHEMA,
    VERDICT_SCHEMA,
    describe,
    parse_summary,
)


async def work_directly(work: StageWork) -> StageOutcome:
    """Let codex do the stage in one turn; raises `StepFailed`.

    The tokens stay with the codex job, not with the messages, so that nothing counts twice.
    """
    await work.jobs.restore(lambda _text: True)
    prompt = prompts.direct_prompt(work.spec, work.task, work.plan)
    text = await _ask(work, prompts.going_on(prompt) if work.task.continues else prompt)
    if work.spec.judges:
        verdict = await verdict_from(text, lambda again: _ask(work, again))
        return StageOutcome(describe(verdict), verdict, work.jobs.usage)
    summary = parse_summary(text)
    if work.spec.plans and not read_plan(work.files).strip():
        await work.transcript.note("Codex left no AGENTS.md; the plan that it returned is saved.")
        work.files.write_text(AGENTS_MD, summary + "\n")
    return StageOutcome(summary, None, work.jobs.usage)


async def _ask(work: StageWork, prompt: str) -> str:
    schema = VERDICT_SCHEMA if work.spec.judges else SUMMARY_SCHEMA
    return await tell_codex(work.jobs, work.transcript, prompt, schema)
