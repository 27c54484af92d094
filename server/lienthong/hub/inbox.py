"""How a recipient gets its documents: list, be told, fetch, and end the delivery with a signed receipt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import ContentHandover, EvidenceKind
from lienthong.domain.request import RequestKind, RequestState
from lienthong.errors import Code, Refusal
from lienthong.hub.changes import tell
from lienthong.hub.identity import Caller
from lienthong.hub.knowledge import Snapshot
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Broker, Clock, Notification, Store
from lienthong.hub.rows import DeliveryRow, InboxItem
from lienthong.hub.status_port import NoticeRow
from lienthong.hub.verification import Verification
from lienthong.signing.verify import verify_record
from lienthong.transit import records

_PAGE = 200
_READABLE = frozenset({DeliveryState.CONSIGNED, DeliveryState.HANDED_OVER})
_TAKEN_BACK = (RequestKind.RECALL, RequestState.AGREED)
_FIELD = "delivery_id"


class Inbox:
    """The recipients' side of the hub."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        verification: Verification,
        clock: Clock,
        broker: Broker,
        poll_every: float = 5.0,  # seconds; the store is asked this often, whatever notifications were lost
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._verification = verification
        self._clock = clock
        self._broker = broker
        self._poll_every = poll_every
        self._watchers: dict[str, set[asyncio.Queue[str]]] = {}

    async def waiting(self, caller: Caller, *, after: str | None, limit: int) -> list[InboxItem]:
        """CONSIGNED deliveries of the caller, oldest first; `after` is the last delivery id of the page before."""
        return await self._store.inbox(caller.require_agency(), after=after, limit=limit)

    async def notified(self, notification: Notification) -> None:
        """Hand a relay's notification to whoever watches that recipient's inbox."""
        if notification.get("kind") == "consigned":
            for queue in self._watchers.get(notification.get("recipient", ""), ()):
                queue.put_nowait(notification.get("delivery_id", ""))

    async def watch(self, caller: Caller, *, only_new: bool) -> AsyncIterator[InboxItem]:
        """What waits, then each delivery as it comes; ends only when the caller goes away."""
        agency = caller.require_agency()
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._watchers.setdefault(agency, set()).add(queue)
        given: set[str] = set()
        try:
            async for item in self._all(agency):
                given.add(item.delivery.id)
                if not only_new:
                    yield item
            while True:
                async for item in self._until_poll(agency, queue):
                    if item.delivery.id not in given:
                        given.add(item.delivery.id)
                        yield item
                async for item in self._all(agency):
                    if item.delivery.id not in given:
                        given.add(item.delivery.id)
                        yield item
        finally:
            self._watchers[agency].discard(queue)
            if not self._watchers[agency]:
                del self._watchers[agency]

    async def _until_poll(self, agency: str, queue: asyncio.Queue[str]) -> AsyncIterator[InboxItem]:
        """What notifications tell of, until it is time to ask the store, however many come."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._poll_every
        while (left := until - clock()) > 0:
            try:
                delivery_id = await asyncio.wait_for(queue.get(), left)
            except TimeoutError:
                return
            told = await self._store.inbox_item(delivery_id)
            if told is None or told.delivery.recipient != agency:  # only the store says whose a delivery is
                continue
            if told.delivery.state is DeliveryState.CONSIGNED:
                yield told

    async def _all(self, agency: str) -> AsyncIterator[InboxItem]:
        after: str | None = None
        while True:
            page = await self._store.inbox(agency, after=after, limit=_PAGE)
            for item in page:
                yield item
            if len(page) < _PAGE:
                return
            after = page[-1].delivery.id

    async def find(self, caller: Caller, reference: str) -> InboxItem:
        """The caller's own delivery, by its id or its document's; NOT_FOUND also for other agencies' deliveries."""
        agency = caller.require_agency()
        item = await self._store.inbox_item(reference)
        if item is None:
            document = await self._store.document(reference)
            rows = [] if document is None else await self._store.deliveries(document.id)
            own = next((row for row in rows if row.recipient == agency), None)
            if document is not None and own is not None:
                item = InboxItem(delivery=own, document=document)
        if item is None or item.delivery.recipient != agency:
            raise Refusal(Code.NOT_FOUND, field="delivery_id", detail=reference)
        return item

    async def notices(self, caller: Caller, *, after: str | None, limit: int) -> list[NoticeRow]:
        """What the caller has to hear of documents it received or was to receive; never their bytes."""
        return await self._store.notices(caller.require_agency(), after=after, limit=limit)

    async def see_notice(self, caller: Caller, reference: str) -> InboxItem:
        """The caller has seen how this delivery ended: `notices` has it no more. A repeat changes nothing."""
        item = await self.find(caller, reference)
        await self._store.see_notices(item.delivery.id, self._clock())
        return item

    async def fetch(
        self, caller: Caller, reference: str, *, offset: int
    ) -> tuple[InboxItem, AsyncIterator[bytes]]:
        """The document's exact bytes from `offset`. Raises what `_check_readable` does, ARGUMENT_INVALID."""
        item = await self.find(caller, reference)
        await self._check_readable(item)
        if not 0 <= offset <= item.document.size:
            raise Refusal(Code.ARGUMENT_INVALID, field="offset", detail=f"0 to {item.document.size}")
        return item, await self._payloads.stream(item.document.sha256, offset=offset)

    async def _check_readable(self, item: InboxItem) -> None:
        """STATE_ILLEGAL before it arrived; what ended it afterwards has a code of its own."""
        row = item.delivery
        for asked in await self._store.requests(item.document.id):
            if asked.delivery_id == row.id and asked.state is RequestState.SUPERSEDED:
                detail = f"{asked.package_id}: {asked.reason or '-'}"
                raise Refusal(Code.DOCUMENT_SUPERSEDED, field=_FIELD, detail=detail)
            if asked.delivery_id == row.id and (asked.kind, asked.state) == _TAKEN_BACK:
                raise Refusal(Code.DOCUMENT_RECALLED, field=_FIELD, detail=asked.reason or "-")
        if row.state is DeliveryState.WITHDRAWN:
            raise Refusal(Code.DOCUMENT_RECALLED, field=_FIELD, detail=row.error_detail or "-")
        if row.state is DeliveryState.EXPIRED:
            raise Refusal(Code.DEADLINE_PASSED, field=_FIELD, detail=row.error_detail)
        if row.state not in _READABLE:
            reason = f": {row.error_detail}" if row.error_detail else ""
            raise Refusal(Code.STATE_ILLEGAL, field=_FIELD, detail=f"{row.state}{reason}")

    async def acknowledge(self, caller: Caller, reference: str, evidence: bytes) -> DeliveryRow:
        """End a delivery with the recipient's own signed ContentHandover. Repeating it changes nothing."""
        item = await self.find(caller, reference)
        if item.delivery.state is DeliveryState.HANDED_OVER:
            return item.delivery
        await self._check_readable(item)
        handover, _ = await self._verification.run(
            lambda now: self._verify_handover(now, item.delivery.recipient, evidence)
        )
        expected = (item.document.id, item.document.sha256, item.delivery.recipient)
        if (handover.document_id, handover.document_sha256, handover.recipient) != expected:
            raise Refusal(
                Code.ARGUMENT_INVALID, field="content_handover", detail="it is for another document or agency"
            )
        row = await self._store.hand_over(item.delivery.id, evidence, self._clock())
        await tell(self._broker, item.document, [row])
        return row

    def _verify_handover(self, now: Snapshot, recipient: str, evidence: bytes) -> ContentHandover:
        kind = EvidenceKind.CONTENT_HANDOVER
        verified = verify_record(
            evidence, trust=now.trusts.agencies, at=self._clock(), root=records.root_name(kind)
        )
        binding = now.bindings.get(verified.signer.sha256)
        if binding is None or binding.agency != recipient:
            raise Refusal(Code.SIGNER_NOT_SENDER, field="content_handover", detail=recipient)
        if binding.revoked_at is not None:
            raise Refusal(Code.CERTIFICATE_REVOKED, field="content_handover", detail=recipient)
        record = records.read(verified.root)
        if not isinstance(record, ContentHandover):
            raise Refusal(Code.SCHEMA_INVALID, field="content_handover")
        return record
