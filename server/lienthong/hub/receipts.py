"""Who is late? Lists and monthly figures, for agencies about their own documents and for operators about all."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from lienthong.domain.day import VIETNAM
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Caller
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Clock, Store
from lienthong.hub.receipt_port import FigureRow, OverdueKind, OverdueQuery
from lienthong.hub.rows import InboxItem


class Side(StrEnum):
    """Which side of a delivery an agency asks about."""

    SENDER = "sender"  #: what it sent
    RECIPIENT = "recipient"  #: what it received


class Receipts:
    """Reads the store for both sides and for operators."""

    def __init__(self, store: Store, knowledge: Knowledge, clock: Clock) -> None:
        self._store = store
        self._knowledge = knowledge
        self._clock = clock

    async def overdue(
        self,
        caller: Caller,
        kind: OverdueKind,
        *,
        side: Side = Side.RECIPIENT,
        sender: str | None = None,
        recipient: str | None = None,
        since: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[InboxItem]:
        """Late or un-fetched documents. `side` is what a calling agency is of them; operators see all.

        Agencies may be named by any of their codes; NOT_FOUND for one the directory does not know.
        """
        sender, recipient = self._canonical(sender, "sender"), self._canonical(recipient, "recipient")
        if caller.agency is not None:
            own = sender if side is Side.SENDER else recipient
            if own not in (None, caller.agency):
                raise Refusal(Code.NOT_PERMITTED, field=side, detail=own)
            sender = caller.agency if side is Side.SENDER else sender
            recipient = caller.agency if side is Side.RECIPIENT else recipient
        return await self._store.overdue(
            OverdueQuery(
                kind=kind,
                at=self._clock(),
                since=since,
                sender=sender,
                recipient=recipient,
                after=after,
                limit=limit,
            )
        )

    async def figures(self, caller: Caller, month: date) -> list[FigureRow]:
        """Of the month that `month` lies in, as things stand now: every agency's, or the calling agency's own."""
        until = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        found = await self._store.figures(_midnight(month.replace(day=1)), _midnight(until), self._clock())
        return [row for row in found if caller.agency in (None, row.agency)]

    def _canonical(self, code: str | None, field: str) -> str | None:
        if code is None:
            return None
        agency = self._knowledge.now.directory.find(code)
        if agency is None:
            raise Refusal(Code.NOT_FOUND, field=field, detail=code)
        return agency.code


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=VIETNAM)
