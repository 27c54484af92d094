"""What waits for an operator: queries of quarantine and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, LargeBinary, literal, select, update

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import EventRow, HeldKind, HeldRow
from lienthong.store import deliveries, events, rows, tables
from lienthong.store.database import insert_once

table = tables.held

#: where the deliveries of a held message stand, and what the log calls it
STATES = {HeldKind.QUARANTINE: DeliveryState.QUARANTINED, HeldKind.DEAD_LETTER: DeliveryState.DEAD}
EVENTS = {HeldKind.QUARANTINE: "held.quarantined", HeldKind.DEAD_LETTER: "held.dead_lettered"}


_WITHOUT_BYTES = [
    literal(b"", LargeBinary).label(column.name) if column is table.c.message else column
    for column in table.c
]


def hold(connection: Connection, held: HeldRow, *, recipients: Sequence[str]) -> HeldRow:
    """Keep the message once while unresolved, and move the deliveries where legal."""
    values = _values(held)
    if not insert_once(connection, table, values):
        return _earlier(connection, values)
    moved: list[str] = []
    if held.document_id is not None and recipients:
        moved = deliveries.shift(
            connection,
            held.document_id,
            recipients,
            STATES[held.kind],
            held.at,
            error=held.code,
            error_detail=held.detail,
        )
    event = EventRow(
        at=held.at,
        actor=held.node,
        kind=EVENTS[held.kind],
        document_id=values["document_id"],
        subject=held.id,
        detail={"code": held.code, "node": held.node, "lane": held.lane, "recipients": moved},
    )
    events.append(connection, event)
    return HeldRow(**{name: value for name, value in values.items() if name != "message_sha256"})


def _values(held: HeldRow) -> dict[str, Any]:
    names = [c.name for c in table.c if c.name != "message_sha256"]
    values: dict[str, Any] = {name: getattr(held, name) for name in names}
    for name in ("document_id", "detail"):  # as the database will give them back
        values[name] = None if values[name] is None else tables.storable(values[name])
    return values | {"message_sha256": sha256_hex(held.message)}


def _earlier(connection: Connection, values: dict[str, Any]) -> HeldRow:
    same = [table.c[name] == values[name] for name in ("kind", "node", "message_sha256")]
    row = connection.execute(select(table).where(*same, tables.unresolved)).one()
    return rows.held(row)


def held(
    connection: Connection, kind: HeldKind, *, include_resolved: bool = False, limit: int = 100
) -> list[HeldRow]:
    """Newest first, without their bytes."""
    newest = (table.c.at.desc(), table.c.id.desc())
    query = select(*_WITHOUT_BYTES).where(table.c.kind == kind).order_by(*newest).limit(limit)
    if not include_resolved:
        query = query.where(tables.unresolved)
    return [rows.held(row) for row in connection.execute(query)]


def held_one(connection: Connection, held_id: str) -> HeldRow | None:
    """One, by its id."""
    row = connection.execute(select(table).where(table.c.id == held_id)).first()
    return None if row is None else rows.held(row)


def resolve(
    connection: Connection, held_id: str, resolution: str, reason: str, by: str, at: datetime
) -> HeldRow:
    """Close a held message, once."""
    closed = {"resolved_at": at, "resolution": resolution, "reason": reason, "resolved_by": by}
    changed = connection.execute(update(table).where(table.c.id == held_id, tables.unresolved).values(closed))
    row = held_one(connection, held_id)
    if row is None:
        raise Refusal(Code.NOT_FOUND, field="held_id")
    if not changed.rowcount:
        raise Refusal(Code.STATE_ILLEGAL, field="resolution", detail=f"{row.resolution} already")
    event = EventRow(
        at=at,
        actor=by,
        kind=f"held.{resolution}",
        document_id=row.document_id,
        subject=held_id,
        detail={"reason": reason},
    )
    events.append(connection, event)
    return row
