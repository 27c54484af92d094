"""The part of the fake store about agencies and certificates: see tests/fakes/store.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from lienthong.domain.agency import Agency, Directory
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import CertificateRow, EventRow
from lienthong.store.search import AgencySearch
from tests.fakes.failing import may_fail
from tests.fakes.store_events import FakeEvents


class FakeDirectoryStore(FakeEvents):
    """The `DirectoryStore` port."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = Directory.of([])
        self._certificates: dict[str, CertificateRow] = {}
        self._agencies_version = 0
        self._changed_in: dict[str, int] = {}

    @may_fail
    async def directory(self) -> Directory:
        return self._directory

    @may_fail
    async def directory_version(self) -> int:
        return self._directory.version

    @may_fail
    async def put_agencies(self, agencies: Sequence[Agency], *, event: EventRow) -> int:
        given = {agency.code: agency for agency in agencies}
        if len(given) < len(agencies):
            Directory.of(agencies)
        before = self._directory.agencies
        codes = [code for code, agency in given.items() if before.get(code) != agency]
        if codes:
            whole = sorted({**before, **given}.values(), key=lambda agency: agency.code)
            self._directory = Directory.of(whole, version=self._directory.version + 1)
            self._agencies_version += 1
            self._changed_in.update(dict.fromkeys(codes, self._agencies_version))
            detail = {**event.detail, "agencies": len(codes), "codes": codes[:100]}
            self._events.append(replace(event, detail=detail))
        return self._directory.version

    @may_fail
    async def search_agencies(self, text: str, *, limit: int) -> list[Agency]:
        return AgencySearch(self._directory).search(text, limit=limit)

    @may_fail
    async def certificates(self, agency: str | None = None) -> list[CertificateRow]:
        found = [row for row in self._certificates.values() if agency is None or row.agency == agency]
        return sorted(found, key=lambda row: (row.bound_at, row.sha256))

    @may_fail
    async def bind_certificate(self, certificate: CertificateRow, *, event: EventRow) -> None:
        earlier = self._certificates.get(certificate.sha256)
        if earlier is None:
            self._certificates[certificate.sha256] = certificate
            self._change(event)
        elif earlier.revoked_at is not None:
            raise Refusal(Code.STATE_ILLEGAL, field="certificate", detail="revoked")
        elif (earlier.agency, earlier.purpose, earlier.role) != (
            certificate.agency,
            certificate.purpose,
            certificate.role,
        ):
            raise Refusal(
                Code.STATE_ILLEGAL,
                field="certificate",
                detail=f"bound already: {earlier.agency or earlier.role}, {earlier.purpose}",
            )

    @may_fail
    async def revoke_certificate(self, sha256: str, reason: str, at: datetime, *, event: EventRow) -> None:
        row = self._certificates.get(sha256)
        if row is None:
            raise Refusal(Code.NOT_FOUND, field="sha256")
        if row.revoked_at is None:
            self._certificates[sha256] = replace(row, revoked_at=at, revoke_reason=reason)
            self._change(event)

    def _change(self, event: EventRow) -> None:
        self._directory = replace(self._directory, version=self._directory.version + 1)
        self._events.append(event)
