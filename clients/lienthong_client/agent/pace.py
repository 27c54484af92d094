"""What time is it, and how long to wait? The one clock of the agent's loops, so that tests can let days pass."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from lienthong_client.retry import Retry

#: while the hub or a receiver is away
AWAY = Retry(first=1.0, factor=2.0, ceiling=60.0)
#: after a failure that concerns one document or one call
STUBBORN = Retry(first=5.0, factor=3.0, ceiling=900.0)


class Pace:
    """Real time."""

    def now(self) -> float:
        """Seconds of a clock that never jumps."""
        return time.monotonic()

    def today(self) -> datetime:
        """The moment, UTC."""
        return datetime.now(UTC)

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)
