"""Which small documents were read a moment ago? Two hundred last hops of one directive read its bytes once.

A document that goes to many next nodes travels by reference (`relay.py`), and the hops behind it come one after
another, often in one process. What is kept are bytes under the digest they were asked for, a few and not for long;
nothing is concluded from it: every hop proves the bytes in full, digest and signature, whoever read them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

ENTRIES = 8  #: documents kept at most, the oldest goes first


class Recent:
    """Reads small documents by their SHA-256 and keeps the last few. For one event loop."""

    def __init__(self, read: Callable[[str], Awaitable[bytes | None]], *, entries: int = ENTRIES) -> None:
        """`read`: the bytes, or None for a document too large to be kept; what it raises is raised and forgotten."""
        self._read = read
        self._entries = entries
        self._kept: dict[str, bytes] = {}
        self._reading: dict[str, asyncio.Event] = {}

    async def get(self, sha256: str) -> bytes | None:
        """What `read` gives, or gave a moment ago; who comes while it reads the same waits and finds it read."""
        while (reading := self._reading.get(sha256)) is not None:
            await reading.wait()
        data = self._kept.get(sha256)
        if data is not None:
            return data
        done = self._reading[sha256] = asyncio.Event()
        try:
            data = await self._read(sha256)
        finally:
            del self._reading[sha256]
            done.set()
        if data is not None:
            self._kept[sha256] = data
            if len(self._kept) > self._entries:
                del self._kept[next(iter(self._kept))]
        return data
