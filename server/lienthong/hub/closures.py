"""What becomes of documents for an agency that closes, on their way or in its inbox: forwarded, or refused.

Relays pass nothing on to an agency that is closed by today. Its deliveries that are not handed over are ended here,
each with the hub's signed failure (ContentConsignmentFailure on the way, ContentHandoverFailure in the inbox), which
its sender sees at once rather than when the deadline is over. Where the hub redirects and one agency alone takes the
closed one's place, a delivery to that agency begins in the same commit, with a SubmissionAcceptance of its own: a new
chain from the first node. Messages held for an operator stay with the operator.
"""

from __future__ import annotations

import asyncio

import structlog

from lienthong.domain.agency import AgencyStatus, Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import SubmissionAcceptance
from lienthong.domain.ids import new_id
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.changes import tell
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.failure import Failures
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Broker, Clock, Store
from lienthong.hub.rows import DeliveryRow, DocumentRow, EventRow, NewDelivery
from lienthong.signing.sign import sign_record
from lienthong.transit import records

log = structlog.get_logger(__name__)

_BATCH = 500
_TRIES = 5  # for deliveries that move on while they are being ended


class Closures:
    """Runs in every hub; what one has ended, the others find ended."""

    def __init__(
        self,
        *,
        store: Store,
        broker: Broker,
        dispatcher: Dispatcher,
        knowledge: Knowledge,
        failures: Failures,
        clock: Clock,
        redirect: bool,
        every: float = 10.0,
    ) -> None:
        self._store = store
        self._broker = broker
        self._dispatcher = dispatcher
        self._knowledge = knowledge
        self._failures = failures
        self._clock = clock
        self._redirect = redirect
        self._every = every  # seconds between looks

    async def run(self, stop: asyncio.Event) -> None:
        """End what has to be ended, again and again until `stop`."""
        while not stop.is_set():
            try:
                await self.settle()
            except HubFault as fault:
                log.warning("closures.failed", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), self._every)
            except TimeoutError:
                continue

    async def settle(self) -> int:
        """One round; how many deliveries ended."""
        directory = self._knowledge.now.directory
        closed = [agency.code for agency in directory if agency.status is AgencyStatus.CLOSED]
        ended, tries = 0, _TRIES
        while closed and tries:
            waiting = await self._store.unfinished_for(closed, limit=_BATCH)
            done = sum([await self._end(delivery, directory) for delivery in waiting])
            ended += done
            if not waiting:
                break
            if done < len(waiting):  # some moved on under our hands
                tries -= 1
        return ended

    async def _end(self, delivery: DeliveryRow, directory: Directory) -> bool:
        document = await self._store.document(delivery.document_id)
        if document is None:
            raise HubFault(f"delivery {delivery.id} has no document")
        at = self._clock()
        successor = directory.successor(delivery.recipient) if self._redirect else None
        others = {row.recipient for row in await self._store.deliveries(document.id)}
        forwarded = (
            successor is not None
            and successor.status is AgencyStatus.ACTIVE
            and successor.code not in {*others, document.sender}
        )
        named = ", ".join(directory.agencies[delivery.recipient].successors) or "-"
        reason = f"{Code.RECIPIENT_CLOSED}: {delivery.recipient} → {named}"
        failure = await asyncio.to_thread(
            self._failures.sign, document, delivery, DeliveryState.REFUSED, reason, at
        )
        event = EventRow(
            at=at,
            actor="hub",
            kind="delivery.forwarded" if forwarded else "delivery.refused",
            document_id=document.id,
            subject=delivery.recipient,
            detail={"code": Code.RECIPIENT_CLOSED.value, "successors": named},
        )
        if forwarded and successor is not None:
            acceptance = await asyncio.to_thread(self._accept, document, successor.code)
            new = NewDelivery(id=new_id(), recipient=successor.code, state=DeliveryState.ACCEPTED)
            ended = await self._store.forward(
                delivery, new, acceptance=acceptance, failure=failure, event=event
            )
        else:
            ended = bool(
                await self._store.move(
                    document.id,
                    [delivery.recipient],
                    DeliveryState.REFUSED,
                    event=event,
                    error=Code.RECIPIENT_CLOSED,
                    error_detail=f"{delivery.recipient} → {named}",
                    evidence=[failure],
                    unchanged=[delivery],
                )
            )
        if ended:
            await self._follow(document, delivery, publish=forwarded)
        return ended

    def _accept(self, document: DocumentRow, successor: str) -> bytes:
        at = self._clock()
        acceptance = SubmissionAcceptance(
            document_id=document.id,
            document_sha256=document.sha256,
            sender=document.sender,
            first_node=document.first_node,
            recipients=(successor,),
            accepted_at=at,
        )
        return sign_record(records.write(acceptance), self._failures.key, at=at)

    async def _follow(self, document: DocumentRow, delivery: DeliveryRow, *, publish: bool) -> None:
        """After the commit: a fault here leaves the document to the reconciler."""
        try:
            await tell(self._broker, document, [delivery])
            if publish:
                await self._dispatcher.publish_again(document)
        except (HubFault, Refusal) as fault:
            log.warning("closures.not_published", document_id=document.id, reason=str(fault))
