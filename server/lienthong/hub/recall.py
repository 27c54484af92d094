"""How recalls and replacements are carried out: the document is withdrawn where the recipient has nothing yet; where
it has, its clerk is asked (recall) or told (replacement).

The request is written in the commit that accepts the package, PENDING; from then on relays stop the document. What is
done here comes after, can be interrupted anywhere, and is done again until nothing is pending: each delivery is read,
the hub signs how it failed, and the move is made only if the delivery is still as it was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import FIRST, RequestKind, RequestState, settled_as
from lienthong.edxml.rules import Finding
from lienthong.errors import HubFault
from lienthong.hub.business import ONWARD_COPIES, TARGET_UNKNOWN
from lienthong.hub.changes import tell
from lienthong.hub.failure import Failures
from lienthong.hub.ports import Broker, Clock, Store
from lienthong.hub.rows import DeliveryRow, DocumentRow, EventRow, EvidenceRow, NewDocument
from lienthong.hub.status_port import RequestRow

log = structlog.get_logger(__name__)

_BATCH = 500
_TRIES = 5  # for deliveries that move on while they are being withdrawn
NO_REASON = "-"
_EVENTS = {TARGET_UNKNOWN: "document.target_unknown", ONWARD_COPIES: "document.onward_copies"}


class Recalls:
    """Carries recalls out, at once for the caller and in the background for those interrupted."""

    def __init__(
        self, store: Store, broker: Broker, failures: Failures, clock: Clock, *, every: float = 5.0
    ) -> None:
        self._store = store
        self._broker = broker
        self._failures = failures
        self._clock = clock
        self._every = every  # seconds between looks for interrupted ones

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out what is pending, again and again until `stop`."""
        while not stop.is_set():
            try:
                await self.settle(await self._store.pending_requests(_BATCH))
            except HubFault as fault:
                log.warning("recall.failed", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), self._every)
            except TimeoutError:
                continue

    async def follow(self, new: NewDocument, warnings: Sequence[Finding]) -> None:
        """What comes after the commit of a package that says or asks something. A fault leaves it to `run`."""
        try:
            for warning in warnings:
                detail = {"rule": warning.rule, "field": warning.field}
                at = self._clock()
                kind = _EVENTS[warning.rule]
                event = EventRow(at=at, actor=new.sender, kind=kind, document_id=new.id, detail=detail)
                await self._store.append(event)
            if new.requests:
                await self.settle(await self._store.requests(new.id))
            for document_id, delivery_id in _concerned(new):
                document = await self._store.document(document_id)
                delivery = await self._store.delivery(delivery_id)
                if document is not None and delivery is not None:
                    await tell(self._broker, document, [delivery])
        except HubFault as fault:
            log.warning("recall.failed", document_id=new.id, reason=str(fault))

    async def settle(self, requests: Sequence[RequestRow]) -> None:
        """Carry out those that are pending; the others are left alone."""
        by_document: dict[str, list[RequestRow]] = {}
        for request in requests:
            if request.state is RequestState.PENDING:
                by_document.setdefault(request.document_id, []).append(request)
        for document_id, pending in by_document.items():
            document = await self._store.document(document_id)
            if document is not None:
                for start in range(0, len(pending), _BATCH):
                    await self._settle(document, pending[start : start + _BATCH])

    async def _settle(self, document: DocumentRow, pending: list[RequestRow]) -> None:
        for _ in range(_TRIES):
            rows = {row.id: row for row in await self._store.deliveries(document.id)}
            ready: dict[RequestState, list[str]] = {}
            still: list[RequestRow] = []
            for request in pending:
                target = settled_as(request.kind, rows[request.delivery_id].state)
                if target is None:
                    still.append(request)
                else:
                    ready.setdefault(target, []).append(request.id)
            for target, ids in ready.items():
                await self._store.settle_requests(ids, target, self._clock())
            concerned = [rows[request.delivery_id] for request in pending if request not in still]
            await tell(self._broker, document, concerned)
            if not still:
                return
            await self._withdraw(document, still)
            pending = still

    async def _withdraw(self, document: DocumentRow, pending: list[RequestRow]) -> None:
        at = self._clock()
        rows = {row.id: row for row in await self._store.deliveries(document.id)}
        for reason in sorted({_reason(request) for request in pending}):
            same = [request for request in pending if _reason(request) == reason]
            ways = {request.delivery_id: rows[request.delivery_id] for request in same}
            live = [row for row in ways.values() if settled_as(RequestKind.RECALL, row.state) is None]
            evidence = await asyncio.to_thread(self._sign, document, live, reason, at)
            event = EventRow(
                at=at,
                actor=document.sender,
                kind="delivery.withdrawn",
                document_id=document.id,
                subject=same[0].package_id,
                detail={"reason": reason, "nodes": {row.recipient: row.node for row in live}},
            )
            await self._store.move(
                document.id,
                [row.recipient for row in live],
                DeliveryState.WITHDRAWN,
                event=event,
                error_detail=reason,
                evidence=evidence,
                unchanged=live,
            )

    def _sign(
        self, document: DocumentRow, live: list[DeliveryRow], reason: str, at: datetime
    ) -> list[EvidenceRow]:
        return [self._failures.sign(document, row, DeliveryState.WITHDRAWN, reason, at) for row in live]


def _reason(request: RequestRow) -> str:
    """What the signed failure says: the sender's words, and for a replacement what stands in its place."""
    written = request.reason or NO_REASON
    if request.kind is RequestKind.REPLACE:
        return f"replaced by {request.package_id}: {written}"
    return written


def _concerned(new: NewDocument) -> list[tuple[str, str]]:
    """(document, delivery) of updates and the status; the others are told of as they are settled."""
    found = [
        (request.document_id, request.delivery_id)
        for request in new.requests
        if FIRST[request.kind] is not RequestState.PENDING
    ]
    if new.status is not None:
        found.append((new.status.document_id, new.status.delivery_id))
    return found
