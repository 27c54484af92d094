"""What becomes of deliveries whose agency closed on the way, and which lists of recipients are kept."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, update

from lienthong.domain.delivery import UNDELIVERED, DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.rows import DeliveryRow, EventRow, EvidenceRow, NewDelivery
from lienthong.store import deliveries, events, rows, tables
from lienthong.store.database import insert_once

docs = tables.documents
ways = tables.deliveries
table = tables.recipient_groups

_CODES = 500  # bound values of one statement
_STATES = sorted(UNDELIVERED | {DeliveryState.CONSIGNED})


def unfinished_for(connection: Connection, recipients: Sequence[str], *, limit: int) -> list[DeliveryRow]:
    """On their way to one of these agencies or in its inbox, by (recipient, document)."""
    found: list[DeliveryRow] = []
    for start in range(0, len(recipients), _CODES):
        query = (
            select(*rows.DELIVERY)
            .where(ways.c.recipient.in_(recipients[start : start + _CODES]), ways.c.state.in_(_STATES))
            .order_by(ways.c.recipient, ways.c.document_id)
            .limit(limit - len(found))
        )
        found.extend(rows.delivery(row) for row in connection.execute(query))
        if len(found) >= limit:
            break
    return found


def forward(
    connection: Connection,
    ended: DeliveryRow,
    successor: NewDelivery,
    *,
    acceptance: bytes,
    failure: EvidenceRow,
    event: EventRow,
) -> bool:
    """End one delivery and begin the other in its place."""
    moved = deliveries.move(
        connection,
        ended.document_id,
        [ended.recipient],
        DeliveryState.REFUSED,
        event=event,
        error=Code.RECIPIENT_CLOSED,
        error_detail=f"{ended.recipient} → {successor.recipient}",
        evidence=[failure],
        unchanged=[ended],
    )
    if not moved:
        return False
    of = ways.c.document_id == ended.document_id
    former = connection.execute(select(ways).where(of, ways.c.recipient == ended.recipient)).one()
    last = connection.execute(select(ways.c.position).where(of).order_by(ways.c.position.desc())).scalar()
    values = former._asdict() | {
        "id": successor.id,
        "position": (last or 0) + 1,
        "recipient": successor.recipient,
        "state": successor.state,
        "error": None,
        "error_detail": None,
        "status": None,
        "status_at": None,
        "receipt_due_at": None,
        "consigned_at": None,
        "updated_at": event.at,
    }
    node = select(docs.c.first_node).where(docs.c.id == ended.document_id)
    values["node"] = connection.execute(node).scalar_one()
    if insert_once(connection, ways, values, "document_id", "recipient"):
        kind = EvidenceKind.SUBMISSION_ACCEPTANCE
        to = successor.recipient
        deliveries.keep_evidence(connection, ended.document_id, kind, to, event.at, acceptance)
        connection.execute(update(docs).where(docs.c.id == ended.document_id).values(published_at=None))
    return True


def groups(connection: Connection, owners: Sequence[str]) -> list[GroupRow]:
    """The groups of these owners, by (owner, name)."""
    query = select(table).where(table.c.owner.in_(owners)).order_by(table.c.owner, table.c.name)
    return [GroupRow(**row._asdict() | {"members": tuple(row.members)}) for row in connection.execute(query)]


def put_group(connection: Connection, group: GroupRow, *, event: EventRow) -> None:
    """Add or replace one."""
    _remove(connection, group.owner, group.name)
    values = {column.name: getattr(group, column.name) for column in table.c}
    connection.execute(insert(table).values(values | {"members": list(group.members)}))
    events.append(connection, event)


def delete_group(connection: Connection, owner: str, name: str, *, event: EventRow) -> bool:
    """Whether there was one."""
    removed = _remove(connection, owner, name)
    if removed:
        events.append(connection, event)
    return removed


def _remove(connection: Connection, owner: str, name: str) -> bool:
    found = connection.execute(delete(table).where(table.c.owner == owner, table.c.name == name))
    return found.rowcount > 0
