"""What was confirmed and does not arrive, and how often was it published again?

A document's own wait doubles with every publication that moved nothing, up to `2 ** DOUBLINGS` times the usual: one
that merely queues in a long backlog is not published over and over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection, func, select, update

from lienthong.hub.rows import DocumentRow
from lienthong.store import rows, tables
from lienthong.store.database import insert_once

docs = tables.documents
ways = tables.deliveries
again = tables.republications

DOUBLINGS = 6  #: of a document's wait, at most: 64 times the usual


def stalled(connection: Connection, at: datetime, wait: timedelta, limit: int) -> list[DocumentRow]:
    """Published documents with an undelivered delivery unchanged for `wait`, oldest change first.

    One that was published again n times without moving since must have waited 2^n times as long.
    """
    patient = [
        sa.and_(
            again.c.times >= times if times == DOUBLINGS else again.c.times == times,
            again.c.at < _before(at, wait * 2**times),
        )
        for times in range(1, DOUBLINGS + 1)
    ]
    since = func.min(ways.c.updated_at)
    waiting = (
        select(ways.c.document_id, since.label("since"))
        .join(docs, docs.c.id == ways.c.document_id)
        .outerjoin(again, again.c.document_id == ways.c.document_id)
        .where(
            tables.undelivered,
            ways.c.updated_at < _before(at, wait),
            docs.c.published_at.is_not(None),
            sa.or_(again.c.document_id.is_(None), ways.c.updated_at > again.c.at, *patient),
        )
        .group_by(ways.c.document_id)
        .order_by(since, ways.c.document_id)
        .limit(limit)
        .subquery("waiting")
    )
    query = (
        select(*rows.DOCUMENT)
        .join(waiting, waiting.c.document_id == docs.c.id)
        .order_by(waiting.c.since, waiting.c.document_id)
    )
    return [rows.document(row) for row in connection.execute(query)]


def touch(connection: Connection, document_id: str, at: datetime) -> None:
    """Note that the document was published again; its undelivered deliveries count as changed."""
    values = {"document_id": document_id, "times": 1, "at": at}
    if not insert_once(connection, again, values, "document_id"):
        moved = sa.exists().where(
            ways.c.document_id == again.c.document_id, tables.undelivered, ways.c.updated_at > again.c.at
        )
        times = sa.case((moved, 1), else_=again.c.times + 1)
        connection.execute(update(again).where(again.c.document_id == document_id).values(times=times, at=at))
    connection.execute(
        update(ways).where(ways.c.document_id == document_id, tables.undelivered).values(updated_at=at)
    )


def republished(connection: Connection, since: datetime) -> tuple[int, int]:
    """How many documents were published again since then, and how many of them have not moved a step."""
    still = (
        sa.exists()
        .where(ways.c.document_id == again.c.document_id, tables.undelivered, ways.c.updated_at <= again.c.at)
        .correlate(again)
    )
    unmoved = func.coalesce(func.sum(sa.case((still, 1), else_=0)), 0)
    query = select(func.count(), unmoved).select_from(again).where(again.c.at >= since)
    published, left = connection.execute(query).one()
    return int(published), int(left)


def _before(at: datetime, wait: timedelta) -> datetime:
    try:
        return at - wait
    except OverflowError:  # longer than there were years
        return datetime.min.replace(tzinfo=at.tzinfo)
