"""The built-in workflow: Planner → Builder → QA/QC → Production Readiness (SPEC A3)."""

from foredeck.services.domain.records import StepKind
from foredeck.services.domain.workflow import RetryPolicy, Rework, StepSpec, WorkflowSpec

FOUR_AGENTS = "four-agents"

# codex and the model client retry each request themselves; two more tries of the whole
# stage cover what is broken for longer, such as a restarting proxy.
_RETRIES = RetryPolicy(max=2, delay=2.0, jitter=0.2)


def four_agents(*, max_rework: int = 1, stage_timeout: float = 3600.0) -> WorkflowSpec:
    """Return the definition of the default workflow.

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
