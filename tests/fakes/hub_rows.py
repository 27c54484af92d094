"""Ordinary rows for tests: a document, delivery, hop, held message, event and certificate as the store has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane, PackageKind
from lienthong.domain.evidence import Verdict
from lienthong.errors import Code
from lienthong.hub.rows import CertificateRow, DeliveryRow, DocumentRow, EventRow, HeldKind, HeldRow, HopRow

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SENDER = "H48.31.05"


def document_row(*, id: str, sender: str = SENDER, sha256: str = "0" * 64, size: int = 1) -> DocumentRow:
    """An ordinary urgent document."""
    return DocumentRow(
        id=id,
        identity=f"{sender}:{sha256}",
        sha256=sha256,
        size=size,
        kind=PackageKind.DOCUMENT,
        business_type=0,
        sender=sender,
        first_node=sender,
        edxml_document_id=f"{sender},2026/03/02,12/UBND",
        code_number="12",
        code_notation="UBND",
        subject="V/v báo cáo thiệt hại do bão số 4",
        lane=Lane.EXPRESS,
        priority=3,
        promulgation_date="2026/03/02",
        signer_sha256="5" * 64,
        accepted_at=NOW,
        published_at=None,
    )


def delivery_row(
    *,
    id: str,
    document_id: str,
    recipient: str,
    state: DeliveryState,
    error: Code | None = None,
    error_detail: str | None = None,
) -> DeliveryRow:
    """A delivery, consigned one minute after acceptance unless it is refused."""
    return DeliveryRow(
        id=id,
        document_id=document_id,
        recipient=recipient,
        state=state,
        error=error,
        error_detail=error_detail,
        status=None,
        updated_at=NOW,
        consigned_at=None if error else NOW + timedelta(minutes=1),
        handed_over_at=None,
    )


def hop_row(document_id: str, node: str, sequence: int) -> HopRow:
    """One hop that passed."""
    return HopRow(
        document_id=document_id,
        node=node,
        sequence=sequence,
        received_at=NOW + timedelta(seconds=sequence),
        verdict=Verdict.PASSED,
        record=b"<RelayAcceptance/>",
        digest="d" * 64,
        previous_digest="e" * 64,
    )


def held_row(*, id: str, kind: HeldKind = HeldKind.QUARANTINE) -> HeldRow:
    """A message whose signature failed."""
    return HeldRow(
        id=id,
        kind=kind,
        at=NOW,
        node="H48.31",
        lane=Lane.NORMAL,
        document_id=None,
        code=Code.SIGNATURE_INVALID,
        detail="digest of Reference 1",
        message=b"\x00transit bytes",
    )


def event_row() -> EventRow:
    """An acceptance in the event log."""
    return EventRow(
        at=NOW,
        actor=SENDER,
        kind="document.accepted",
        document_id="d1",
        detail={"recipients": ["H48.02"], "size": 12, "by": "Nguyễn Văn A", "none": None},
    )


def certificate_row() -> CertificateRow:
    """A transport certificate in force."""
    return CertificateRow(
        sha256="c" * 64,
        agency=SENDER,
        purpose="transport",
        role="agency",
        subject="CN=H48.31.05",
        not_before=NOW,
        not_after=NOW + timedelta(days=365),
        pem="-----BEGIN CERTIFICATE-----",
        bound_at=NOW,
    )
