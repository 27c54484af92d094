"""What happened: queries of the append-only event log."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from lienthong.hub.rows import EventRow
from lienthong.store import rows, tables
from lienthong.store.prepared import Prepared

log = tables.events

_INSERT = Prepared(lambda _: insert(log), columns=("at", "actor", "kind", "document_id", "subject", "detail"))


def append(connection: Connection, event: EventRow) -> None:
    """Add one line."""
    _INSERT.run(
        connection,
        {
            "at": event.at,
            "actor": event.actor,
            "kind": event.kind,
            "document_id": event.document_id,
            "subject": event.subject,
            "detail": dict(event.detail),
        },
    )


def events(connection: Connection, *, document_id: str | None = None, limit: int = 100) -> list[EventRow]:
    """Oldest first for a document; the newest `limit`, newest first, without one."""
    query = select(log).limit(limit)
    if document_id is None:
        query = query.order_by(log.c.serial.desc())
    else:
        query = query.where(log.c.document_id == document_id).order_by(log.c.serial)
    return [rows.event(row) for row in connection.execute(query)]
