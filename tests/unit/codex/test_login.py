"""What is said of codex's account and of its sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foredeck.services.codex import login
from foredeck.services.codex.binary import CodexBinary
from foredeck.services.codex.login import check_login, probe_sandbox, require_login
from foredeck.services.domain.errors import CodexLoggedOut


class Answering:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert (method, params) == ("account/read", {})
        return self.answer


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        ({"account": None, "requiresOpenaiAuth": True}, False, "not logged in"),
        ({"account": None, "requiresOpenaiAuth": False}, True, "needs no login"),
        ({}, False, "not logged in"),
        ({"account": {"type": "apiKey"}, "requiresOpenaiAuth": True}, True, "API key"),
        (
            {"account": {"type": "chatgpt", "email": "a@b.c\x1b[31m", "planType": "plus"}},
            True,
            "as a@b.c (plan plus)",
        ),
        ({"account": {"type": "chatgpt", "email": None, "planType": "x"}}, True, "an account"),
        ({"account": {"type": "something new"}}, True, "has an account"),
    ],
)
async def test_the_account(answer: dict[str, Any], ok: bool, said: str) -> None:
    status = await check_login(Answering(answer))
    assert status.ok == ok
    assert said in status.message
    assert bool(status.advice) != ok


async def test_a_login_can_be_required() -> None:
    await require_login(Answering({"account": {"type": "apiKey"}}))
    with pytest.raises(CodexLoggedOut, match="not logged in") as caught:
        await require_login(Answering({"account": None, "requiresOpenaiAuth": True}))
    assert "codex login" in caught.value.advice


def program(path: Path, body: str) -> CodexBinary:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return CodexBinary(path, "0.163.0", "configured")


async def test_a_sandbox_that_works(tmp_path: Path) -> None:
    binary = program(tmp_path / "codex", '[ "$*" = "sandbox -- true" ]')
    assert (await probe_sandbox(binary)).ok


async def test_a_sandbox_that_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbidding = {"kernel/unprivileged_userns_clone": "0"}
    monkeypatch.setattr(login, "_switch", lambda name: forbidding.get(name, ""))
    binary = program(
        tmp_path / "codex", "printf 'a\\nbwrap: \\033[31mno namespaces.\\n' >&2; exit 1"
    )
    found = await probe_sandbox(binary)
    assert not found.ok
    assert found.message.endswith("does not work on this machine: bwrap: no namespaces.")
    assert "sysctl kernel.unprivileged_userns_clone=1" in found.advice
    assert "danger-full-access" in found.advice


async def test_a_sandbox_that_fails_silently(tmp_path: Path) -> None:
    found = await probe_sandbox(program(tmp_path / "codex", "exit 7"))
    assert found.message.endswith("machine: code 7.")


async def test_a_sandbox_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_PROBE_SECONDS", 0.2)
    found = await probe_sandbox(program(tmp_path / "codex", "sleep 300 & sleep 300"))
    assert "nothing happened within" in found.message


async def test_no_program_at_all(tmp_path: Path) -> None:
    found = await probe_sandbox(CodexBinary(tmp_path / "absent", "0.163.0", "configured"))
    assert "No such file" in found.message
