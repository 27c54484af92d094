"""Which nodes a document has passed: hop records, and what a hop does to the deliveries it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import Consignment, EventRow, HopRow
from lienthong.store import deliveries, events, rows, tables
from lienthong.store.database import insert_once

table = tables.hops

_DOCUMENT = select(tables.documents.c.id).where(tables.documents.c.id == bindparam("id"))


def hops(connection: Connection, document_id: str) -> list[HopRow]:
    """Ordered by (sequence, node), records of the same hop in the order they were made."""
    query = (
        select(*rows.HOP)
        .where(table.c.document_id == document_id)
        .order_by(table.c.sequence, table.c.node, table.c.previous_digest, table.c.revision)
    )
    return [rows.hop(row) for row in connection.execute(query)]


def record_hop(
    connection: Connection, hop: HopRow, *, recipients: Sequence[str], consignment: Consignment | None
) -> HopRow:
    """Write the hop once, move its recipients on, put the document into the inbox of `consignment`."""
    if connection.execute(_DOCUMENT, {"id": hop.document_id}).first() is None:
        raise Refusal(Code.NOT_FOUND, field="document_id")
    new = insert_once(
        connection, table, rows.hop_values(hop), "document_id", "node", "previous_digest", "revision"
    )
    if consignment is not None:
        _consign(connection, hop, consignment)
    # an earlier hop that comes again must not pull the deliveries back to its node
    place: dict[str, Any] = {"node": hop.node} if new else {}
    moved = deliveries.shift(
        connection, hop.document_id, recipients, DeliveryState.IN_TRANSIT, hop.received_at, **place
    )
    if not new:
        if moved:
            _log(connection, hop, "delivery.resumed", {"recipients": moved})
        return _stored(connection, hop)
    _advance(connection, hop, set(recipients) - set(moved))
    _log(
        connection,
        hop,
        "hop.recorded",
        {"sequence": hop.sequence, "verdict": hop.verdict, "digest": hop.digest, "moved": moved},
    )
    return hop


def _consign(connection: Connection, hop: HopRow, consignment: Consignment) -> None:
    recipient, at = consignment.recipient, consignment.at
    placed: dict[str, Any] = {
        "consigned_at": at,
        "receipt_due_at": consignment.receipt_due_at,
        "node": hop.node,
    }
    if deliveries.shift(connection, hop.document_id, [recipient], DeliveryState.CONSIGNED, at, **placed):
        kind = EvidenceKind.CONTENT_CONSIGNMENT
        deliveries.keep_evidence(connection, hop.document_id, kind, recipient, at, consignment.evidence)
        event = EventRow(
            at=at, actor=hop.node, kind="delivery.consigned", document_id=hop.document_id, subject=recipient
        )
        events.append(connection, event)


def _advance(connection: Connection, hop: HopRow, recipients: set[str]) -> None:
    """Deliveries that were in transit already now wait behind this node."""
    if recipients:
        ways = tables.deliveries
        connection.execute(
            update(ways)
            .where(
                ways.c.document_id == hop.document_id,
                ways.c.recipient.in_(sorted(recipients)),
                ways.c.state == DeliveryState.IN_TRANSIT,
            )
            .values(node=hop.node, updated_at=hop.received_at)
        )


def replace_hop(connection: Connection, hop: HopRow) -> HopRow:
    """Make another record of a hop and log which one it replaces; the former stays, for copies sent on it."""
    former = connection.execute(_newest(hop)).first()
    if former is None:
        raise Refusal(Code.NOT_FOUND, field="node")
    if former.digest != hop.digest:
        connection.execute(insert(table).values(rows.hop_values(hop) | {"revision": former.revision + 1}))
        _log(
            connection,
            hop,
            "hop.replaced",
            {"sequence": hop.sequence, "digest": hop.digest, "replaced": former.digest},
        )
    return hop


def _stored(connection: Connection, hop: HopRow) -> HopRow:
    return rows.hop(connection.execute(_newest(hop, *rows.HOP)).one())


def _newest(hop: HopRow, *columns: ColumnElement[Any]) -> Select[Any]:
    """The newest record of this hop."""
    return (
        select(*(columns or (table.c.digest, table.c.revision)))
        .where(
            table.c.document_id == hop.document_id,
            table.c.node == hop.node,
            table.c.previous_digest == hop.previous_digest,
        )
        .order_by(table.c.revision.desc())
        .limit(1)
    )


def _log(connection: Connection, hop: HopRow, kind: str, detail: dict[str, object]) -> None:
    event = EventRow(
        at=hop.received_at,
        actor=hop.node,
        kind=kind,
        document_id=hop.document_id,
        subject=hop.node,
        detail=detail,
    )
    events.append(connection, event)
