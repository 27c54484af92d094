"""How many big packages are in work at once in this process? Together never more bytes than one of the largest.

A package in work takes about four times its size: its bytes, its tree, and what verifying adds. So two of 100 MB must
not be verified side by side, however many callers or queues bring them. Small ones pass by a big one that is in work:
most documents never wait here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

from lienthong.errors import Refusal, let_go

SMALL = 1 << 20  #: bytes; what is no larger is neither counted nor kept waiting


class Passage:
    """A package's time in work."""

    def __init__(self, gate: Gate, size: int) -> None:
        self._gate = gate
        self._size = size

    async def __aenter__(self) -> None:
        if self._size:
            await self._gate.enter(self._size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._size:
            self._gate.leave(self._size)
            if isinstance(error, Refusal):  # a generator's `raise` would put the traceback on again
                let_go(error)


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

    def hold(self, size: int) -> Passage:
        """For `async with`: work on a package of `size` bytes while the block runs; waits for those before."""
        return Passage(
            self, min(size, self._total) if size > SMALL else 0
        )  # one over the limit is refused soon

    async def enter(self, size: int) -> None:
        """Wait until `size` bytes more may be in work."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in at the very moment it gave up
                self._used -= size
            self._admit()
            raise

    def leave(self, size: int) -> None:
        """`size` bytes are not in work any more."""
        self._used -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():  # else it gave up
                if self._used + size > self._total:
                    return
                self._used += size
                turn.set_result(None)
            self._waiting.popleft()
