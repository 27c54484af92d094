"""How often, and after which pause, a call that may be repeated is tried again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from lienthong.errors import Code, Refusal
from lienthong_client.errors import Unreachable

T = TypeVar("T")

#: refusals that pass by themselves within seconds
PASSING = frozenset({Code.UNAVAILABLE, Code.RATE_LIMITED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Bounded exponential backoff. `attempts=1` never repeats."""

    attempts: int = 4  #: calls in all, the first included
    first: float = 0.2  #: seconds before the second call
    factor: float = 2.0
    ceiling: float = 10.0  #: longest pause, seconds
    jitter: float = 0.2  #: part of each pause that is random, so that many clients do not return together

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before the second, third … call; ends when the attempts are used up."""
        for attempt in range(self.attempts - 1):
            yield self.pause(attempt)

    def pause(self, attempt: int) -> float:
        """Seconds to wait after the failed call number `attempt` (from 0)."""
        exponent = min(attempt, 30)  # beyond the ceiling anyway; keeps the power finite
        plain = min(self.ceiling, self.first * self.factor**exponent)
        return plain * (1 + random.uniform(-self.jitter, self.jitter))  # noqa: S311 - spreading load, not a secret

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until it answers. Repeats after `Unreachable` (not after a deadline) and after a passing refusal."""
        for pause in self.pauses():
            try:
                return await call()
            except Unreachable as error:
                if error.timed_out:
                    raise
            except Refusal as refusal:
                if refusal.code not in PASSING:
                    raise
            await asyncio.sleep(pause)
        return await call()
