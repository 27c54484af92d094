"""How calls and upload memory are shared: a token bucket per client, and a budget of bytes for all uploads."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lienthong.errors import Code
from lienthong.rpc.errors import SlowDown


class TokenBuckets:
    """Per client: `burst` calls at once, `rate` calls per second on the whole. Never waits, only refuses.

    At most `clients` buckets are kept; the one unused for longest goes first, and it is full by then.
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float], clients: int = 10_000) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._clients = clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> (tokens, at)

    def take(self, client: str) -> None:
        """Spend one token of `client`; raises RATE_LIMITED with the time until the next."""
        now = self._clock()
        tokens, at = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        if not allowed:
            raise SlowDown(Code.RATE_LIMITED, retry_after=(1 - tokens) / self._rate)


class ByteBudget:
    """Memory for uploads: announced bytes in hand never exceed `total`, nor half of it for one client.

    A single upload of a client is always let in as soon as it fits, whatever its share.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._share = total // 2
        self._used = 0
        self._held: dict[str, int] = {}
        self._freed = asyncio.Event()

    @property
    def used(self) -> int:
        """Announced bytes of the uploads in hand."""
        return self._used

    def _fits(self, client: str, size: int) -> bool:
        held = self._held.get(client, 0)
        return self._used + size <= self._total and (held == 0 or held + size <= self._share)

    async def _until_it_fits(self, client: str, size: int, wait: float) -> None:
        try:
            async with asyncio.timeout(wait):
                while not self._fits(client, size):
                    await self._freed.wait()
        except TimeoutError as error:
            raise SlowDown(Code.RATE_LIMITED, detail="too many uploads at once", retry_after=wait) from error

    @asynccontextmanager
    async def reserve(self, client: str, size: int, *, wait: float) -> AsyncIterator[None]:
        """Hold `size` bytes while the block runs. Waits at most `wait` seconds, then RATE_LIMITED."""
        if not self._fits(client, size):
            await self._until_it_fits(client, size, wait)
        self._used += size
        self._held[client] = self._held.get(client, 0) + size
        try:
            yield
        finally:
            self._used -= size
            self._held[client] -= size
            if not self._held[client]:
                del self._held[client]
            self._freed.set()  # every waiter looks again
            self._freed = asyncio.Event()
