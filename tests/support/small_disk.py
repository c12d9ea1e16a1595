"""A file system with little room, where the machine allows mounting one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BALLAST = "ballast"


@dataclass(frozen=True)
class SmallDisk:
    """A tmpfs at `path`."""

    path: Path

    def resize(self, size: str) -> None:
        """Give it another size, such as `64m`."""
        _mount("-o", f"remount,size={size}", str(self.path))

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.path / _BALLAST).open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def empty(self) -> None:
        """Take the filling away."""
        (self.path / _BALLAST).unlink(missing_ok=True)

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave no room for a while; whatever happens, there is room again afterwards."""
        self.fill()
        try:
            yield
        finally:
            self.empty()


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """Mount a tmpfs; skips the test where that is not possible."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() != 0 or _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", path):
        pytest.skip("a small file system cannot be mounted here: that takes root's rights")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _mount(*arguments: str | Path) -> int:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return 127
