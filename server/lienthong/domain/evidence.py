"""Which facts about a delivery are signed, and what each says. Names are those of ETSI EN 319 522-1.

SubmissionAcceptance is signed by the hub, RelayAcceptance (the hop record) by a node's relay key,
ContentConsignment by the recipient's node, ContentHandover by the recipient agency itself, the two failures by
the hub. XML form: `transit/records.py`; schema: schemas/lienthong_schemas/transit/.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EvidenceKind(StrEnum):
    """The kinds of evidence kept beside a document."""

    SUBMISSION_ACCEPTANCE = "SubmissionAcceptance"
    RELAY_ACCEPTANCE = "RelayAcceptance"
    CONTENT_CONSIGNMENT = "ContentConsignment"
    CONTENT_HANDOVER = "ContentHandover"
    CONTENT_CONSIGNMENT_FAILURE = "ContentConsignmentFailure"
    CONTENT_HANDOVER_FAILURE = "ContentHandoverFailure"


class Verdict(StrEnum):
    """Outcome of a verification, in the words of ETSI EN 319 102-1. INDETERMINATE may change with time."""

    PASSED = "PASSED"
    INDETERMINATE = "INDETERMINATE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionAcceptance:
    """The hub's promise: these bytes are durable here and will reach these recipients, or you will be told."""

    document_id: str  #: the hub's UUIDv7
    document_sha256: str  #: lower-case hex over the exact bytes submitted
    sender: str  #: canonical code
    first_node: str  #: canonical code of the node the document enters the linkage at
    recipients: tuple[str, ...]  #: canonical codes accepted, sorted
    accepted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One next node and the recipients that lie behind it."""

    node: str
    recipients: tuple[str, ...]  #: canonical codes, sorted


@dataclass(frozen=True, slots=True, kw_only=True)
class HopRecord:
    """RelayAcceptance: one relay's statement that it received, verified and passed the document on."""

    document_id: str
    document_sha256: str
    node: str
    sequence: int  #: 1 at the sender's own node
    received_at: datetime
    verdict: Verdict
    signer_sha256: str  #: SHA-256 of the sender's signing certificate (DER), hex
    next: tuple[Branch, ...]  #: sorted by node; empty at the end of every branch
    delivered: bool  #: the node is itself a recipient
    previous_digest: (
        str  #: SHA-256 hex of the previous record's bytes; of the SubmissionAcceptance for sequence 1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentConsignment:
    """The recipient's node: the whole chain was verified and the document lies in the inbox."""

    document_id: str
    document_sha256: str
    recipient: str
    consigned_at: datetime
    hop_digest: str  #: SHA-256 hex of the recipient node's own hop record


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentHandover:
    """The recipient agency: fetched and verified by ourselves."""

    document_id: str
    document_sha256: str
    recipient: str
    handed_over_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentConsignmentFailure:
    """The hub: the delivery ended before it reached the recipient's inbox, and why."""

    document_id: str
    document_sha256: str
    recipient: str
    node: str  #: where it was stopped: the last node that had it
    outcome: str  #: WITHDRAWN, REFUSED or EXPIRED
    reason: str
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentHandoverFailure:
    """The hub: the delivery lay in the recipient's inbox and ended without being handed over, and why."""

    document_id: str
    document_sha256: str
    recipient: str
    outcome: str  #: WITHDRAWN, REFUSED or EXPIRED
    reason: str
    failed_at: datetime


Evidence = (
    SubmissionAcceptance
    | HopRecord
    | ContentConsignment
    | ContentHandover
    | ContentConsignmentFailure
    | ContentHandoverFailure
)
