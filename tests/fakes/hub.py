"""The hub and its administration without store, broker or signatures: what the gRPC services are tested against.

Both answer like the real ones as far as their callers can see. They can fail on purpose: put an exception into
`fails[method]`. `gate` holds a submission back until it is set; `entered` and `cancelled` tell how far one came.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from lienthong.domain.agency import Agency, AgencyStatus, Directory, Environment
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.domain.lifecycle import Plan, Reform, ReformOrder
from lienthong.errors import Code, Refusal
from lienthong.hub.administration import DocumentView, HeldView, Queues, QueueView
from lienthong.hub.application import Submission, Tracking
from lienthong.hub.check import Checked
from lienthong.hub.files import FileReport
from lienthong.hub.identity import Caller
from lienthong.hub.ports import QueueRow
from lienthong.hub.rows import (
    CertificateRow,
    DeliveryRow,
    DocumentQuery,
    DocumentRow,
    EventRow,
    HeldKind,
    HeldRow,
    InboxItem,
)
from lienthong.hub.tracking import EvidenceItem, TrackedDelivery
from tests.fakes.hub_rows import (
    NOW,
    SENDER,
    certificate_row,
    delivery_row,
    document_row,
    event_row,
    held_row,
    hop_row,
)
from tests.fakes.register import FakeRegister

RECIPIENT = "H48.02"
CLOSED = "H48.40"

DIRECTORY = Directory.of(
    [
        Agency(code="H48", name="Ủy ban nhân dân tỉnh Quảng Ngãi", tier="province"),
        Agency(code=RECIPIENT, name="Sở Nội vụ", tier="department", parent="H48", aliases=("000.00.02.H48",)),
        Agency(code="H48.31", name="Ủy ban nhân dân huyện Bình Sơn", tier="district", parent="H48"),
        Agency(code=SENDER, name="Ủy ban nhân dân xã Bình Hải", tier="commune", parent="H48.31"),
        Agency(
            code=CLOSED,
            name="Ban cũ",
            tier="department",
            parent="H48",
            status=AgencyStatus.CLOSED,
            successors=(RECIPIENT,),
        ),
        Agency(
            code="W00.1", name="Đơn vị thử", tier="department", parent="H48", environment=Environment.TEST
        ),
    ],
    version=7,
)


class _Failing:
    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.calls: list[str] = []

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        if method in self.fails:
            raise self.fails[method]


class _NoFiles:
    """In the place of `lienthong.hub.content.ContentDesk`."""

    async def reports(self, document: DocumentRow) -> list[FileReport]:
        return []

    async def export(self, caller: Caller, reference: str) -> AsyncIterator[tuple[str, bytes]]:
        for chunk in (b"a", b"b"):
            yield "attachments/001-ban do.pdf", chunk


class FakeHub(_Failing):
    """Stands in for `lienthong.hub.application.Hub`. Every package goes from its caller to `recipients`."""

    def __init__(self, *, max_package: int = 4_000_000) -> None:
        super().__init__()
        self.max_package = max_package
        self.content = _NoFiles()
        self.directory = DIRECTORY
        self.callers: dict[str, Caller] = {}
        self.revoked: set[str] = set()
        self.recipients = [RECIPIENT]
        self.contents: dict[str, bytes] = {}  # by document id
        self.documents: dict[str, DocumentRow] = {}
        self.deliveries: dict[str, DeliveryRow] = {}
        self.acknowledged: dict[str, bytes] = {}
        self.gate: asyncio.Event | None = None
        self.checked: Checked | None = None  #: what a check answers
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.watching = 0
        self.watch_changed = asyncio.Condition()
        self.fetch_closed = asyncio.Event()
        self.piece = 700_000  # bytes per piece of a fetch
        self.register = FakeRegister(lambda: self.directory)

    # --- for tests --------------------------------------------------------------------------------------

    def bind(self, certificate_der: bytes, *, agency: str | None, role: str = "agency") -> Caller:
        """Bind a TLS certificate."""
        digest = sha256_hex(certificate_der)
        caller = Caller(agency=agency, role=role, subject=f"CN={agency or role}", certificate_sha256=digest)
        self.callers[digest] = caller
        return caller

    def put(self, data: bytes, *, sender: str = SENDER) -> Submission:
        """Take in a package as already consigned to `recipients`."""
        return self._take(sender, data)

    async def until_watching(self, number: int) -> None:
        """Wait until exactly `number` clients watch an inbox."""
        async with self.watch_changed:
            await self.watch_changed.wait_for(lambda: self.watching == number)

    async def tell_watchers(self) -> None:
        """Wake everybody who watches."""
        async with self.watch_changed:
            self.watch_changed.notify_all()

    # --- the hub ----------------------------------------------------------------------------------------

    async def identify(self, certificate_der: bytes) -> Caller:
        self._enter("identify")
        digest = sha256_hex(certificate_der)
        if digest in self.revoked:
            raise Refusal(Code.NOT_PERMITTED, detail="the connection's certificate is revoked")
        if digest not in self.callers:
            raise Refusal(Code.UNAUTHENTICATED, detail=f"SHA-256 {digest}")
        return self.callers[digest]

    async def submit(self, caller: Caller, data: bytes) -> Submission:
        self._enter("submit")
        self.entered.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self._take(caller.require_agency(), data)

    async def check(self, caller: Caller, data: bytes) -> Checked:
        self._enter("check")
        assert self.checked is not None
        return self.checked

    def _take(self, sender: str, data: bytes) -> Submission:
        digest = sha256_hex(data)
        known = next((row for row in self.documents.values() if row.sha256 == digest), None)
        document = known or self._store(sender, data, digest)
        rows = [row for row in self.deliveries.values() if row.document_id == document.id]
        return Submission(
            document=document,
            deliveries=rows,
            acceptance=b"<SubmissionAcceptance/>",
            repeated=known is not None,
        )

    def _store(self, sender: str, data: bytes, digest: str) -> DocumentRow:
        document = document_row(id=new_id(), sender=sender, sha256=digest, size=len(data))
        self.documents[document.id] = document
        self.contents[document.id] = data
        for recipient in self.recipients:
            found = self.directory.find(recipient)
            error = None if found else Code.RECIPIENT_UNKNOWN
            row = delivery_row(
                id=new_id(),
                document_id=document.id,
                recipient=found.code if found else recipient,
                state=DeliveryState.REFUSED if error else DeliveryState.CONSIGNED,
                error=error,
                error_detail=recipient if error else None,
            )
            self.deliveries[row.id] = row
        return document

    async def inbox(self, caller: Caller, *, after: str | None, limit: int) -> list[InboxItem]:
        self._enter("inbox")
        return [item for item in self._items(caller) if after is None or item.delivery.id > after][:limit]

    def _items(self, caller: Caller) -> list[InboxItem]:
        return [
            InboxItem(delivery=row, document=self.documents[row.document_id])
            for row in sorted(self.deliveries.values(), key=lambda row: row.id)
            if row.recipient == caller.agency and row.state is DeliveryState.CONSIGNED
        ]

    async def watch_inbox(self, caller: Caller, *, only_new: bool) -> AsyncIterator[InboxItem]:
        self._enter("watch_inbox")
        seen = {item.delivery.id for item in self._items(caller)} if only_new else set()
        await self._watchers(+1)
        try:
            while True:
                for item in self._items(caller):
                    if item.delivery.id not in seen:
                        seen.add(item.delivery.id)
                        yield item
                async with self.watch_changed:
                    await self.watch_changed.wait_for(
                        lambda: any(item.delivery.id not in seen for item in self._items(caller))
                    )
        finally:
            await self._watchers(-1)

    async def _watchers(self, change: int) -> None:
        async with self.watch_changed:
            self.watching += change
            self.watch_changed.notify_all()

    async def fetch(
        self, caller: Caller, reference: str, *, offset: int
    ) -> tuple[InboxItem, AsyncIterator[bytes]]:
        self._enter("fetch")
        found = [i for i in self._items(caller) if reference in (i.delivery.id, i.document.id)]
        if not found:
            raise Refusal(Code.NOT_FOUND, field="delivery_id", detail=reference)
        return found[0], self._pieces(self.contents[found[0].document.id], offset)

    async def _pieces(self, data: bytes, offset: int) -> AsyncIterator[bytes]:
        try:
            for start in range(offset, len(data), self.piece):
                yield data[start : start + self.piece]
        finally:
            self.fetch_closed.set()

    async def acknowledge(self, caller: Caller, delivery_id: str, evidence: bytes) -> DeliveryRow:
        self._enter("acknowledge")
        row = self.deliveries.get(delivery_id)
        if row is None or row.recipient != caller.agency:
            raise Refusal(Code.NOT_FOUND, field="delivery_id", detail=delivery_id)
        self.acknowledged[delivery_id] = evidence
        self.deliveries[delivery_id] = replace(row, state=DeliveryState.HANDED_OVER, handed_over_at=NOW)
        return self.deliveries[delivery_id]

    async def track(self, caller: Caller, reference: str) -> Tracking:
        self._enter("track")
        return self.tracking(reference)

    def tracking(self, reference: str) -> Tracking:
        """What anybody may see here."""
        document = next(
            (
                row
                for row in self.documents.values()
                if reference in (row.id, row.sha256, row.edxml_document_id)
            ),
            None,
        )
        if document is None:
            raise Refusal(Code.NOT_FOUND, field="document", detail=reference)
        deliveries = []
        for row in self.deliveries.values():
            if row.document_id == document.id:
                route = [] if row.error else self.directory.route(document.sender, row.recipient)
                hops = [hop_row(document.id, node, number) for number, node in enumerate(route, start=1)]
                deliveries.append(TrackedDelivery(delivery=row, hops=hops))
        return Tracking(document=document, deliveries=deliveries)

    async def evidence(self, caller: Caller, reference: str) -> tuple[DocumentRow, list[EvidenceItem]]:
        self._enter("evidence")
        document = self.tracking(reference).document
        kinds = [
            (EvidenceKind.SUBMISSION_ACCEPTANCE, None, None),
            (EvidenceKind.RELAY_ACCEPTANCE, None, document.sender),
            (EvidenceKind.CONTENT_CONSIGNMENT, RECIPIENT, None),
        ]
        return document, [
            EvidenceItem(kind=kind, recipient=recipient, node=node, at=NOW, xml=f"<{kind}/>".encode())
            for kind, recipient, node in kinds
        ]

    async def search_agencies(self, text: str, *, limit: int) -> list[Agency]:
        self._enter("search_agencies")
        found = [each for each in self.directory if text.casefold() in each.name.casefold()]
        return [each for each in found if each.environment is Environment.PRODUCTION][:limit]

    async def agency(self, code: str) -> Agency:
        self._enter("agency")
        found = self.directory.find(code)
        if found is None:
            raise Refusal(Code.NOT_FOUND, field="code", detail=code)
        return found


class FakeAdministration(_Failing):
    """Stands in for `lienthong.hub.administration.Administration`. `asked` holds the arguments of each call."""

    def __init__(self, hub: FakeHub) -> None:
        super().__init__()
        self.hub = hub
        self.asked: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.broker_away = False
        self.held_rows = {"h1": held_row(id="h1"), "h2": held_row(id="h2", kind=HeldKind.DEAD_LETTER)}
        self.agencies_version = 7
        self.plans_to_come: list[Plan] = []

    def _ask(self, method: str, caller: Caller, *arguments: object) -> None:
        self._enter(method)
        caller.require_operator()
        self.asked[method].append(arguments)

    async def queues(self, caller: Caller, *, everything: bool) -> Queues:
        self._ask("queues", caller, everything)
        row = QueueRow(node="H48", lane=Lane.EXPRESS, ready=3, unacked=None, consumers=1)
        empty = replace(row, lane=Lane.NORMAL, ready=0, unacked=2)
        views = (
            QueueView(node="H48", lane=row.lane, row=row, documents=4, oldest=NOW),
            QueueView(node="H48", lane=empty.lane, row=empty, documents=0, oldest=None),
        )
        if self.broker_away:
            views = (replace(views[0], row=None), replace(views[1], row=None))
        return Queues(views=views if everything else views[:1], blocked=True, away=self.broker_away)

    async def held(
        self, caller: Caller, kind: HeldKind, *, include_resolved: bool, limit: int
    ) -> list[HeldRow]:
        self._ask("held", caller, kind, include_resolved, limit)
        return [row for row in self.held_rows.values() if row.kind is kind]

    async def held_one(self, caller: Caller, held_id: str) -> HeldView:
        self._ask("held_one", caller, held_id)
        if held_id not in self.held_rows:
            raise Refusal(Code.NOT_FOUND, field="id", detail=held_id)
        return HeldView(held=self.held_rows[held_id], document=None, events=[event_row()])

    async def resolve(self, caller: Caller, held_id: str, resolution: str, reason: str) -> HeldRow:
        self._ask("resolve", caller, held_id, resolution, reason)
        row = self.held_rows[held_id]
        if row.resolved_at is not None:
            raise Refusal(Code.STATE_ILLEGAL, field="id", detail=f"already {row.resolution}")
        self.held_rows[held_id] = replace(
            row, resolved_at=NOW, resolution=resolution, reason=reason, resolved_by=caller.actor
        )
        return self.held_rows[held_id]

    async def find_documents(self, caller: Caller, query: DocumentQuery) -> list[DocumentRow]:
        self._ask("find_documents", caller, query)
        return list(self.hub.documents.values())

    async def document(self, caller: Caller, reference: str) -> DocumentView:
        self._ask("document", caller, reference)
        return DocumentView(tracking=self.hub.tracking(reference), events=[event_row()])

    async def export(self, caller: Caller, reference: str) -> AsyncIterator[tuple[str, bytes]]:
        self._ask("export", caller, reference)
        document = self.hub.tracking(reference).document
        yield "document.edxml", self.hub.contents[document.id]
        yield "evidence/001-submission-acceptance.xml", b"<SubmissionAcceptance/>"
        yield "evidence/002-empty.xml", b""

    async def agencies(
        self, caller: Caller, *, text: str, tier: str, include_test: bool, on: date | None = None
    ) -> tuple[list[Agency], int]:
        self._ask("agencies", caller, text, tier, include_test)
        found = [each for each in self.hub.directory if not tier or each.tier == tier]
        return sorted(found, key=lambda each: each.code), self.agencies_version

    async def put_agencies(self, caller: Caller, agencies: Sequence[Agency], reason: str) -> int:
        self._ask("put_agencies", caller, tuple(agencies), reason)
        self.agencies_version += 1
        return self.agencies_version

    async def plans(self, caller: Caller, *, on: date | None, code: str) -> list[Plan]:
        self._ask("plans", caller, on, code)
        return self.plans_to_come

    async def reform(
        self, caller: Caller, order: ReformOrder, reason: str, *, dry_run: bool = False
    ) -> tuple[list[Agency], int]:
        self._ask("reform", caller, order, reason, dry_run)
        changed = Reform(self.hub.directory, NOW.date()).carry_out(order)
        self.agencies_version += not dry_run
        return changed, self.agencies_version

    async def close_agency(self, caller: Caller, code: str, successors: Sequence[str], reason: str) -> Agency:
        self._ask("close_agency", caller, code, tuple(successors), reason)
        agency = await self.hub.agency(code)
        return replace(agency, status=AgencyStatus.CLOSED, successors=tuple(successors), valid_to=NOW.date())

    async def certificates(self, caller: Caller, agency: str | None) -> list[CertificateRow]:
        self._ask("certificates", caller, agency)
        return [certificate_row()]

    async def bind_certificate(
        self, caller: Caller, pem: bytes, agency: str, purpose: str, role: str
    ) -> CertificateRow:
        self._ask("bind_certificate", caller, pem, agency, purpose, role)
        return replace(certificate_row(), agency=agency, purpose=purpose, role=role)

    async def revoke_certificate(self, caller: Caller, sha256: str, reason: str) -> CertificateRow:
        self._ask("revoke_certificate", caller, sha256, reason)
        return replace(certificate_row(), sha256=sha256, revoked_at=NOW, revoke_reason=reason)

    async def reconcile(self, caller: Caller, *, everything: bool) -> int:
        self._ask("reconcile", caller, everything)
        return 3

    async def events(self, caller: Caller, document: str | None, limit: int) -> list[EventRow]:
        self._ask("events", caller, document, limit)
        return [event_row()]
