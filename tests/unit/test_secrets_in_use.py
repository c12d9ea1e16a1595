"""What counts as a secret that this machine has at hand."""

from __future__ import annotations

import json
from pathlib import Path

from foredeck.services import secrets_in_use
from foredeck.services.settings import Settings


def test_variables_whose_names_say_so(tmp_path: Path) -> None:
    environ = {
        "PATH": "/usr/bin:/bin",
        "OPENAI_API_KEY": "k3y-of-the-model",
        "GH_TOKEN": "t0ken-of-the-forge",
        "db_password": "p4ssword-of-the-base",
        "SSH_KEY": str(tmp_path),
        "TLS_SECRET_FILE": "/no/such/file",
    }
    found = set(secrets_in_use.of_environment(environ))
    assert found == {
        "k3y-of-the-model",
        "t0ken-of-the-forge",
        "p4ssword-of-the-base",
        "/no/such/file",
    }


def test_references_are_followed_and_broken_ones_left_out(tmp_path: Path) -> None:
    kept = tmp_path / "key"
    kept.write_text("fr0m-a-file\n")
    kept.chmod(0o600)
    references = [f"file:{kept}", "env:A", "env:B", "file:/no/such/file", "nonsense"]
    environ = {"A": "fr0m-the-environment", "PATH": "/usr/bin:/bin"}
    found = secrets_in_use.of_references([*references, "command:echo x"], environ, commands=False)
    assert list(found) == ["fr0m-a-file", "fr0m-the-environment"]
    asked = secrets_in_use.of_references(["command:echo fr0m-it"], environ, commands=True)
    assert list(asked) == ["fr0m-it"]


def test_the_login_of_codex(tmp_path: Path) -> None:
    login = {"OPENAI_API_KEY": "k3y", "tokens": {"id_token": "t0k", "account_id": "me"}}
    (tmp_path / "auth.json").write_text(json.dumps(login))
    assert list(secrets_in_use.of_codex_login(tmp_path)) == ["k3y", "t0k"]
    (tmp_path / "auth.json").write_text("{")
    assert list(secrets_in_use.of_codex_login(tmp_path)) == []
    assert list(secrets_in_use.of_codex_login(tmp_path / "none")) == []


def test_all_that_is_known_at_once(tmp_path: Path) -> None:
    environ = {"MY_KEY": "m0del-key-itself", "A_TOKEN": "an0ther"}
    found = secrets_in_use.at_hand(Settings(api_key="env:MY_KEY"), tmp_path, environ)
    assert found == ["m0del-key-itself", "an0ther", "m0del-key-itself"]
