"""Where is each delivery of a document, which hops proved it, and what evidence is there?

The sender and operators see every delivery; a recipient sees its own. The hops of a delivery are the chain of signed
records that ends where the document is for this recipient: so the trace holds whatever the directory says today, and
where it changed on the way and copies took two roads, it is the road of the copy that arrived.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from lienthong.domain.evidence import ContentConsignment, EvidenceKind, HopRecord
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.identity import Caller, Role
from lienthong.hub.ports import Store
from lienthong.hub.rows import DeliveryRow, DocumentRow, HopRow
from lienthong.hub.status_port import RequestRow, StatusRow
from lienthong.transit import records


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedDelivery:
    """A delivery with its hops, the sender's node first."""

    delivery: DeliveryRow
    hops: list[HopRow]
    statuses: list[StatusRow] = field(default_factory=list)  #: what was said of it, in order
    requests: list[RequestRow] = field(default_factory=list)  #: what its sender asked about it later


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """A document and the deliveries the caller may see."""

    document: DocumentRow
    deliveries: list[TrackedDelivery]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceItem:
    """One piece of signed evidence: `node` for a hop, `recipient` for what concerns one delivery."""

    kind: EvidenceKind
    recipient: str | None
    node: str | None
    at: datetime
    xml: bytes = field(repr=False)


class Tracker:
    """Reads the store for senders, recipients and operators."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def track(self, caller: Caller, reference: str) -> Tracking:
        """`reference`: the hub's id, a SHA-256 or an edXML DocumentId. NOT_FOUND also where it is not the caller's."""
        document, deliveries = await self._visible(caller, reference)
        hops = [(row, _hop(row)) for row in await self._store.hops(document.id)]
        said: defaultdict[str, list[StatusRow]] = defaultdict(list)
        for status in await self._store.statuses(document.id):
            said[status.delivery_id].append(status)
        asked: defaultdict[str, list[RequestRow]] = defaultdict(list)
        for request in await self._store.requests(document.id):
            asked[request.delivery_id].append(request)
        consigned: dict[str, str] | None = None
        tracked = []
        for delivery in deliveries:
            ends = _ends(hops, delivery.recipient)
            if len(ends) > 1 and ends[-1].node == delivery.recipient:  # copies arrived on two roads
                consigned = await self._consigned(document.id) if consigned is None else consigned
                ends = [row for row in ends if row.digest == consigned.get(delivery.recipient)] or ends[:1]
            tracked.append(
                TrackedDelivery(
                    delivery=delivery,
                    hops=_chain(hops, ends[-1]) if ends else [],
                    statuses=said[delivery.id],
                    requests=asked[delivery.id],
                )
            )
        return Tracking(document=document, deliveries=tracked)

    async def _consigned(self, document_id: str) -> dict[str, str]:
        """Recipient -> digest of the hop record that its ContentConsignment names."""
        found: dict[str, str] = {}
        for row in await self._store.evidence(document_id):
            if row.kind is EvidenceKind.CONTENT_CONSIGNMENT:
                record = records.read_bytes(row.xml)
                if isinstance(record, ContentConsignment):
                    found[record.recipient] = record.hop_digest
        return found

    async def evidence(self, caller: Caller, reference: str) -> tuple[DocumentRow, list[EvidenceItem]]:
        """All evidence the caller may see: the acceptance, the hops on the way, consignments and hand-overs."""
        tracking = await self.track(caller, reference)
        recipients = {tracked.delivery.recipient for tracked in tracking.deliveries}
        rows = await self._store.evidence(tracking.document.id)
        items = [
            EvidenceItem(kind=row.kind, recipient=row.recipient, node=None, at=row.at, xml=row.xml)
            for row in rows
            if row.recipient is None or row.recipient in recipients
        ]
        if caller.role != Role.OPERATOR and caller.agency != tracking.document.sender:
            items = _own_acceptance(items)
        seen = {row.digest: row for tracked in tracking.deliveries for row in tracked.hops}
        items.extend(
            EvidenceItem(
                kind=EvidenceKind.RELAY_ACCEPTANCE,
                recipient=None,
                node=row.node,
                at=row.received_at,
                xml=row.record,
            )
            for row in sorted(seen.values(), key=lambda row: (row.sequence, row.node))
        )
        return tracking.document, items

    async def _visible(self, caller: Caller, reference: str) -> tuple[DocumentRow, list[DeliveryRow]]:
        document = await self._named(caller, reference)
        if document is not None:
            deliveries = await self._store.deliveries(document.id)
            if caller.role == Role.OPERATOR or caller.agency == document.sender:
                return document, deliveries
            own = [delivery for delivery in deliveries if delivery.recipient == caller.agency]
            if own:
                return document, own
        raise Refusal(Code.NOT_FOUND, field="document", detail=reference)

    async def _named(self, caller: Caller, reference: str) -> DocumentRow | None:
        """An edXML DocumentId is its sender's choice: the caller's own stands before another's who wrote the same."""
        found = await self._store.document(reference)
        if found is None or caller.role == Role.OPERATOR or found.sender == caller.agency:
            return found
        if caller.agency is None or reference in (found.id, found.sha256):
            return found
        own = await self._store.sent(caller.agency, reference)
        return own[0] if own else found


def _own_acceptance(items: list[EvidenceItem]) -> list[EvidenceItem]:
    """To the successor of a closed agency only the acceptance that its chain begins with means anything."""
    kind = EvidenceKind.SUBMISSION_ACCEPTANCE
    if not any(item.kind is kind and item.recipient is not None for item in items):
        return items
    return [item for item in items if item.kind is not kind or item.recipient is not None]


def _hop(row: HopRow) -> HopRecord:
    record = records.read_bytes(row.record)
    if not isinstance(record, HopRecord):
        raise HubFault(f"the stored hop record of {row.node} cannot be read")
    return record


def _ends(hops: list[tuple[HopRow, HopRecord]], recipient: str) -> list[HopRow]:
    """Where the recipient's copies are: at its own node, else the newest hop that hands it on."""
    arrived = [row for row, hop in hops if hop.delivered and hop.node == recipient]
    if arrived:
        return sorted(arrived, key=lambda row: row.received_at)
    passing = [row for row, hop in hops if any(recipient in branch.recipients for branch in hop.next)]
    return sorted(passing, key=lambda row: (row.received_at, row.sequence))[-1:]


def _chain(hops: list[tuple[HopRow, HopRecord]], end: HopRow) -> list[HopRow]:
    """The records up to and with `end`, the first node's first."""
    by_digest = {row.digest: row for row, _ in hops}
    chain = [end]
    while (before := by_digest.get(chain[-1].previous_digest)) is not None and before not in chain:
        chain.append(before)
    return chain[::-1]
