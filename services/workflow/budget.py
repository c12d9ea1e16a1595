"""How much of a budget is used, and what follows from that: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from foredeck.services.domain.amounts import dollars
from foredeck.services.domain.records import Project, Run

WARN_AT = 0.8
_RAISE = "raise it to go on"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a run or a project may use: tokens, US dollars, or both; None is no limit.

    `whose` is `run` or `project`, `owner_id` its id.
    """

    whose: str
    owner_id: str
    tokens: int | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a limit stands: `warnings` are (key, sentence), `stop` says why nothing may start."""

    warnings: tuple[tuple[str, str], ...] = ()
    stop: str = ""


def limits_of(run: Run, project: Project) -> tuple[Limit, ...]:
    """Return the limits that bind a run: its own and its project's."""
    limits = (
        Limit("run", run.id, run.budget_tokens, run.budget_cost),
        Limit("project", project.id, project.settings.budget_tokens, project.settings.budget_cost),
    )
    return tuple(limit for limit in limits if limit.tokens is not None or limit.cost is not None)


def judge(limit: Limit, tokens: int, cost: float | None) -> Standing:
    """Say what follows from what was used; `cost` is in US dollars, None if not known."""
    name = "budget" if limit.whose == "run" else f"{limit.whose} budget"
    warnings, stop = [], ""
    if limit.tokens is not None:
        used = f"{name}: {tokens_of(tokens, limit.tokens)} used"
        if tokens >= limit.tokens:
            stop = f"{used}: {_RAISE}"
        elif tokens >= WARN_AT * limit.tokens:
            warnings.append((f"{limit.whose} tokens", used))
    if limit.cost is not None and cost is None:
        unknown = f"{name}: {dollars(limit.cost)} cannot be kept to, for a price is not known"
        warnings.append((f"{limit.whose} price", unknown))
    elif limit.cost is not None and cost is not None:
        used = f"{name}: {dollars(cost)} of {dollars(limit.cost)} used"
        if cost >= limit.cost:
            stop = stop or f"{used}: {_RAISE}"
        elif cost >= WARN_AT * limit.cost:
            warnings.append((f"{limit.whose} cost", used))
    return Standing(tuple(warnings), stop)


def tokens_of(used: int, limit: int) -> str:
    """Return both in the unit that suits the limit: `1.2 of 1.0 M tokens`."""
    for size, unit in ((1_000_000, " M"), (1_000, " k")):
        if limit >= size:
            return f"{used / size:.1f} of {limit / size:.1f}{unit} tokens"
    return f"{used:,} of {limit:,} tokens"
