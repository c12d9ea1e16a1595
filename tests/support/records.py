"""Records for tests, with every field that a test does not care about filled in."""

from datetime import UTC, datetime
from typing import Any

from foredeck.services.domain.ids import new_id
from foredeck.services.domain.records import (
    Attempt,
    Job,
    Message,
    Mode,
    Project,
    Role,
    Run,
    Step,
    StepKind,
    Trigger,
)
from foredeck.services.domain.states import JobState, RunState, StepState

# Microseconds included: what is stored must come back exactly.
MOMENT = datetime(2025, 3, 30, 1, 59, 59, 123457, tzinfo=UTC)


def project(name: str = "demo", **fields: Any) -> Project:
    fields.setdefault("id", new_id())
    fields.setdefault("workspace", f"/tmp/workspaces/{fields['id']}")
    return Project(name=name, **{"created_at": MOMENT, "updated_at": MOMENT, **fields})


def run(owner: Project | str, **fields: Any) -> Run:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "project_id": owner if isinstance(owner, str) else owner.id,
        "workflow": "four-agents",
        "definition": "{}",
        "request": "Build a thing",
        "title": "Build a thing",
        "trigger": Trigger.MANUAL,
        "mode": Mode.DIRECT,
        "state": RunState.CREATED,
        "created_at": MOMENT,
    }
    return Run(**{**defaults, **fields})


def step(owner: Run, key: str = "planner", position: int = 0, **fields: Any) -> Step:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "run_id": owner.id,
        "key": key,
        "spec_id": key.split("#")[0],
        "position": position,
        "kind": StepKind.AGENT,
        "title": key.title(),
        "needs": (),
        "critical": True,
        "state": StepState.PENDING,
    }
    return Step(**{**defaults, **fields})


def attempt(owner: Step, number: int = 1, **fields: Any) -> Attempt:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "step_id": owner.id,
        "run_id": owner.run_id,
        "number": number,
        "state": StepState.RUNNING,
        "output_path": f"/tmp/output/{owner.key}.{number}.log",
        "started_at": MOMENT,
    }
    return Attempt(**{**defaults, **fields})


def job(owner: Step | None = None, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": "builder",
        "state": JobState.QUEUED,
        "prompt": "Write it.",
        "workspace": "/tmp/workspaces/demo",
        "output_path": "/tmp/output/builder.1.log",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "run_id": owner.run_id if owner else None,
        "step_id": owner.id if owner else None,
    }
    return Job(**{**defaults, **fields})


def message(owner: Step, content: str = "Hello.", **fields: Any) -> Message:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "run_id": owner.run_id,
        "step_id": owner.id,
        "attempt": 1,
        "position": 0,
        "role": Role.ASSISTANT,
        "content": content,
        "at": MOMENT,
    }
    return Message(**{**defaults, **fields})
