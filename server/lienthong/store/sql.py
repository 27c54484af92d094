"""What the hub calls: the `Store` port, each method one transaction over the queries of its aggregate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import RequestState
from lienthong.errors import Code, HubFault
from lienthong.hub.content_port import DocumentContent
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.receipt_port import FigureRow, OverdueQuery
from lienthong.hub.rows import (
    CertificateRow,
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
    NewDelivery,
    NewDocument,
    Position,
    Recorded,
)
from lienthong.hub.status_port import ChangeRow, NoticeRow, RequestRow, StatusRow
from lienthong.store import (
    business,
    changes,
    contents,
    deliveries,
    directory,
    documents,
    events,
    finding,
    held,
    hops,
    lifecycle,
    notices,
    numbers,
    receipts,
    republishing,
)
from lienthong.store.database import Database
from lienthong.store.schema import check_schema
from lienthong.store.search import AgencySearch

PUT_ATTEMPTS = 5  #: tries to change the directory while others change it too


@dataclass(frozen=True, slots=True)
class _Known:
    """The agencies as last read, with what is made of them."""

    version: int  #: of the agencies alone
    directory: Directory
    search: AgencySearch | None = None  #: made when first asked for

    def renewed(self, version: int, whole: int, changed: Sequence[Agency]) -> _Known:
        """After agencies were written that stand in the store, and so were checked."""
        after = replace(self, version=version, directory=self.directory.renewed(changed, version=whole))
        return after.indexed(changed)

    def indexed(self, changed: Sequence[Agency]) -> _Known:
        """The index brought up to the directory, when there is one."""
        return self if self.search is None else replace(self, search=self.search.renewed(changed))


def open_store(url: str) -> SqlStore:
    """The store at ``sqlite:///path`` or ``postgresql+psycopg://…``; `HubFault` unless its schema is current."""
    check_schema(url)
    return SqlStore(url)


class SqlStore:
    """The store on SQLite or PostgreSQL. Documented at the port, `hub/ports.py`."""

    def __init__(self, url: str) -> None:
        self._db = Database(url)
        self._known: _Known | None = None

    async def close(self) -> None:
        """Finish pending writes and close every connection."""
        await self._db.close()

    # --- documents --------------------------------------------------------------------------------------

    async def accept(self, document: NewDocument, payload: bytes | None = None) -> DocumentRow:  # noqa: D102
        return await self._db.write(documents.accept, document, payload)

    async def payload(self, sha256: str) -> bytes | None:  # noqa: D102
        return await self._db.read(documents.payload, sha256)

    async def find_identity(self, identity: str) -> DocumentRow | None:  # noqa: D102
        return await self._db.read(documents.find_identity, identity)

    async def numbered(self, sender: str, number: str, notation: str, year: int) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(numbers.numbered, sender, number, notation, year)

    async def document(self, reference: str) -> DocumentRow | None:  # noqa: D102
        return await self._db.read(documents.document, reference)

    async def documents(self, query: DocumentQuery) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(finding.documents, query)

    async def deliveries(self, document_id: str) -> list[DeliveryRow]:  # noqa: D102
        return await self._db.read(deliveries.deliveries, document_id)

    async def delivery(self, delivery_id: str) -> DeliveryRow | None:  # noqa: D102
        return await self._db.read(deliveries.delivery, delivery_id)

    async def inbox_item(self, delivery_id: str) -> InboxItem | None:  # noqa: D102
        return await self._db.read(deliveries.item, delivery_id)

    async def hops(self, document_id: str) -> list[HopRow]:  # noqa: D102
        return await self._db.read(hops.hops, document_id)

    async def evidence(self, document_id: str) -> list[EvidenceRow]:  # noqa: D102
        return await self._db.read(documents.evidence, document_id)

    async def mark_published(self, document_ids: Sequence[str], at: datetime) -> None:  # noqa: D102
        await self._db.write(documents.mark_published, document_ids, at)

    async def unpublished(self, older_than: datetime, limit: int) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(documents.unpublished, older_than, limit)

    async def stalled(self, at: datetime, wait: timedelta, limit: int) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(republishing.stalled, at, wait, limit)

    async def touch(self, document_id: str, at: datetime) -> None:  # noqa: D102
        await self._db.write(republishing.touch, document_id, at)

    async def republished(self, since: datetime) -> tuple[int, int]:  # noqa: D102
        return await self._db.read(republishing.republished, since)

    async def record_hop(  # noqa: D102
        self, hop: HopRow, *, recipients: Sequence[str], consignment: Consignment | None
    ) -> Recorded:
        return await self._db.write(hops.record_hop, hop, recipients=recipients, consignment=consignment)

    async def replace_hop(self, hop: HopRow) -> HopRow:  # noqa: D102
        return await self._db.write(hops.replace_hop, hop)

    async def hand_over(self, delivery_id: str, evidence: bytes, at: datetime) -> DeliveryRow:  # noqa: D102
        return await self._db.write(deliveries.hand_over, delivery_id, evidence, at)

    async def inbox(self, recipient: str, *, after: str | None, limit: int) -> list[InboxItem]:  # noqa: D102
        return await self._db.read(deliveries.inbox, recipient, after=after, limit=limit)

    async def move(  # noqa: D102
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
        return await self._db.write(
            deliveries.move,
            document_id,
            recipients,
            state,
            event=event,
            error=error,
            error_detail=error_detail,
            evidence=evidence,
            unchanged=unchanged,
        )

    async def positions(self) -> list[Position]:  # noqa: D102
        return await self._db.read(deliveries.positions)

    # --- statuses and requests --------------------------------------------------------------------------

    async def sent(self, sender: str, edxml_document_id: str) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(business.sent, sender, edxml_document_id)

    async def statuses(self, document_id: str) -> list[StatusRow]:  # noqa: D102
        return await self._db.read(business.statuses, document_id)

    async def requests(self, document_id: str) -> list[RequestRow]:  # noqa: D102
        return await self._db.read(business.requests, document_id)

    async def pending_requests(self, limit: int) -> list[RequestRow]:  # noqa: D102
        return await self._db.read(business.pending_requests, limit)

    async def settle_requests(self, ids: Sequence[str], state: RequestState, at: datetime) -> list[str]:  # noqa: D102
        return await self._db.write(business.settle_requests, ids, state, at)

    async def onward(self, document_id: str, sender: str) -> list[DocumentRow]:  # noqa: D102
        return await self._db.read(notices.onward, document_id, sender)

    async def notices(self, agency: str, *, after: str | None, limit: int) -> list[NoticeRow]:  # noqa: D102
        return await self._db.read(notices.notices, agency, after=after, limit=limit)

    async def see_notices(self, delivery_id: str, at: datetime) -> list[str]:  # noqa: D102
        return await self._db.write(notices.see_notices, delivery_id, at)

    async def changes(self, agency: str, *, after: str | None, limit: int) -> list[ChangeRow]:  # noqa: D102
        return await self._db.read(changes.changes, agency, after=after, limit=limit)

    async def newest_change(self, agency: str) -> str:  # noqa: D102
        return await self._db.read(changes.newest_change, agency)

    # --- deadlines and duties ---------------------------------------------------------------------------

    async def expired(self, at: datetime, limit: int) -> list[InboxItem]:  # noqa: D102
        return await self._db.read(receipts.expired, at, limit)

    async def overdue(self, query: OverdueQuery) -> list[InboxItem]:  # noqa: D102
        return await self._db.read(receipts.overdue, query)

    async def figures(self, since: datetime, until: datetime, at: datetime) -> list[FigureRow]:  # noqa: D102
        return await self._db.read(receipts.figures, since, until, at)

    # --- directory --------------------------------------------------------------------------------------

    async def directory(self) -> Directory:  # noqa: D102
        return (await self._current()).directory

    async def directory_version(self) -> int:  # noqa: D102
        return (await self._db.read(directory.read_versions))[1]

    async def put_agencies(self, agencies: Sequence[Agency], *, event: EventRow) -> int:  # noqa: D102
        for _ in range(PUT_ATTEMPTS):
            known = await self._current()
            given = {agency.code: agency for agency in agencies}
            if len(given) < len(agencies):
                Directory.of(agencies)  # raises: it names the code that stands twice
            before = known.directory.agencies
            changed = [agency for code, agency in given.items() if before.get(code) != agency]
            if not changed:
                return known.directory.version
            # checked here, not in the writer's thread, where a large directory would hold up every acceptance
            agencies_after = [agency for _, agency in sorted({**before, **given}.items())]
            whole = await asyncio.to_thread(Directory.of, agencies_after)
            values = await asyncio.to_thread(directory.prepared, changed, version=known.version + 1)
            version = await self._db.write(
                directory.write_agencies,
                changed,
                values=values,
                replaced=[agency.code for agency in changed if agency.code in before],
                event=event,
                expected=known.version,
            )
            if version is not None:
                if self._known is known:  # what was just written need not be read again
                    made = _Known(known.version + 1, replace(whole, version=version), known.search)
                    self._known = await asyncio.to_thread(made.indexed, changed)
                return version
        raise HubFault("the directory is being changed by others all the time")

    async def search_agencies(self, text: str, *, limit: int) -> list[Agency]:  # noqa: D102
        known = await self._current()
        index = known.search
        if index is None:
            index = await asyncio.to_thread(AgencySearch, known.directory)
            if self._known is not None and self._known.version == known.version:
                self._known = replace(self._known, search=index)
        return await asyncio.to_thread(index.search, text, limit=limit)

    async def _current(self) -> _Known:
        """The agencies as they are now; only what was written since the last look is read."""
        agencies_version, whole = await self._db.read(directory.read_versions)
        known = self._known
        if known is None or known.version > agencies_version:
            version, snapshot = await self._db.read(directory.read_agencies)
            known = _Known(version, snapshot)
        elif known.version < agencies_version:
            version, whole, changed = await self._db.read(directory.changes_since, known.version)
            known = await asyncio.to_thread(known.renewed, version, whole, changed)
        elif known.directory.version < whole:
            known = replace(known, directory=replace(known.directory, version=whole))
        self._known = known
        return known

    async def certificates(self, agency: str | None = None) -> list[CertificateRow]:  # noqa: D102
        return await self._db.read(directory.certificates, agency)

    async def bind_certificate(self, certificate: CertificateRow, *, event: EventRow) -> None:  # noqa: D102
        await self._db.write(directory.bind_certificate, certificate, event=event)

    async def revoke_certificate(  # noqa: D102
        self, sha256: str, reason: str, at: datetime, *, event: EventRow
    ) -> None:
        await self._db.write(directory.revoke_certificate, sha256, reason, at, event=event)

    # --- external content --------------------------------------------------------------------------------

    async def hold_content(self, agency: str, sha256: str, size: int, at: datetime) -> None:  # noqa: D102
        await self._db.write(contents.hold, agency, sha256, size, at)

    async def claim_contents(self, agency: str, digests: Sequence[str], at: datetime) -> dict[str, int]:  # noqa: D102
        return await self._db.write(contents.claim, agency, digests, at)

    async def contents(self, document_id: str) -> list[DocumentContent]:  # noqa: D102
        return await self._db.read(contents.contents, document_id)

    async def unnamed_content(self, agency: str) -> int:  # noqa: D102
        return await self._db.read(contents.unnamed, agency)

    async def forget_contents(self, before: datetime) -> list[str]:  # noqa: D102
        return await self._db.write(contents.forget, before)

    async def content_known(self, sha256: str) -> bool:  # noqa: D102
        return await self._db.read(contents.known, sha256)

    async def unfinished_for(self, recipients: Sequence[str], *, limit: int) -> list[DeliveryRow]:  # noqa: D102
        return await self._db.read(lifecycle.unfinished_for, recipients, limit=limit)

    async def forward(  # noqa: D102
        self,
        ended: DeliveryRow,
        successor: NewDelivery,
        *,
        acceptance: bytes,
        failure: EvidenceRow,
        event: EventRow,
    ) -> bool:
        return await self._db.write(
            lifecycle.forward, ended, successor, acceptance=acceptance, failure=failure, event=event
        )

    async def changed_agencies(self, since: int) -> tuple[int, list[Agency]]:  # noqa: D102
        return await self._db.read(directory.changed_agencies, since)

    async def groups(self, owners: Sequence[str]) -> list[GroupRow]:  # noqa: D102
        return await self._db.read(lifecycle.groups, owners)

    async def put_group(self, group: GroupRow, *, event: EventRow) -> None:  # noqa: D102
        await self._db.write(lifecycle.put_group, group, event=event)

    async def delete_group(self, owner: str, name: str, *, event: EventRow) -> bool:  # noqa: D102
        return await self._db.write(lifecycle.delete_group, owner, name, event=event)

    # --- held messages and events -----------------------------------------------------------------------

    async def hold(self, held_: HeldRow, *, recipients: Sequence[str]) -> HeldRow:  # noqa: D102
        return await self._db.write(held.hold, held_, recipients=recipients)

    async def held(  # noqa: D102
        self, kind: HeldKind, *, include_resolved: bool = False, limit: int = 100
    ) -> list[HeldRow]:
        return await self._db.read(held.held, kind, include_resolved=include_resolved, limit=limit)

    async def held_one(self, held_id: str) -> HeldRow | None:  # noqa: D102
        return await self._db.read(held.held_one, held_id)

    async def resolve(self, held_id: str, resolution: str, reason: str, by: str, at: datetime) -> HeldRow:  # noqa: D102
        return await self._db.write(held.resolve, held_id, resolution, reason, by, at)

    async def append(self, event: EventRow) -> None:  # noqa: D102
        await self._db.write(events.append, event)

    async def events(self, *, document_id: str | None = None, limit: int = 100) -> list[EventRow]:  # noqa: D102
        return await self._db.read(events.events, document_id=document_id, limit=limit)
