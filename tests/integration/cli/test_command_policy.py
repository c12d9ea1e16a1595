"""The command policy on the command line: warned, asked, refused."""

from __future__ import annotations

from typing import Any

from tests.support.cli_desk import Desk
from tests.support.pty_program import PtyProgram

RISKY = ("--command", "touch made; chmod 777 made")


def follow_policy(desk: Desk, action: str) -> None:
    config = desk.base / "config.toml"
    settings = config.read_text().partition("[command_policy]")[0]
    config.write_text(f'{settings}[command_policy]\nworld_writable = "{action}"\n')


def trail(desk: Desk) -> list[Any]:
    """Return the records of the command policy, newest first."""
    said = desk.run("audit", "list", "--action", "command_policy", "--format", "json")
    items: list[Any] = said.answer["items"]
    return items


def on_a_terminal(desk: Desk, *words: str) -> PtyProgram:
    config = str(desk.base / "config.toml")
    words = ("--config", config, "jobs", *words, "-C", str(desk.base))
    return PtyProgram("foredeck.app.cli.main", *words, size=(200, 24))


def jobs(desk: Desk) -> int:
    return int(desk.run("jobs", "list", "--format", "json").answer["total"])


def test_it_warns_by_default_and_the_command_runs(desk: Desk) -> None:
    done = desk.run("jobs", "execute", *RISKY)
    assert done.code == 0
    assert (
        "! The command policy warns: world_writable (chmod 777 lets everybody write).\n" in done.err
    )
    assert (desk.base / "made").exists()
    assert "policy warns:" in desk.run("jobs", "submit", "later", "--hold", *RISKY).err
    assert [item["severity"] for item in trail(desk)] == ["WARNING", "WARNING"]


def test_a_denied_command_is_one_line_that_says_what_to_do(desk: Desk) -> None:
    follow_policy(desk, "deny")
    for words in (("submit", "a", "--yes"), ("execute", "--yes")):
        done = desk.run("jobs", *words, *RISKY)
        assert done.code == 1
        first, second = done.err.splitlines()
        assert first.startswith("error: The command policy denies this command: world_writable (")
        assert "command_allow" in second
    assert jobs(desk) == 0
    assert [(item["severity"], item["resource_id"]) for item in trail(desk)] == [("ERROR", "")] * 2


def test_without_a_terminal_only_yes_confirms(desk: Desk) -> None:
    follow_policy(desk, "confirm")
    refused = desk.run("jobs", "execute", *RISKY)
    assert refused.code == 1
    assert "wants a person's word for this command: world_writable (" in refused.err
    assert "say --yes" in refused.err
    assert not (desk.base / "made").exists()
    assert desk.run("jobs", "execute", "--yes", *RISKY).code == 0
    assert (desk.base / "made").exists()
    assert len(trail(desk)) == 2


def test_a_batch_wants_one_word_for_all_of_its_commands(desk: Desk) -> None:
    follow_policy(desk, "confirm")
    (desk.base / "list").write_text("true\nchmod 777 a\nchmod 666 b\n")
    words = ("batch", "submit", "work", "--commands", "list", "--hold")
    refused = desk.run(*words)
    assert refused.code == 1
    assert "wants a person's word for 2 of 3 commands: world_writable (chmod 777" in refused.err
    assert "say --yes" in refused.err
    assert desk.run(*words, "--yes").code == 0
    follow_policy(desk, "warn")
    warned = desk.run(*words)
    assert warned.code == 0
    assert "! The command policy warns: world_writable (" in warned.err
    assert jobs(desk) == 2


def test_on_a_terminal_a_person_is_asked(desk: Desk, monkeypatch: Any) -> None:
    follow_policy(desk, "confirm")
    monkeypatch.setenv("HOME", str(desk.base))
    with on_a_terminal(desk, "execute", *RISKY) as program:
        program.read_until("Run it? [y/N]", 60)
        program.send("n\r")
        assert program.wait() != 0
    assert (jobs(desk), (desk.base / "made").exists()) == (0, False)
    with on_a_terminal(desk, "execute", *RISKY) as program:
        program.read_until("world_writable (chmod 777 lets everybody write)", 60)
        program.read_until("Run it? [y/N]")
        program.send("y\r")
        assert program.wait(60) == 0
    assert (jobs(desk), (desk.base / "made").exists()) == (1, True)


def test_doctor_shows_what_is_decided(desk: Desk) -> None:
    config = desk.base / "config.toml"
    lists = 'command_allow = ["sudo apt-get", "make"]\ncommand_patterns = ["psql .*prod"]\n'
    config.write_text(f'{lists}{config.read_text()}[command_policy]\nsudo = "confirm"\n')
    rows = desk.run("doctor").out.splitlines()
    assert any("command_policy" in row and "sudo = confirm" in row for row in rows)
    assert any("command_allow" in row and "sudo apt-get, make" in row for row in rows)
    assert any("command_patterns" in row and "psql .*prod" in row for row in rows)
