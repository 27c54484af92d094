"""How blobs survive a power cut in a plain folder: temporary file, fsync, rename, fsync of the folder.

obstore's LocalStore would be the natural carrier, but it only renames: strace shows no fsync of the file or
of its folder, so a document acknowledged to its sender could be gone after a power cut. Hence this small
writer; obstore serves the buckets (blobs/bucket.py).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from lienthong.blobs.address import check_content, check_offset, checked, damaged, missing, path_of
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.errors import HubFault

UNFINISHED = "unfinished"  #: folder of files being written; what a crash leaves there is no blob
UNFINISHED_AGE = 24 * 3600  #: seconds after which such a file is certainly nobody's any more


class FolderBlobs:
    """Blobs as files under `root`, which is made when missing. Several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / UNFINISHED
        self._synced: set[Path] = set()  # folders whose own entry is known to be on disk
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
            _clear(self._unfinished)
        except OSError as error:
            raise HubFault(f"the blob folder cannot be used: {error.strerror}") from error

    async def put(self, sha256: str, data: bytes) -> None:
        """Durable when it returns; damaged content found under the key is replaced."""
        await asyncio.to_thread(self._put, sha256, data)

    def _put(self, sha256: str, data: bytes) -> None:
        target = self._root / check_content(sha256, data)
        try:
            self._make_folder(target.parent)
            if not _holds(target, sha256, len(data)):
                self._write(target, data)
            _sync_folder(target.parent)  # also when another process renamed it and has not synced yet
        except OSError as error:
            raise HubFault(f"blob {sha256} cannot be kept: {error.strerror}") from error

    def _make_folder(self, folder: Path) -> None:
        for level in (self._root, folder.parent, folder):
            if level not in self._synced:
                level.mkdir(exist_ok=True)
                _sync_folder(level.parent)
                self._synced.add(level)

    def _write(self, target: Path, data: bytes) -> None:
        temporary = self._unfinished / new_id()
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def adopt(self, sha256: str, file: Path) -> None:
        """Make a synced file of the same disk the blob, durably. Its digest is known to be right. Raises OSError."""
        target = self._root / path_of(sha256)
        self._make_folder(target.parent)
        file.rename(target)
        _sync_folder(target.parent)

    def size(self, sha256: str) -> int | None:
        """Bytes kept under this key; None when there are none."""
        try:
            return (self._root / path_of(sha256)).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HubFault(f"blob {sha256} cannot be read: {error.strerror}") from error

    def delete(self, sha256: str) -> None:
        """Take the file away; nothing happens when it is not there."""
        try:
            (self._root / path_of(sha256)).unlink(missing_ok=True)
        except OSError as error:
            raise HubFault(f"blob {sha256} cannot be deleted: {error.strerror}") from error

    async def get(self, sha256: str) -> bytes:
        """Whole content, its digest checked."""
        data = await asyncio.to_thread(self._read, sha256)
        if await asyncio.to_thread(sha256_hex, data) != sha256:
            raise damaged(sha256)
        return data

    def _read(self, sha256: str) -> bytes:
        with self._open(sha256) as file:
            try:
                return file.read()
            except OSError as error:
                raise HubFault(f"blob {sha256} cannot be read: {error.strerror}") from error

    def _open(self, sha256: str) -> BinaryIO:
        try:
            return (self._root / path_of(sha256)).open("rb")
        except FileNotFoundError as error:
            raise missing(sha256) from error
        except OSError as error:
            raise HubFault(f"blob {sha256} cannot be read: {error.strerror}") from error

    async def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset` in pieces of `chunk` bytes. From 0, the last piece comes only if the digest is right."""
        pieces = self._pieces(sha256, offset, chunk)
        async with aclosing(pieces), aclosing(pieces if offset else checked(sha256, pieces)) as wanted:
            async for piece in wanted:
                yield piece

    async def _pieces(self, sha256: str, offset: int, chunk: int) -> AsyncGenerator[bytes]:
        file = await asyncio.to_thread(self._open, sha256)
        try:
            check_offset(offset, os.fstat(file.fileno()).st_size)
            file.seek(offset)
            while piece := await asyncio.to_thread(file.read, chunk):
                yield piece
        except OSError as error:
            raise HubFault(f"blob {sha256} cannot be read: {error.strerror}") from error
        finally:
            file.close()


def _holds(path: Path, sha256: str, size: int) -> bool:
    """Whether the file is there, whole and undamaged: reading is cheaper than writing and syncing again."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(unfinished: Path) -> None:
    for left in unfinished.iterdir():
        try:
            if left.stat().st_mtime < time.time() - UNFINISHED_AGE:
                left.unlink(missing_ok=True)
        except FileNotFoundError:  # its writer finished meanwhile
            continue
