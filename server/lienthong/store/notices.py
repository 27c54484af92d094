"""What recipients have to hear of documents that were taken back, asked back or replaced, until they have seen it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, select, update

from lienthong.domain.request import RequestState
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DocumentRow
from lienthong.hub.status_port import NoticeRow
from lienthong.store import rows, tables
from lienthong.store.business import REQUEST, request_of

asked = tables.requests
ways = tables.deliveries
docs = tables.documents
by = docs.alias("by_")

_BY = [by.c[c.name] for c in rows.DOCUMENT]
_PARTS = (("ask", REQUEST), ("way", rows.DELIVERY), ("doc", rows.DOCUMENT), ("by", _BY))


def notices(connection: Connection, agency: str, *, after: str | None, limit: int) -> list[NoticeRow]:
    """Untold requests about what `agency` receives, oldest first."""
    query = (
        select(*[column.label(f"{part}_{column.name}") for part, columns in _PARTS for column in columns])
        .join(ways, ways.c.id == asked.c.delivery_id)
        .join(docs, docs.c.id == asked.c.document_id)
        .join(by, by.c.id == asked.c.package_id)
        .where(asked.c.recipient == agency, tables.untold)
        .order_by(asked.c.asked_at, asked.c.id)
        .limit(limit)
    )
    if after is not None:
        place = select(asked.c.asked_at).where(asked.c.id == after, asked.c.recipient == agency)
        at = connection.execute(place).scalar()
        if at is None:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a notice of this agency")
        last = sa.tuple_(sa.literal(at, tables.Instant), sa.literal(after, sa.Text))
        query = query.where(sa.tuple_(asked.c.asked_at, asked.c.id) > last)
    found = [_notice(row) for row in connection.execute(query)]
    copies = _onward(connection, {notice.document.id for notice in found}, agency)
    return [replace(notice, onward=tuple(copies[notice.document.id])) for notice in found]


def onward(connection: Connection, document_id: str, sender: str) -> list[DocumentRow]:
    """Documents of `sender` that pass this one on, oldest first."""
    return _onward(connection, {document_id}, sender)[document_id][:100]


def _onward(
    connection: Connection, sources: Collection[str], sender: str
) -> defaultdict[str, list[DocumentRow]]:
    link = tables.onward
    query = (
        select(link.c.source_id, *rows.DOCUMENT)
        .join(docs, docs.c.id == link.c.document_id)
        .where(link.c.source_id.in_(sorted(sources)), docs.c.sender == sender)
        .order_by(docs.c.accepted_at, docs.c.id)
    )
    found: defaultdict[str, list[DocumentRow]] = defaultdict(list)
    for row in connection.execute(query) if sources else ():
        values = row._asdict()
        found[values.pop("source_id")].append(rows.document_of(values))
    return found


def see_notices(connection: Connection, delivery_id: str, at: datetime) -> list[str]:
    """Those of a delivery that leave nothing to answer."""
    found = connection.execute(
        update(asked)
        .where(asked.c.delivery_id == delivery_id, tables.untold, asked.c.state != RequestState.ASKED)
        .values(seen_at=at)
        .returning(asked.c.id)
    )
    return sorted(found.scalars())


def _notice(row: sa.Row[Any]) -> NoticeRow:
    values = row._asdict()
    parts = {part: {c.name: values[f"{part}_{c.name}"] for c in columns} for part, columns in _PARTS}
    return NoticeRow(
        request=request_of(parts["ask"]),
        delivery=rows.delivery_of(parts["way"]),
        document=rows.document_of(parts["doc"]),
        by=rows.document_of(parts["by"]),
    )
