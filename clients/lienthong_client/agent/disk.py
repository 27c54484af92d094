"""How does a change on disk survive a power cut? Written aside, synced, renamed, and the folder synced too.

`Disk` is everything the agent does to files, so that tests can let it fail at any of these points.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path


class Disk:
    """The durable operations. All raise OSError."""

    def make(self, folder: Path) -> None:
        """Make a folder (its parent is there)."""
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def write(self, path: Path, data: bytes) -> None:
        """Put a whole file at `path`: the old one or the new one, never half of it."""
        aside = path.with_name(f".{path.name[:200]}.part")
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync_folder(path.parent)

    def move(self, source: Path, target: Path) -> None:
        """Rename a file or a folder within the file system."""
        os.rename(source, target)
        _sync_folder(target.parent)
        if source.parent != target.parent:
            _sync_folder(source.parent)

    def settle(self, folder: Path) -> None:
        """Sync everything under `folder`: what others wrote there."""
        for path in [*folder.rglob("*"), folder]:
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            elif path.is_dir():
                _sync_folder(path)

    def remove(self, path: Path) -> None:
        """Take away a file or a folder with all in it; gone already is fine."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        _sync_folder(path.parent)


def free_place(folder: Path, name: str) -> Path:
    """`folder/name`, or `folder/name (2)` … where something is there already."""
    for number in count(1):
        path = folder / (name if number == 1 else f"{name} ({number})")
        if not os.path.lexists(path):
            return path
    raise AssertionError("unreachable: names never run out")


def size_of(folders: Mapping[str, Path]) -> dict[str, int]:
    """How many entries each folder has; hidden ones are not counted."""
    counts = {}
    for name, folder in folders.items():
        with os.scandir(folder) as entries:
            counts[name] = sum(not entry.name.startswith(".") for entry in entries)
    return counts


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
