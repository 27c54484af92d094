"""What becomes of a transit message no relay could process? It is kept, exact, for an operator to decide on.

The broker's dead queue is emptied into the store: there a dead letter can be listed, shown and requeued by id,
and the sender sees the delivery as DEAD. A message is taken off the queue only when the store has it.
"""

from __future__ import annotations

import asyncio

import structlog

from lienthong.domain.ids import new_id
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Clock, Outcome, Store, TransitDelivery
from lienthong.hub.rows import HeldKind, HeldRow
from lienthong.transit.message import decode

log = structlog.get_logger(__name__)

_PAUSE = 1.0  # seconds before a dead letter the store could not take is put back


class DeadLetters:
    """The handler of the dead queue."""

    def __init__(self, store: Store, knowledge: Knowledge, clock: Clock) -> None:
        self._store = store
        self._knowledge = knowledge
        self._clock = clock

    async def handle(self, delivery: TransitDelivery) -> Outcome:
        """Keep one dead letter. While the store is away the message stays in the dead queue."""
        try:
            await self._keep(delivery)
        except HubFault as fault:
            log.warning("dead_letter.not_kept", node=delivery.node, reason=str(fault))
            await asyncio.sleep(_PAUSE)
            return Outcome.REQUEUE
        return Outcome.DONE

    async def _keep(self, delivery: TransitDelivery) -> None:
        document_id: str | None = None
        recipients: list[str] = []
        try:
            message = decode(delivery.body)
        except Refusal:
            log.warning("dead_letter.unreadable", node=delivery.node)
        else:
            document = await self._store.document(message.document_id)
            if document is not None and document.id == message.document_id:  # it also finds by other names
                document_id = document.id
                recipients = list(message.recipients)
        held = HeldRow(
            id=new_id(),
            kind=HeldKind.DEAD_LETTER,
            at=self._clock(),
            node=delivery.node,
            lane=delivery.lane,
            document_id=document_id,
            code=Code.UNAVAILABLE,
            detail=f"{delivery.attempt} retries" + (f"; last: {delivery.reason}" if delivery.reason else ""),
            message=delivery.body,
        )
        await self._store.hold(held, recipients=recipients)
        log.error("dead_letter.kept", held_id=held.id, node=delivery.node, document_id=document_id)
