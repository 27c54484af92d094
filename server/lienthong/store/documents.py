"""Which documents are here: queries over documents and their evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, insert, select, update

from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DocumentRow, EventRow, EvidenceRow, NewDocument
from lienthong.store import business, contents, events, numbers, rows, tables
from lienthong.store.database import insert_unless
from lienthong.store.prepared import Prepared
from lienthong.store.search import fold

LONGEST_KEY = 500  #: characters of an indexed text; PostgreSQL refuses index entries over 2,704 bytes

docs = tables.documents

_OWN = tuple(c.name for c in rows.DOCUMENT if c.name != "published_at")
_INSERT = Prepared(lambda name: insert_unless(name, docs, "identity"), columns=(*_OWN, "folded"))
#: no RETURNING and no lastrowid: one statement for both databases
_INSERT_PAYLOAD = Prepared(
    lambda _: insert(tables.payloads).values(
        serial=select(docs.c.serial).where(docs.c.id == sa.bindparam("of")).scalar_subquery(),
        data=sa.bindparam("bytes", type_=tables.payloads.c.data.type),
    )
)
_INSERT_DELIVERY = Prepared(
    lambda _: insert(tables.deliveries),
    columns=(
        "id",
        "document_id",
        "position",
        "recipient",
        "state",
        "error",
        "error_detail",
        "expires_at",
        "updated_at",
        "node",
        "lane",
        "accepted_at",
        "sender",
    ),
)
_INSERT_EVIDENCE = Prepared(
    lambda _: insert(tables.evidence), columns=("document_id", "kind", "recipient", "at", "xml")
)
_PUBLISHED = Prepared(
    lambda _: (
        update(docs)
        .where(docs.c.id == sa.bindparam("of"), docs.c.published_at.is_(None))
        .values(published_at=sa.bindparam("now", type_=docs.c.published_at.type))
    )
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def accept(connection: Connection, document: NewDocument, payload: bytes | None = None) -> DocumentRow:
    """Write document, its bytes, deliveries, acceptance evidence and event, or find the earlier acceptance."""
    check_keys(document)
    values: dict[str, Any] = {name: getattr(document, name) for name in _OWN}
    values["folded"] = fold(f"{document.code_number or ''}/{document.code_notation or ''} {document.subject}")
    if not _INSERT.run(connection, values).rowcount:
        earlier = _identity(connection, document.identity)
        if earlier is None or earlier.sha256 != document.sha256:
            raise Refusal(Code.DOCUMENT_CONFLICT, field="DocumentId", detail=document.edxml_document_id)
        return earlier
    if payload is not None:
        _INSERT_PAYLOAD.run_many(connection, [{"of": document.id, "bytes": payload}])
    if document.deliveries:
        _INSERT_DELIVERY.run_many(
            connection, [_delivery(document, place) for place in range(len(document.deliveries))]
        )
    _INSERT_EVIDENCE.run_many(connection, _evidence(document))
    numbers.take(connection, document)
    contents.name(connection, document)
    events.append(connection, acceptance_event(document))
    business.apply(connection, document)
    return DocumentRow(**{name: values[name] for name in _OWN}, published_at=None)


def _evidence(document: NewDocument) -> list[dict[str, Any]]:
    """The acceptance, and for each refused recipient why it is not served."""
    known: list[tuple[EvidenceKind, str, bytes]] = [
        (EvidenceKind.SUBMISSION_ACCEPTANCE, "", document.acceptance)
    ]
    known += [
        (EvidenceKind.CONTENT_CONSIGNMENT_FAILURE, new.recipient, new.failure)
        for new in document.deliveries
        if new.failure is not None
    ]
    return [
        {"document_id": document.id, "kind": kind, "recipient": who, "at": document.accepted_at, "xml": xml}
        for kind, who, xml in known
    ]


def acceptance_event(document: NewDocument) -> EventRow:
    """The event of an acceptance: which recipients are served and which refused."""
    return EventRow(
        at=document.accepted_at,
        actor=document.sender,
        kind="document.accepted",
        document_id=document.id,
        detail={
            "sha256": document.sha256,
            "recipients": [d.recipient for d in document.deliveries if d.error is None],
            "refused": {d.recipient: d.error for d in document.deliveries if d.error is not None},
        },
    )


def check_keys(document: NewDocument) -> None:
    """Raise `Refusal` ARGUMENT_INVALID for text no index can hold: the sender must know, a fault would be retried."""
    keys = {
        "DocumentId": (document.edxml_document_id, document.identity),
        "CodeNumber": (document.code_number,),
        "OrganId": (document.sender, *(d.recipient for d in document.deliveries)),
    }
    for field, values in keys.items():
        if any(value is not None and len(value) > LONGEST_KEY for value in values):
            raise Refusal(Code.ARGUMENT_INVALID, field=field, detail=f"longer than {LONGEST_KEY} characters")


def _delivery(document: NewDocument, place: int) -> dict[str, Any]:
    new = document.deliveries[place]
    return {
        "id": new.id,
        "document_id": document.id,
        "position": place,
        "recipient": new.recipient,
        "state": new.state,
        "error": new.error,
        "error_detail": new.error_detail,
        "expires_at": new.expires_at,
        "updated_at": document.accepted_at,
        "node": document.first_node,
        "lane": document.lane,
        "accepted_at": document.accepted_at,
        "sender": document.sender,
    }


def payload(connection: Connection, sha256: str) -> bytes | None:
    """The bytes kept with a document of this digest."""
    table = tables.payloads
    query = select(table.c.data).join(docs, docs.c.serial == table.c.serial).where(docs.c.sha256 == sha256)
    return connection.execute(query.limit(1)).scalar()


def find_identity(connection: Connection, identity: str) -> DocumentRow | None:
    """The document accepted under this identity."""
    return _identity(connection, identity)


def _identity(connection: Connection, identity: str) -> DocumentRow | None:
    return _one(connection, docs.c.identity == identity)


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> DocumentRow | None:
    newest = (docs.c.accepted_at.desc(), docs.c.id.desc())
    row = connection.execute(select(*rows.DOCUMENT).where(condition).order_by(*newest).limit(1)).first()
    return None if row is None else rows.document(row)


def document(connection: Connection, reference: str) -> DocumentRow | None:
    """By hub id, SHA-256, or edXML DocumentId, in this order."""
    found = _one(connection, docs.c.id == reference)
    if found is None and _SHA256.fullmatch(reference):
        found = _one(connection, docs.c.sha256 == reference)
    return found or _one(connection, docs.c.edxml_document_id == reference)


def evidence(connection: Connection, document_id: str) -> list[EvidenceRow]:
    """In order of time."""
    table = tables.evidence
    query = select(table).where(table.c.document_id == document_id)
    found = [rows.evidence(row) for row in connection.execute(query)]
    return sorted(found, key=lambda e: (e.at, e.kind, e.recipient or ""))


def mark_published(connection: Connection, document_ids: Sequence[str], at: datetime) -> None:
    """Keep the moment of the first confirmation of each; later ones change nothing."""
    _PUBLISHED.run_many(connection, [{"of": document_id, "now": at} for document_id in document_ids])


def unpublished(connection: Connection, older_than: datetime, limit: int) -> list[DocumentRow]:
    """Accepted before `older_than` and confirmed by no broker, oldest first."""
    query = (
        select(*rows.DOCUMENT)
        .where(tables.unpublished, docs.c.accepted_at < older_than)
        .order_by(docs.c.accepted_at, docs.c.id)
        .limit(limit)
    )
    return [rows.document(row) for row in connection.execute(query)]
