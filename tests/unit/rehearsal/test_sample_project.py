"""The sample project is a real one: it runs, and it is the same every time."""

import subprocess
from pathlib import Path

import pytest

from tests.support.sample_project import SampleProject, make_sample_project


def suite(project: SampleProject) -> tuple[int, list[str]]:
    done = subprocess.run(
        project.command.split(), cwd=project.path, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stderr.splitlines()


def contents(path: Path) -> dict[str, str]:
    return {str(file.relative_to(path)): file.read_text() for file in path.rglob("*.*")}


def test_its_suite_passes_and_prints_thousands_of_lines(tmp_path: Path) -> None:
    project = make_sample_project(tmp_path / "p")
    code, lines = suite(project)
    assert code == 0
    assert f"Ran {project.tests} tests" in "\n".join(lines[-4:])
    assert len(lines) >= project.lines > 4000
    modules = [*(tmp_path / "p" / "sequences").glob("seq_*.py")]
    assert len(modules) == 40


@pytest.mark.parametrize("failing", [1, 3])
def test_it_can_have_failures(tmp_path: Path, failing: int) -> None:
    project = make_sample_project(tmp_path, modules=4, tests_per_module=5, failing=failing)
    code, lines = suite(project)
    assert code == 1
    assert lines[-1] == f"FAILED (failures={failing})"


def test_it_is_always_the_same(tmp_path: Path) -> None:
    first = make_sample_project(tmp_path / "a", modules=3)
    second = make_sample_project(tmp_path / "b", modules=3)
    assert contents(first.path) == contents(second.path)


def test_it_can_be_a_repository_and_its_command_works(tmp_path: Path) -> None:
    make_sample_project(tmp_path, modules=2, tests_per_module=4, git=True)
    status = ["git", "status", "--porcelain"]
    done = subprocess.run(status, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    command = ["python3", "-m", "sequences", "seq_01", "4"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "1 4 14 50\n"
