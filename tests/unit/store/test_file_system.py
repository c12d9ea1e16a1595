"""A database does not go onto a network file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foredeck.services.domain.errors import StoreError
from foredeck.services.store.file_system import require_local, type_of


def mounts(tmp_path: Path, kind: str) -> Path:
    device = tmp_path.stat().st_dev
    path = tmp_path / "mountinfo"
    path.write_text(
        "21 1 0:5 / /proc rw shared:1 - proc proc rw\n"
        f"36 1 {os.major(device)}:{os.minor(device)} / /home rw master:2 - {kind} server:/x rw\n"
    )
    return path


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_network_file_systems_are_refused_with_a_sentence(tmp_path: Path, kind: str) -> None:
    with pytest.raises(StoreError, match=rf"network file system \({kind}\)") as caught:
        require_local(tmp_path, mounts(tmp_path, kind))
    assert "--data-dir" in caught.value.advice


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "overlay", "tmpfs", "fuse.gocryptfs"])
def test_local_ones_are_fine(tmp_path: Path, kind: str) -> None:
    require_local(tmp_path, mounts(tmp_path, kind))


def test_what_is_not_known_is_not_refused(tmp_path: Path) -> None:
    assert type_of(tmp_path / "nothing") == ""
    assert type_of(tmp_path, tmp_path / "no mountinfo") == ""
    require_local(tmp_path, tmp_path / "no mountinfo")
