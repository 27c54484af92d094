"""Who takes part: queries over agencies and their certificates, and the directory's version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from sys import intern
from typing import Any

from sqlalchemy import Connection, delete, select, update

from lienthong.domain.agency import Agency, AgencyStatus, Directory, Environment
from lienthong.domain.directory_file import read_changes, write_changes
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import CertificateRow, EventRow
from lienthong.store import events, rows, tables
from lienthong.store.database import insert_once
from lienthong.store.tables import storable

versions = tables.directory_versions
bound = tables.certificates
COLUMNS = tables.agencies.c.keys()

_STATUSES = {status.value: status for status in AgencyStatus}
_ENVIRONMENTS = {environment.value: environment for environment in Environment}


def read_versions(connection: Connection) -> tuple[int, int]:
    """(version of the agencies, version of the whole directory with its certificates)."""
    row = connection.execute(select(versions.c.agencies, versions.c.whole)).one()
    return row.agencies, row.whole


def read_agencies(connection: Connection) -> tuple[int, Directory]:
    """All agencies as one snapshot, with the version of the agencies."""
    agencies_version, whole = read_versions(connection)
    return agencies_version, Directory.of(changed_agencies(connection, -1)[1], version=whole)


def changes_since(connection: Connection, since: int) -> tuple[int, int, list[Agency]]:
    """Both versions, and the agencies written after version `since`."""
    version, whole = read_versions(connection)
    return version, whole, changed_agencies(connection, since)[1]


def changed_agencies(connection: Connection, since: int) -> tuple[int, list[Agency]]:
    """The version of the agencies, and those written after version `since`, by code."""
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    # past SQLAlchemy's rows and types: a nation's agencies are read in a third of the time
    query = f"SELECT {', '.join(COLUMNS)} FROM agencies WHERE changed_in > {place} ORDER BY code"  # noqa: S608
    found = connection.exec_driver_sql(query, (since,))
    return read_versions(connection)[0], [_agency(row) for row in found]


def _agency(row: Sequence[Any]) -> Agency:
    """From the columns as either driver gives them: PostgreSQL's parses JSON and dates, SQLite's gives text."""
    code, name, tier, parent, aliases, status, successors, valid_from, valid_to, environment, changes, _ = row
    return Agency(
        code=code,
        name=name,
        tier=intern(tier),
        parent=None if parent is None else intern(parent),
        aliases=() if aliases == "[]" else tuple(_loaded(aliases)),
        status=_STATUSES[status],
        successors=() if successors == "[]" else tuple(_loaded(successors)),
        valid_from=_date(valid_from),
        valid_to=_date(valid_to),
        environment=_ENVIRONMENTS[environment],
        changes=() if changes == "[]" else read_changes(_loaded(changes)),
    )


def _loaded(value: str | list[Any]) -> list[Any]:
    loaded: list[Any] = json.loads(value) if isinstance(value, str) else value
    return loaded


def _date(value: str | date | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def prepared(agencies: Sequence[Agency], *, version: int) -> list[tuple[Any, ...]]:
    """The agencies as the driver takes them: made before the writer's turn comes, which then only writes.

    A nation's 125,000 take the writer a second this way, and three when SQLAlchemy makes them while it writes.
    """
    return [
        (
            *(storable(a.code), storable(a.name), storable(a.tier), a.parent, _json(list(a.aliases))),
            *(a.status.value, _json(list(a.successors)), _day(a.valid_from), _day(a.valid_to)),
            *(a.environment.value, _json(write_changes(a.changes)), version),
        )
        for a in agencies
    ]


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _json(value: list[Any]) -> str:
    return json.dumps(value, ensure_ascii=False) if value else "[]"


def write_agencies(
    connection: Connection,
    changed: Sequence[Agency],
    *,
    values: Sequence[tuple[Any, ...]],
    replaced: Sequence[str],
    event: EventRow,
    expected: int,
) -> int | None:
    """Write agencies already checked against version `expected`; the new version, None when another was first.

    `values`: the same agencies as `prepared` for version `expected` + 1; `replaced`: codes that have a row already.
    """
    risen = connection.execute(
        update(versions)
        .where(versions.c.agencies == expected)
        .values(agencies=versions.c.agencies + 1, whole=versions.c.whole + 1)
    )
    if not risen.rowcount:
        return None
    for start in range(0, len(replaced), 500):  # a bounded number of bound values per statement
        connection.execute(
            delete(tables.agencies).where(tables.agencies.c.code.in_(replaced[start : start + 500]))
        )
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    places = ", ".join([place] * len(COLUMNS))
    statement = f"INSERT INTO agencies ({', '.join(COLUMNS)}) VALUES ({places})"  # noqa: S608 - our words
    connection.exec_driver_sql(statement, list(values))
    codes = [agency.code for agency in changed]
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
