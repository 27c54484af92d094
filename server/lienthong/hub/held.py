"""What an operator can do with a message in quarantine or a dead letter.

Quarantine: *release* sends the stored original again from its first node (the suspect bytes themselves are never
sent on); *reject* ends the deliveries with the code. Dead letters: *requeue* puts the very message back into its
node's queue; *discard* ends the deliveries. Each needs a reason, and each leaves an event.
"""

from __future__ import annotations

import asyncio

from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, Refusal
from lienthong.hub.changes import tell
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.failure import Failures
from lienthong.hub.identity import Caller
from lienthong.hub.ports import Broker, Clock, Store
from lienthong.hub.rows import DocumentRow, EventRow, HeldKind, HeldRow

RELEASED, REJECTED, REQUEUED, DISCARDED = "released", "rejected", "requeued", "discarded"

_ALLOWED = {
    HeldKind.QUARANTINE: (RELEASED, REJECTED),
    HeldKind.DEAD_LETTER: (REQUEUED, DISCARDED),
}
_EVERY_EVENT = 1_000_000  # more than a document has
_STATES = {HeldKind.QUARANTINE: DeliveryState.QUARANTINED, HeldKind.DEAD_LETTER: DeliveryState.DEAD}


class HeldMessages:
    """Finds and resolves held messages."""

    def __init__(
        self, store: Store, broker: Broker, dispatcher: Dispatcher, clock: Clock, failures: Failures
    ) -> None:
        self._store = store
        self._broker = broker
        self._dispatcher = dispatcher
        self._clock = clock
        self._failures = failures

    async def find(self, held_id: str) -> HeldRow:
        """By id; NOT_FOUND."""
        held = await self._store.held_one(held_id)
        if held is None:
            raise Refusal(Code.NOT_FOUND, field="id", detail=held_id)
        return held

    async def resolve(self, caller: Caller, held_id: str, resolution: str, reason: str) -> HeldRow:
        """Act, then close. ARGUMENT_INVALID for an act of the other kind, STATE_ILLEGAL when closed already."""
        held = await self.find(held_id)
        if resolution not in _ALLOWED[held.kind]:
            raise Refusal(Code.ARGUMENT_INVALID, field="resolution", detail=" | ".join(_ALLOWED[held.kind]))
        if held.resolved_at is not None:
            raise Refusal(Code.STATE_ILLEGAL, field="id", detail=f"{held.resolution} by {held.resolved_by}")
        document = None if held.document_id is None else await self._store.document(held.document_id)
        if resolution == RELEASED:
            await self._release(held, document)
        elif resolution == REQUEUED:
            await self._broker.publish(held.node, held.lane, held.message)
        elif document is not None:
            await self._end(caller, held, document, reason)
        return await self._store.resolve(held_id, resolution, reason, caller.actor, self._clock())

    async def _release(self, held: HeldRow, document: DocumentRow | None) -> None:
        if document is None:
            raise Refusal(
                Code.STATE_ILLEGAL, field="id", detail="no stored document belongs to this message; reject it"
            )
        await self._dispatcher.publish_again(document)

    async def _end(self, caller: Caller, held: HeldRow, document: DocumentRow, reason: str) -> None:
        stopped = await self._stopped_by(held, document)
        concerned = [
            row
            for row in await self._store.deliveries(document.id)
            if row.state is _STATES[held.kind] and row.recipient in stopped
        ]
        at = self._clock()
        evidence = [
            await asyncio.to_thread(self._failures.sign, document, row, DeliveryState.REFUSED, reason, at)
            for row in concerned
        ]
        event = EventRow(
            at=at,
            actor=caller.actor,
            kind="delivery.refused",
            document_id=document.id,
            subject=held.id,
            detail={"code": held.code.value, "reason": reason},
        )
        moved = await self._store.move(
            document.id,
            [row.recipient for row in concerned],
            DeliveryState.REFUSED,
            event=event,
            error=held.code,
            error_detail=reason,
            evidence=evidence,
            unchanged=concerned,
        )
        await tell(self._broker, document, [row for row in concerned if row.recipient in moved])

    async def _stopped_by(self, held: HeldRow, document: DocumentRow) -> set[str]:
        """The recipients this very message stopped: others of the document may wait for another held message."""
        events = await self._store.events(document_id=document.id, limit=_EVERY_EVENT)
        return {
            str(recipient)
            for event in events
            if event.subject == held.id
            for recipient in event.detail.get("recipients", ())
        }
