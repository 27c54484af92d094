"""When does a delivery that nobody ends come to its end? At its deadline, with the hub's signed word for the sender.

Runs in every hub; several at once do no harm: the delivery moves only if it is still as it was when the evidence was
signed, and evidence, move and event are one commit. A delivery that moves on meanwhile is looked at in the next round.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

import structlog

from lienthong.domain.day import VIETNAM
from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, HubFault
from lienthong.hub.changes import tell
from lienthong.hub.failure import Failures
from lienthong.hub.ports import Broker, Clock, Store
from lienthong.hub.rows import DeliveryRow, DocumentRow, EventRow, EvidenceRow, InboxItem

log = structlog.get_logger(__name__)

_BATCH = 500


class Expirer:
    """Ends deliveries whose deadline is over."""

    def __init__(
        self, store: Store, broker: Broker, failures: Failures, clock: Clock, *, every: float = 30.0
    ) -> None:
        self._store = store
        self._broker = broker
        self._failures = failures
        self._clock = clock
        self._every = every  # seconds between rounds

    async def run(self, stop: asyncio.Event) -> None:
        """A round every `every` seconds until `stop`."""
        while not stop.is_set():
            try:
                await self.expire()
            except HubFault as fault:
                log.warning("expirer.failed", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), self._every)
            except TimeoutError:
                continue

    async def expire(self) -> int:
        """End everything that is over its deadline now; returns how many deliveries this round ended."""
        ended = 0
        while True:
            items = await self._store.expired(self._clock(), _BATCH)
            moved = 0
            for document, deliveries in _by_document(items):
                moved += await self._expire(document, deliveries)
            ended += moved
            if len(items) < _BATCH or not moved:
                return ended

    async def _expire(self, document: DocumentRow, deliveries: Sequence[DeliveryRow]) -> int:
        at = self._clock()
        reason = _reason(deliveries[0].expires_at or at)
        evidence = await asyncio.to_thread(self._sign, document, deliveries, reason, at)
        detail = {"nodes": {row.recipient: row.node for row in deliveries}, "reason": reason}
        moved = await self._store.move(
            document.id,
            [row.recipient for row in deliveries],
            DeliveryState.EXPIRED,
            event=EventRow(
                at=at, actor="hub", kind="delivery.expired", document_id=document.id, detail=detail
            ),
            error=Code.DEADLINE_PASSED,
            error_detail=reason,
            evidence=evidence,
            unchanged=deliveries,
        )
        if moved:
            log.info("delivery.expired", document_id=document.id, recipients=moved)
            await tell(self._broker, document, [row for row in deliveries if row.recipient in moved])
        return len(moved)

    def _sign(
        self, document: DocumentRow, deliveries: Sequence[DeliveryRow], reason: str, at: datetime
    ) -> list[EvidenceRow]:
        return [self._failures.sign(document, row, DeliveryState.EXPIRED, reason, at) for row in deliveries]


def _by_document(items: Sequence[InboxItem]) -> list[tuple[DocumentRow, list[DeliveryRow]]]:
    """Deliveries of one document with one deadline together, in the order they come."""
    ordered = sorted(items, key=lambda item: (item.delivery.expires_at, item.document.id))
    return [
        (group[0].document, [item.delivery for item in group])
        for group in (
            list(same)
            for _, same in groupby(ordered, key=lambda item: (item.delivery.expires_at, item.document.id))
        )
    ]


def _reason(deadline: datetime) -> str:
    return f"not handed over by {deadline.astimezone(VIETNAM).isoformat(timespec='minutes')}"
