"""How many big packages are in work at once in this process? Together never more bytes than one of the largest.

A package in work takes about four times its size: its bytes, its tree, and what verifying adds. So two of 100 MB must
not be verified side by side, however many callers or queues bring them. Small ones pass by a big one that is in work:
most documents never wait here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SMALL = 1 << 20  #: bytes; what is no larger is neither counted nor kept waiting


class Gate:
    """Lets packages in by their bytes, first come first served. For one event loop."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes of the packages in work, small ones not counted."""
        return self._used

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Work on a package of `size` bytes while the block runs; waits for those that came before."""
        if size <= SMALL:
            yield
            return
        size = min(size, self._total)  # one over the limit is alone, and refused soon
        await self._enter(size)
        try:
            yield
        finally:
            self._used -= size
            self._admit()

    async def _enter(self, size: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in at the very moment it gave up
                self._used -= size
            else:
                self._waiting.remove((size, turn))
            self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._used + self._waiting[0][0] <= self._total:
            size, turn = self._waiting.popleft()
            self._used += size
            turn.set_result(None)
