"""The built-in workflows: the four agents (SPEC A3), and one codex turn alone."""

from foredeck.services.domain.records import Sandbox, StepKind
from foredeck.services.domain.workflow import RetryPolicy, Rework, StepSpec, Verify, WorkflowSpec

FOUR_AGENTS = "four-agents"
CODEX = "codex"

# codex and the model client retry each request themselves; two more tries of the whole
# stage cover what is broken for longer, such as a restarting proxy.
_RETRIES = RetryPolicy(max=2, delay=2.0, jitter=0.2)


def four_agents(
    *, max_rework: int = 1, stage_timeout: float = 3600.0, verify: str | None = None
) -> WorkflowSpec:
    """Return the definition of the default workflow; `verify` is what the Builder's work must pass.

    Production Readiness is not critical: a verdict that stays NEEDS_WORK leaves finished
    work behind, so the run ends as a partial success.
    """

    def stage(
        role: str, title: str, needs: tuple[str, ...] = (), *, final: bool = False
    ) -> StepSpec:
        return StepSpec(
            id=role,
            kind=StepKind.AGENT,
            title=title,
            needs=needs,
            role=role,
            critical=not final,
            retries=_RETRIES,
            timeout=stage_timeout,
            rework=Rework(to="builder", max=max_rework) if final else None,
            verify=Verify(verify) if verify and role == "builder" else None,
        )

    return WorkflowSpec(
        name=FOUR_AGENTS,
        steps=(
            stage("planner", "Planner"),
            stage("builder", "Builder", ("planner",)),
            stage("qa_qc", "QA/QC", ("builder",)),
            stage("prod_ready", "Production Readiness", ("qa_qc",), final=True),
        ),
    )


def codex_turn(
    prompt: str,
    *,
    thread_id: str | None = None,
    model: str | None = None,
    sandbox: Sandbox | None = None,
    codex_config: tuple[str, ...] = (),
    turn_timeout: float | None = None,
    stage_timeout: float = 3600.0,
    verify: str | None = None,
    log_dir: str = "",
) -> WorkflowSpec:
    """Return the workflow of one codex turn, in a new conversation or in `thread_id`.

    `turn_timeout` (seconds) is for the turn alone; waiting for its workspace comes on top.
    """
    step = StepSpec(
        id=CODEX,
        kind=StepKind.CODEX,
        title="Codex",
        retries=_RETRIES,
        timeout=stage_timeout + (turn_timeout or 0.0),
        prompt=prompt,
        thread_id=thread_id,
        model=model,
        sandbox=sandbox,
        codex_config=codex_config,
        turn_timeout=turn_timeout,
        verify=Verify(verify) if verify else None,
        log_dir=log_dir,
    )
    return WorkflowSpec(CODEX, (step,))
