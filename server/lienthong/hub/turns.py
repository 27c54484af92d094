"""How do many hops share one interpreter without getting in each other's way? On the event loop, turn by turn.

Python runs one thread at a time. Handing a few milliseconds of work to another thread costs two hand-overs and
waits for the interpreter's lock, up to 5 ms each, more than the work itself. So short work runs where it is, on the
event loop: one piece per turn of the loop, express before normal. Between two pieces the loop looks at its
connections, so a message that comes in meanwhile waits for a few pieces, never for the whole backlog.

What follows is shared: while others still wait for their turn, who had it waits for them (`together`), at most for
`COMPANY` pieces. Then they go on at once, and what they write is one commit of the store, what they publish one sync
of the broker. Express waits for nobody, and without a backlog nobody waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from lienthong.domain.document import Lane

T = TypeVar("T")

#: work on a message of at most so many bytes is short: some milliseconds
SHORT = 131_072
#: pieces of work that are not short in work at once, in each lane: more take memory and wait for the interpreter
LONG = 2
#: hops that go on together at most: bounds how long the first of them waits
COMPANY = 8


class Turns:
    """Runs work of the processor: what is short in turns on the event loop, the rest in few threads."""

    def __init__(self) -> None:
        self._long = {lane: asyncio.Semaphore(LONG) for lane in Lane}
        self._busy = False
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {Lane.EXPRESS: deque(), Lane.NORMAL: deque()}
        self._together: list[asyncio.Future[None]] = []

    async def run(self, lane: Lane, size: int, work: Callable[[], T]) -> T:
        """The result of `work`, or what it raises. `size`: bytes it looks at."""
        if size > SHORT:
            async with self._long[lane]:
                return await asyncio.to_thread(work)
        if self._busy:
            await self._turn(lane)
        self._busy = True
        try:
            return work()
        finally:
            asyncio.get_running_loop().call_soon(self._next)

    async def together(self, lane: Lane) -> None:
        """Return when enough others have had their turn too, or nobody waits for one."""
        if lane is Lane.EXPRESS or not self._busy or len(self._together) >= COMPANY - 1:
            self._go_on()
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._together.append(waiting)
        await waiting

    def _go_on(self) -> None:
        waiting, self._together = self._together, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def _turn(self, lane: Lane) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was our turn: let the next one have it
                self._next()
            raise

    def _next(self) -> None:
        """Give the turn to whoever waits longest in the first lane where anybody waits."""
        for turns in self._waiting.values():
            while turns:
                turn = turns.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._busy = False
        self._go_on()
