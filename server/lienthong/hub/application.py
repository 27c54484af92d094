"""What agencies can ask of the hub: the one object the gRPC services call. Each answer lives in its own file."""

from __future__ import annotations

from collections.abc import AsyncIterator

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.accept import Acceptance, Submission
from lienthong.hub.changes import Changes
from lienthong.hub.check import Checked
from lienthong.hub.identity import Caller
from lienthong.hub.inbox import Inbox
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Store
from lienthong.hub.receipts import Receipts
from lienthong.hub.register import Register
from lienthong.hub.rows import DeliveryRow, DocumentRow, InboxItem
from lienthong.hub.status_port import ChangeRow, NoticeRow
from lienthong.hub.tracking import EvidenceItem, Tracker, Tracking

__all__ = ["Hub", "Submission", "Tracking"]


class Hub:
    """The application as its callers see it. Every method raises `Refusal` or `HubFault`, nothing else on purpose."""

    def __init__(
        self,
        *,
        store: Store,
        knowledge: Knowledge,
        acceptance: Acceptance,
        inbox: Inbox,
        changes: Changes,
        receipts: Receipts,
        register: Register,
        max_package: int,
    ) -> None:
        self._store = store
        self._knowledge = knowledge
        self._acceptance = acceptance
        self._checker = acceptance.checker
        self.receipts = receipts  #: who is late
        self.content = acceptance.content  #: files that travel beside their package
        self.register = register  #: the directory as a whole, groups of recipients
        self._inbox = inbox
        self._changes = changes
        self._tracker = Tracker(store)
        self.max_package = max_package  #: bytes

    def warm_up(self) -> None:
        """Load what the first document would otherwise wait for."""
        self._acceptance.warm_up()

    @property
    def directory(self) -> Directory:
        """The directory as this hub knows it now."""
        return self._knowledge.now.directory

    async def identify(self, certificate_der: bytes) -> Caller:
        """The caller behind a TLS certificate, looked up by its fingerprint; asks the store before it says no."""
        fingerprint = sha256_hex(certificate_der)
        try:
            return self._knowledge.now.identify(fingerprint)
        except Refusal:
            if not await self._knowledge.refresh():
                raise
        return self._knowledge.now.identify(fingerprint)

    async def submit(self, caller: Caller, data: bytes) -> Submission:
        """See `hub/accept.py`."""
        return await self._acceptance.submit(caller, data)

    async def check(self, caller: Caller, data: bytes) -> Checked:
        """See `hub/check.py`."""
        return await self._checker.check(caller, data)

    async def inbox(self, caller: Caller, *, after: str | None, limit: int) -> list[InboxItem]:
        """See `Inbox.waiting`."""
        return await self._inbox.waiting(caller, after=after, limit=limit)

    async def notices(self, caller: Caller, *, after: str | None, limit: int) -> list[NoticeRow]:
        """See `Inbox.notices`."""
        return await self._inbox.notices(caller, after=after, limit=limit)

    async def see_notice(self, caller: Caller, reference: str) -> InboxItem:
        """See `Inbox.see_notice`."""
        return await self._inbox.see_notice(caller, reference)

    def watch_inbox(self, caller: Caller, *, only_new: bool) -> AsyncIterator[InboxItem]:
        """See `Inbox.watch`."""
        return self._inbox.watch(caller, only_new=only_new)

    async def fetch(
        self, caller: Caller, reference: str, *, offset: int
    ) -> tuple[InboxItem, AsyncIterator[bytes]]:
        """See `Inbox.fetch`."""
        return await self._inbox.fetch(caller, reference, offset=offset)

    async def acknowledge(self, caller: Caller, reference: str, evidence: bytes) -> DeliveryRow:
        """See `Inbox.acknowledge`."""
        return await self._inbox.acknowledge(caller, reference, evidence)

    async def track(self, caller: Caller, reference: str) -> Tracking:
        """See `Tracker.track`."""
        return await self._tracker.track(caller, reference)

    async def evidence(self, caller: Caller, reference: str) -> tuple[DocumentRow, list[EvidenceItem]]:
        """See `Tracker.evidence`."""
        return await self._tracker.evidence(caller, reference)

    def watch_changes(
        self, caller: Caller, *, after: str | None
    ) -> AsyncIterator[tuple[str, ChangeRow | None]]:
        """See `Changes.watch`."""
        return self._changes.watch(caller, after=after)

    async def search_agencies(self, text: str, *, limit: int) -> list[Agency]:
        """By code or words of the name, diacritics ignored; as they stand today."""
        today = self.directory.agencies
        return [today.get(a.code, a) for a in await self._store.search_agencies(text, limit=limit)]

    async def agency(self, code: str) -> Agency:
        """By any of its codes; NOT_FOUND."""
        found = self.directory.find(code)
        if found is None:
            raise Refusal(Code.NOT_FOUND, field="code", detail=code)
        return found
