"""Where a setting's value comes from, and what is said about a wrong one."""

import logging
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from foredeck.services.domain.command_rules import PolicyAction, Rule
from foredeck.services.domain.errors import SettingsError
from foredeck.services.domain.notices import Cause
from foredeck.services.domain.records import Mode, Sandbox
from foredeck.services.pricing import Price
from foredeck.services.settings import Settings, resolve_secret
from foredeck.services.settings_file import LoadedSettings, describe_settings, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write(home: Path, text: str) -> Path:
    path = home / ".config" / "foredeck" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def load(
    flags: dict[str, Any] | None = None, config: Path | None = None, **environ: str
) -> LoadedSettings:
    return load_settings(flags or {}, environ=environ, config=config)


def message(flags: dict[str, Any] | None = None, config: Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags, config, **environ)
    return str(caught.value)


def test_the_later_layer_wins_and_is_named(home: Path) -> None:
    path = write(home, 'model = "file"\ntheme = "file"\nturn_limit = 7\n')
    loaded = load(
        {"theme": "flag", "data_dir": None}, FOREDECK_THEME="env", FOREDECK_TURN_LIMIT="8"
    )
    settings = loaded.settings
    assert (settings.model, settings.theme, settings.turn_limit) == ("file", "flag", 8)
    assert loaded.origins["model"] == "file ~/.config/foredeck/config.toml"
    assert loaded.origins["turn_limit"] == "environment FOREDECK_TURN_LIMIT"
    assert loaded.origins["theme"] == "flag --theme"
    assert loaded.origins["data_dir"] == "default"
    assert loaded.config_path == path
    assert set(loaded.origins) == {field.name for field in fields(Settings)}


def test_without_anything_the_defaults_hold(home: Path) -> None:
    loaded = load()
    assert loaded.settings == Settings(
        data_dir=home / ".local/share/foredeck", workspaces_root=home / "foredeck"
    )
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.warnings == ()


def test_xdg_directories_are_used_unless_relative(home: Path) -> None:
    write(home, "")
    loaded = load(XDG_DATA_HOME="/data", XDG_CONFIG_HOME="/conf")
    assert loaded.settings.data_dir == Path("/data/foredeck")
    assert loaded.config_path == Path("/conf/foredeck/config.toml")
    assert load(XDG_DATA_HOME="data").settings.data_dir == home / ".local/share/foredeck"


def test_another_file_can_be_named(home: Path) -> None:
    write(home, 'model = "usual"\n')
    other, third = home / "other.toml", home / "third.toml"
    other.write_text('model = "other"\n')
    third.write_text('model = "third"\n')
    assert load(FOREDECK_CONFIG="~/other.toml").settings.model == "other"
    assert load(config=third, FOREDECK_CONFIG=str(other)).settings.model == "third"
    assert "no settings file ~/none.toml" in message(config=home / "none.toml")


def test_every_type_is_read_from_text_and_from_toml(home: Path) -> None:
    write(
        home,
        'codex_path = "bin/codex"\ncodex_home = "~/codex"\nmode = "direct"\ncodex_model = ""\n'
        'sandbox = "read-only"\nturn_timeout = 5\ngrace = 0.5\nrehearsal = true\n',
    )
    settings = load().settings
    assert settings.codex_path == home / ".config/foredeck/bin/codex"
    assert settings.codex_home == home / "codex"
    assert (settings.mode, settings.sandbox) == (Mode.DIRECT, Sandbox.READ_ONLY)
    assert (settings.turn_timeout, settings.grace, settings.rehearsal) == (5.0, 0.5, True)
    assert settings.codex_model is None
    settings = load(
        FOREDECK_CODEX_PATH="codex",
        FOREDECK_SANDBOX="Danger_Full_Access",
        FOREDECK_TURN_TIMEOUT="12.5",
        FOREDECK_REHEARSAL="off",
        FOREDECK_MODE="",
    ).settings
    assert settings.codex_path == Path.cwd() / "codex"
    assert settings.sandbox is Sandbox.DANGER_FULL_ACCESS
    assert (settings.turn_timeout, settings.rehearsal) == (12.5, False)
    assert settings.mode is Mode.DIRECT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("turn_limit = 0", "expected 1 to 100, not 0"),
        ("turn_limit = 101", "expected 1 to 100"),
        ("turn_limit = 2.5", "expected a whole number, not 2.5"),
        ("turn_limit = true", "expected a whole number"),
        ('turn_limit = "many"', "expected a whole number, not 'many'"),
        ("frame_rate = 61", "expected 1 to 60"),
        ("turn_timeout = 0", "expected more than 0 and at most 86400, not 0"),
        ("stage_timeout = -1", "expected more than 0"),
        ("stall_timeout = inf", "expected a number"),
        ("stall_timeout = nan", "expected a number"),
        ("grace = -0.1", "expected 0 to 300"),
        ("max_rework = 11", "expected 0 to 10"),
        ('mode = "robot"', "expected one of auto, agent, direct, not 'robot'"),
        ("mode = 1", "expected one of auto, agent, direct"),
        ('rehearsal = "maybe"', "expected true or false"),
        ("model = 5", "expected text, not 5"),
        ('model = " "', "expected text"),
        ('base_url = "ftp://x"', "expected an address that begins with http:// or https://"),
        ('base_url = "https://["', "expected an address"),
        ('data_dir = "a\\u0000b"', "expected a path"),
        ("data_dir = 7", "expected text"),
        ("[model]", "expected text"),
        ("command_policy = 1", "expected a table of rules"),
        (
            '[command_policy]\nsudoo = "deny"',
            "expected rules among root_delete, sudo, world_writable",
        ),
        ('[command_policy]\nsudo = "never"', "sudo: expected one of deny, confirm, warn, allow"),
        ("command_allow = 1", "expected a list of texts, not 1"),
        ('command_allow = [""]', "expected text"),
        ("command_allow = [1]", "expected text"),
        (
            'command_allow = ["make; make install"]',
            "expected one command in each text, not ['make; ",
        ),
        ('command_allow = ["# nothing"]', "expected one command in each text"),
        ('command_patterns = ["("]', "expected regular expressions (missing )"),
        ("prices = 1.25", "expected a table for each model"),
        ("[prices]\ngpt = 1.25", "expected a table for each model"),
        ("[prices.gpt]\ninput = 1", "see output of gpt"),
        ("[prices.gpt]\ninput = 1\noutput = 2\ncache = 1", "see cache of gpt"),
        ("[prices.gpt]\ninput = 1\noutput = -2", "see output of gpt"),
        ("[prices.gpt]\ninput = nan\noutput = 2", "see input of gpt"),
        ('[prices.gpt]\ninput = "1"\noutput = 2', "see input of gpt"),
        ("[prices.gpt]\ninput = true\noutput = 2", "US dollars for a million tokens"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    home: Path, line: str, expected: str
) -> None:
    write(home, line)
    text = message()
    name = re.split(r"[ .\]]", line.strip("["))[0]
    assert text.startswith(f"~/.config/foredeck/config.toml, {name}: ")
    assert expected in text


def test_prices_are_a_table_for_each_model(home: Path) -> None:
    write(
        home,
        '[prices."gpt-5.5"]\ninput = 1.25\ncached_input = 0.125\noutput = 10\n'
        "[prices.other]\ninput = 2\noutput = 3\n",
    )
    assert load().settings.prices == {
        "gpt-5.5": Price(1.25, 0.125, 10.0),
        "other": Price(2.0, 2.0, 3.0),
    }
    assert "a table for each model" in message(FOREDECK_PRICES="cheap")


def test_what_becomes_of_risky_commands(home: Path) -> None:
    write(
        home,
        'command_allow = ["sudo apt-get"]\n'
        'command_patterns = ["psql .*prod", "drop table"]\n'
        '[command_policy]\nsudo = "deny"\nroot-delete = "Confirm"\n',
    )
    settings = load().settings
    assert settings.command_policy == {
        Rule.SUDO: PolicyAction.DENY,
        Rule.ROOT_DELETE: PolicyAction.CONFIRM,
    }
    assert settings.command_allow == ("sudo apt-get",)
    assert settings.command_patterns == ("psql .*prod", "drop table")
    assert load(FOREDECK_COMMAND_ALLOW="make").settings.command_allow == ("make",)
    assert load(FOREDECK_COMMAND_PATTERNS="a|b").settings.command_patterns == ("a|b",)
    assert Settings().command_policy == {}


def test_an_unknown_name_is_met_with_the_nearest(home: Path) -> None:
    write(home, 'modle = "x"\n')
    assert message() == (
        "~/.config/foredeck/config.toml, modle: there is no such setting. "
        "Did you mean mode or model?"
    )
    write(home, "zzz = 1\n")
    assert message().endswith("zzz: there is no such setting.")


def test_all_mistakes_are_told_at_once(home: Path) -> None:
    write(home, 'modle = "x"\nturn_limit = 0\n')
    text = message({"frame_rate": 99}, FOREDECK_MODE="robot")
    assert text.startswith("4 settings are wrong:\n")
    for part in ("modle", "turn_limit", "FOREDECK_MODE", "--frame-rate"):
        assert part in text


@pytest.mark.parametrize("content", [b"model = ", b"\xff\xfe", b"a = 1\na = 2", b"[" * 5000])
def test_a_file_that_is_not_toml_is_told(home: Path, content: bytes) -> None:
    write(home, "").write_bytes(content)
    assert "~/.config/foredeck/config.toml is not" in message()


def test_a_file_that_cannot_be_read_is_told(home: Path) -> None:
    path = write(home, "")
    path.unlink()
    path.mkdir()
    assert "cannot be read" in message()


def test_unknown_variables_are_a_warning(home: Path) -> None:
    loaded = load(FOREDECK_MODLE="x", FOREDECK_JOB_ID="j", OTHER="1")
    assert loaded.warnings == (
        "FOREDECK_MODLE has no effect: there is no such setting. "
        "Did you mean FOREDECK_MODE or FOREDECK_MODEL?",
    )


def test_a_secret_is_written_as_a_reference_and_never_repeated(home: Path) -> None:
    write(home, 'api_key = "sk-verysecret"\n')
    text = message()
    assert "env:NAME" in text
    assert "verysecret" not in text
    for wrong in ("env:", "env:A B", "file: ", "command:'", "ENV:X", ""):
        write(home, f'api_key = "{wrong}"\n')
        assert "api_key: expected" in message()


def test_every_setting_is_described_in_a_sentence() -> None:
    described = {setting.name: setting for setting in describe_settings()}
    assert set(described) == {field.name for field in fields(Settings)}
    assert all(setting.help.endswith(".") for setting in described.values())
    assert described["turn_timeout"].default == "600"
    assert described["turn_timeout"].variable == "FOREDECK_TURN_TIMEOUT"
    assert described["rehearsal"].default == "false"
    assert described["codex_path"].default == ""


def test_secrets_come_from_the_environment_and_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert resolve_secret("env:KEY", {"KEY": " k \n"}) == "k"
    assert resolve_secret("env:KEY", {}) is None
    assert resolve_secret("env:KEY", {"KEY": ""}) is None
    path = tmp_path / "key"
    path.write_text("k\n")
    path.chmod(0o600)
    with caplog.at_level(logging.WARNING):
        assert resolve_secret(f"file:{path}") == "k"
        assert caplog.records == []
        path.chmod(0o644)
        assert resolve_secret(f"file:{path}") == "k"
    assert "other users can read" in caplog.text
    path.write_text("\n")
    assert resolve_secret(f"file:{path}") is None


def test_secrets_come_from_commands() -> None:
    environ = {"PATH": os.environ["PATH"], "KEY": "k"}
    assert resolve_secret("command:printenv KEY", environ) == "k"
    assert resolve_secret("command:sh -c 'echo \"a b\"'", environ) == "a b"
    assert resolve_secret("command:true", environ) is None
    for command, expected in (
        ("command:false", "ended with code 1"),
        ("command:no-such-program x", "cannot run"),
    ):
        with pytest.raises(SettingsError, match=expected):
            resolve_secret(command, environ)


def test_a_slow_command_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foredeck.services.secret_references._COMMAND_TIMEOUT", 0.05)
    with pytest.raises(SettingsError, match="no secret within"):
        resolve_secret("command:sleep 30")


def test_secrets_that_cannot_be_had_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        resolve_secret(f"file:{tmp_path / 'none'}")
    with pytest.raises(SettingsError, match="no regular file"):
        resolve_secret("file:/dev/zero")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not text"):
        resolve_secret(f"file:{tmp_path / 'binary'}")
    with pytest.raises(SettingsError, match="never the secret itself"):
        resolve_secret("sk-verysecret")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("finish, waiting", (Cause.FINISH, Cause.WAITING)),
        ("failure", (Cause.FAILURE,)),
        (["waiting", "Waiting"], (Cause.WAITING,)),
        ("none", ()),
        ([], ()),
    ],
)
def test_the_causes_of_notifications(
    given: object, expected: tuple[Cause, ...], home: Path
) -> None:
    assert load({"notify": given}).settings.notify == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ('notify-send "$FOREDECK_TITLE"', 'notify-send "$FOREDECK_TITLE"'),
        (["notify-send", "Foredeck", ""], ("notify-send", "Foredeck", "")),
        ("", None),
    ],
)
def test_the_command_for_notifications(given: object, expected: object, home: Path) -> None:
    assert load({"notify_command": given}).settings.notify_command == expected


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("notify", "fish", "expected one of finish, failure, waiting"),
        ("notify", 7, "expected a list of finish, failure, waiting, or none"),
        ("notify_command", [], "expected a command"),
        ("notify_command", [""], "expected texts in the list"),
        ("notify_command", ["x", 1], "expected texts in the list"),
        ("notify_command", "a\0b", "without a NUL"),
        ("notify_webhook", "https://example.com/T0/secret", "expected a reference"),
    ],
)
def test_mistakes_in_notifications(name: str, value: object, problem: str, home: Path) -> None:
    said = message({name: value})
    assert problem in said
    assert "T0" not in said
