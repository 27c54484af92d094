"""How external content comes into an object store: parts as objects, joined when all are there.

A part is the object ``uploads/OWNER/SHA256/OFFSET``. Parts that follow each other without a gap are how far the
sender got. A cut loses at most one part that was not full. Memory holds one part, whatever the size of the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime

import obstore
from obstore.store import MemoryStore, S3Store

from lienthong.blobs.address import missing, path_of
from lienthong.blobs.bucket import BucketBlobs, bucket_faults
from lienthong.blobs.uploads import UPLOADS, check_owner, not_at_end, wrong_digest
from lienthong.hub.ports import Blobs

PART = 8 * 1_048_576  #: bytes of a part; S3 wants 5 MiB at least when the whole is put together


class BucketContents:
    """External content as objects of one bucket, under its prefix."""

    def __init__(self, store: S3Store | MemoryStore) -> None:
        self._store = store
        self._blobs = BucketBlobs(store)

    async def size(self, sha256: str) -> int | None:
        """Bytes of finished content."""
        return await self._blobs.size(sha256)

    def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset`; from 0 the last piece comes only if the digest is right."""
        blobs: Blobs = self._blobs
        return blobs.stream(sha256, offset=offset, chunk=chunk)

    async def delete(self, sha256: str) -> None:
        """Take finished content away."""
        await self._blobs.delete(sha256)

    async def uploaded(self, owner: str, sha256: str) -> int:
        """Where the parts without a gap end."""
        return sum(size for _, size in await self._parts(owner, sha256))

    async def append(self, owner: str, sha256: str, offset: int, pieces: AsyncIterable[bytes]) -> int:
        """Add parts at the end. Two connections at once put the same parts; the digest at the end decides."""
        length = await self.uploaded(owner, sha256)
        if offset != length:
            raise not_at_end(length)
        part = bytearray()
        async for piece in pieces:
            part += piece
            if len(part) >= PART:
                length = await self._put(owner, sha256, length, part)
        return await self._put(owner, sha256, length, part) if part else length

    async def _put(self, owner: str, sha256: str, offset: int, part: bytearray) -> int:
        with bucket_faults(sha256):
            await obstore.put_async(self._store, f"{_folder(owner, sha256)}/{offset:020}", bytes(part))
        length = offset + len(part)
        part.clear()
        return length

    async def finish(self, owner: str, sha256: str) -> int:
        """Check the digest, then put the parts together."""
        parts = await self._parts(owner, sha256)
        if not parts:
            raise missing(sha256)
        digest = hashlib.sha256()
        async for piece in self._joined(parts, sha256):
            digest.update(piece)
        right = digest.hexdigest() == sha256
        if right:
            whole = self._joined(parts, sha256)
            with bucket_faults(sha256):
                await obstore.put_async(
                    self._store, path_of(sha256), whole, chunk_size=PART, max_concurrency=2
                )
        await self._remove(await self._list(f"{_folder(owner, sha256)}/"))
        if not right:
            raise wrong_digest()
        return sum(size for _, size in parts)

    async def _joined(self, parts: list[tuple[str, int]], sha256: str) -> AsyncIterator[bytes]:
        for path, _ in parts:
            with bucket_faults(sha256):
                result = await obstore.get_async(self._store, path)
                yield bytes(await result.bytes_async())

    async def unfinished(self, owner: str) -> int:
        """Bytes of all parts of `owner`."""
        found = await self._list(f"{UPLOADS}/{check_owner(owner)}/")
        return sum(size for _, size, _ in found)

    async def collect(self, before: datetime) -> int:
        """Drop uploads whose newest part is from before `before`."""
        uploads: dict[str, list[tuple[str, int, datetime]]] = {}
        for found in await self._list(f"{UPLOADS}/"):
            uploads.setdefault(found[0].rpartition("/")[0], []).append(found)
        old = [parts for parts in uploads.values() if max(at for _, _, at in parts) < before]
        for parts in old:
            await self._remove(parts)
        return len(old)

    async def _parts(self, owner: str, sha256: str) -> list[tuple[str, int]]:
        """Path and size of the parts that follow each other from 0."""
        chain: list[tuple[str, int]] = []
        end = 0
        for path, size, _ in sorted(await self._list(f"{_folder(owner, sha256)}/")):
            if int(path.rpartition("/")[2]) == end and size:
                chain.append((path, size))
                end += size
        return chain

    async def _list(self, prefix: str) -> list[tuple[str, int, datetime]]:
        with bucket_faults(prefix):
            found = await obstore.list(self._store, prefix).collect_async()
        return [(meta["path"], meta["size"], meta["last_modified"]) for meta in found]

    async def _remove(self, parts: list[tuple[str, int, datetime]]) -> None:
        if parts:
            with bucket_faults(UPLOADS):
                await obstore.delete_async(self._store, [path for path, _, _ in parts])


def _folder(owner: str, sha256: str) -> str:
    path_of(sha256)  # no name leaves the prefix
    return f"{UPLOADS}/{check_owner(owner)}/{sha256}"
