"""A store in memory that can fail on demand; held to the same contract suite as the real ones.

store = FakeStore()
store.fail_next("accept", HubFault("disk"))             # the next call fails and writes nothing
store.fail_next("accept", HubFault("disk"), after=True)  # it writes, but its answer is lost
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from lienthong.domain.delivery import UNDELIVERED, DeliveryState, sources
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import NumberTaken
from lienthong.hub.rows import (
    Consignment,
    DeliveryRow,
    DocumentQuery,
    DocumentRow,
    EventRow,
    EvidenceRow,
    HeldKind,
    HeldRow,
    HopRow,
    InboxItem,
    NewDocument,
    Position,
    Recorded,
    accepted_deliveries,
)
from lienthong.hub.status_port import ChangeKind
from lienthong.store.documents import acceptance_event, check_keys
from lienthong.store.held import EVENTS, STATES
from lienthong.store.republishing import DOUBLINGS
from lienthong.store.search import fold
from lienthong.store.tables import storable
from tests.fakes.failing import may_fail
from tests.fakes.store_contents import FakeContents
from tests.fakes.store_lifecycle import FakeLifecycle
from tests.fakes.store_numbers import check_number, number_taken
from tests.fakes.store_receipts import FakeReceiptStore
from tests.fakes.store_status import Kept


class FakeStore(FakeContents, FakeReceiptStore, FakeLifecycle):
    """The `Store` port on dictionaries. Methods never wait inside, so each is one transaction."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, HeldRow] = {}
        self._touched: dict[str, tuple[int, datetime]] = {}  # document: times published again, the last

    async def close(self) -> None:
        """Nothing to let go of."""

    # --- documents ---

    @may_fail
    async def accept(self, document: NewDocument, payload: bytes | None = None) -> DocumentRow:
        check_keys(document)
        for known in self._documents.values():
            if known.row.identity == document.identity:
                if known.row.sha256 != document.sha256:
                    raise Refusal(
                        Code.DOCUMENT_CONFLICT, field="DocumentId", detail=document.edxml_document_id
                    )
                return known.row
        if document.number_is_free and number_taken(self._documents.values(), document):
            raise NumberTaken(document.identity)
        own = {f.name for f in fields(DocumentRow)} - {"published_at"}
        row = DocumentRow(**{name: getattr(document, name) for name in own}, published_at=None)
        kept = Kept(row)
        for new, accepted in zip(document.deliveries, accepted_deliveries(document), strict=True):
            assert new.recipient not in kept.deliveries, "a recipient stands twice"
            kept.deliveries[new.recipient] = accepted
        kept.evidence.append(
            EvidenceRow(
                document_id=document.id,
                kind=EvidenceKind.SUBMISSION_ACCEPTANCE,
                recipient=None,
                at=document.accepted_at,
                xml=document.acceptance,
            )
        )
        for new in document.deliveries:
            if new.failure is not None:
                kind = EvidenceKind.CONTENT_CONSIGNMENT_FAILURE
                kept.keep(kind, new.recipient, document.accepted_at, new.failure)
        check_number(self._documents.values(), document)
        done = self._check_business(document)
        self._documents[document.id] = kept
        if payload is not None:
            self.payloads[document.sha256] = payload
        self._named[document.id] = document.contents
        self._apply_business(document, done)
        self._events.append(acceptance_event(document))
        return row

    def _newest(self, keep: Callable[[Kept], bool]) -> list[Kept]:
        found = [known for known in self._documents.values() if keep(known)]
        return sorted(found, key=lambda known: (known.row.accepted_at, known.row.id), reverse=True)

    @may_fail
    async def find_identity(self, identity: str) -> DocumentRow | None:
        return next((d.row for d in self._documents.values() if d.row.identity == identity), None)

    @may_fail
    async def numbered(self, sender: str, number: str, notation: str, year: int) -> list[DocumentRow]:
        def keep(known: Kept) -> bool:
            row = known.row
            named = (row.sender, row.code_number, row.code_notation, row.business_type)
            return (
                named == (sender, number, notation, 0) and (row.promulgation_date or "")[:4] == f"{year:04}"
            )

        return [known.row for known in self._newest(keep)][:100]

    @may_fail
    async def document(self, reference: str) -> DocumentRow | None:
        for name in ("id", "sha256", "edxml_document_id"):
            found = self._newest(lambda d, name=name: getattr(d.row, name) == reference)  # type: ignore[misc]
            if found:
                return found[0].row
        return None

    @may_fail
    async def documents(self, query: DocumentQuery) -> list[DocumentRow]:
        found = [known.row for known in self._newest(lambda known: _matches(known, query))]
        if query.before_id is not None:
            last = self._documents.get(query.before_id)
            if last is None:
                raise Refusal(Code.ARGUMENT_INVALID, field="before_id", detail="no such document")
            place = (last.row.accepted_at, last.row.id)
            found = [row for row in found if (row.accepted_at, row.id) < place]
        return found[: query.limit]

    @may_fail
    async def deliveries(self, document_id: str) -> list[DeliveryRow]:
        known = self._documents.get(document_id)
        return [] if known is None else list(known.deliveries.values())

    @may_fail
    async def delivery(self, delivery_id: str) -> DeliveryRow | None:
        return self._delivery(delivery_id)

    @may_fail
    async def inbox_item(self, delivery_id: str) -> InboxItem | None:
        row = self._delivery(delivery_id)
        return None if row is None else InboxItem(delivery=row, document=self._documents[row.document_id].row)

    def _delivery(self, delivery_id: str) -> DeliveryRow | None:
        every = (row for known in self._documents.values() for row in known.deliveries.values())
        return next((row for row in every if row.id == delivery_id), None)

    @may_fail
    async def hops(self, document_id: str) -> list[HopRow]:
        known = self._documents.get(document_id)
        return (
            []
            if known is None
            else sorted(
                (hop for made in known.hops.values() for hop in made),
                key=lambda hop: (hop.sequence, hop.node, hop.previous_digest),
            )
        )

    @may_fail
    async def evidence(self, document_id: str) -> list[EvidenceRow]:
        known = self._documents.get(document_id)
        return (
            [] if known is None else sorted(known.evidence, key=lambda e: (e.at, e.kind, e.recipient or ""))
        )

    @may_fail
    async def mark_published(self, document_ids: Sequence[str], at: datetime) -> None:
        for document_id in document_ids:
            known = self._documents.get(document_id)
            if known is not None and known.row.published_at is None:
                known.row = replace(known.row, published_at=at)

    @may_fail
    async def unpublished(self, older_than: datetime, limit: int) -> list[DocumentRow]:
        found = self._newest(lambda d: d.row.published_at is None and d.row.accepted_at < older_than)
        return [known.row for known in reversed(found)][:limit]

    @may_fail
    async def stalled(self, at: datetime, wait: timedelta, limit: int) -> list[DocumentRow]:
        waiting = []
        for known in self._documents.values():
            since = [
                row.updated_at
                for row in known.deliveries.values()
                if row.state in UNDELIVERED and row.updated_at < at - wait
            ]
            times, last = self._touched.get(known.row.id, (0, known.row.accepted_at - timedelta(days=1)))
            since = [
                moved for moved in since if moved > last or last < at - wait * 2 ** min(times, DOUBLINGS)
            ]
            if since and known.row.published_at is not None:
                waiting.append((min(since), known.row.id, known.row))
        return [row for _, _, row in sorted(waiting, key=lambda entry: entry[:2])][:limit]

    @may_fail
    async def touch(self, document_id: str, at: datetime) -> None:
        known = self._documents.get(document_id)
        times, last = self._touched.get(document_id, (0, at))
        rows = known.deliveries.values() if known else ()
        moved = any(row.state in UNDELIVERED and row.updated_at > last for row in rows)
        self._touched[document_id] = (1 if moved else times + 1, at)
        for row in list(known.deliveries.values()) if known else []:
            if known and row.state in UNDELIVERED:
                known.deliveries[row.recipient] = replace(row, updated_at=at)

    @may_fail
    async def republished(self, since: datetime) -> tuple[int, int]:
        recent = {key: at for key, (_, at) in self._touched.items() if at >= since}
        unmoved = [
            key
            for key, at in recent.items()
            if any(
                row.state in UNDELIVERED and row.updated_at <= at
                for row in self._documents[key].deliveries.values()
            )
        ]
        return len(recent), len(unmoved)

    def _shift(
        self,
        known: Kept | None,
        recipients: Iterable[str] | None,
        state: DeliveryState,
        at: datetime,
        unchanged: Sequence[DeliveryRow] | None = None,
        **values: Any,
    ) -> list[str]:
        if known is None:
            return []
        still = None if unchanged is None else {(r.recipient, r.state, r.updated_at) for r in unchanged}
        wanted = set(known.deliveries if recipients is None else recipients)
        moved = [
            row.recipient
            for row in known.deliveries.values()
            if row.recipient in wanted
            and row.state in sources(state)
            and (still is None or (row.recipient, row.state, row.updated_at) in still)
        ]
        changed: dict[str, Any] = {
            "state": state,
            "updated_at": at,
            "error": None,
            "error_detail": None,
        } | values
        for recipient in moved:
            known.deliveries[recipient] = replace(known.deliveries[recipient], **changed)
        self._note(known.row.id, moved, ChangeKind.STATE, state, changed["error_detail"], at)
        return moved

    @may_fail
    async def record_hop(
        self, hop: HopRow, *, recipients: Sequence[str], consignment: Consignment | None
    ) -> Recorded:
        known = self._documents.get(hop.document_id)
        if known is None:
            raise Refusal(Code.NOT_FOUND, field="document_id")
        if stopped := self._stopped(hop.document_id, recipients):
            return Recorded(hop=None, stopped=stopped)
        new = (hop.node, hop.previous_digest) not in known.hops
        made = known.hops.setdefault((hop.node, hop.previous_digest), [hop])
        if consignment is not None:
            self._consign(known, hop, consignment)
        delivery = None if consignment is None else known.deliveries.get(consignment.recipient)
        here = delivery.id if delivery is not None and delivery.state is DeliveryState.CONSIGNED else None
        moved = self._shift(known, recipients, DeliveryState.IN_TRANSIT, hop.received_at)
        if not new:
            if moved:
                self._log_hop(hop, "delivery.resumed", {"recipients": moved})
            return Recorded(hop=made[-1], waiting=here)
        for recipient in recipients:
            row = known.deliveries.get(recipient)
            if row is not None and row.state is DeliveryState.IN_TRANSIT:
                known.deliveries[recipient] = replace(row, updated_at=hop.received_at, node=hop.node)
        detail = {"sequence": hop.sequence, "verdict": hop.verdict, "digest": hop.digest, "moved": moved}
        self._log_hop(hop, "hop.recorded", detail)
        return Recorded(hop=hop, waiting=here)

    def _consign(self, known: Kept, hop: HopRow, consignment: Consignment) -> None:
        recipient, at = consignment.recipient, consignment.at
        placed: dict[str, Any] = {
            "consigned_at": at,
            "receipt_due_at": consignment.receipt_due_at,
            "node": hop.node,
        }
        if self._shift(known, [recipient], DeliveryState.CONSIGNED, at, **placed):
            known.keep(EvidenceKind.CONTENT_CONSIGNMENT, recipient, at, consignment.evidence)
            self._events.append(
                EventRow(
                    at=at,
                    actor=hop.node,
                    kind="delivery.consigned",
                    document_id=hop.document_id,
                    subject=recipient,
                )
            )

    def _log_hop(self, hop: HopRow, kind: str, detail: dict[str, Any]) -> None:
        self._events.append(
            EventRow(
                at=hop.received_at,
                actor=hop.node,
                kind=kind,
                document_id=hop.document_id,
                subject=hop.node,
                detail=detail,
            )
        )

    @may_fail
    async def replace_hop(self, hop: HopRow) -> HopRow:
        known = self._documents.get(hop.document_id)
        if known is None or (hop.node, hop.previous_digest) not in known.hops:
            raise Refusal(Code.NOT_FOUND, field="node")
        made = known.hops[hop.node, hop.previous_digest]
        former = made[-1]
        if former.digest != hop.digest:
            made.append(hop)
            detail = {"sequence": hop.sequence, "digest": hop.digest, "replaced": former.digest}
            self._log_hop(hop, "hop.replaced", detail)
        return made[-1]

    @may_fail
    async def hand_over(self, delivery_id: str, evidence: bytes, at: datetime) -> DeliveryRow:
        row = self._delivery(delivery_id)
        if row is None:
            raise Refusal(Code.NOT_FOUND, field="delivery_id")
        known = self._documents[row.document_id]
        target = DeliveryState.HANDED_OVER
        if self._shift(known, [row.recipient], target, at, handed_over_at=at):
            known.keep(EvidenceKind.CONTENT_HANDOVER, row.recipient, at, evidence)
            self._events.append(
                EventRow(
                    at=at,
                    actor=row.recipient,
                    kind="delivery.handed_over",
                    document_id=row.document_id,
                    subject=row.recipient,
                )
            )
        elif row.state is not target:
            raise Refusal(Code.STATE_ILLEGAL, field="state", detail=f"{row.state} -> {target}")
        return known.deliveries[row.recipient]

    @may_fail
    async def inbox(self, recipient: str, *, after: str | None, limit: int) -> list[InboxItem]:
        place = None
        if after is not None:
            last = self._delivery(after)
            if last is None or last.recipient != recipient or last.consigned_at is None:
                raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a delivery of this inbox")
            place = (last.consigned_at, last.id)
        items = []
        for known in self._documents.values():
            row = known.deliveries.get(recipient)
            if row is not None and row.state is DeliveryState.CONSIGNED and row.consigned_at is not None:
                items.append(((row.consigned_at, row.id), InboxItem(delivery=row, document=known.row)))
        items.sort(key=lambda entry: entry[0])
        return [item for key, item in items if place is None or key > place][:limit]

    @may_fail
    async def move(
        self,
        document_id: str,
        recipients: Sequence[str] | None,
        state: DeliveryState,
        *,
        event: EventRow,
        error: Code | None = None,
        error_detail: str | None = None,
        evidence: Sequence[EvidenceRow] = (),
        unchanged: Sequence[DeliveryRow] | None = None,
    ) -> list[str]:
        known = self._documents.get(document_id)
        changed = {"error": error, "error_detail": error_detail}
        moved = self._shift(known, recipients, state, event.at, unchanged, **changed)
        for row in evidence:
            if known is not None and row.recipient in moved:
                known.keep(row.kind, row.recipient, row.at, row.xml)
        if moved:
            detail = {**event.detail, "state": state, "recipients": moved}
            self._events.append(replace(event, detail=detail))
        return moved

    @may_fail
    async def positions(self) -> list[Position]:
        waiting: dict[tuple[str, Any], set[tuple[datetime, str]]] = {}
        for known in self._documents.values():
            for row in known.deliveries.values():
                if row.state in UNDELIVERED:
                    place = (row.node, known.row.lane)
                    waiting.setdefault(place, set()).add((known.row.accepted_at, known.row.id))
        return [
            Position(node=node, lane=lane, oldest=min(found)[0], documents=len(found))
            for (node, lane), found in sorted(waiting.items())
        ]

    # --- held messages ---

    @may_fail
    async def hold(self, held: HeldRow, *, recipients: Sequence[str]) -> HeldRow:
        key = (held.kind, held.node, sha256_hex(held.message))
        for row in self._held.values():
            if row.resolved_at is None and (row.kind, row.node, sha256_hex(row.message)) == key:
                return row
        held = replace(
            held,
            document_id=held.document_id and storable(held.document_id),
            detail=held.detail and storable(held.detail),
        )
        self._held[held.id] = held
        moved = self._shift(
            self._documents.get(held.document_id or ""),
            recipients,
            STATES[held.kind],
            held.at,
            error=held.code,
            error_detail=held.detail,
        )
        detail = {"code": held.code, "node": held.node, "lane": held.lane, "recipients": moved}
        self._events.append(
            EventRow(
                at=held.at,
                actor=held.node,
                kind=EVENTS[held.kind],
                document_id=held.document_id,
                subject=held.id,
                detail=detail,
            )
        )
        return held

    @may_fail
    async def held(
        self, kind: HeldKind, *, include_resolved: bool = False, limit: int = 100
    ) -> list[HeldRow]:
        found = [
            replace(row, message=b"")
            for row in self._held.values()
            if row.kind is kind and (include_resolved or row.resolved_at is None)
        ]
        return sorted(found, key=lambda row: (row.at, row.id), reverse=True)[:limit]

    @may_fail
    async def held_one(self, held_id: str) -> HeldRow | None:
        return self._held.get(held_id)

    @may_fail
    async def resolve(self, held_id: str, resolution: str, reason: str, by: str, at: datetime) -> HeldRow:
        row = self._held.get(held_id)
        if row is None:
            raise Refusal(Code.NOT_FOUND, field="held_id")
        if row.resolved_at is not None:
            raise Refusal(Code.STATE_ILLEGAL, field="resolution", detail=f"{row.resolution} already")
        closed = replace(row, resolved_at=at, resolution=resolution, reason=reason, resolved_by=by)
        self._held[held_id] = closed
        self._events.append(
            EventRow(
                at=at,
                actor=by,
                kind=f"held.{resolution}",
                document_id=row.document_id,
                subject=held_id,
                detail={"reason": reason},
            )
        )
        return closed


def _matches(known: Kept, query: DocumentQuery) -> bool:
    row = known.row
    text = fold(query.text or "")
    said = fold(f"{row.code_number or ''}/{row.code_notation or ''} {row.subject}")
    return (
        (not text or (text in said if len(text) > 2 else row.code_number == (query.text or "").strip()))
        and (query.sender is None or row.sender == query.sender)
        and (query.since is None or row.accepted_at >= query.since)
        and (query.until is None or row.accepted_at < query.until)
        and (
            (query.recipient is None and query.state is None)
            or any(
                (query.recipient is None or way.recipient == query.recipient)
                and (query.state is None or way.state is query.state)
                for way in known.deliveries.values()
            )
        )
    )
