from typing import Any

import pytest

from foredeck.services.agents.tool_specs import TOOLS
from foredeck.services.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("tool", "arguments", "parsed"),
    [
        ("run_codex", '{"prompt": "go"}', {"prompt": "go", "wait": True}),
        ("run_codex", '{"prompt": "go", "wait": null}', {"prompt": "go", "wait": True}),
        ("run_codex", '{"prompt": "go", "wait": false}', {"prompt": "go", "wait": False}),
        ("list_files", "", {"directory": ".", "offset": 0}),
        ("list_files", "{}", {"directory": ".", "offset": 0}),
        (
            "ask_user",
            '{"question": "q", "choices": ["a"]}',
            {"question": "q", "choices": ["a"]},
        ),
    ],
)
def test_arguments_become_complete(tool: str, arguments: str, parsed: dict[str, Any]) -> None:
    assert TOOLS[tool].parse(arguments) == parsed


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("run_codex", "{", "not valid JSON"),
        ("run_codex", "[]", "must be a JSON object"),
        ("run_codex", "{}", "needs the argument prompt"),
        ("run_codex", '{"prompt": null}', "needs the argument prompt"),
        ("run_codex", '{"prompt": 3}', "must be of type string"),
        ("run_codex", '{"prompt": "go", "wait": "yes"}', "must be of type boolean"),
        ("run_codex", '{"prompt": "go", "speed": 9}', "has no argument speed"),
        ("read_file", '{"path": "a", "offset": true}', "must be of type integer"),
        ("ask_user", '{"question": "q", "choices": [1]}', "array of strings"),
    ],
)
def test_what_is_wrong_is_said(tool: str, arguments: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        TOOLS[tool].parse(arguments)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=list(TOOLS))
def test_the_schemas_are_strict(tool: Any) -> None:
    schema = tool.schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"])
