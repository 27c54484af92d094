"""What the store keeps and gives back: plain frozen rows, the same on every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane, PackageKind
from lienthong.domain.evidence import EvidenceKind, Verdict
from lienthong.errors import Code
from lienthong.hub.content_port import DocumentContent

if TYPE_CHECKING:
    from lienthong.hub.status_port import NewRequest, NewStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One recipient of a document at acceptance: ACCEPTED, or REFUSED with a code."""

    id: str
    recipient: str  #: canonical code; as written where it is unknown
    state: DeliveryState
    error: Code | None = None
    error_detail: str | None = None
    expires_at: datetime | None = None  #: when it ends, if it has not ended until then
    failure: bytes | None = None  #: of a refused one: the signed ContentConsignmentFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """Everything one acceptance writes, in one commit."""

    id: str
    identity: str  #: unique: see hub/inspection.py:identity_of
    sha256: str
    size: int
    kind: PackageKind
    business_type: int
    sender: str  #: canonical code
    first_node: str
    edxml_document_id: str | None
    code_number: str | None
    code_notation: str | None
    subject: str
    lane: Lane
    priority: int
    promulgation_date: str | None
    signer_sha256: str
    accepted_at: datetime
    deliveries: tuple[NewDelivery, ...]
    acceptance: bytes  #: the signed SubmissionAcceptance
    status: NewStatus | None = None  #: what a status package says of an earlier document
    requests: tuple[NewRequest, ...] = ()  #: what the package asks about earlier documents
    onward: tuple[str, ...] = ()  #: documents its sender received and passes on with it
    contents: tuple[DocumentContent, ...] = ()  #: external content it names
    number_is_free: bool = False  #: judged as if its number were free: the commit has to check that


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A stored document, without its bytes."""

    id: str
    identity: str
    sha256: str
    size: int
    kind: PackageKind
    business_type: int
    sender: str
    first_node: str
    edxml_document_id: str | None
    code_number: str | None
    code_notation: str | None
    subject: str
    lane: Lane
    priority: int
    promulgation_date: str | None
    signer_sha256: str
    accepted_at: datetime
    published_at: datetime | None  #: when the broker first confirmed it; None: the reconciler will publish


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A stored delivery."""

    id: str
    document_id: str
    recipient: str
    state: DeliveryState
    error: Code | None
    error_detail: str | None
    status: str | None  #: business status code, None until one arrives
    updated_at: datetime
    consigned_at: datetime | None
    handed_over_at: datetime | None
    node: str = ""  #: the last node that had it: the first node, then that of its newest hop
    expires_at: datetime | None = None  #: when it ends, if it has not ended until then
    receipt_due_at: datetime | None = None  #: when receipt is due; None before the inbox
    status_at: datetime | None = None  #: when the recipient says it reached `status`


def accepted_deliveries(document: NewDocument) -> list[DeliveryRow]:
    """The deliveries as an acceptance writes them."""
    return [
        DeliveryRow(
            id=new.id,
            document_id=document.id,
            recipient=new.recipient,
            state=new.state,
            error=new.error,
            error_detail=new.error_detail,
            status=None,
            updated_at=document.accepted_at,
            consigned_at=None,
            handed_over_at=None,
            node=document.first_node,
            expires_at=new.expires_at,
        )
        for new in document.deliveries
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class HopRow:
    """A stored hop record with what queries need of it."""

    document_id: str
    node: str
    sequence: int
    received_at: datetime
    verdict: Verdict
    record: bytes  #: the signed XML
    digest: str  #: SHA-256 hex of `record`
    previous_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A delivery as its recipient sees it."""

    delivery: DeliveryRow
    document: DocumentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """Signed evidence of a document; `recipient` is None for what concerns the whole document."""

    document_id: str
    kind: EvidenceKind
    recipient: str | None
    at: datetime
    xml: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePurpose:
    """Names for `CertificateRow.purpose`."""

    SIGNATURE = "signature"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRow:
    """A certificate bound to an agency (or, for `role` operator, to the administrators)."""

    sha256: str  #: of the DER, hex
    agency: str  #: canonical code, or "" for an operator
    purpose: str
    role: str  #: "agency" or "operator"
    subject: str
    not_before: datetime
    not_after: datetime
    pem: str
    bound_at: datetime
    revoked_at: datetime | None = None
    revoke_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of the append-only event log."""

    at: datetime
    actor: str  #: agency code, node code, "hub", or "operator:<certificate subject>"
    kind: str  #: dotted past tense, e.g. document.accepted
    document_id: str | None = None
    subject: str | None = None  #: what else it concerns: a recipient, node, quarantine id, agency …
    detail: Mapping[str, Any] = field(default_factory=dict)


class HeldKind(StrEnum):
    """Why a transit message is held for an operator."""

    QUARANTINE = "quarantine"  # failed verification
    DEAD_LETTER = "dead_letter"  # no relay could process it


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A transit message held for an operator, with its exact bytes."""

    id: str
    kind: HeldKind
    at: datetime
    node: str
    lane: Lane
    document_id: str | None  #: as the message claims; None when it cannot be read
    code: Code
    detail: str | None
    message: bytes  #: empty in lists
    resolved_at: datetime | None = None
    resolution: str | None = None  #: released | rejected | requeued | discarded
    reason: str | None = None
    resolved_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """The part of a hop that puts a document into an inbox."""

    recipient: str
    evidence: bytes
    at: datetime
    receipt_due_at: datetime | None = None  #: None for a status package: nobody has a duty to receive it


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a hop that was to be recorded."""

    hop: HopRow | None  #: as stored, an earlier one on a repeat; None: nothing written, some are `stopped`
    stopped: tuple[str, ...] = ()  #: recipients that must not get the document any more, sorted
    waiting: str | None = None  #: the id of the consigned delivery, while it waits in the inbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where undelivered deliveries wait: used by `queues list` for the oldest."""

    node: str
    lane: Lane
    oldest: datetime
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuery:
    """`documents find`: every given field must match; text matches subject or number, substring."""

    text: str | None = None
    sender: str | None = None
    recipient: str | None = None
    state: DeliveryState | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    before_id: str | None = None  #: page on: documents older than this id
