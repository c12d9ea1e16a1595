"""Files that people give to projects: kept once, copied, listed, deleted, repaired."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foredeck.services.domain.errors import Conflict, InvalidInput, NotFound
from foredeck.services.domain.records import ProjectFile
from foredeck.services.event_bus import EventBus
from foredeck.services.store.store import Store
from foredeck.services.workspace.files import WorkspaceFiles
from foredeck.services.workspace.project_files import ProjectFiles
from foredeck.services.workspace.projects import ProjectService


class Desk:
    """A project with a workspace, and files outside of it to give to it."""

    def __init__(self, store: Store, base: Path) -> None:
        self.store = store
        self.data = base / "data"
        self.files = ProjectFiles(store, self.data)
        self.workspace = base / "workspaces" / "demo"
        self.outside = base / "outside"
        self.outside.mkdir()

    def source(self, name: str, content: bytes = b"content") -> str:
        path = self.outside / name
        path.write_bytes(content)
        return str(path)

    async def listed(self) -> tuple[ProjectFile, ...]:
        return (await self.store.queries.project_files("demo")).items

    def blobs(self) -> list[Path]:
        return [path for path in (self.data / "blobs").rglob("*") if path.is_file()]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await Store.open(tmp_path / "data", EventBus())
    await ProjectService(store, tmp_path / "workspaces", tmp_path / "data").create("demo")
    yield Desk(store, tmp_path)
    await store.close()


async def test_a_file_is_copied_kept_and_listed_newest_first(desk: Desk) -> None:
    binary = bytes(range(256)) * 8192
    first = await desk.files.add("demo", desk.source("a.txt"), metadata={"from": "me"})
    second = await desk.files.add("demo", desk.source("b.bin", binary), "docs/deep/b.bin")
    assert [file.name for file in await desk.listed()] == ["docs/deep/b.bin", "a.txt"]
    assert (desk.workspace / "docs/deep/b.bin").read_bytes() == binary
    assert (first.type, first.size, first.placed) == ("text/plain", 7, True)
    assert (first.metadata, second.size) == ((("from", "me"),), len(binary))
    page = await desk.store.queries.project_files("demo", limit=1, offset=1)
    assert ([file.name for file in page.items], page.total) == (["a.txt"], 2)


async def test_equal_content_is_kept_once_and_as_long_as_it_is_used(desk: Desk) -> None:
    for name in ("one", "two"):
        await desk.files.add("demo", desk.source(name))
    (blob,) = desk.blobs()
    assert stat.S_IMODE(blob.stat().st_mode) == 0o600
    assert stat.S_IMODE(blob.parent.stat().st_mode) == 0o700
    await desk.files.delete("demo", "one")
    assert desk.blobs() == [blob]
    await desk.files.delete("demo", "two")
    assert desk.blobs() == []
    assert list(desk.workspace.iterdir()) == []


async def test_what_is_there_is_not_overwritten_unless_asked(desk: Desk) -> None:
    (desk.workspace / "mine").write_text("mine")
    with pytest.raises(Conflict, match="already") as caught:
        await desk.files.add("demo", desk.source("mine"))
    assert "--replace" in caught.value.advice
    assert (desk.workspace / "mine").read_text() == "mine"
    assert await desk.listed() == ()
    await desk.files.add("demo", desk.source("mine", b"first"), replace_it=True)
    await desk.files.add("demo", desk.source("mine", b"second"), replace_it=True)
    assert (desk.workspace / "mine").read_bytes() == b"second"
    assert len(await desk.listed()) == len(desk.blobs()) == 1


async def test_a_copy_that_was_changed_survives_its_record(desk: Desk) -> None:
    await desk.files.add("demo", desk.source("a"))
    (desk.workspace / "a").write_text("worked on")
    removed = await desk.files.delete("demo", "a")
    assert "changed" in removed.copy_kept
    assert (desk.workspace / "a").read_text() == "worked on"
    assert await desk.listed() == ()


@pytest.mark.parametrize(
    "name", ["../out", "/etc/cron.d/x", "a/../../out", "link/x", "", ".git/hooks/pre-commit", "a/"]
)
async def test_no_name_leads_out_of_the_workspace(desk: Desk, name: str) -> None:
    (desk.workspace / "link").symlink_to(desk.outside)
    source = desk.source("file")
    if not name:
        name = ".."
    with pytest.raises(InvalidInput):
        await desk.files.add("demo", source, name)
    assert [path.name for path in desk.outside.iterdir()] == ["file"]
    assert await desk.listed() == ()


async def test_only_regular_files_that_are_there_are_taken(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.files.add("demo", str(desk.outside / "nothing"))
    for path in (desk.outside, Path("/dev/zero")):
        with pytest.raises(InvalidInput):
            await desk.files.add("demo", str(path), "name")
    with pytest.raises(InvalidInput, match="absolute"):
        await desk.files.add("demo", "relative")
    with pytest.raises(NotFound):
        await desk.files.delete("demo", "nothing")
    assert desk.blobs() == []


async def test_a_copy_that_a_crash_prevented_is_made_at_the_next_start(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(WorkspaceFiles, "write_chunks", killed)
        with pytest.raises(KeyboardInterrupt):
            await desk.files.add("demo", desk.source("a"))
    (file,) = await desk.listed()
    assert not file.placed
    assert not (desk.workspace / "a").exists()
    await ProjectFiles(desk.store, desk.data).repair()
    assert (desk.workspace / "a").read_bytes() == b"content"
    assert (await desk.listed())[0].placed
