"""Which nodes a document has passed: hop records, and what a hop does to the deliveries it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
    update,
)

from lienthong.domain.delivery import DeliveryState, sources
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.request import ENDED, RequestState
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import Consignment, EventRow, HopRow, Recorded
from lienthong.store import deliveries, events, rows, tables
from lienthong.store.database import insert_unless
from lienthong.store.naming import among, room, spread
from lienthong.store.prepared import Prepared

table = tables.hops

_MAY_START, _MAY_ARRIVE = sources(DeliveryState.IN_TRANSIT), sources(DeliveryState.CONSIGNED)

_INSERT = Prepared(
    lambda name: insert_unless(name, table, "document_id", "node", "previous_digest", "revision"),
    columns=[c.name for c in table.c],
)
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
) -> Recorded:
    """Write the hop once, move its recipients on, put the document into the inbox of `consignment`."""
    named = sorted(set(recipients))
    asked = {"of": hop.document_id, "asked": RequestState.PENDING} | spread(named)
    found = _found(room(len(named))).run(connection, asked).fetchall()
    if not found and connection.execute(_DOCUMENT, {"id": hop.document_id}).first() is None:
        raise Refusal(Code.NOT_FOUND, field="document_id")
    stopped = tuple(sorted(code for _, code, state, recalled in found if recalled or state in ENDED))
    if stopped:
        return Recorded(hop=None, stopped=stopped)
    states = {code: state for _, code, state, _ in found}
    new = _INSERT.run(connection, rows.hop_values(hop)).rowcount > 0
    waiting = None
    if consignment is not None:
        if states.get(consignment.recipient) in _MAY_ARRIVE:
            _consign(connection, hop, consignment)
            states[consignment.recipient] = DeliveryState.CONSIGNED
        if states.get(consignment.recipient) == DeliveryState.CONSIGNED:
            waiting = next(delivery for delivery, code, *_ in found if code == consignment.recipient)
    # an earlier hop that comes again must not pull the deliveries back to its node
    place: dict[str, Any] = {"node": hop.node} if new else {}
    starting = [code for code, state in states.items() if state in _MAY_START]
    to = DeliveryState.IN_TRANSIT
    moved = deliveries.shift(connection, hop.document_id, starting, to, hop.received_at, **place)
    if not new:
        if moved:
            _log(connection, hop, "delivery.resumed", {"recipients": moved})
        return Recorded(hop=_stored(connection, hop), waiting=waiting)
    _advance(connection, hop, [code for code, state in states.items() if state == to])
    _log(
        connection,
        hop,
        "hop.recorded",
        {"sequence": hop.sequence, "verdict": hop.verdict, "digest": hop.digest, "moved": moved},
    )
    return Recorded(hop=hop, waiting=waiting)


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


def _advance(connection: Connection, hop: HopRow, recipients: Sequence[str]) -> None:
    """Deliveries that were in transit already now wait behind this node."""
    if recipients:
        values = {"of": hop.document_id, "to": hop.node, "at": hop.received_at}
        _further(room(len(recipients))).run(connection, values | spread(recipients)).close()


@cache
def _found(size: int) -> Prepared:
    """id, recipient, state, recalled: the deliveries of some recipients, and whether a request about one is open."""
    ways, asked = tables.deliveries, tables.requests
    recalled = (
        exists()
        .where(
            asked.c.document_id == ways.c.document_id,
            asked.c.recipient == ways.c.recipient,
            asked.c.state == bindparam("asked"),
        )
        .label("recalled")
    )
    query = (
        select(ways.c.id, ways.c.recipient, ways.c.state, recalled)
        .where(ways.c.document_id == bindparam("of"), among(ways.c.recipient, size))
        .order_by(ways.c.position)
    )
    return Prepared(lambda _: query)


@cache
def _further(size: int) -> Prepared:
    ways = tables.deliveries
    statement = (
        update(ways)
        .where(
            ways.c.document_id == bindparam("of"),
            among(ways.c.recipient, size),
            ways.c.state == literal_column(f"'{DeliveryState.IN_TRANSIT}'", tables.Key),
        )
        .values(node=bindparam("to"), updated_at=bindparam("at", type_=ways.c.updated_at.type))
    )
    return Prepared(lambda _: statement)


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
