"""What offices do with a document: statuses, and what its sender asks about it later.

`apply` runs inside the commit that accepts a package. It locks the delivery the status is about, so that two
statuses that come at once are judged one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, insert, select, update

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import ENDED, FIRST, RequestKind, RequestState, sources
from lienthong.domain.status import ANSWERS, PROGRESS, StatusCode, Step, step
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DocumentRow, NewDocument
from lienthong.hub.status_port import ChangeKind, NewStatus, RequestRow, StatusRow
from lienthong.store import changes, rows, tables

ways = tables.deliveries
docs = tables.documents
said = tables.statuses
asked = tables.requests

REQUEST = [c for c in asked.c if c.name != "seen_at"]

#: a recipient speaks of what reached it
_HAS_IT = frozenset({DeliveryState.CONSIGNED, DeliveryState.HANDED_OVER})


def apply(connection: Connection, document: NewDocument) -> None:
    """Write what comes with `document`: status, requests, what it passes on. Raises `Refusal` STATUS_ILLEGAL."""
    if document.onward:
        links = [{"source_id": source, "document_id": document.id} for source in document.onward]
        connection.execute(insert(tables.onward), links)
    if document.requests:
        _ask(connection, document)
    status = document.status
    if status is None:
        return
    if status.code in PROGRESS:
        done = _progress(connection, document, status)
    elif status.code in ANSWERS:
        done = _answer(connection, document, status)
    else:
        done = Step.APPLIED
    connection.execute(
        insert(said),
        {
            "package_id": document.id,
            "accepted_at": document.accepted_at,
            "step": done,
            **{name: getattr(status, name) for name in status.__slots__},
        },
    )


def _progress(connection: Connection, document: NewDocument, status: NewStatus) -> Step:
    query = select(ways.c.state, ways.c.status, ways.c.status_at).where(ways.c.id == status.delivery_id)
    row = connection.execute(query.with_for_update()).one()
    if row.state not in _HAS_IT:
        raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=f"{row.state}")
    current = None if row.status is None else StatusCode(row.status)
    done = step(current, row.status_at, status.code, status.said_at)
    if done is Step.APPLIED:
        connection.execute(
            update(ways)
            .where(ways.c.id == status.delivery_id)
            .values(status=status.code, status_at=status.said_at)
        )
        changes.note(
            connection,
            status.document_id,
            [status.recipient],
            kind=ChangeKind.STATUS,
            value=status.code,
            detail=status.description,
            at=document.accepted_at,
        )
    return done


def _answer(connection: Connection, document: NewDocument, status: NewStatus) -> Step:
    target = RequestState.AGREED if status.code is StatusCode.AGREED else RequestState.DECLINED
    here = asked.c.delivery_id == status.delivery_id
    found = connection.execute(
        update(asked)
        .where(here, asked.c.state.in_(sorted(sources(target))))
        .values(
            state=target,
            settled_at=document.accepted_at,
            answer_package_id=document.id,
            answer=status.description,
        )
        .returning(asked.c.kind)
    ).all()
    for kind in sorted({row.kind for row in found}):
        changes.note(
            connection,
            status.document_id,
            [status.recipient],
            kind=ChangeKind.REQUEST,
            value=f"{kind} {target}",
            detail=status.description,
            at=document.accepted_at,
        )
    if found:
        return Step.APPLIED
    newest = select(asked.c.state).where(here, asked.c.state != RequestState.PENDING)
    last = connection.execute(newest.order_by(asked.c.asked_at.desc(), asked.c.id.desc()).limit(1)).scalar()
    if last == target:
        return Step.REPEATED
    raise Refusal(
        Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=f"no open request: {status.code}"
    )


def _ask(connection: Connection, document: NewDocument) -> None:
    for request in document.requests:
        state = FIRST[request.kind]
        query = select(ways.c.state).where(ways.c.id == request.delivery_id)
        if connection.execute(query).scalar() in ENDED:
            state = RequestState.MOOT
        values = {name: getattr(request, name) for name in request.__slots__}
        begun = {"state": state, "package_id": document.id, "asked_at": document.accepted_at}
        connection.execute(insert(asked), values | begun)
        changes.note(
            connection,
            request.document_id,
            [request.recipient],
            kind=ChangeKind.REQUEST,
            value=f"{request.kind} {state}",
            detail=request.reason,
            at=document.accepted_at,
        )


def sent(connection: Connection, sender: str, edxml_document_id: str) -> list[DocumentRow]:
    """Documents of this sender under this id: the new one first, then newest first."""
    of_sender = (
        sa.func.coalesce(docs.c.sender, "") == sender
    )  # not for SQLite to read all it ever sent instead
    query = (
        select(*rows.DOCUMENT)
        .where(docs.c.edxml_document_id == edxml_document_id, of_sender)
        .order_by(docs.c.accepted_at.desc(), docs.c.id.desc())
        .limit(1_000)
    )
    found = [rows.document(row) for row in connection.execute(query)]
    return sorted(found, key=lambda row: row.business_type != 0)


def statuses(connection: Connection, document_id: str) -> list[StatusRow]:
    """In the order they were accepted."""
    query = (
        select(said).where(said.c.document_id == document_id).order_by(said.c.accepted_at, said.c.package_id)
    )
    return [
        StatusRow(**row._asdict() | {"code": StatusCode(row.code), "step": Step(row.step)})
        for row in connection.execute(query)
    ]


def requests(connection: Connection, document_id: str) -> list[RequestRow]:
    """About this document or asked by this package, in the order they were accepted."""
    concerned = sa.or_(asked.c.document_id == document_id, asked.c.package_id == document_id)
    query = select(*REQUEST).where(concerned).order_by(asked.c.asked_at, asked.c.id)
    return [_request(row) for row in connection.execute(query)]


def pending_requests(connection: Connection, limit: int) -> list[RequestRow]:
    """Oldest first."""
    query = select(*REQUEST).where(tables.pending).order_by(asked.c.asked_at, asked.c.id).limit(limit)
    return [_request(row) for row in connection.execute(query)]


def _request(row: Row[tuple[object, ...]]) -> RequestRow:
    return request_of(row._asdict())


def request_of(values: dict[str, Any]) -> RequestRow:
    """From the columns `REQUEST` by name."""
    return RequestRow(
        **values | {"kind": RequestKind(values["kind"]), "state": RequestState(values["state"])}
    )


def settle_requests(
    connection: Connection, ids: Sequence[str], state: RequestState, at: datetime
) -> list[str]:
    """Move those that may move to `state`; the ids moved."""
    end = None if state is RequestState.ASKED else at
    found = connection.execute(
        update(asked)
        .where(asked.c.id.in_(list(ids)), asked.c.state.in_(sorted(sources(state))))
        .values(state=state, settled_at=end)
        .returning(asked.c.id, asked.c.kind, asked.c.document_id, asked.c.recipient, asked.c.reason)
    ).all()
    for row in sorted(found):
        changes.note(
            connection,
            row.document_id,
            [row.recipient],
            kind=ChangeKind.REQUEST,
            value=f"{row.kind} {state}",
            detail=row.reason,
            at=at,
        )
    return sorted(row.id for row in found)
