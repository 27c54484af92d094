"""How an operator's search finds documents among millions without reading them all.

Each search is led by one index whose order is the order of the answer, so a page of fifty costs about
fifty steps: the text index (SQLite: rowid is the order of acceptance), a delivery's recipient or state
with the time of acceptance, the sender with the time of acceptance, or the time alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, select

from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DocumentQuery, DocumentRow
from lienthong.store import rows, tables
from lienthong.store.search import fold

SHORTEST_TEXT = 3  #: characters the text index (trigrams) needs; less is compared with the whole number

docs = tables.documents
ways = tables.deliveries
#: SQLite's text index (FTS5); PostgreSQL has a trigram index on `documents.folded` itself
words = sa.table("document_text", sa.column("rowid", sa.Integer), sa.column("document_text", sa.Text))


@dataclass(frozen=True, slots=True)
class _Lead:
    """Where a search starts: what it reads, in which order, and a document's place in that order."""

    source: sa.FromClause
    order: tuple[sa.ColumnElement[Any], ...]
    place: tuple[sa.ColumnElement[Any], ...]


def documents(connection: Connection, query: DocumentQuery) -> list[DocumentRow]:
    """Newest first, all given fields matching."""
    text = fold(query.text or "")
    full_text = len(text) >= SHORTEST_TEXT and connection.dialect.name == "sqlite"
    lead = _lead(query, full_text=full_text)
    keys = (
        select(docs.c.id, *[c.label(f"place_{n}") for n, c in enumerate(lead.order)])
        .distinct()
        .select_from(lead.source)
        .where(*_conditions(query, accepted_at=_accepted_at(lead)))
        .order_by(*[c.desc() for c in lead.order])
        .limit(query.limit)
    )
    if full_text:
        keys = keys.where(words.c.document_text.op("MATCH")('"' + text.replace('"', '""') + '"'))
    elif len(text) >= SHORTEST_TEXT:
        keys = keys.where(docs.c.folded.contains(text, autoescape=True))
    elif text:
        keys = keys.where(docs.c.code_number == (query.text or "").strip())
    if query.before_id is not None:
        keys = keys.where(sa.tuple_(*lead.order) < _place(connection, query.before_id, lead))
    page = keys.subquery("page")
    places = [c for c in page.c if c.name != "id"]
    found = (
        select(*rows.DOCUMENT)
        .select_from(page.join(docs, docs.c.id == page.c.id))
        .order_by(*[c.desc() for c in places])
    )
    return [rows.document(row) for row in connection.execute(found)]


def _lead(query: DocumentQuery, *, full_text: bool) -> _Lead:
    newest = (docs.c.accepted_at, docs.c.id)
    indexed = words.join(docs, docs.c.serial == words.c.rowid)
    if query.recipient is not None or query.state is not None:
        source = (indexed if full_text else docs).join(ways, ways.c.document_id == docs.c.id)
        return _Lead(source, (ways.c.accepted_at, ways.c.document_id), newest)
    if full_text:
        return _Lead(indexed, (words.c.rowid,), (docs.c.serial,))
    return _Lead(docs, newest, newest)


def _accepted_at(lead: _Lead) -> sa.ColumnElement[Any]:
    return ways.c.accepted_at if lead.order[0] is ways.c.accepted_at else docs.c.accepted_at


def _conditions(query: DocumentQuery, *, accepted_at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    given = {
        docs.c.sender: query.sender,
        ways.c.recipient: query.recipient,
        ways.c.state: query.state,
    }
    conditions = [column == value for column, value in given.items() if value is not None]
    if query.since is not None:
        conditions.append(accepted_at >= query.since)
    if query.until is not None:
        conditions.append(accepted_at < query.until)
    return conditions


def _place(connection: Connection, document_id: str, lead: _Lead) -> sa.Tuple:
    row = connection.execute(select(*lead.place).where(docs.c.id == document_id)).first()
    if row is None:
        raise Refusal(Code.ARGUMENT_INVALID, field="before_id", detail="no such document")
    return sa.tuple_(*[sa.literal(value, column.type) for value, column in zip(row, lead.place, strict=True)])
