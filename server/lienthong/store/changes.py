"""What changed of a delivery, in an order a watcher can go on from.

A change is written in the commit that makes it. On PostgreSQL, serials are given before commits happen, so a
reader could pass over a change whose transaction is still running: changes are therefore ordered by (transaction,
serial), and only those of transactions before the oldest one still running are read. SQLite has one writer.

A change's id holds a mark of the change itself: where another store stands in this one's place, made anew or brought
back from a copy, its numbers are given again, and an id of before is refused rather than taken for another change's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, func, insert, select

from lienthong.domain.document import PackageKind
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.status_port import ChangeKind, ChangeRow
from lienthong.store import rows, tables
from lienthong.store.naming import among, room, spread
from lienthong.store.prepared import Prepared

log = tables.changes
ways = tables.deliveries
docs = tables.documents

_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})\.([0-9a-f]{12})")
FIRST = "0.0"  #: the place before all changes


def note(
    connection: Connection,
    document_id: str,
    recipients: Sequence[str],
    *,
    kind: ChangeKind,
    value: str,
    detail: str | None,
    at: datetime,
) -> None:
    """Write one change for each of the document's `recipients`; nothing for a status package."""
    if not recipients:
        return
    values = {"at": at, "kind": kind, "value": value, "detail": detail, "of": document_id}
    _prepared_note(room(len(recipients))).run(connection, values | spread(recipients)).close()


@cache
def _prepared_note(size: int) -> Prepared:
    return Prepared(lambda dialect: _note(dialect, size))


def _note(dialect: str, size: int) -> sa.Insert:
    transaction = func.txid_current() if dialect == "postgresql" else sa.literal(0)
    concerned = (
        select(
            transaction,
            ways.c.document_id,
            ways.c.id,
            docs.c.sender,
            ways.c.recipient,
            sa.bindparam("at", type_=log.c.at.type),
            sa.bindparam("kind", type_=log.c.kind.type),
            sa.bindparam("value", type_=log.c.value.type),
            sa.bindparam("detail", type_=log.c.detail.type),
        )
        .select_from(ways.join(docs, docs.c.id == ways.c.document_id))
        .where(
            ways.c.document_id == sa.bindparam("of"),
            among(ways.c.recipient, size),
            docs.c.kind == PackageKind.DOCUMENT.value,
        )
        .order_by(ways.c.position)
    )
    return insert(log).from_select([c.name for c in log.c if c.name != "serial"], concerned)


def changes(connection: Connection, agency: str, *, after: str | None, limit: int) -> list[ChangeRow]:
    """What the agency sent or receives, after `after`, in order."""
    place = _place(connection, after)
    own = [
        select(log.c.serial)
        .where(side == agency, sa.tuple_(log.c.written_in, log.c.serial) > place, *_settled(connection))
        .order_by(log.c.written_in, log.c.serial)
        .limit(limit)
        for side in (log.c.sender, log.c.recipient)
    ]
    serials = sorted({serial for query in own for serial in connection.execute(query).scalars()})
    if not serials:
        return []
    query = (
        select(log, *[c.label(f"way_{c.name}") for c in rows.DELIVERY], *_DOCUMENT)
        .join(ways, ways.c.id == log.c.delivery_id)
        .join(docs, docs.c.id == log.c.document_id)
        .where(log.c.serial.in_(serials))
        .order_by(log.c.written_in, log.c.serial)
        .limit(limit)
    )
    return [_change(row) for row in connection.execute(query)]


def newest_change(connection: Connection, agency: str) -> str:
    """The place of the last change there is for the agency."""
    found: list[Any] = []
    for side in (log.c.sender, log.c.recipient):
        query = (
            select(*_MARKED)
            .where(side == agency, *_settled(connection))
            .order_by(log.c.written_in.desc(), log.c.serial.desc())
            .limit(1)
        )
        found += connection.execute(query).all()
    return _id(max(found, key=lambda row: (row.written_in, row.serial))) if found else FIRST


_MARKED = (log.c.written_in, log.c.serial, log.c.delivery_id, log.c.at, log.c.kind, log.c.value)
_DOCUMENT = [c.label(f"doc_{c.name}") for c in rows.DOCUMENT]


def _settled(connection: Connection) -> list[sa.ColumnElement[bool]]:
    if connection.dialect.name != "postgresql":
        return []
    return [log.c.written_in < func.txid_snapshot_xmin(func.txid_current_snapshot())]


def _place(connection: Connection, after: str | None) -> sa.Tuple:
    transaction, serial = 0, 0
    if after is not None and after != FIRST:
        found = _CURSOR.fullmatch(after)
        row = (
            found and connection.execute(select(*_MARKED).where(log.c.serial == int(found[2]))).one_or_none()
        )
        if row is None or _id(row) != after:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not the id of a change of this hub")
        transaction, serial = row.written_in, row.serial
    return sa.tuple_(sa.literal(transaction, sa.BigInteger), sa.literal(serial, sa.BigInteger))


def _id(row: Any) -> str:  # noqa: ANN401 - a row with the columns of `_MARKED`
    mark = sha256_hex(f"{row.delivery_id} {row.at.isoformat()} {row.kind} {row.value}".encode())[:12]
    return f"{row.written_in}.{row.serial}.{mark}"


def _change(row: sa.Row[tuple[object, ...]]) -> ChangeRow:
    values = row._asdict()
    return ChangeRow(
        id=_id(row),
        at=values["at"],
        kind=ChangeKind(values["kind"]),
        value=values["value"],
        detail=values["detail"],
        document=rows.document_of({c.name: values[f"doc_{c.name}"] for c in rows.DOCUMENT}),
        delivery=rows.delivery_of({c.name: values[f"way_{c.name}"] for c in rows.DELIVERY}),
    )
