"""How external content comes in and goes out of a plain folder: gigabytes in constant memory, resumed after a cut.

An upload is a file ``uploads/OWNER/SHA256`` that only grows; its length is how far the sender got. One connection
at a time holds it (flock, so also between processes). When it is whole its digest is checked, it is synced and
renamed to its place like any blob. The digest is computed while the bytes come; a process that did not see the
beginning reads the file once more at the end.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ParamSpec, TypeVar

from lienthong.blobs.address import missing, path_of
from lienthong.blobs.folder import FolderBlobs
from lienthong.errors import Code, HubFault, Refusal

if TYPE_CHECKING:
    from hashlib import _Hash

P = ParamSpec("P")
T = TypeVar("T")

UPLOADS = "uploads"
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_REMEMBERED = 64  # digests of cut uploads kept for their resumption
_Stamp = tuple[int, int, int]  # inode, length, time of the last change


def check_owner(owner: str) -> str:
    """An agency's code as a folder name; raises `HubFault` for what cannot be one."""
    if not _OWNER.fullmatch(owner):
        raise HubFault(f"no uploads are kept for {owner[:40]!r}")
    return owner


def not_at_end(length: int) -> Refusal:
    """An upload goes on where it ends."""
    return Refusal(Code.ARGUMENT_INVALID, field="offset", detail=f"continue at {length}")


def wrong_digest() -> Refusal:
    """The bytes that came are not those that were named."""
    return Refusal(
        Code.ARGUMENT_INVALID,
        field="sha256",
        detail="the bytes that came have another digest: begin again at 0",
    )


@dataclass(slots=True)
class _Upload:
    """A file that grows, held by this connection alone. `digest` is None when the beginning was not seen."""

    file: BinaryIO
    digest: _Hash | None

    def write(self, piece: bytes) -> None:
        self.file.write(piece)
        if self.digest is not None:
            self.digest.update(piece)

    def sync(self) -> _Stamp:
        self.file.flush()
        os.fsync(self.file.fileno())
        return self.stamp()

    def stamp(self) -> _Stamp:
        status = os.fstat(self.file.fileno())
        return status.st_ino, status.st_size, status.st_mtime_ns


class FolderContents:
    """External content under `root`. Several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._blobs = FolderBlobs(root)
        self._uploads = root / UPLOADS
        self._digests: OrderedDict[Path, tuple[_Stamp, _Hash]] = OrderedDict()
        try:
            self._uploads.mkdir(exist_ok=True)
        except OSError as error:
            raise HubFault(f"the content folder cannot be used: {error.strerror}") from error

    async def size(self, sha256: str) -> int | None:
        """Bytes of finished content."""
        return await asyncio.to_thread(self._blobs.size, sha256)

    def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset`; from 0 the last piece comes only if the digest is right."""
        return self._blobs.stream(sha256, offset=offset, chunk=chunk)

    async def delete(self, sha256: str) -> None:
        """Take finished content away."""
        await asyncio.to_thread(self._blobs.delete, sha256)

    async def uploaded(self, owner: str, sha256: str) -> int:
        """Bytes that need not come again."""
        return await asyncio.to_thread(_length, self._path(owner, sha256))

    async def append(self, owner: str, sha256: str, offset: int, pieces: AsyncIterable[bytes]) -> int:
        """Add `pieces` at the end; whatever happens, what was written stays."""
        path = self._path(owner, sha256)
        with _faults(sha256):
            upload = await _whole(self._open, path, offset)
            try:
                async for piece in pieces:
                    await _whole(upload.write, piece)
            finally:
                try:
                    stamp = await _whole(upload.sync)
                    if upload.digest is not None:
                        self._remember(path, stamp, upload.digest)
                finally:
                    upload.file.close()
            return stamp[1]

    def _open(self, path: Path, offset: int) -> _Upload:
        path.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError):
            path.open("xb").close()
        with ExitStack() as stack:
            file = stack.enter_context(path.open("r+b"))
            _lock(file, path)
            length = file.seek(0, os.SEEK_END)
            if offset != length:
                raise not_at_end(length)
            upload = _Upload(file, None)
            upload.digest = hashlib.sha256() if length == 0 else self._recall(path, upload.stamp())
            stack.pop_all()  # the caller closes it
        return upload

    def _remember(self, path: Path, stamp: _Stamp, digest: _Hash) -> None:
        self._digests[path] = (stamp, digest)
        if len(self._digests) > _REMEMBERED:
            self._digests.popitem(last=False)

    def _recall(self, path: Path, stamp: _Stamp) -> _Hash | None:
        """The digest so far, if nobody else has touched the file since."""
        known = self._digests.pop(path, None)
        return known[1] if known is not None and known[0] == stamp else None

    async def finish(self, owner: str, sha256: str) -> int:
        """Check the digest, sync, rename."""
        with _faults(sha256):
            return await _whole(self._finish, self._path(owner, sha256), sha256)

    def _finish(self, path: Path, sha256: str) -> int:
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            raise missing(sha256) from None
        with file:
            _lock(file, path)
            upload = _Upload(file, None)
            stamp = upload.sync()
            digest = self._recall(path, stamp)
            actual = digest.hexdigest() if digest else hashlib.file_digest(file, "sha256").hexdigest()
            if actual != sha256:
                path.unlink()
                raise wrong_digest()
            self._blobs.adopt(sha256, path)
            return stamp[1]

    async def unfinished(self, owner: str) -> int:
        """Bytes of all uploads of `owner`."""

        def count() -> int:
            return sum(map(_length, _files(self._uploads / check_owner(owner))))

        return await asyncio.to_thread(count)

    async def collect(self, before: datetime) -> int:
        """Drop uploads untouched since `before`, unless somebody holds one right now."""

        def drop() -> int:
            return sum(_drop(path, before) for folder in _files(self._uploads) for path in _files(folder))

        with _faults("of an upload"):
            return await asyncio.to_thread(drop)

    def _path(self, owner: str, sha256: str) -> Path:
        return self._uploads / check_owner(owner) / Path(path_of(sha256)).name


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _lock(file: BinaryIO, path: Path) -> None:
    """Hold the file alone, and be sure that it still is the upload: its last holder may have finished it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        same = False
    if not same:
        raise Refusal(Code.UNAVAILABLE, field="sha256", detail="another connection is sending this content")


def _drop(path: Path, before: datetime) -> bool:
    with suppress(FileNotFoundError, Refusal), path.open("rb") as file:
        _lock(file, path)
        if datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC) < before:
            path.unlink()
            return True
    return False


@contextmanager
def _faults(sha256: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HubFault(f"content {sha256} cannot be kept: {error.strerror}") from error


async def _whole(work: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
    """Run `work` in a thread; a cancelled caller still waits for it, because the thread goes on with the file."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kw))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
