"""What the client gives back: frozen values, free of protobuf. Times are UTC-aware, digests lower-case hex."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Package
from lienthong.domain.evidence import EvidenceKind, SubmissionAcceptance, Verdict
from lienthong.signing.verify import VerifiedDocument
from lienthong_client.proof import Proof
from lienthong_client.results_business import DeliveryRequest, StatusEntry, Warning


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientError:
    """Why one recipient could not be served. `code` is a catalogue code, kept as text for newer hubs."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientResult:
    """What became of one recipient at submission."""

    code: str
    state: DeliveryState
    delivery_id: str
    error: RecipientError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The hub's answer to a submission; its signed acceptance was verified against the bytes sent."""

    document_id: str
    sha256: str
    recipients: tuple[RecipientResult, ...]
    acceptance: SubmissionAcceptance  #: what the hub signed
    acceptance_xml: bytes = field(repr=False)  #: the signed evidence: keep it
    repeated: bool = False  #: the hub had these bytes already
    warnings: tuple[Warning, ...] = ()  #: what to know of it; it is carried all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSummary:
    """What the hub says of a document. Nothing here is signed: believe `Received.package`."""

    document_id: str
    sha256: str
    size: int
    kind: str
    business_type: int
    sender: str
    sender_name: str
    edxml_document_id: str
    code_number: str
    code_notation: str
    subject: str
    lane: str
    priority: int
    promulgation_date: str
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A delivery that waits for us."""

    delivery_id: str
    document: DocumentSummary
    consigned_at: datetime | None


class Verified(Protocol):
    """What a receipt is signed for: a `Received`, or what a program kept of one it verified before."""

    @property
    def delivery_id(self) -> str:
        """Whose end the receipt is."""

    @property
    def document_id(self) -> str:
        """The hub's id of the document."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes that were verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A document that was fetched and verified by ourselves, with the proof of its way."""

    delivery_id: str
    document_id: str
    verified: VerifiedDocument = field(repr=False)
    proof: Proof = field(repr=False)
    evidence: tuple[EvidenceItem, ...] = field(repr=False)
    binding: str  #: how the signing certificate was tied to the sender: "certificate" or "relays"

    @property
    def data(self) -> bytes:
        """The exact signed bytes."""
        return self.verified.data

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes."""
        return self.verified.sha256

    @property
    def package(self) -> Package:
        """What the document says."""
        return self.verified.package

    @property
    def sender(self) -> str:
        """The sender's canonical code."""
        return self.verified.sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The delivery has ended. `handover_xml` is our signed ContentHandover as it was sent."""

    delivery_id: str
    state: DeliveryState
    handed_over_at: datetime | None
    handover_xml: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One node the document passed."""

    node: str
    node_name: str
    tier: str
    sequence: int
    received_at: datetime | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One document for one recipient, as the hub tracks it."""

    delivery_id: str
    recipient: str
    recipient_name: str
    state: DeliveryState
    status: str | None  #: business status code, None until one arrives
    error: RecipientError | None
    hops: tuple[Hop, ...]
    updated_at: datetime | None
    consigned_at: datetime | None
    handed_over_at: datetime | None
    expires_at: datetime | None = None  #: when it ends, if it has not ended until then
    receipt_due_at: datetime | None = None  #: until when its recipient should receive it
    statuses: tuple[StatusEntry, ...] = ()  #: what was said of it, in order
    requests: tuple[DeliveryRequest, ...] = ()  #: what its sender asked about it later
    reason: str | None = None  #: why it was withdrawn, refused or expired
    node: str | None = None  #: the last node that had it


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A document that was not received in time, or is not fetched yet."""

    document: DocumentSummary
    delivery: Delivery  #: without hops


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an agency sent and received in a month: received = on_time + late + waiting + withdrawn."""

    agency: str
    name: str
    sent: int
    received: int  #: documents that came into its inbox, by the day they had to be received in
    on_time: int
    late: int  #: received too late, or not at all though the day is over
    waiting: int  #: not received, and the day is not over
    withdrawn: int  #: recalled, replaced or refused before they were received


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """Where each delivery of a document is."""

    document: DocumentSummary
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceItem:
    """One signed record as the hub keeps it."""

    kind: EvidenceKind
    recipient: str | None  #: None for what concerns the whole document
    node: str | None  #: for a RelayAcceptance
    at: datetime | None
    xml: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSet:
    """All evidence of a document, verified by ourselves."""

    document_id: str
    items: tuple[EvidenceItem, ...]
    proof: Proof
