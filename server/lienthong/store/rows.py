"""How rows of the tables and the port's frozen rows become each other."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane, PackageKind
from lienthong.domain.evidence import EvidenceKind, Verdict
from lienthong.errors import Code
from lienthong.hub.rows import (
    CertificateRow,
    DeliveryRow,
    DocumentRow,
    EventRow,
    EvidenceRow,
    HeldKind,
    HeldRow,
    HopRow,
)
from lienthong.store import tables

DOCUMENT = [c for c in tables.documents.c if c.name not in {"serial", "folded"}]
DELIVERY = [c for c in tables.deliveries.c if c.name not in {"position", "lane", "accepted_at", "sender"}]
HOP = [c for c in tables.hops.c if c.name != "revision"]

Row = sa.Row[Any]


def document(row: Row) -> DocumentRow:
    """From the columns `DOCUMENT`."""
    return document_of(row._asdict())


def document_of(values: dict[str, Any]) -> DocumentRow:
    """From the columns `DOCUMENT` by name."""
    return DocumentRow(**values | {"kind": PackageKind(values["kind"]), "lane": Lane(values["lane"])})


def delivery(row: Row) -> DeliveryRow:
    """From the columns `DELIVERY`."""
    return delivery_of(row._asdict())


def delivery_of(values: dict[str, Any]) -> DeliveryRow:
    """From the columns `DELIVERY` by name."""
    error = None if values["error"] is None else Code(values["error"])
    return DeliveryRow(**values | {"state": DeliveryState(values["state"]), "error": error})


def hop(row: Row) -> HopRow:
    """From the columns `HOP`."""
    return HopRow(**row._asdict() | {"verdict": Verdict(row.verdict)})


def hop_values(hop: HopRow) -> dict[str, Any]:
    """Columns of `hops`, of the first record of this hop."""
    return {c.name: getattr(hop, c.name) for c in HOP} | {"revision": 0}


def evidence(row: Row) -> EvidenceRow:
    """From all columns of `evidence`."""
    return EvidenceRow(**row._asdict() | {"kind": EvidenceKind(row.kind), "recipient": row.recipient or None})


def event(row: Row) -> EventRow:
    """From all columns of `events`."""
    values = row._asdict()
    del values["serial"]
    return EventRow(**values)


def held(row: Row) -> HeldRow:
    """From all columns of `held`."""
    values = row._asdict()
    del values["message_sha256"]
    return HeldRow(**values | {"kind": HeldKind(row.kind), "lane": Lane(row.lane), "code": Code(row.code)})


def certificate(row: Row) -> CertificateRow:
    """From all columns of `certificates`."""
    return CertificateRow(**row._asdict())


def certificate_values(certificate: CertificateRow) -> dict[str, Any]:
    """Columns of `certificates`."""
    return {c.name: getattr(certificate, c.name) for c in tables.certificates.c}
