"""A workflow definition survives its way into the database and back."""

from foredeck.services.workflow import definition
from foredeck.services.workflow.builtin import four_agents


def test_the_snapshot_of_the_built_in_workflow_is_exact() -> None:
    spec = four_agents(max_rework=2, stage_timeout=7.5)
    assert definition.from_json(definition.to_json(spec)) == spec
