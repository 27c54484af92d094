"""Who takes part: queries over agencies and their certificates, and the directory's version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from lienthong.domain.agency import Agency, Directory
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import CertificateRow, EventRow
from lienthong.store import events, rows, tables
from lienthong.store.database import insert_once

versions = tables.directory_versions
bound = tables.certificates


def read_versions(connection: Connection) -> tuple[int, int]:
    """(version of the agencies, version of the whole directory with its certificates)."""
    row = connection.execute(select(versions.c.agencies, versions.c.whole)).one()
    return row.agencies, row.whole


def read_agencies(connection: Connection) -> tuple[int, Directory]:
    """All agencies as one snapshot, with the version of the agencies."""
    agencies_version, whole = read_versions(connection)
    found = [
        rows.agency(row)
        for row in connection.execute(select(tables.agencies).order_by(tables.agencies.c.code))
    ]
    return agencies_version, Directory.of(found, version=whole)


def changed_agencies(connection: Connection, since: int) -> tuple[int, list[Agency]]:
    """The version of the agencies, and those written after version `since`, by code."""
    written = tables.agencies.c.changed_in
    query = select(tables.agencies).where(written > since).order_by(tables.agencies.c.code)
    return read_versions(connection)[0], [rows.agency(row) for row in connection.execute(query)]


def write_agencies(
    connection: Connection, changed: Sequence[Agency], *, event: EventRow, expected: int
) -> int | None:
    """Write agencies already checked against version `expected`; the new version, None when another was first."""
    risen = connection.execute(
        update(versions)
        .where(versions.c.agencies == expected)
        .values(agencies=versions.c.agencies + 1, whole=versions.c.whole + 1)
    )
    if not risen.rowcount:
        return None
    codes = [agency.code for agency in changed]
    for start in range(0, len(codes), 500):  # a bounded number of bound values per statement
        connection.execute(
            delete(tables.agencies).where(tables.agencies.c.code.in_(codes[start : start + 500]))
        )
    connection.execute(
        insert(tables.agencies),
        [rows.agency_values(agency) | {"changed_in": expected + 1} for agency in changed],
    )
    detail = {**event.detail, "agencies": len(codes), "codes": codes[:100]}
    events.append(connection, replace(event, detail=detail))
    return read_versions(connection)[1]


def certificates(connection: Connection, agency: str | None = None) -> list[CertificateRow]:
    """All, or those of one agency, in the order they were bound."""
    query = select(bound).order_by(bound.c.bound_at, bound.c.sha256)
    if agency is not None:
        query = query.where(bound.c.agency == agency)
    return [rows.certificate(row) for row in connection.execute(query)]


def _certificate(connection: Connection, sha256: str) -> CertificateRow | None:
    row = connection.execute(select(bound).where(bound.c.sha256 == sha256)).first()
    return None if row is None else rows.certificate(row)


def bind_certificate(connection: Connection, certificate: CertificateRow, *, event: EventRow) -> None:
    """Bind once; the same binding again changes nothing."""
    if insert_once(connection, bound, rows.certificate_values(certificate), "sha256"):
        _log_change(connection, event)
        return
    earlier = _certificate(connection, certificate.sha256)
    if earlier is None or earlier.revoked_at is not None:
        raise Refusal(Code.STATE_ILLEGAL, field="certificate", detail="revoked")
    if (earlier.agency, earlier.purpose, earlier.role) != (
        certificate.agency,
        certificate.purpose,
        certificate.role,
    ):
        raise Refusal(
            Code.STATE_ILLEGAL,
            field="certificate",
            detail=f"bound already: {earlier.agency or earlier.role}, {earlier.purpose}",
        )


def revoke_certificate(
    connection: Connection, sha256: str, reason: str, at: datetime, *, event: EventRow
) -> None:
    """Revoke once; a repeat keeps the first moment and reason."""
    revoked = connection.execute(
        update(bound)
        .where(bound.c.sha256 == sha256, bound.c.revoked_at.is_(None))
        .values(revoked_at=at, revoke_reason=reason)
    )
    if revoked.rowcount:
        _log_change(connection, event)
    elif _certificate(connection, sha256) is None:
        raise Refusal(Code.NOT_FOUND, field="sha256")


def _log_change(connection: Connection, event: EventRow) -> None:
    connection.execute(update(versions).values(whole=versions.c.whole + 1))
    events.append(connection, event)
