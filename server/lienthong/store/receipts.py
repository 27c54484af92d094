"""Which deliveries are over their deadline, which were not received within the day, and the sums of it by agency."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, case, func, select

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.errors import Code, Refusal
from lienthong.hub.receipt_port import FigureRow, OverdueKind, OverdueQuery
from lienthong.hub.rows import InboxItem
from lienthong.store import rows, tables
from lienthong.store.deliveries import inbox_item

docs = tables.documents
ways = tables.deliveries

_ITEM = (
    select(*[c.label(f"way_{c.name}") for c in rows.DELIVERY], *rows.DOCUMENT)
    .select_from(ways.join(docs, docs.c.id == ways.c.document_id))
)  # fmt: skip


def expired(connection: Connection, at: datetime, limit: int) -> list[InboxItem]:
    """Deliveries that have not ended though their deadline is over."""
    query = (
        _ITEM.where(tables.unended, ways.c.expires_at <= at)
        .order_by(ways.c.expires_at, ways.c.id)
        .limit(limit)
    )
    return [inbox_item(row) for row in connection.execute(query)]


def overdue(connection: Connection, asked: OverdueQuery) -> list[InboxItem]:
    """Late or un-fetched documents, those first that were due first.

    Each list is read off an index that holds only what may be on it: of a recipient and of a sender its own late
    deliveries, of operators all late ones. What was received in time costs nothing.
    """
    if asked.kind is OverdueKind.LATE:
        query = _ITEM.where(tables.unreceived, ways.c.receipt_due_at <= asked.at)
    else:  # by state: the inboxes empty themselves, while those that were late once stay late for ever
        query = _ITEM.where(tables.with_duty, ways.c.state == DeliveryState.CONSIGNED)
    if asked.since is not None:
        query = query.where(ways.c.receipt_due_at >= asked.since)
    if asked.sender is not None:
        query = query.where(ways.c.sender == asked.sender)
    if asked.recipient is not None:
        query = query.where(ways.c.recipient == asked.recipient)
    if asked.after is not None:
        place = select(ways.c.receipt_due_at).where(ways.c.id == asked.after)
        due = connection.execute(place).scalar()
        if due is None:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a delivery of such a list")
        last = sa.tuple_(sa.literal(due, tables.Instant), sa.literal(asked.after, sa.Text))
        query = query.where(sa.tuple_(ways.c.receipt_due_at, ways.c.id) > last)
    query = query.order_by(ways.c.receipt_due_at, ways.c.id).limit(asked.limit)
    return [inbox_item(row) for row in connection.execute(query)]


def figures(connection: Connection, since: datetime, until: datetime, at: datetime) -> list[FigureRow]:
    """What each agency received, and how, by the day it counts for; and what it sent."""
    found = {row.agency: row for row in _received(connection, since, until, at)}
    query = (
        select(docs.c.sender, func.count().label("sent"))
        .where(
            docs.c.accepted_at >= since,
            docs.c.accepted_at < until,
            docs.c.kind == PackageKind.DOCUMENT.value,
        )
        .group_by(docs.c.sender)
    )
    for row in connection.execute(query):
        known = found.get(row.sender) or _nothing(row.sender)
        found[row.sender] = replace(known, sent=row.sent)
    return [found[agency] for agency in sorted(found)]


def _received(connection: Connection, since: datetime, until: datetime, at: datetime) -> list[FigureRow]:
    received = ways.c.handed_over_at.is_not(None)
    open_ = ways.c.state.in_([DeliveryState.CONSIGNED, DeliveryState.EXPIRED])
    due = ways.c.receipt_due_at
    waiting = sa.and_(ways.c.state == DeliveryState.CONSIGNED, due > at)
    late = sa.or_(ways.c.handed_over_at > due, sa.and_(open_, sa.not_(waiting)))
    query = (
        select(
            ways.c.recipient,
            func.count().label("received"),
            _count(sa.and_(received, ways.c.handed_over_at <= due)).label("on_time"),
            _count(late).label("late"),
            _count(waiting).label("waiting"),
        )
        # a day's duty is due at the midnight that ends it: the first moment of `since` belongs to the day before
        .where(due > since, due <= until)
        .group_by(ways.c.recipient)
    )
    return [
        FigureRow(
            agency=row.recipient,
            sent=0,
            received=row.received,
            on_time=row.on_time,
            late=row.late,
            waiting=row.waiting,
            withdrawn=row.received - row.on_time - row.late - row.waiting,
        )
        for row in connection.execute(query)
    ]


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _nothing(agency: str) -> FigureRow:
    return FigureRow(agency=agency, sent=0, received=0, on_time=0, late=0, waiting=0, withdrawn=0)
