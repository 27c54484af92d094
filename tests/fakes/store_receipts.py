"""The part of the fake store about deadlines and the duty to receive within the day: see tests/fakes/store.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lienthong.domain.delivery import FINAL, DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.errors import Code, Refusal
from lienthong.hub.receipt_port import FigureRow, OverdueKind, OverdueQuery
from lienthong.hub.rows import DeliveryRow, InboxItem
from tests.fakes.failing import may_fail
from tests.fakes.store_status import FakeStatusStore


class FakeReceiptStore(FakeStatusStore):
    """The `ReceiptStore` port."""

    def _items(self) -> Iterator[InboxItem]:
        for known in self._documents.values():
            for delivery in known.deliveries.values():
                yield InboxItem(delivery=delivery, document=known.row)

    @may_fail
    async def expired(self, at: datetime, limit: int) -> list[InboxItem]:
        found = [
            ((item.delivery.expires_at, item.delivery.id), item)
            for item in self._items()
            if item.delivery.state not in FINAL
            and item.delivery.expires_at is not None
            and item.delivery.expires_at <= at
        ]
        return [item for _, item in sorted(found, key=lambda entry: entry[0])][:limit]

    @may_fail
    async def overdue(self, query: OverdueQuery) -> list[InboxItem]:
        found = []
        place = None
        for item in self._items():
            due = item.delivery.receipt_due_at
            if due is None:
                continue
            if item.delivery.id == query.after:
                place = (due, item.delivery.id)
            if _belongs(item, due, query):
                found.append(((due, item.delivery.id), item))
        if query.after is not None and place is None:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a delivery of such a list")
        found.sort(key=lambda entry: entry[0])
        return [item for key, item in found if place is None or key > place][: query.limit]

    @may_fail
    async def figures(self, since: datetime, until: datetime, at: datetime) -> list[FigureRow]:
        sums: dict[str, dict[str, int]] = {}
        for item in self._items():
            due = item.delivery.receipt_due_at
            if due is not None and since < due <= until:
                own = sums.setdefault(item.delivery.recipient, {})
                for name in ("received", _outcome(item.delivery, due, at)):
                    own[name] = own.get(name, 0) + 1
        for known in self._documents.values():
            if known.row.kind is PackageKind.DOCUMENT and since <= known.row.accepted_at < until:
                own = sums.setdefault(known.row.sender, {})
                own["sent"] = own.get("sent", 0) + 1
        names = ("sent", "received", "on_time", "late", "waiting", "withdrawn")
        return [
            FigureRow(agency=agency, **{name: sums[agency].get(name, 0) for name in names})
            for agency in sorted(sums)
        ]


def _belongs(item: InboxItem, due: datetime, query: OverdueQuery) -> bool:
    row = item.delivery
    if query.kind is OverdueKind.UNFETCHED:
        wanted = row.state is DeliveryState.CONSIGNED
    else:
        wanted = due <= query.at and _outcome(row, due, query.at) == "late"
    return (
        wanted
        and (query.since is None or due >= query.since)
        and query.sender in (None, item.document.sender)
        and query.recipient in (None, row.recipient)
    )


def _outcome(row: DeliveryRow, due: datetime, at: datetime) -> str:
    if row.handed_over_at is not None:
        return "on_time" if row.handed_over_at <= due else "late"
    if row.state is DeliveryState.CONSIGNED:
        return "waiting" if due > at else "late"
    return "late" if row.state is DeliveryState.EXPIRED else "withdrawn"
