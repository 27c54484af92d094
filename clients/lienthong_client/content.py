"""How do files too big for a package go up and come down? Beside it, resumed after a cut, in constant memory.

A `BigFile` is known by the SHA-256 of its bytes. Its upload goes on where the hub says it ended; its download goes on
where the part on our disk ends. Neither is believed before the digest of the whole is right.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import shutil
import unicodedata
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lienthong.api.v1 import content_pb2
from lienthong.domain.document import Document, ExternalContent, ManifestEntry, Package
from lienthong.errors import Code, Refusal
from lienthong_client.asking import Asking
from lienthong_client.channel import Connection
from lienthong_client.errors import Misuse, Unreachable
from lienthong_client.files import names_like, safe_name
from lienthong_client.retry import PASSING, Retry
from lienthong_client.transfer import Progress

MIB = 1 << 20
EXTERNAL_OVER = 20 * MIB  #: a file over this size goes beside the package
TOGETHER = (
    60 * MIB
)  #: so do the largest, until what stays inside is no more than this (100 MiB in base64, and room)
_CHUNK = MIB
_IDLE = 60.0  # seconds without a chunk before a download counts as broken
_TIMEOUT = 30.0  # seconds for Stat
_SLOWEST = 64 * 1024  # bytes per second an upload needs not be faster than


@dataclass(frozen=True, slots=True, kw_only=True)
class BigFile:
    """A file on our disk that travels beside its package."""

    name: str
    path: Path
    sha256: str
    size: int
    media_type: str

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> BigFile:
        """Read the file once for its digest, a piece at a time. Raises OSError, `Misuse` when it is empty."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        if size == 0:
            raise Misuse(Code.ARGUMENT_INVALID, field=str(path), detail="the file is empty")
        name = unicodedata.normalize("NFC", name or path.name)
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return cls(name=name, path=path, sha256=digest, size=size, media_type=media_type)

    @property
    def content(self) -> ExternalContent:
        """What the package says of it."""
        return ExternalContent(sha256=self.sha256, size=self.size, media_type=self.media_type)


def goes_beside(
    sizes: Sequence[int], *, over: int = EXTERNAL_OVER, together: int = TOGETHER
) -> frozenset[int]:
    """Which files (by place) travel beside their package: those over `over`, and the largest of too many."""
    beside = {place for place, size in enumerate(sizes) if size > over}
    inside = sum(size for place, size in enumerate(sizes) if place not in beside)
    for place in sorted(range(len(sizes)), key=lambda place: -sizes[place]):
        if inside <= together:
            break
        if place not in beside:
            beside.add(place)
            inside -= sizes[place]
    return frozenset(beside)


def external_entries(package: Package) -> tuple[ManifestEntry, ...]:
    """The files of a package that travel beside it."""
    manifest = package.manifest if isinstance(package, Document) else ()
    return tuple(entry for entry in manifest if entry.external is not None)


async def upload_content(
    connection: Connection, file: BigFile, *, retry: Retry, on_progress: Progress | None
) -> None:
    """Send what the hub does not have of the file; goes on after cuts as long as every try brings it further.

    Raises `Refusal` ARGUMENT_INVALID when the file changed since it was read, `Unreachable`.
    """
    attempt = _Upload(connection, file, on_progress)
    await _persist(attempt.run, retry, lambda: attempt.reached)


@dataclass(slots=True)
class _Upload:
    connection: Connection
    file: BigFile
    on_progress: Progress | None
    reached: int = -1  # what the hub said it has, last time

    async def run(self) -> None:
        file = self.file
        metadata = self.connection.metadata
        question = content_pb2.StatRequest(sha256=file.sha256, size=file.size)
        state = await self.connection.call(
            lambda: self.connection.content.Stat(question, metadata=metadata, timeout=_TIMEOUT)
        )
        self.reached = state.offset
        if not state.complete:
            timeout = 60 + (file.size - state.offset) / _SLOWEST
            offset, asking = state.offset, Asking()
            state = await self.connection.call(
                lambda: asking.about(
                    self.connection.content.Upload(
                        self._parts(offset, asking), metadata=metadata, timeout=timeout
                    )
                )
            )
        if not state.complete:
            raise Unreachable(self.connection.address, f"the upload ended after {state.offset} bytes")
        if self.on_progress is not None:
            self.on_progress(file.size, file.size)

    async def _parts(self, offset: int, asking: Asking) -> AsyncIterator[content_pb2.UploadRequest]:
        header = content_pb2.UploadHeader(sha256=self.file.sha256, size=self.file.size, offset=offset)
        yield content_pb2.UploadRequest(header=header)
        if not await asking.allowed(self.file.size - offset):
            return
        with self.file.path.open("rb") as source:
            source.seek(offset)
            while offset < self.file.size and (chunk := await asyncio.to_thread(source.read, _CHUNK)):
                yield content_pb2.UploadRequest(chunk=chunk)
                offset += len(chunk)
                if self.on_progress is not None:
                    self.on_progress(min(offset, self.file.size), self.file.size)


async def download_content(
    connection: Connection,
    reference: str,
    entry: ManifestEntry,
    folder: Path,
    *,
    retry: Retry,
    on_progress: Progress | None,
) -> Path:
    """Fetch one named file of a received document into `folder`; the same bytes already there are left.

    What came before a cut stays in a hidden file `.SHA256.part` and is not fetched again, not even by a later run.
    Raises `Refusal` ATTACHMENT_MISMATCH when the bytes are not those the sender signed for, `Unreachable`, OSError.
    """
    content = entry.external
    if content is None:
        raise ValueError("the file is in the package itself")
    name = safe_name(entry.attachment_name)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    if there := await asyncio.to_thread(_find, folder, name, content):
        return there
    part = folder / f".{content.sha256}.part"
    with part.open("ab") as file:
        file.truncate(min(file.tell(), content.size))
        attempt = _Download(connection, reference, content, file, on_progress)
        await _persist(attempt.run, retry, file.tell)
    if await asyncio.to_thread(_digest, part) != content.sha256:
        part.unlink()
        detail = f"{entry.attachment_name[:80]}: other bytes came than the sender signed for"
        raise Refusal(Code.ATTACHMENT_MISMATCH, field="sha256", detail=detail)
    return _place(part, folder, name)


def copy_content(file: BigFile, entry: ManifestEntry, folder: Path) -> Path:
    """Our own copy of a named file into `folder`, as a download would leave it. Raises OSError."""
    content = file.content
    name = safe_name(entry.attachment_name)
    folder.mkdir(parents=True, exist_ok=True)
    if there := _find(folder, name, content):
        return there
    part = folder / f".{content.sha256}.part"
    shutil.copyfile(file.path, part)
    return _place(part, folder, name)


@dataclass(slots=True)
class _Download:
    connection: Connection
    reference: str
    content: ExternalContent
    file: BinaryIO
    on_progress: Progress | None

    async def run(self) -> None:
        size = self.content.size
        await self.connection.ready()
        request = content_pb2.DownloadRequest(
            delivery_id=self.reference, sha256=self.content.sha256, offset=self.file.tell()
        )
        call = self.connection.content.Download(request, metadata=self.connection.metadata)
        async with aclosing(self.connection.stream(call, idle_timeout=_IDLE)) as messages:
            async for message in messages:
                self._take(message, size)
        if self.file.tell() < size:
            raise Unreachable(self.connection.address, f"the stream ended after {self.file.tell()} bytes")
        self.file.flush()

    def _take(self, message: Any, size: int) -> None:  # noqa: ANN401 - generated messages are untyped
        if message.WhichOneof("part") == "header":
            if message.header.size != size:
                detail = f"the hub has {message.header.size} bytes, the sender signed for {size}"
                raise Refusal(Code.ATTACHMENT_MISMATCH, field="size", detail=detail)
            return
        if self.file.tell() + len(message.chunk) > size:
            raise Refusal(
                Code.ATTACHMENT_MISMATCH, field="size", detail="more bytes came than were announced"
            )
        self.file.write(message.chunk)
        if self.on_progress is not None:
            self.on_progress(self.file.tell(), size)


async def _persist(attempt: Callable[[], Any], retry: Retry, position: Callable[[], int]) -> None:
    """Try until it is done; gives up only when `retry`'s tries in a row brought nothing new."""
    while True:
        before = position()
        try:
            await retry.run(attempt)
        except (Unreachable, Refusal) as error:
            lasting = isinstance(error, Refusal) and error.code not in PASSING
            if lasting or position() == before:
                raise
        else:
            return


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(folder: Path, name: str, content: ExternalContent) -> Path | None:
    """The same bytes under this name or one that `_place` gave."""
    for candidate in names_like(name):
        path = folder / candidate
        if path.is_symlink() or not path.exists():
            return None
        if path.is_file() and path.stat().st_size == content.size and _digest(path) == content.sha256:
            return path
    return None


def _place(part: Path, folder: Path, name: str) -> Path:
    """Give the whole file its name, or the next one that is free; nothing is overwritten, no link followed."""
    for candidate in names_like(name):
        path = folder / candidate
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        part.replace(path)
        return path
    raise AssertionError("unreachable: names never run out")
