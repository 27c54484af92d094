"""Where each recipient's copy is: queries over deliveries and their moves.

Every move is an UPDATE whose WHERE names the states it may start from (domain/delivery.py), so two processes
that move the same delivery at once cannot both succeed, and an illegal move touches no row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, func, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from lienthong.domain.delivery import DeliveryState, sources
from lienthong.domain.document import Lane
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DeliveryRow, EventRow, EvidenceRow, InboxItem, Position
from lienthong.hub.status_port import ChangeKind
from lienthong.store import changes, events, rows, tables
from lienthong.store.database import insert_unless
from lienthong.store.naming import among, room, spread
from lienthong.store.prepared import Prepared

docs = tables.documents
ways = tables.deliveries

#: deliveries with their documents: see `inbox_item`
_ITEMS = select(*[c.label(f"way_{c.name}") for c in rows.DELIVERY], *rows.DOCUMENT).select_from(
    ways.join(docs, docs.c.id == ways.c.document_id)
)
_KEEP = Prepared(
    lambda name: insert_unless(name, tables.evidence, "document_id", "kind", "recipient"),
    columns=("document_id", "kind", "recipient", "at", "xml"),
)


def deliveries(connection: Connection, document_id: str) -> list[DeliveryRow]:
    """In the order the sender wrote the recipients."""
    query = select(*rows.DELIVERY).where(ways.c.document_id == document_id).order_by(ways.c.position)
    return [rows.delivery(row) for row in connection.execute(query)]


def delivery(connection: Connection, delivery_id: str) -> DeliveryRow | None:
    """One, by its id."""
    row = connection.execute(select(*rows.DELIVERY).where(ways.c.id == delivery_id)).first()
    return None if row is None else rows.delivery(row)


def item(connection: Connection, delivery_id: str) -> InboxItem | None:
    """One with its document, by its id."""
    row = connection.execute(_ITEMS.where(ways.c.id == delivery_id)).first()
    return None if row is None else inbox_item(row)


def shift(
    connection: Connection,
    document_id: str,
    recipients: Collection[str] | None,
    state: DeliveryState,
    at: datetime,
    unchanged: Sequence[DeliveryRow] | None = None,
    **values: datetime | str | None,
) -> list[str]:
    """Move deliveries (all with None) that may legally move to `state`; the recipients moved, in the sender's order."""
    if (recipients is not None and not recipients) or (unchanged is not None and not unchanged):
        return []
    changed: dict[str, Any] = {
        "state": state,
        "updated_at": at,
        "error": None,
        "error_detail": None,
    } | values
    named = sorted(set(recipients or ()))
    kind = (state, frozenset(changed), room(len(named)) if named else None)
    given = {f"new_{name}": value for name, value in changed.items()} | {"of": document_id}
    given |= spread(named) if named else {}
    if unchanged is None:
        found = _prepared_shift(*kind).run(connection, given)
    else:
        now = sa.tuple_(ways.c.recipient, ways.c.state, ways.c.updated_at)
        still = now.in_([(row.recipient, row.state, row.updated_at) for row in unchanged])
        found = connection.execute(_shift(*kind).where(still), given)
    moved = [recipient for _, recipient in sorted((row[0], row[1]) for row in found)]
    detail = changed["error_detail"]
    changes.note(connection, document_id, moved, kind=ChangeKind.STATE, value=state, detail=detail, at=at)
    return moved


@cache
def _prepared_shift(state: DeliveryState, changed: frozenset[str], size: int | None) -> Prepared:
    return Prepared(lambda _: _shift(state, changed, size))


@cache  # building a statement costs more than running it
def _shift(state: DeliveryState, changed: frozenset[str], size: int | None) -> ReturningUpdate[Any]:
    values = {name: sa.bindparam(f"new_{name}", type_=ways.c[name].type) for name in sorted(changed)}
    before = [sa.literal_column(f"'{source}'", sa.Text) for source in sorted(sources(state))]
    conditions = [
        ways.c.document_id == sa.bindparam("of"),
        ways.c.state.in_(before) if before else sa.false(),
    ]
    if size is not None:
        conditions.append(among(ways.c.recipient, size))
    return update(ways).where(*conditions).values(**values).returning(ways.c.position, ways.c.recipient)


def move(
    connection: Connection,
    document_id: str,
    recipients: Sequence[str] | None,
    state: DeliveryState,
    *,
    event: EventRow,
    error: Code | None = None,
    error_detail: str | None = None,
    evidence: Sequence[EvidenceRow] = (),
    unchanged: Sequence[DeliveryRow] | None = None,
) -> list[str]:
    """Move what may move; the event is logged, with the recipients moved, when at least one did."""
    changed = {"error": error, "error_detail": error_detail}
    moved = shift(connection, document_id, recipients, state, event.at, unchanged, **changed)
    for row in evidence:
        if row.recipient in moved:
            keep_evidence(connection, document_id, row.kind, row.recipient, row.at, row.xml)
    if moved:
        events.append(
            connection, replace(event, detail={**event.detail, "state": state, "recipients": moved})
        )
    return moved


def hand_over(connection: Connection, delivery_id: str, evidence: bytes, at: datetime) -> DeliveryRow:
    """CONSIGNED -> HANDED_OVER with the recipient's signed evidence; a repeat changes nothing."""
    target = DeliveryState.HANDED_OVER
    changed = {"state": target, "updated_at": at, "handed_over_at": at}
    condition = (ways.c.id == delivery_id, ways.c.state.in_(sorted(sources(target))))
    moved = connection.execute(update(ways).where(*condition).values(changed)).rowcount
    row = delivery(connection, delivery_id)
    if row is None:
        raise Refusal(Code.NOT_FOUND, field="delivery_id")
    if moved:
        kind = ChangeKind.STATE
        changes.note(
            connection, row.document_id, [row.recipient], kind=kind, value=target, detail=None, at=at
        )
        keep_evidence(connection, row.document_id, EvidenceKind.CONTENT_HANDOVER, row.recipient, at, evidence)
        event = EventRow(
            at=at,
            actor=row.recipient,
            kind="delivery.handed_over",
            document_id=row.document_id,
            subject=row.recipient,
        )
        events.append(connection, event)
    elif row.state is not target:
        raise Refusal(Code.STATE_ILLEGAL, field="state", detail=f"{row.state} -> {target}")
    return row


def keep_evidence(
    connection: Connection, document_id: str, kind: EvidenceKind, recipient: str, at: datetime, xml: bytes
) -> None:
    """Keep signed evidence of one delivery, once."""
    values = {"document_id": document_id, "kind": kind, "recipient": recipient, "at": at, "xml": xml}
    _KEEP.run(connection, values).close()


def inbox(connection: Connection, recipient: str, *, after: str | None, limit: int) -> list[InboxItem]:
    """CONSIGNED deliveries, oldest consignment first; `after` may meanwhile have left the inbox.

    The state is asked for by a subquery, so that PostgreSQL does not look it up in its statistics: of a store that is
    nearly all handed over they say that nothing is CONSIGNED, and it would read everybody's inbox and sort it.
    """
    consigned = select(sa.literal(DeliveryState.CONSIGNED, ways.c.state.type)).scalar_subquery()
    query = (
        _ITEMS.where(ways.c.recipient == recipient, ways.c.state == consigned)
        .order_by(ways.c.consigned_at, ways.c.id)
        .limit(limit)
    )
    if after is not None:
        place = select(ways.c.consigned_at).where(
            ways.c.id == after, ways.c.recipient == recipient, ways.c.consigned_at.is_not(None)
        )
        at = connection.execute(place).scalar()
        if at is None:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a delivery of this inbox")
        last = sa.tuple_(sa.literal(at, tables.Instant), sa.literal(after, sa.Text))
        query = query.where(sa.tuple_(ways.c.consigned_at, ways.c.id) > last)
    return [inbox_item(row) for row in connection.execute(query)]


def inbox_item(row: sa.Row[Any]) -> InboxItem:
    """From the columns `rows.DELIVERY`, then `rows.DOCUMENT`."""
    split = len(rows.DELIVERY)
    names = [c.name for c in rows.DELIVERY], [c.name for c in rows.DOCUMENT]
    delivery = dict(zip(names[0], row[:split], strict=True))
    document = dict(zip(names[1], row[split:], strict=True))
    return InboxItem(delivery=rows.delivery_of(delivery), document=rows.document_of(document))


def positions(connection: Connection) -> list[Position]:
    """Per node and lane where undelivered deliveries wait."""
    query = (
        select(
            ways.c.node,
            ways.c.lane,
            func.min(ways.c.accepted_at).label("oldest"),
            func.count(ways.c.document_id.distinct()).label("documents"),
        )
        .where(tables.undelivered)
        .group_by(ways.c.node, ways.c.lane)
        .order_by(ways.c.node, ways.c.lane)
    )
    return [
        Position(node=row.node, lane=Lane(row.lane), oldest=row.oldest, documents=row.documents)
        for row in connection.execute(query)
    ]
