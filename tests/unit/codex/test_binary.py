"""Which codex is used, and what is said when none can be."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from codex_cli_bin import bundled_codex_path

from foredeck.services.codex import binary
from foredeck.services.codex.binary import locate
from foredeck.services.domain.errors import CodexMissing, CodexTooOld
from foredeck.services.settings import Settings

TARGET, PACKAGE = binary._NPM_PLATFORMS[(sys.platform, platform.machine())]


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty PATH and nothing bundled; the directory is the only one on PATH."""
    directory = tmp_path / "path"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setattr(binary, "_bundled", lambda: None)
    return directory


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shell scripts stand for native programs; only `.js` and node scripts are scripts."""
    real = binary._native

    def judged(path: Path) -> Path:
        return path if path.read_bytes().startswith(b"#!/bin/sh") else real(path)

    monkeypatch.setattr(binary, "_native", judged)


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def version(path: Path, number: str) -> Path:
    return program(path, f"echo codex-cli {number}")


def configured(path: Path) -> Settings:
    return Settings(codex_path=path)


@pytest.mark.codex
def test_the_bundled_one_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "/nowhere")
    found = locate(Settings())
    assert found.path == Path(bundled_codex_path())
    assert found.source == "bundled"
    assert tuple(map(int, found.version.split("."))) >= binary.MINIMUM_VERSION


@pytest.mark.usefixtures("native")
def test_the_order(nothing_around: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = version(tmp_path / "bundled", "0.163.0")
    monkeypatch.setattr(binary, "_bundled", lambda: bundled)
    assert locate(Settings()).source == "bundled"
    version(nothing_around / "codex", "0.170.1-alpha.2")
    found = locate(Settings())
    assert (found.source, found.version) == ("PATH", "0.170.1-alpha.2")
    mine = version(tmp_path / "mine", "0.165.0")
    assert locate(configured(mine)) == binary.CodexBinary(mine, "0.165.0", "configured")


@pytest.mark.usefixtures("native")
def test_an_old_one_on_path_gives_way_to_the_bundled(
    nothing_around: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version(nothing_around / "codex", "0.144.4")
    bundled = version(tmp_path / "bundled", "0.163.0")
    monkeypatch.setattr(binary, "_bundled", lambda: bundled)
    assert locate(Settings()).path == bundled


def test_nothing_anywhere() -> None:
    with pytest.raises(CodexMissing) as caught:
        locate(Settings())
    assert caught.value.message == "No codex was found. Looked on PATH and for the bundled one."
    assert "npm install" in caught.value.advice


@pytest.mark.usefixtures("native")
def test_too_old(tmp_path: Path) -> None:
    with pytest.raises(CodexTooOld, match=r"version 0\.144\.4; at least 0\.160\.0"):
        locate(configured(version(tmp_path / "codex", "0.144.4")))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 3", r"fails when asked for its version \(code 3\)"),
        ("kill -SEGV $$", r"fails when asked for its version \(code -11\)"),
        ("echo hello", "does not say its version"),
    ],
)
def test_a_program_that_is_no_codex(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(CodexMissing, match=said):
        locate(configured(program(tmp_path / "codex", body)))


@pytest.mark.usefixtures("native")
def test_a_program_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_VERSION_SECONDS", 0.1)
    with pytest.raises(CodexMissing, match="does not answer"):
        locate(configured(program(tmp_path / "codex", "exec /bin/sleep 30")))


def test_what_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(CodexMissing, match="No such file"):
        locate(configured(tmp_path / "absent"))
    with pytest.raises(CodexMissing, match="is a directory"):
        locate(configured(tmp_path))
    plain = tmp_path / "plain"
    plain.write_bytes(b"\x7fELF not really")
    with pytest.raises(CodexMissing, match="Permission denied"):
        locate(configured(plain))
    plain.chmod(0o755)
    with pytest.raises(CodexMissing, match="Exec format error"):
        locate(configured(plain))


@pytest.mark.parametrize(
    "place",
    [
        f"lib/node_modules/@openai/{PACKAGE}/vendor/{TARGET}/bin/codex",
        f"lib/node_modules/@openai/codex/node_modules/@openai/{PACKAGE}/vendor/{TARGET}/bin/codex",
        f"lib/node_modules/@openai/codex/vendor/{TARGET}/bin/codex",
        f"lib/node_modules/@openai/codex/vendor/{TARGET}/codex/codex",
    ],
)
def test_the_npm_script_is_stepped_over(nothing_around: Path, tmp_path: Path, place: str) -> None:
    native = version(tmp_path / place, "0.169.0")
    script = tmp_path / "lib/node_modules/@openai/codex/bin/codex.js"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("#!/usr/bin/env node\n")
    script.chmod(0o755)
    os.symlink(script, nothing_around / "codex")
    assert locate(Settings()).path == native


def test_a_script_of_unknown_kind_is_not_used(nothing_around: Path) -> None:
    version(nothing_around / "codex", "0.169.0")
    with pytest.raises(CodexMissing, match="is a script, and the program behind it was not found"):
        locate(Settings())
