"""What was accepted and is not arriving? Publish it again from its first node.

Two kinds: never confirmed by a broker (it was away, or the hub was killed after the commit), and confirmed but
without progress for long (the broker lost its disk, a queue was purged). Hops are idempotent, so a document that
was only slow is not doubled: nodes that did their hop repeat the record they have and drop finished branches.

From here nobody can tell a lost message from one that waits in a long queue, and a copy of one that waits makes the
queue longer. So publishing again limits itself, whatever the patience is set to: what the dispatcher has in hand is
left to it, a document's own wait doubles each time (the store counts), and of what was published again only so much
may be without progress at a time (`_room`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from lienthong.errors import HubFault, Refusal
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.ports import Clock, Store
from lienthong.hub.rows import DocumentRow

log = structlog.get_logger(__name__)

_BATCH = 500
_WINDOW = 32  # published again and not moved since: so many at first
_FEW = 1  # per round, whatever becomes of the others: who is lost is found behind those that cannot move
_AT_ONCE = 16  # documents published side by side
_AWAY = 16  # faults in a row after which a round ends: the broker is away, the next round tries again


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait before publishing again."""

    every: float = 5.0  #: seconds between rounds
    unpublished_after: float = 10.0  #: seconds since acceptance without a broker's confirm
    stalled_after: float = 1800.0  #: seconds without progress of a confirmed document


class Reconciler:
    """Runs in the hub, and once on an operator's request."""

    def __init__(self, store: Store, dispatcher: Dispatcher, clock: Clock, patience: Patience) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._clock = clock
        self._patience = patience
        self._window = _WINDOW

    async def run(self, stop: asyncio.Event) -> None:
        """A round every `patience.every` seconds until `stop`."""
        while not stop.is_set():
            try:
                await self.reconcile()
            except HubFault as fault:
                log.warning("reconcile.failed", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), self._patience.every)
            except TimeoutError:
                continue

    async def reconcile(self, *, everything: bool = False) -> int:
        """One round; returns how many documents were published. `everything` waits for nothing and knows no bound."""
        now = self._clock()
        fresh = now - timedelta(seconds=0 if everything else self._patience.unpublished_after)
        unpublished = await self._store.unpublished(fresh, _BATCH)
        if not everything:
            unpublished = [document for document in unpublished if not self._dispatcher.has(document.id)]
        wait = timedelta(seconds=0 if everything else self._patience.stalled_after)
        room = _BATCH if everything else await self._room(now, wait)
        return await self._publish(unpublished) + await self._publish(
            await self._store.stalled(now, wait, room)
        )

    async def _room(self, now: datetime, wait: timedelta) -> int:
        """How many may be published again in this round.

        As TCP does after a loss: as long as what was published again moves on, ever more at once; while it does not
        move either, it merely queues, and only a few are added.
        """
        published, unmoved = await self._store.republished(now - wait)
        if published:
            self._window = min(self._window * 2, _BATCH) if unmoved <= published // 2 else _WINDOW
        return max(self._window - unmoved, _FEW)

    async def _publish(self, documents: list[DocumentRow]) -> int:
        """Publish a batch. One document that cannot be read keeps no other from going."""
        waiting = iter(documents)
        published = in_a_row = 0

        async def work() -> None:
            nonlocal published, in_a_row
            for document in waiting:
                try:
                    await self._publish_one(document)
                except Refusal as refusal:  # its bytes are gone: only a backup brings them back
                    log.error("reconcile.bytes_missing", document_id=document.id, reason=str(refusal))  # noqa: TRY400
                except HubFault as fault:
                    log.warning("reconcile.not_published", document_id=document.id, reason=str(fault))
                    in_a_row += 1
                    if in_a_row >= _AWAY:
                        return
                else:
                    published += 1
                    in_a_row = 0

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(documents))):
                group.create_task(work())
        return published

    async def _publish_one(self, document: DocumentRow) -> None:
        await self._dispatcher.publish_again(document)
        await self._store.touch(document.id, self._clock())
        log.info("reconcile.published", document_id=document.id)
