"""How senders and recipients hear of changes as they happen, and go on where they stopped.

The store holds every change in order; notifications only wake the watchers, so a lost one costs a few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from lienthong.hub.identity import Caller
from lienthong.hub.ports import Broker, Notification, Store
from lienthong.hub.rows import DeliveryRow, DocumentRow
from lienthong.hub.status_port import ChangeRow

_PAGE = 200
_TELLING = frozenset({"consigned", "changed"})


async def tell(broker: Broker, document: DocumentRow, deliveries: Iterable[DeliveryRow]) -> None:
    """Notify every hub that these deliveries changed. Best effort."""
    for delivery in deliveries:
        await broker.notify(
            {
                "kind": "changed",
                "document_id": document.id,
                "delivery_id": delivery.id,
                "sender": document.sender,
                "recipient": delivery.recipient,
            }
        )


class Changes:
    """The watchers of this process."""

    def __init__(self, store: Store, *, poll_every: float = 5.0) -> None:
        self._store = store
        self._poll_every = poll_every  # seconds
        self._watchers: dict[str, set[asyncio.Event]] = {}

    async def notified(self, notification: Notification) -> None:
        """Wake those who sent or receive what the notification is about."""
        if notification.get("kind") in _TELLING:
            for side in ("sender", "recipient"):
                for news in self._watchers.get(notification.get(side, ""), ()):
                    news.set()

    async def watch(
        self, caller: Caller, *, after: str | None
    ) -> AsyncIterator[tuple[str, ChangeRow | None]]:
        """(where to go on from, change): first the place alone, then each change; ends when the caller goes away.

        `after`: the place of an earlier answer; None: only what comes from now on.
        """
        agency = caller.require_agency()
        news = asyncio.Event()
        self._watchers.setdefault(agency, set()).add(news)
        try:
            if after is None:
                after = await self._store.newest_change(agency)
            page = await self._store.changes(agency, after=after, limit=_PAGE)  # refuses a place that is none
            yield after, None
            while True:
                for change in page:
                    after = change.id
                    yield after, change
                if len(page) < _PAGE:
                    await self._wait(news)
                page = await self._store.changes(agency, after=after, limit=_PAGE)
        finally:
            self._watchers[agency].discard(news)
            if not self._watchers[agency]:
                del self._watchers[agency]

    async def _wait(self, news: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(news.wait(), self._poll_every)
        except TimeoutError:
            return
        news.clear()
