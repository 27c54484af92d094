"""What the hub needs of the store for deadlines and the duty to receive within the day: rows and the port."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lienthong.hub.rows import InboxItem


class OverdueKind(StrEnum):
    """Which deliveries of documents (not of statuses) a list has."""

    LATE = "late"  #: not received, or not received in time, though the day in which it is a duty is over
    UNFETCHED = "unfetched"  #: in the recipient's inbox, due or not


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueQuery:
    """Every given condition must hold."""

    kind: OverdueKind
    at: datetime  #: what is due later than this is not late
    since: datetime | None = None  #: due at this moment or later
    sender: str | None = None
    recipient: str | None = None
    after: str | None = None  #: the last delivery id of the page before
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """What one agency sent and received in a time. `received` is the sum of the four after it."""

    agency: str
    sent: int  #: documents accepted from it
    received: int  #: documents that came into its inbox; counted on the day they count for
    on_time: int  #: received within that day
    late: int  #: received after it, or not yet though it is over, or never
    waiting: int  #: not received, and the day is not over
    withdrawn: int  #: recalled (or refused) before the agency received them


class ReceiptStore(Protocol):
    """Deadlines and duties. `NewDelivery.expires_at` and `Consignment.receipt_due_at` say them once, for good."""

    async def expired(self, at: datetime, limit: int) -> list[InboxItem]:
        """Deliveries that have not ended though their deadline is `at` or earlier, the longest over first."""
        ...

    async def overdue(self, query: OverdueQuery) -> list[InboxItem]:
        """Those first that were due first. `Refusal` ARGUMENT_INVALID when `after` is no delivery with a duty."""
        ...

    async def figures(self, since: datetime, until: datetime, at: datetime) -> list[FigureRow]:
        """Of every agency that sent or received from `since` to before `until`, as things stand at `at`; by code."""
        ...
