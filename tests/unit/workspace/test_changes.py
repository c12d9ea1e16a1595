"""What changed between two looks at a workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict
from foredeck.services.domain.records import ChangeKind, FileChange
from foredeck.services.workspace import changes
from foredeck.services.workspace.changes import differences, snapshot

CREATED, MODIFIED, DELETED = ChangeKind.CREATED, ChangeKind.MODIFIED, ChangeKind.DELETED


@pytest.fixture(params=["plain", "git"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "src").mkdir(parents=True)
    (root / "src" / "kept.py").write_text("kept\n")
    (root / "src" / "changed.py").write_text("old\n")
    (root / "gone.txt").write_text("gone\n")
    if request.param == "git":
        git(root, "init", "-q")
    return root


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


async def test_created_modified_and_deleted_files(workspace: Path) -> None:
    before = await snapshot(workspace)
    (workspace / "src" / "changed.py").write_text("new\n")
    (workspace / "gone.txt").unlink()
    (workspace / "deep" / "er").mkdir(parents=True)
    (workspace / "deep" / "er" / "added.py").write_text("")
    after = await snapshot(workspace)
    assert differences(before, after) == (
        FileChange("deep/er/added.py", CREATED),
        FileChange("gone.txt", DELETED),
        FileChange("src/changed.py", MODIFIED),
    )
    assert differences(after, after) == ()


async def test_a_tracked_file_that_is_removed_counts(workspace: Path) -> None:
    if (workspace / ".git").exists():
        git(workspace, "add", ".")
        git(workspace, "commit", "-q", "-m", "start")
    before = await snapshot(workspace)
    (workspace / "gone.txt").unlink()
    changed = differences(before, await snapshot(workspace))
    assert changed == (FileChange("gone.txt", DELETED),)


async def test_a_write_right_after_the_look_shows(workspace: Path) -> None:
    for turn in range(10):
        path = workspace / "src" / "changed.py"
        path.write_text(f"{turn}\n")
        before = await snapshot(workspace)
        path.write_text(f"{turn + 1}\n")
        changed = differences(before, await snapshot(workspace))
        assert changed == (FileChange("src/changed.py", MODIFIED),)


async def test_an_atomic_replacement_that_keeps_the_time_shows(workspace: Path) -> None:
    path = workspace / "src" / "changed.py"
    before = await snapshot(workspace)
    copy = path.with_name("copy")
    copy.write_text("NEW\n")
    os.utime(copy, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    copy.replace(path)
    changed = differences(before, await snapshot(workspace))
    assert changed == (FileChange("src/changed.py", MODIFIED),)


async def test_what_tools_make_for_themselves_is_not_told(workspace: Path) -> None:
    before = await snapshot(workspace)
    for name in ("node_modules/a", "__pycache__", ".venv/lib", ".pytest_cache", "x.egg-info"):
        (workspace / name).mkdir(parents=True)
        (workspace / name / "file").write_text("x")
    (workspace / "src" / "kept.pyc").write_text("x")
    assert differences(before, await snapshot(workspace)) == ()


async def test_git_says_what_is_ignored(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("/build/\n")
    before = await snapshot(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "out").write_text("x")
    (tmp_path / "seen").write_text("x")
    changed = differences(before, await snapshot(tmp_path))
    assert changed == (FileChange("seen", CREATED),)


async def test_a_file_that_becomes_ignored_is_not_deleted(workspace: Path) -> None:
    before = await snapshot(workspace)
    if not (workspace / ".git").exists():
        git(workspace, "init", "-q")
    (workspace / ".gitignore").write_text("gone.txt\n")
    changed = differences(before, await snapshot(workspace))
    assert changed == (FileChange(".gitignore", CREATED),)


async def test_a_repository_inside_is_looked_into(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "inner").mkdir()
    git(tmp_path / "inner", "init", "-q")
    (tmp_path / "inner" / "file").write_text("x")
    git(tmp_path / "inner", "add", ".")
    git(tmp_path / "inner", "commit", "-q", "-m", "start")
    before = await snapshot(tmp_path)
    (tmp_path / "inner" / "file").write_text("changed")
    changed = differences(before, await snapshot(tmp_path))
    assert changed == (FileChange("inner/file", MODIFIED),)


async def test_a_repository_above_that_ignores_the_workspace_is_not_asked(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*\n")
    root = tmp_path / "workspace"
    root.mkdir()
    before = await snapshot(root)
    (root / "new").write_text("x")
    assert differences(before, await snapshot(root)) == (FileChange("new", CREATED),)


async def test_the_repository_cannot_make_git_start_a_program(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    root.mkdir()
    git(root, "init", "-q")
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    git(root, "config", "core.fsmonitor", str(program))
    (root / "file").write_text("x")
    assert set((await snapshot(root)).files) == {"file"}
    assert not (tmp_path / "started").exists()


async def test_odd_names(workspace: Path) -> None:
    before = await snapshot(workspace)
    (workspace / "a\nb").write_text("x")
    (workspace / "[red]").write_text("x")
    Path(os.fsdecode(os.fsencode(workspace) + b"/\xff")).write_text("x")
    os.symlink("/etc/passwd", workspace / "link")
    os.mkfifo(workspace / "fifo")
    changed = differences(before, await snapshot(workspace))
    assert {change.path for change in changed} == {"a\nb", "[red]", "\\xff", "link"}


async def test_a_workspace_that_vanished(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "never", tmp_path / "file"):
        with pytest.raises(Conflict, match="is not there any more"):
            await snapshot(path)


async def test_a_broken_repository_is_walked(workspace: Path) -> None:
    shutil.rmtree(workspace / ".git", ignore_errors=True)
    (workspace / ".git").write_text("gitdir: /nowhere\n")
    before = await snapshot(workspace)
    assert len(before.files) == 3


async def test_too_many_files_never_make_false_news(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await snapshot(workspace)
    monkeypatch.setattr(changes, "FILE_LIMIT", 1)
    part = await snapshot(workspace)
    assert not part.complete
    assert len(part.files) == 1
    assert differences(whole, part) == ()
    assert differences(part, whole) == ()


async def test_time_is_bounded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "SECONDS_LIMIT", -1.0)
    assert not (await snapshot(workspace)).complete
