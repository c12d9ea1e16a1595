"""Nothing outside a workspace is read or written, whatever the name and whatever moves."""

from __future__ import annotations

import itertools
import os
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, ForedeckError, InvalidInput, NotFound
from foredeck.services.workspace import files
from foredeck.services.workspace.files import WorkspaceFiles

SECRET = "the secret outside"

# Names that lead out of the workspace, hang, or deceive; each is refused for reading.
NAMES = [
    "../outside/secret",
    "sub/../../outside/secret",
    "./../outside/secret",
    "..",
    "sub/..",
    "../ws-evil/secret",
    "../workspace/../outside/secret",
    "../workspace/file",
    "//outside/secret",
    "/etc/passwd",
    "{outside}/secret",
    "/proc/self/root{outside}/secret",
    "/proc/self/fd/0",
    "/dev/zero",
    "link-to-file",
    "link-to-directory/secret",
    "relative-link",
    "relative-directory-link/secret",
    "dangling-link",
    "link-loop",
    "link-inside",
    "link-to-root/etc/passwd",
    "link-to-proc/root{outside}/secret",
    "link-to-null",
    "sub/deep-link/secret",
    "hard-link",
    "fifo",
    "socket",
    "sub",
    "sub/",
    "file/",
    "file/.",
    "file/below",
    "",
    ".",
    "./",
    "fi\0le",
    "../outside/secret\0.txt",
    "x" * 300,
    "y/" * 3000 + "file",
    "..\\outside\\secret",
    "%2e%2e/outside/secret",
    "~/secret",
    "~root/secret",
    "file://{outside}/secret",
    "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/outside/secret",
    "\N{TWO DOT LEADER}/outside/secret",
    "\N{RIGHT-TO-LEFT OVERRIDE}elif",
    "FILE",
    "file\n",
    " file",
    "-rf",
    "\udcff",
    "\ud800",
    unicodedata.normalize("NFD", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
    "absent",
    "absent/below",
]


@pytest.fixture(params=["openat2", "by component"])
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    if request.param == "by component":
        monkeypatch.setattr(files, "_has_openat2", lambda: False)
    elif not files._has_openat2():
        pytest.skip("this kernel or container has no openat2")
    for name in ("outside", "ws-evil"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(SECRET)
    root = tmp_path / "workspace"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_text("inside\n")
    (root / "caf\N{LATIN SMALL LETTER E WITH ACUTE}").write_text("composed")
    links: dict[str, str | Path] = {
        "link-to-file": tmp_path / "outside" / "secret",
        "link-to-directory": tmp_path / "outside",
        "relative-link": "../outside/secret",
        "relative-directory-link": "../outside",
        "dangling-link": tmp_path / "outside" / "new",
        "link-loop": "link-loop",
        "link-inside": "file",
        "link-to-root": "/",
        "link-to-proc": "/proc/self",
        "link-to-null": "/dev/null",
        "sub/deep-link": "../../outside",
    }
    for name, target in links.items():
        os.symlink(target, root / name)
    os.link(tmp_path / "outside" / "secret", root / "hard-link")
    os.mkfifo(root / "fifo")
    os.mknod(root / "socket", 0o140600)
    return root


@pytest.mark.parametrize("name", NAMES, ids=map(str, range(len(NAMES))))
def test_a_name_that_must_not_be_read(workspace: Path, name: str) -> None:
    name = name.replace("{outside}", str(workspace.parent / "outside"))
    with pytest.raises((InvalidInput, NotFound)) as caught:
        WorkspaceFiles(workspace).read_text(name, 1000)
    assert SECRET not in str(caught.value)
    assert len(caught.value.message) < 700


@pytest.mark.parametrize("name", NAMES, ids=map(str, range(len(NAMES))))
def test_a_name_never_writes_outside(workspace: Path, name: str) -> None:
    outside = workspace.parent / "outside"
    name = name.replace("{outside}", str(outside))
    try:
        WorkspaceFiles(workspace).write_text(name, "overwritten")
    except ForedeckError:
        pass
    else:
        written = [p for p in workspace.rglob("*") if p.is_file() and not p.is_symlink()]
        assert any(p.read_text() == "overwritten" for p in written)
    assert [p.name for p in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == SECRET
    assert sorted(p.name for p in workspace.parent.iterdir()) == ["outside", "workspace", "ws-evil"]
    assert not list(workspace.rglob("*.tmp"))


def test_reading(workspace: Path) -> None:
    reader = WorkspaceFiles(workspace)
    assert reader.read_text("file", 1000) == "inside\n"
    assert reader.read_text("./sub/.././file".replace("sub/../", ""), 3) == "ins"
    (workspace / "wide").write_bytes("\N{SNOWMAN}".encode() * 5 + b"\xff")
    assert reader.read_text("wide", 4) == "\N{SNOWMAN}" * 4
    assert reader.read_text("wide", 9) == "\N{SNOWMAN}" * 5 + "\N{REPLACEMENT CHARACTER}"
    (workspace / "binary").write_bytes(b"a\0b")
    with pytest.raises(InvalidInput, match="not a text file"):
        reader.read_text("binary", 10)


def test_writing(workspace: Path) -> None:
    writer = WorkspaceFiles(workspace)
    writer.write_text("new/deep/file.py", "one\n")
    assert (workspace / "new/deep/file.py").read_text() == "one\n"
    script = workspace / "script"
    script.write_text("old")
    script.chmod(0o750)
    writer.write_text("script", "new")
    assert script.read_text() == "new"
    assert script.stat().st_mode & 0o777 == 0o750
    assert not list(workspace.rglob("*.tmp"))


@pytest.mark.parametrize(
    "name", [".git/hooks/post-commit", "sub/.git/config", ".GIT/config", ".git"]
)
def test_what_belongs_to_git_is_not_written(workspace: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="belongs to git"):
        WorkspaceFiles(workspace).write_text(name, "x")


def test_a_failed_write_leaves_the_old_file(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ForedeckError, match="no room"):
        WorkspaceFiles(workspace).write_text("file", "new")
    assert (workspace / "file").read_text() == "inside\n"
    assert not list(workspace.rglob("*.tmp"))


def test_listing(workspace: Path) -> None:
    lister = WorkspaceFiles(workspace)
    assert "sub/" in lister.list_directory("")
    assert "link-to-directory" in lister.list_directory(".")
    assert lister.list_directory("sub") == lister.list_directory("./sub/") == ("deep-link",)
    for name in ("..", "link-to-directory", "sub/deep-link", "/", "file", "absent"):
        with pytest.raises((InvalidInput, NotFound)):
            lister.list_directory(name)


def test_a_workspace_that_vanished(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="is not there any more"):
        WorkspaceFiles(tmp_path / "gone").read_text("file", 10)


@pytest.fixture
def swapping(workspace: Path) -> Iterator[Path]:
    """A directory that is in turn a directory and a link to the outside, very fast."""
    real, link, name = workspace / "real", workspace / "link", workspace / "swapped"
    real.mkdir()
    (real / "secret").write_text("harmless")
    os.symlink(workspace.parent / "outside", link)
    ended, made = threading.Event(), itertools.count()

    def swap() -> None:
        while not ended.is_set():
            for source in (real, link):
                try:
                    source.rename(name)
                    name.rename(source)
                except OSError:  # a writer has made the directory in between
                    name.rename(workspace / f"made-{next(made)}")

    thread = threading.Thread(target=swap)
    thread.start()
    yield name
    ended.set()
    thread.join()


def test_a_race_with_renames_is_never_lost(workspace: Path, swapping: Path) -> None:
    both = WorkspaceFiles(workspace)
    outcomes = {"read": 0, "refused": 0}
    deadline = time.monotonic() + 10
    for turn in range(20_000):
        try:
            assert both.read_text(f"{swapping.name}/secret", 100) != SECRET
            outcomes["read"] += 1
        except (InvalidInput, NotFound):
            outcomes["refused"] += 1
        if min(outcomes.values()) > 500 and turn > 3000:
            break
        if time.monotonic() > deadline:
            break
    assert min(outcomes.values()) > 0, f"the race was not run: {outcomes}"


def test_a_race_of_writes_is_never_lost(workspace: Path, swapping: Path) -> None:
    both = WorkspaceFiles(workspace)
    written = 0
    turn = 0
    while turn < 300 or written == 0:  # on a loaded machine the real directory is seldom met
        turn += 1
        with suppress(ForedeckError):
            both.write_text(f"{swapping.name}/written", str(turn))
            written += 1
    outside = workspace.parent / "outside"
    assert [p.name for p in outside.iterdir()] == ["secret"]
