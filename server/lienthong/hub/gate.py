"""How many packages that are not small are in work at once in this process? As many as their bytes have room for.

A package in work takes about four times its size: its bytes, its tree, and what verifying adds. So two of 100 MB must
not be verified side by side, however many callers or queues bring them, nor a hundred of 1 MB. Middling ones share one
room and big ones another, so that neither waits for the other; small ones pass by both: most documents never wait here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType

from lienthong.errors import Refusal, let_go

SMALL = 128 << 10  #: bytes; what is no larger is neither counted nor kept waiting
MIDDLING = 4 << 20  #: bytes of the largest that go to the room of their own
ROOM = 16 << 20  #: bytes of middling packages in work at once


class Room:
    """Lets packages in by their bytes, first come first served. For one event loop."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.used = 0  #: bytes of the packages inside

    def hold(self, size: int) -> Passage:
        """See `Gate.hold`. One larger than the room has it for itself: it is refused soon."""
        return Passage(self, min(size, self._total))

    async def enter(self, size: int) -> None:
        """Wait until `size` bytes more may be in work."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in at the very moment it gave up
                self.used -= size
            self._admit()
            raise

    def leave(self, size: int) -> None:
        """`size` bytes are not in work any more."""
        self.used -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():  # else it gave up
                if self.used + size > self._total:
                    return
                self.used += size
                turn.set_result(None)
            self._waiting.popleft()


class Passage:
    """A package's time in work; `room` None: it passes by."""

    def __init__(self, room: Room | None, size: int) -> None:
        self._room = room
        self._size = size

    async def __aenter__(self) -> None:
        if self._room is not None:
            await self._room.enter(self._size)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._room is not None:
            self._room.leave(self._size)
            if isinstance(error, Refusal):  # a generator's `raise` would put the traceback on again
                let_go(error)


class Gate:
    """What every package passes. `total`: bytes of big packages in work at once."""

    def __init__(self, total: int) -> None:
        self._middling = Room(ROOM)
        self._big = Room(total)

    @property
    def used(self) -> int:
        """Bytes of the packages in work, small ones not counted."""
        return self._middling.used + self._big.used

    def hold(self, size: int) -> Passage:
        """For `async with`: work on a package of `size` bytes while the block runs; waits for those before.

        Nobody may wait for a second passage while it holds one: then each could wait for the other.
        """
        if size <= SMALL:
            return Passage(None, 0)
        return (self._middling if size <= MIDDLING else self._big).hold(size)
