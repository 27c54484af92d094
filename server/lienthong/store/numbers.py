"""Whose is a number? Asked of the documents that stand under it, and decided in the commit that takes it.

The hub asks before a commit (`hub/numbers.py`), to answer early and to warn. Two documents under one number at the very
same moment would both pass that question, so the commit asks again, when no other can come between: SQLite has one
writer; on PostgreSQL a lock on the number, held to the end of the transaction, lets the second see the first.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, func, select

from lienthong.domain.document import BusinessType
from lienthong.domain.request import ENDED
from lienthong.hub.numbers import refuse_taken
from lienthong.hub.ports import NumberTaken
from lienthong.hub.rows import DocumentRow, NewDocument
from lienthong.store import rows, tables
from lienthong.store.prepared import Prepared

docs = tables.documents
_NEW = int(BusinessType.NEW)


def numbered(connection: Connection, sender: str, number: str, notation: str, year: int) -> list[DocumentRow]:
    """New documents of this sender under this number, promulgated in `year`; newest first, at most 100."""
    query = (
        select(*rows.DOCUMENT)
        .where(_under())
        .order_by(docs.c.accepted_at.desc(), docs.c.id.desc())
        .limit(100)
    )
    found = connection.execute(query, _values(sender, number, notation, year))
    return [rows.document(row) for row in found]


def take(connection: Connection, document: NewDocument) -> None:
    """Let a document that has just been written have its number.

    Raises `Refusal` RULE_VIOLATED when another one has it, and with it undoes the writing: the rule is that of
    `hub/numbers.py:check_number`. Whoever says that nobody has it (`number_is_free`) is told of any other document
    under it by `NumberTaken`: even the same one sent again calls for a warning.
    """
    number, issued = document.code_number, document.promulgation_date
    if document.business_type != _NEW or number is None or issued is None:
        return
    notation, year = document.code_notation or "", int(issued[:4])
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"key": f"{document.sender}|{year}|{number}|{notation}"})
    values = _values(document.sender, number, notation, year) | {"own": document.id}
    if document.number_is_free:
        if _ANY_OTHER.run(connection, values).fetchone() is not None:
            raise NumberTaken(document.identity)
        return
    same = {
        "named": document.edxml_document_id,
        "subject": document.subject,
        "issued": issued,
    }
    taken = connection.execute(_others(), values | same).first()
    if taken is not None:
        raise refuse_taken(number, notation, year, taken.edxml_document_id or taken.id)


_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("key", type_=sa.Text), 0)))


def _values(sender: str, number: str, notation: str, year: int) -> dict[str, str]:
    first, last = f"{year:04}-01-01", f"{year:04}-12-31"
    return {"sender": sender, "number": number, "notation": notation, "first": first, "last": last}


def _under() -> sa.ColumnElement[bool]:
    return sa.and_(
        docs.c.sender == bindparam("sender"),
        docs.c.code_number == bindparam("number"),
        docs.c.promulgation_date.between(bindparam("first"), bindparam("last")),
        docs.c.code_notation == bindparam("notation"),
        docs.c.business_type == _NEW,
    )


_ANY_OTHER = Prepared(lambda _: select(docs.c.id).where(_under(), docs.c.id != bindparam("own")).limit(1))


@cache  # building a statement costs more than running it
def _others() -> sa.Select[tuple[str, str | None]]:
    """Another document under the number that is not the same one sent again, and that somebody may have got."""
    deliveries = tables.deliveries
    alive = select(deliveries.c.id).where(
        deliveries.c.document_id == docs.c.id, deliveries.c.state.not_in(sorted(ENDED))
    )
    return (
        select(docs.c.id, docs.c.edxml_document_id)
        .where(
            _under(),
            docs.c.id != bindparam("own"),
            docs.c.edxml_document_id.is_distinct_from(bindparam("named")),
            sa.or_(
                docs.c.subject != bindparam("subject"),
                docs.c.promulgation_date != bindparam("issued"),
            ),
            alive.exists(),
        )
        .limit(1)
    )
