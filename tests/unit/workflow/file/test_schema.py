"""The JSON schema says what the reader does."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from foredeck.services.domain.records import StepKind
from foredeck.services.workflow import builtin
from foredeck.services.workflow.file import read
from foredeck.services.workflow.file.keys import (
    DEFAULTS,
    GATE,
    INPUT,
    RETRIES,
    STEP,
    VERIFY,
    WORKFLOW,
)
from foredeck.services.workflow.file.schema import json_schema
from tests.unit.workflow.file.test_inputs import TEXT
from tests.unit.workflow.file.test_read import RELEASE

SCHEMA = json.loads(json.dumps(json_schema()))
BROKEN = Path(__file__).with_name("broken")
STEP_SCHEMA = SCHEMA["properties"]["steps"]["items"]
# Wrong in their shape alone, so that an editor can say it.
SHAPE_ERRORS = (
    "backoff_unknown", "command_missing", "command_on_a_gate", "critical_as_text", "env_name",
    "gate_message_missing", "id_missing", "id_with_a_space", "input_type_unknown", "kind_missing",
    "kind_unknown", "matrix_empty", "matrix_of_one_value", "model_on_a_command", "needs_as_text",
    "not_a_mapping", "number_as_text", "out_of_range", "role_unknown", "sandbox_unknown",
    "step_as_text", "steps_as_a_mapping", "steps_empty", "steps_missing", "unknown_key",
    "unknown_top_key", "verify_without_a_command", "defaults_unknown_key",
)  # fmt: skip


def _fits(text: str) -> bool:
    return bool(Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text)))


def test_it_is_a_schema_itself() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("text", [RELEASE, TEXT, *map(builtin.text, builtin.NAMES)], ids=range(4))
def test_good_files_fit(text: str) -> None:
    assert read(text, "x.yaml")
    assert _fits(text)


@pytest.mark.parametrize("name", SHAPE_ERRORS)
def test_files_of_a_wrong_shape_do_not_fit(name: str) -> None:
    assert not _fits((BROKEN / f"{name}.yaml").read_text())


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    for one in schema.get("anyOf", ()):
        schema = one if "properties" in one else schema
    return dict(schema["properties"])


@pytest.mark.parametrize(
    ("schema", "keys"),
    [
        (SCHEMA, WORKFLOW.keys),
        (STEP_SCHEMA, STEP),
        (SCHEMA["properties"]["defaults"], DEFAULTS.keys),
        (SCHEMA["properties"]["inputs"]["additionalProperties"], INPUT.keys),
        (STEP_SCHEMA["properties"]["retries"], RETRIES.keys),
        (STEP_SCHEMA["properties"]["verify"], VERIFY.keys),
        (STEP_SCHEMA["properties"]["gate"], GATE.keys),
    ],
    ids=["workflow", "step", "defaults", "input", "retries", "verify", "gate"],
)
def test_every_key_is_in_it_and_explained(schema: dict[str, Any], keys: Any) -> None:
    found = _properties(schema)
    assert list(found) == [key.name for key in keys]
    assert all(one["description"].endswith(".") for one in found.values())


def test_every_kind_has_its_own_keys() -> None:
    kinds = [rule["if"]["properties"]["kind"]["const"] for rule in STEP_SCHEMA["allOf"]]
    assert kinds == [kind.value for kind in StepKind]
    for kind, rule in zip(StepKind, STEP_SCHEMA["allOf"], strict=True):
        lacks = {key.name for key in STEP if kind not in key.kinds}
        assert {
            name for name, allowed in rule["then"]["properties"].items() if not allowed
        } == lacks
