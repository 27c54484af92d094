"""How hub and relays verify: off the event loop's way, on the newest knowledge, never trusting an old refusal.

A certificate bound a second ago may be unknown to this process still. So before a refusal counts, knowledge is
refreshed, and when that brought anything new the verification is done again from the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from lienthong.edxml.bounds import Limits
from lienthong.errors import Refusal, let_go
from lienthong.hub.knowledge import Knowledge, Snapshot
from lienthong.hub.ports import Clock
from lienthong.signing.verify import VerifiedDocument, verify_package

T = TypeVar("T")


class Runner(Protocol):
    """Where and when work of the processor is done."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """The result of `work`, or what it raises."""
        ...


class Verification:
    """Runs pure verifications against `Knowledge.now`."""

    def __init__(self, knowledge: Knowledge, clock: Clock, limits: Limits) -> None:
        self._knowledge = knowledge
        self._clock = clock
        self._limits = limits

    @property
    def now(self) -> Snapshot:
        """The newest knowledge."""
        return self._knowledge.now

    async def package(self, data: bytes) -> tuple[VerifiedDocument, Snapshot]:
        """Verify a package in full; returns it with the snapshot that it was verified against."""
        return await self.run(lambda snapshot: self.check_package(data, snapshot))

    def check_package(self, data: bytes, snapshot: Snapshot) -> VerifiedDocument:
        """Verify a package in full against one snapshot, here and now: for work that `run` runs."""
        return verify_package(
            data,
            trust=snapshot.trusts.agencies,
            bindings=snapshot.bindings,
            directory=snapshot.directory,
            at=self._clock(),
            limits=self._limits,
        )

    async def run(
        self, verify: Callable[[Snapshot], T], *, by: Runner = asyncio.to_thread
    ) -> tuple[T, Snapshot]:
        """Have `verify` run by `by` (a thread); on a refusal refresh once and, if the world changed, run it again."""
        snapshot = self._knowledge.now
        try:
            return await by(lambda: verify(snapshot)), snapshot
        except Refusal as refusal:
            if not await self._knowledge.refresh():
                raise
            let_go(refusal)
        newer = self._knowledge.now
        return await by(lambda: verify(newer)), newer
