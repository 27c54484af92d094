"""What the store suites share: documents, hops, agencies and certificates to put in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lienthong.domain.agency import Agency
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane, PackageKind
from lienthong.domain.evidence import Verdict
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.errors import Code
from lienthong.hub.ports import Store
from lienthong.hub.rows import (
    CertificatePurpose,
    CertificateRow,
    Consignment,
    EventRow,
    HeldKind,
    HeldRow,
    HopRow,
    NewDelivery,
    NewDocument,
)

NOON = datetime(2026, 11, 22, 5, 0, 0, 123456, tzinfo=UTC)
_numbers = itertools.count(1)


def after(seconds: float) -> datetime:
    """NOON and so many seconds."""
    return NOON + timedelta(seconds=seconds)


def a_document(
    *recipients: str, refused: Sequence[str] = (), at: datetime = NOON, **changes: Any
) -> NewDocument:
    """A document of H48.31 for `recipients` (H48.11 without any); `refused` ones are unknown."""
    number = str(next(_numbers))
    served = [
        NewDelivery(id=new_id(), recipient=r, state=DeliveryState.ACCEPTED) for r in recipients or ("H48.11",)
    ]
    bad = [
        NewDelivery(
            id=new_id(),
            recipient=r,
            state=DeliveryState.REFUSED,
            error=Code.RECIPIENT_UNKNOWN,
            error_detail=r,
        )
        for r in refused
    ]
    values: dict[str, Any] = {
        "id": new_id(),
        "identity": f"H48.31|{number}",
        "sha256": sha256_hex(number.encode()),
        "size": 1234,
        "kind": PackageKind.DOCUMENT,
        "business_type": 0,
        "sender": "H48.31",
        "first_node": "H48.31",
        "edxml_document_id": f"000.00.31.H48,2026/11/22,{number}/QĐ-UBND",
        "code_number": number,
        "code_notation": "QĐ-UBND",
        "subject": "Về việc phân bổ kinh phí",
        "lane": Lane.NORMAL,
        "priority": 0,
        "promulgation_date": "2026-11-22",
        "signer_sha256": "ab" * 32,
        "accepted_at": at,
        "deliveries": (*served, *bad),
        "acceptance": b"<SubmissionAcceptance/>",
    }
    return NewDocument(**values | changes)


def a_hop(document: NewDocument, node: str = "H48.31", sequence: int = 1, **changes: Any) -> HopRow:
    """The hop record of `node`."""
    record = f"<RelayAcceptance>{document.id} {node}</RelayAcceptance>".encode()
    values: dict[str, Any] = {
        "document_id": document.id,
        "node": node,
        "sequence": sequence,
        "received_at": after(sequence),
        "verdict": Verdict.PASSED,
        "record": record,
        "digest": sha256_hex(record),
        "previous_digest": sha256_hex(document.acceptance),
    }
    return HopRow(**values | changes)


def a_consignment(recipient: str, at: datetime = NOON) -> Consignment:
    """The evidence that puts a document into the inbox of `recipient`."""
    return Consignment(recipient=recipient, evidence=f"<ContentConsignment>{recipient}</>".encode(), at=at)


async def consign(store: Store, document: NewDocument, recipient: str, at: datetime = NOON) -> None:
    """Let the recipient's own node record its hop."""
    hop = a_hop(document, node=recipient, sequence=2)
    await store.record_hop(hop, recipients=[recipient], consignment=a_consignment(recipient, at))


def an_event(kind: str = "thing.done", document_id: str | None = None, at: datetime = NOON) -> EventRow:
    """An event of an operator."""
    return EventRow(
        at=at, actor="operator:CN=an", kind=kind, document_id=document_id, detail={"reason": "vì thử"}
    )


def a_held(document_id: str | None, kind: HeldKind = HeldKind.QUARANTINE, **changes: Any) -> HeldRow:
    """A transit message held at H48."""
    values: dict[str, Any] = {
        "id": new_id(),
        "kind": kind,
        "at": NOON,
        "node": "H48",
        "lane": Lane.EXPRESS,
        "document_id": document_id,
        "code": Code.SIGNATURE_INVALID,
        "detail": "digest",
        "message": f"message {next(_numbers)}".encode() + b"\x00\xff",
    }
    return HeldRow(**values | changes)


def a_certificate(agency: str = "H48.31", **changes: Any) -> CertificateRow:
    """A signing certificate of `agency`."""
    values: dict[str, Any] = {
        "sha256": sha256_hex(str(next(_numbers)).encode()),
        "agency": agency,
        "purpose": CertificatePurpose.SIGNATURE,
        "role": "agency",
        "subject": "CN=Huyện Bình Sơn",
        "not_before": NOON,
        "not_after": after(86400 * 365),
        "pem": "-----BEGIN CERTIFICATE-----",
        "bound_at": after(next(_numbers)),
    }
    return CertificateRow(**values | changes)


def an_agency(code: str, name: str = "", parent: str | None = None, **changes: Any) -> Agency:
    """An agency of some tier."""
    return Agency(code=code, name=name or f"Cơ quan {code}", tier="district", parent=parent, **changes)


async def states(store: Store, document_id: str) -> dict[str, DeliveryState]:
    """Recipient -> state."""
    return {row.recipient: row.state for row in await store.deliveries(document_id)}


async def kinds(store: Store, document_id: str) -> list[str]:
    """The document's events so far."""
    return [event.kind for event in await store.events(document_id=document_id)]
