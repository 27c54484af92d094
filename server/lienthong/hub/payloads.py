"""Where are a package's bytes? Small ones in the store, in one commit with their document; larger ones are blobs.

A commit is synced anyway, so a small package costs it a few pages more. As a blob it costs a file that is made, synced
and renamed, and a folder that is synced (or a request to the bucket), before a commit that may refuse the document.
Large ones would be written twice, to the database's log and to its pages, and hold up every other write meanwhile.

What is read is looked for in the store, then among the blobs: a limit that changes between two starts hides nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from lienthong.domain.ids import sha256_hex
from lienthong.errors import HubFault
from lienthong.hub.ports import Blobs, Store
from lienthong.hub.rows import DocumentRow, NewDocument

DEFAULT_PAYLOAD_LIMIT = 65_536  # bytes of a package that lies in the store


class Payloads:
    """Keeps and reads the bytes of packages, by their SHA-256. `limit`: bytes up to which they lie in the store."""

    def __init__(self, store: Store, blobs: Blobs, *, limit: int = DEFAULT_PAYLOAD_LIMIT) -> None:
        self._store = store
        self._blobs = blobs
        self._limit = limit

    async def accept(self, new: NewDocument, data: bytes) -> DocumentRow:
        """Keep `data` and accept the document; its row is never there without them. See `DocumentStore.accept`."""
        if len(data) <= self._limit:
            return await self._store.accept(new, data)
        await self._blobs.put(new.sha256, data)
        return await self._store.accept(new)

    async def get(self, sha256: str) -> bytes:
        """All of them, their digest checked; `Refusal` NOT_FOUND, `HubFault` when they are damaged."""
        data = await self._stored(sha256)
        return await self._blobs.get(sha256) if data is None else data

    async def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """Opens them from `offset`, in pieces of about `chunk` bytes; fails as `get` does, now or while it is read."""
        data = await self._stored(sha256)
        if data is None:
            return self._blobs.stream(sha256, offset=offset, chunk=chunk)
        return _pieces(data, offset, chunk)

    async def _stored(self, sha256: str) -> bytes | None:
        data = await self._store.payload(sha256)
        if data is not None and sha256_hex(data) != sha256:
            raise HubFault(
                f"the bytes of document {sha256} in the store are damaged: they have another digest"
            )
        return data


async def _pieces(data: bytes, offset: int, chunk: int) -> AsyncIterator[bytes]:
    for start in range(offset, len(data), chunk):
        yield data[start : start + chunk]
