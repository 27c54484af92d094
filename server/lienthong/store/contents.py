"""Who has which external content, and which document names it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from lienthong.domain.delivery import DeliveryState
from lienthong.hub.content_port import DocumentContent
from lienthong.hub.rows import NewDocument
from lienthong.store import tables
from lienthong.store.database import insert_once

BATCH = 500  #: forgotten at once at most

named = tables.document_contents
holders = tables.content_holders

_HAD: tuple[str, ...] = (DeliveryState.CONSIGNED, DeliveryState.HANDED_OVER)


def name(connection: Connection, document: NewDocument) -> None:
    """What an accepted document names, within its acceptance."""
    if document.contents:
        values = [
            {
                "document_id": document.id,
                "position": position,
                "content_id": content.content_id,
                "name": content.name,
                "sha256": content.sha256,
                "size": content.size,
                "media_type": content.media_type,
            }
            for position, content in enumerate(document.contents)
        ]
        connection.execute(insert(named), values)


def contents(connection: Connection, document_id: str) -> list[DocumentContent]:
    """In the order of the manifest."""
    columns = (named.c.content_id, named.c.name, named.c.sha256, named.c.size, named.c.media_type)
    query = select(*columns).where(named.c.document_id == document_id).order_by(named.c.position)
    return [DocumentContent(**row._asdict()) for row in connection.execute(query)]


def hold(connection: Connection, agency: str, sha256: str, size: int, at: datetime) -> None:
    """Once per agency and content; the time is that of the last upload."""
    values = {"sha256": sha256, "agency": agency, "size": size, "at": at}
    if not insert_once(connection, holders, values, "sha256", "agency"):
        own = (holders.c.sha256 == sha256, holders.c.agency == agency)
        connection.execute(update(holders).where(*own).values(at=at))


def claim(connection: Connection, agency: str, digests: Sequence[str], at: datetime) -> dict[str, int]:
    """Sizes of those the agency sent itself, whose time is renewed, or was sent."""
    own = (holders.c.agency == agency, holders.c.sha256.in_(digests))
    connection.execute(update(holders).where(*own).values(at=at))
    deliveries = tables.deliveries
    received = (
        select(named.c.sha256, named.c.size)
        .join(deliveries, deliveries.c.document_id == named.c.document_id)
        .where(named.c.sha256.in_(digests), deliveries.c.recipient == agency, deliveries.c.state.in_(_HAD))
    )
    sent = select(holders.c.sha256, holders.c.size).where(*own)
    return {row.sha256: row.size for query in (received, sent) for row in connection.execute(query)}


def unnamed(connection: Connection, agency: str) -> int:
    """Bytes the agency holds that no document names."""
    query = select(func.coalesce(func.sum(holders.c.size), 0)).where(
        holders.c.agency == agency,
        ~select(named.c.document_id).where(named.c.sha256 == holders.c.sha256).exists(),
    )
    return int(connection.execute(query).scalar_one())


def forget(connection: Connection, before: datetime) -> list[str]:
    """Content that no document names and nobody has sent or claimed since `before`."""
    other = holders.alias()
    query = (
        select(holders.c.sha256)
        .distinct()
        .where(
            holders.c.at < before,
            ~select(named.c.document_id).where(named.c.sha256 == holders.c.sha256).exists(),
            ~select(other.c.agency).where(other.c.sha256 == holders.c.sha256, other.c.at >= before).exists(),
        )
        .limit(BATCH)
    )
    digests = list(connection.execute(query).scalars())
    if digests:
        connection.execute(delete(holders).where(holders.c.sha256.in_(digests)))
    return digests


def known(connection: Connection, sha256: str) -> bool:
    """Whether anybody holds it or a document names it."""
    for table in (holders, named):
        if connection.execute(select(table.c.sha256).where(table.c.sha256 == sha256).limit(1)).first():
            return True
    return False
