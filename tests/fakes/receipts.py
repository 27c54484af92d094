"""Stands in for `lienthong.hub.receipts.Receipts`: answers what it is given, and remembers what it was asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Caller
from lienthong.hub.receipt_port import FigureRow, OverdueKind
from lienthong.hub.rows import InboxItem
from tests.fakes.hub_rows import NOW, SENDER, delivery_row, document_row

DUE = NOW + timedelta(hours=9)


class FakeReceipts:
    """`items` late documents, one line of figures."""

    def __init__(self, recipient: str, items: int = 1) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self._recipient = recipient
        self._ids = [f"delivery-{number}" for number in range(items)]

    async def overdue(self, caller: Caller, kind: OverdueKind, **conditions: Any) -> list[InboxItem]:
        self.asked.append((caller.actor, kind, conditions))
        after = conditions["after"]
        if after is not None and after not in self._ids:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a delivery of such a list")
        first = 0 if after is None else self._ids.index(after) + 1
        return [self._item(each) for each in self._ids[first : first + conditions["limit"]]]

    def _item(self, delivery_id: str) -> InboxItem:
        state = DeliveryState.CONSIGNED
        row = delivery_row(id=delivery_id, document_id="d1", recipient=self._recipient, state=state)
        return InboxItem(
            delivery=replace(row, receipt_due_at=DUE, expires_at=DUE),
            document=document_row(id="d1", sender=SENDER),
        )

    async def figures(self, caller: Caller, month: date) -> list[FigureRow]:
        self.asked.append((caller.actor, month))
        return [
            FigureRow(agency=self._recipient, sent=1, received=10, on_time=6, late=2, waiting=1, withdrawn=1)
        ]
