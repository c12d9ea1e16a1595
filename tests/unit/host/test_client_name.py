"""A client is named by its command; what a person wrote behind it is nobody's business."""

import os
from pathlib import Path

import pytest

from foredeck.services.host import client_name
from foredeck.services.host.client_name import name_of


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/usr/bin/python3 /opt/bin/foredeck", "the dashboard (7)"),
        ("/usr/bin/python3 /opt/bin/foredeck --data-dir /d --debug", "the dashboard (7)"),
        ("python3 foredeck runs cancel 7s24", "foredeck runs cancel (7)"),
        ("python3 foredeck --config c.toml dag run x.yaml", "foredeck dag run (7)"),
        ("python3 foredeck --data-dir=/d runs --help", "foredeck runs (7)"),
        ("python3 foredeck run my-secret --project p", "foredeck run (7)"),
        ("python3 -m foredeck.app.cli.main --data-dir /d serve", "foredeck serve (7)"),
        ("nc -U socket", "process 7"),
        ("", "process 7"),
    ],
)
def test_its_command_is_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, name: str
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cmdline").write_bytes(
        b"".join(word.encode() + b"\0" for word in line.split())
    )
    monkeypatch.setattr(client_name, "_PROC", tmp_path)
    assert name_of(7) == name


def test_one_that_is_gone_is_a_number() -> None:
    assert name_of(2**31 - 2) == f"process {2**31 - 2}"
    assert str(os.getpid()) in name_of(os.getpid())
