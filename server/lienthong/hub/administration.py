"""What administrators can ask of the hub: transit queues, held messages, documents, the directory, certificates.

Every method takes the caller first and answers NOT_PERMITTED unless it is an operator. Every act that changes
something leaves a line in the event log: who, what, why.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from lienthong.domain.agency import Agency
from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.lifecycle import Plan, Reform, ReformKind, ReformOrder, plans
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.certificates import read_certificate
from lienthong.hub.held import HeldMessages
from lienthong.hub.identity import Caller
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Broker, Clock, QueueRow, Store
from lienthong.hub.reconcile import Reconciler
from lienthong.hub.rows import (
    CertificateRow,
    DocumentQuery,
    DocumentRow,
    EventRow,
    HeldKind,
    HeldRow,
    Position,
)
from lienthong.hub.tracking import EvidenceItem, Tracker, Tracking

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """What waits at a node in one lane: by the broker, and by the store."""

    node: str
    lane: Lane
    row: QueueRow | None  #: None while the broker does not answer
    documents: int  #: undelivered ones whose newest hop is here
    oldest: datetime | None  #: acceptance of the oldest of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """All of them, and how the broker is."""

    views: tuple[QueueView, ...]
    blocked: bool  #: the broker holds publishers back
    away: bool  #: the broker does not answer: the views hold what the store knows


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldView:
    """A held message with what is known around it."""

    held: HeldRow
    document: DocumentRow | None
    events: list[EventRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """A document, its deliveries with hops, and its event log."""

    tracking: Tracking
    events: list[EventRow]


#: kind of the event
_REFORMED = {
    ReformKind.CLOSE: "agency.closed",
    ReformKind.LOCK: "agency.locked",
    ReformKind.UNLOCK: "agency.unlocked",
    ReformKind.MERGE: "agency.merged",
    ReformKind.SPLIT: "agency.split",
    ReformKind.MOVE: "agency.moved",
    ReformKind.WITHDRAW: "agency.plan_withdrawn",
}

_ASKED_FOR_ALL = 2_000  #: of more nodes only those are asked for at which the store says that documents are
_DECLARED_AT_ONCE = 100  #: new agencies whose queues are made before the answer; more are made meanwhile


class Administration:
    """The operators' side of the hub."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        broker: Broker,
        knowledge: Knowledge,
        held: HeldMessages,
        reconciler: Reconciler,
        clock: Clock,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._broker = broker
        self._knowledge = knowledge
        self._held = held
        self._reconciler = reconciler
        self._clock = clock
        self._tracker = Tracker(store)

    # --- queues and held messages -----------------------------------------------------------------------

    async def queues(self, caller: Caller, *, everything: bool) -> Queues:
        """Queues that hold or wait for something, all with `everything`; the store's part while the broker is away."""
        caller.require_operator()
        positions = await self._store.positions()
        directory = self._knowledge.now.directory
        nodes: Sequence[str] = list(directory.agencies)
        if not everything and len(nodes) > _ASKED_FOR_ALL:
            nodes = sorted({position.node for position in positions})
        rows: dict[tuple[str, Lane], QueueRow] = {}
        away = False
        try:
            rows = {(row.node, row.lane): row for row in await self._broker.queues(nodes)}
        except HubFault as fault:
            log.warning("queues.broker_away", reason=str(fault))
            away = True
        waiting = {(p.node, p.lane): p for p in positions}
        places = {(node, lane): None for node in nodes for lane in Lane} | dict.fromkeys(waiting)
        views = [_queue(place, rows.get(place), waiting.get(place)) for place in places]
        if not everything:
            views = [v for v in views if v.oldest is not None or (v.row and (v.row.ready or v.row.unacked))]
        return Queues(views=tuple(views), blocked=self._broker.blocked(), away=away)

    async def held(
        self, caller: Caller, kind: HeldKind, *, include_resolved: bool, limit: int
    ) -> list[HeldRow]:
        """Quarantined messages or dead letters, newest first."""
        caller.require_operator()
        return await self._store.held(kind, include_resolved=include_resolved, limit=limit)

    async def held_one(self, caller: Caller, held_id: str) -> HeldView:
        """One held message with its document and that document's events."""
        caller.require_operator()
        held = await self._held.find(held_id)
        document = None if held.document_id is None else await self._store.document(held.document_id)
        events = [] if document is None else await self._store.events(document_id=document.id)
        return HeldView(held=held, document=document, events=events)

    async def resolve(self, caller: Caller, held_id: str, resolution: str, reason: str) -> HeldRow:
        """See `HeldMessages.resolve`."""
        caller.require_operator()
        return await self._held.resolve(caller, held_id, resolution, _required(reason))

    # --- documents --------------------------------------------------------------------------------------

    async def find_documents(self, caller: Caller, query: DocumentQuery) -> list[DocumentRow]:
        """Newest first."""
        caller.require_operator()
        return await self._store.documents(query)

    async def document(self, caller: Caller, reference: str) -> DocumentView:
        """Everything about one document."""
        caller.require_operator()
        tracking = await self._tracker.track(caller, reference)
        return DocumentView(
            tracking=tracking, events=await self._store.events(document_id=tracking.document.id)
        )

    async def export(self, caller: Caller, reference: str) -> AsyncIterator[tuple[str, bytes]]:
        """The document and its evidence as (file name, chunk): what `lienthong-agency verify` checks offline."""
        caller.require_operator()
        document, items = await self._tracker.evidence(caller, reference)
        async for chunk in await self._payloads.stream(document.sha256):
            yield "document.edxml", chunk
        for position, item in enumerate(items, start=1):
            yield _file_name(item, position), item.xml

    async def reconcile(self, caller: Caller, *, everything: bool) -> int:
        """Publish again what is accepted and not arriving; returns how many documents."""
        caller.require_operator()
        published = await self._reconciler.reconcile(everything=everything)
        await self._store.append(self._event(caller, "reconcile.requested", detail={"published": published}))
        return published

    async def events(self, caller: Caller, document: str | None, limit: int) -> list[EventRow]:
        """Of a document (oldest first), or the newest of all."""
        caller.require_operator()
        if document is None:
            return await self._store.events(limit=limit)
        row = await self._store.document(document)
        if row is None:
            raise Refusal(Code.NOT_FOUND, field="document", detail=document)
        return await self._store.events(document_id=row.id, limit=limit)

    # --- directory and certificates ---------------------------------------------------------------------

    async def agencies(
        self, caller: Caller, *, text: str, tier: str, include_test: bool, on: date | None = None
    ) -> tuple[list[Agency], int]:
        """The directory (filtered) as it stands on a day, today by default, and its version."""
        caller.require_operator()
        await self._knowledge.refresh()
        now = self._knowledge.now
        directory = now.directory if on is None else await asyncio.to_thread(now.whole.at, on)
        found = list(directory)
        if text:
            hits = await self._store.search_agencies(text, limit=1_000)
            found = [directory.agencies.get(hit.code, hit) for hit in hits]
        chosen = [
            agency
            for agency in found
            if (not tier or agency.tier == tier) and (include_test or agency.environment == "production")
        ]
        return chosen, now.version

    async def put_agencies(self, caller: Caller, agencies: Sequence[Agency], reason: str) -> int:
        """Add or replace agencies; the whole directory must be sound afterwards. Returns the new version."""
        caller.require_operator()
        codes = [agency.code for agency in agencies]
        detail = {"count": len(codes), "codes": codes[:20], "reason": reason}
        version = await self._store.put_agencies(
            agencies, event=self._event(caller, "directory.changed", detail=detail)
        )
        await self._knowledge.refresh()
        if len(codes) <= _DECLARED_AT_ONCE:
            await self._broker.declare(codes)
        return version

    async def plans(self, caller: Caller, *, on: date | None, code: str) -> list[Plan]:
        """What is to happen on days to come (on one of them, to one agency), by day and code."""
        caller.require_operator()
        await self._knowledge.refresh()
        now = self._knowledge.now
        agencies: Sequence[Agency] = list(now.whole)
        if code:
            agency = now.whole.find(code)
            if agency is None:
                raise Refusal(Code.NOT_FOUND, field="code", detail=code)
            agencies = [agency]
        return [plan for plan in plans(agencies, after=now.today) if on is None or plan.on == on]

    async def reform(
        self, caller: Caller, order: ReformOrder, reason: str, *, dry_run: bool = False
    ) -> tuple[list[Agency], int]:
        """Carry out a reform: the agencies as they are now written, and the directory's version."""
        caller.require_operator()
        reason = _required(reason)
        await self._knowledge.refresh()
        now = self._knowledge.now
        changed = Reform(now.whole, now.today).carry_out(order)
        if dry_run:
            return changed, now.version
        detail = {
            "codes": order.codes[:20],
            "into": order.into,
            "on": None if order.on is None else order.on.isoformat(),
            "until": None if order.until is None else order.until.isoformat(),
            "root": order.root or None,
            "reason": reason,
        }
        kind = _REFORMED[order.kind]
        subject = changed[0].code if len(changed) == 1 else None
        version = await self._store.put_agencies(
            changed, event=self._event(caller, kind, subject=subject, detail=detail)
        )
        await self._knowledge.refresh()
        return changed, version

    async def close_agency(self, caller: Caller, code: str, successors: Sequence[str], reason: str) -> Agency:
        """Close an agency: documents to it are refused with RECIPIENT_CLOSED, which names the successors."""
        caller.require_operator()
        order = ReformOrder(kind=ReformKind.CLOSE, codes=(code,), into=tuple(successors))
        (closed,), _ = await self.reform(caller, order, reason)
        return closed

    async def certificates(self, caller: Caller, agency: str | None) -> list[CertificateRow]:
        """Bound certificates, of one agency or all."""
        caller.require_operator()
        if agency is None:
            return await self._store.certificates()
        found = self._knowledge.now.directory.find(agency)
        if found is None:
            raise Refusal(Code.NOT_FOUND, field="agency", detail=agency)
        return await self._store.certificates(found.code)

    async def bind_certificate(
        self, caller: Caller, pem: bytes, agency: str, purpose: str, role: str
    ) -> CertificateRow:
        """Bind a certificate to an agency (or to the operators) by its fingerprint."""
        caller.require_operator()
        code = ""
        if role == "agency":
            found = self._knowledge.now.directory.find(agency)
            if found is None:
                raise Refusal(Code.NOT_FOUND, field="agency", detail=agency)
            code = found.code
        row = read_certificate(pem, agency=code, purpose=purpose, role=role, at=self._clock())
        event = self._event(
            caller, "certificate.bound", subject=code or row.subject, detail={"sha256": row.sha256}
        )
        await self._store.bind_certificate(row, event=event)
        await self._knowledge.refresh()
        return row

    async def revoke_certificate(self, caller: Caller, sha256: str, reason: str) -> CertificateRow:
        """Revoke a binding at once: nothing signed or opened with it is accepted from now on."""
        caller.require_operator()
        detail = {"sha256": sha256, "reason": _required(reason)}
        event = self._event(caller, "certificate.revoked", subject=sha256, detail=detail)
        await self._store.revoke_certificate(sha256, reason, self._clock(), event=event)
        await self._knowledge.refresh()
        return next(row for row in await self._store.certificates() if row.sha256 == sha256)

    def _event(
        self, caller: Caller, kind: str, *, subject: str | None = None, detail: Mapping[str, Any]
    ) -> EventRow:
        return EventRow(at=self._clock(), actor=caller.actor, kind=kind, subject=subject, detail=detail)


def _queue(place: tuple[str, Lane], row: QueueRow | None, waiting: Position | None) -> QueueView:
    return QueueView(
        node=place[0],
        lane=place[1],
        row=row,
        documents=waiting.documents if waiting else 0,
        oldest=waiting.oldest if waiting else None,
    )


def _required(reason: str) -> str:
    if not reason.strip():
        raise Refusal(Code.ARGUMENT_INVALID, field="reason", detail="a reason is required")
    return reason.strip()


def _file_name(item: EvidenceItem, position: int) -> str:
    names = {
        EvidenceKind.SUBMISSION_ACCEPTANCE: "submission-acceptance",
        EvidenceKind.RELAY_ACCEPTANCE: f"hop-{item.node}",
        EvidenceKind.CONTENT_CONSIGNMENT: f"consignment-{item.recipient}",
        EvidenceKind.CONTENT_HANDOVER: f"handover-{item.recipient}",
        EvidenceKind.CONTENT_CONSIGNMENT_FAILURE: f"consignment-failure-{item.recipient}",
        EvidenceKind.CONTENT_HANDOVER_FAILURE: f"handover-failure-{item.recipient}",
    }
    return f"evidence/{position:03d}-{names[item.kind]}.xml"
