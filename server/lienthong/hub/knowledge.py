"""What this process knows of the world just now: the directory, certificate bindings and trust.

`now` is an immutable snapshot, replaced when the store's directory version rises, the trust files change, or a new
day begins in Vietnam: what the directory says for that day then holds, though nobody wrote anything.
A verdict against a document is never final on an old snapshot: see `verification.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import structlog

from lienthong.domain.agency import Directory
from lienthong.domain.day import day_of
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.identity import Caller
from lienthong.hub.ports import Clock, DirectoryStore
from lienthong.hub.rows import CertificatePurpose, CertificateRow
from lienthong.signing.trust import Binding, Trust

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusts:
    """Anchors and revocation lists: for agencies' signatures, and for the hub's and the relays'."""

    agencies: Trust
    infrastructure: Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The world at one version, on one day."""

    version: int
    today: date  #: in Vietnam
    directory: Directory  #: as it stands today
    whole: Directory = field(repr=False)  #: as it is written, for every day
    bindings: Mapping[str, Binding] = field(repr=False)  #: signing certificate's SHA-256 -> agency
    connections: Mapping[str, CertificateRow] = field(repr=False)  #: TLS certificate's SHA-256 -> its row
    trusts: Trusts = field(repr=False)

    def identify(self, certificate_sha256: str) -> Caller:
        """The caller behind a TLS certificate; UNAUTHENTICATED when unknown, NOT_PERMITTED when revoked."""
        row = self.connections.get(certificate_sha256)
        if row is None:
            raise Refusal(Code.UNAUTHENTICATED, detail=f"SHA-256 {certificate_sha256}")
        if row.revoked_at is not None:
            raise Refusal(Code.NOT_PERMITTED, detail="the connection's certificate is revoked")
        return Caller(
            agency=row.agency or None,
            role=row.role,
            subject=row.subject,
            certificate_sha256=certificate_sha256,
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Knowledge:
    """Keeps `now` fresh. `load_trusts` reads the trust files and returns the same object while they are unchanged."""

    def __init__(
        self, store: DirectoryStore, load_trusts: Callable[[], Trusts], clock: Clock = _utc_now
    ) -> None:
        self._store = store
        self._load_trusts = load_trusts
        self._clock = clock
        self._now: Snapshot | None = None
        self._lock = asyncio.Lock()

    @property
    def now(self) -> Snapshot:
        """The newest snapshot. `refresh` must have run once."""
        if self._now is None:
            raise HubFault("the directory has not been read yet")
        return self._now

    async def refresh(self) -> bool:
        """Read again what changed; True when `now` is another snapshot than before."""
        async with self._lock:
            trusts = await asyncio.to_thread(self._load_trusts)
            version = await self._store.directory_version()
            current, today = self._now, day_of(self._clock())
            unchanged = current is not None and (current.version, current.today) == (version, today)
            if unchanged and current is not None and current.trusts is trusts:
                return False
            whole = await self._store.directory()
            rows = await self._store.certificates()
            self._now = Snapshot(
                version=version,
                today=today,
                directory=await asyncio.to_thread(whole.at, today),
                whole=whole,
                bindings={
                    row.sha256: Binding(agency=row.agency, revoked_at=row.revoked_at)
                    for row in rows
                    if row.purpose == CertificatePurpose.SIGNATURE
                },
                connections={row.sha256: row for row in rows if row.purpose == CertificatePurpose.TRANSPORT},
                trusts=trusts,
            )
            return True

    async def run(self, stop: asyncio.Event, *, every: float = 2.0) -> None:
        """Refresh every `every` seconds until `stop`; a store that is away is logged and asked again."""
        while not stop.is_set():
            try:
                await self.refresh()
            except HubFault as fault:
                log.warning("knowledge.refresh_failed", reason=str(fault))
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue
