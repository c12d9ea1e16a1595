"""Tab in a shell: what it offers, and that it is quick."""

import shutil
import subprocess
import sys

import pytest

from tests.support.cli_desk import PATIENCE, Desk, Said

# Each of these takes longer to import than a person waits for Tab without noticing it.
HEAVY = {"agents", "croniter", "openai", "pydantic", "rich", "sqlalchemy", "textual"}


def completed(desk: Desk, *words: str, **environ: str) -> Said:
    """Complete the last word as fish asks for it."""
    environ |= {
        "_FOREDECK_COMPLETE": "fish_complete",
        "COMP_WORDS": " ".join(("foredeck", *words)),
        "COMP_CWORD": words[-1],
    }
    return desk.run(given="", timeout=PATIENCE, **environ)


def offered(desk: Desk, *words: str) -> list[tuple[str, str]]:
    """Return what fish would offer for the last word, with what each is about."""
    said = completed(desk, *words)
    assert said.code == 0, said.err
    lines = [line.removeprefix("plain,").partition("\t") for line in said.out.split("\n") if line]
    return [(word, about) for word, _, about in lines]


def test_commands_options_runs_and_projects(desk: Desk) -> None:
    for name in ("shop", "shelf", "two words"):
        desk.run("projects", "create", name)
    run = desk.run("run", "Do \x1b]0;it\x07", "--project", "shop", "--no-start").out.strip()

    assert [word for word, _ in offered(desk, "ru")] == ["run", "runs"]
    assert "--data-dir" in [word for word, _ in offered(desk, "--d")]
    assert [word for word, _ in offered(desk, "runs", "wa")] == ["wait", "watch"]
    ((word, about),) = offered(desk, "runs", "show", run[:4])
    assert word == run
    assert about.startswith("shop: Do")
    assert "\x1b" not in about
    assert {word for word, _ in offered(desk, "projects", "show", "sh")} == {"shop", "shelf"}
    quoted = next(word for word, about in offered(desk, "projects", "show", "") if " " in about)
    assert quoted.isalnum()
    assert offered(desk, "runs", "show", "nosuch") == []
    assert [w for w, _ in offered(desk, "run", "x", "--project", "sho")] == ["shop"]
    assert offered(desk, "--data-dir", "/nowhere", "runs", "show", run[:4]) == []


@pytest.mark.parametrize("words", [("projects", "show", "s"), ("runs", "watch", "")])
def test_it_is_quick_for_it_imports_little(desk: Desk, words: tuple[str, ...]) -> None:
    desk.run("projects", "create", "shop")
    desk.run("run", "Do it", "--project", "shop", "--no-start")
    said = completed(desk, *words, PYTHONPROFILEIMPORTTIME="1")
    assert said.out
    imported = {line.rpartition("|")[2].strip() for line in said.err.splitlines()}
    assert "foredeck.app.cli.completion" in imported
    assert imported.isdisjoint(HEAVY)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_reads(desk: Desk, shell: str) -> None:
    script = desk.run("completion", shell)
    assert script.code == 0
    assert "_FOREDECK_COMPLETE" in script.out
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script.out, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_bash_completes_with_it(desk: Desk) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    program = desk.base / "bin" / "foredeck"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m foredeck.app.cli.main "$@"\n')
    program.chmod(0o755)
    script = desk.run("completion", "bash").out
    lines = (
        script,
        'COMP_WORDS=(foredeck runs ca); COMP_CWORD=2; COMP_LINE="foredeck runs ca"',
        "_foredeck_completion foredeck",
        'echo "${COMPREPLY[@]}"',
    )
    environment = desk.environment()
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=desk.base,
    )
    assert done.stdout.strip() == "cancel", done.stderr
