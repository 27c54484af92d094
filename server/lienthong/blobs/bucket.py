"""How blobs are kept in an object store (S3 and what speaks like it), through obstore.

An object is there whole or not at all, and durable when the service has answered: nothing to sync here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager, suppress

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import MemoryStore, S3Store

from lienthong.blobs.address import check_content, check_offset, checked, damaged, missing, path_of
from lienthong.domain.ids import sha256_hex
from lienthong.errors import HubFault


class BucketBlobs:
    """Blobs as objects of one bucket, under its prefix."""

    def __init__(self, store: S3Store | MemoryStore) -> None:
        self._store = store

    async def put(self, sha256: str, data: bytes) -> None:
        """Durable when it returns."""
        path = check_content(sha256, data)
        with bucket_faults(sha256):
            try:
                meta = await obstore.head_async(self._store, path)
            except (NotFoundError, FileNotFoundError):
                meta = None
            if meta is None or meta["size"] != len(data):
                await obstore.put_async(self._store, path, data)

    async def size(self, sha256: str) -> int | None:
        """Bytes kept under this key; None when there are none."""
        path = path_of(sha256)
        with bucket_faults(sha256):
            try:
                return int((await obstore.head_async(self._store, path))["size"])
            except (NotFoundError, FileNotFoundError):
                return None

    async def delete(self, sha256: str) -> None:
        """Take the object away; nothing happens when it is not there."""
        with bucket_faults(sha256), suppress(NotFoundError, FileNotFoundError):
            await obstore.delete_async(self._store, path_of(sha256))

    async def get(self, sha256: str) -> bytes:
        """Whole content, its digest checked."""
        path = path_of(sha256)
        with bucket_faults(sha256):
            result = await obstore.get_async(self._store, path)
            data = bytes(await result.bytes_async())
        if sha256_hex(data) != sha256:
            raise damaged(sha256)
        return data

    async def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset` in pieces of about `chunk` bytes. From 0, the last comes only if the digest is right."""
        pieces = self._pieces(sha256, offset, chunk)
        async with aclosing(pieces), aclosing(pieces if offset else checked(sha256, pieces)) as wanted:
            async for piece in wanted:
                yield piece

    async def _pieces(self, sha256: str, offset: int, chunk: int) -> AsyncGenerator[bytes]:
        path = path_of(sha256)
        with bucket_faults(sha256):
            size = (await obstore.head_async(self._store, path))["size"]
            check_offset(offset, size)
            if offset == size:
                return
            result = await obstore.get_async(self._store, path, options={"range": {"offset": offset}})
            async for piece in result.stream(min_chunk_size=chunk):
                for start in range(0, len(piece), chunk):  # a store may answer with one big piece
                    yield bytes(piece[start : start + chunk])


@contextmanager
def bucket_faults(sha256: str) -> Iterator[None]:
    """What the object store raises, as ours."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise missing(sha256) from error
    except (BaseError, OSError) as error:
        raise HubFault(f"the bucket failed for blob {sha256}: {type(error).__name__}") from error
