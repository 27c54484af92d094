"""What does a heap of signed records prove about one document? (Pure; used online and offline.)

Steps, repeated beside the code:
 1. A SubmissionAcceptance, signed by a hub, that names the document's SHA-256. Where the document was forwarded to
    successors of closed agencies, one more for each, of the same document, sender and bytes.
 2. The hop records form a tree under each (each names the digest of the record before it); none is left over.
 3. Every way from the acceptance to the end of a branch is verified as a whole, every signature included.
 4. Each ContentConsignment is signed by its recipient's node, is for this document and names that node's hop record.
 5. Each ContentHandover is signed by its recipient's own key and is for this document.
 6. Each failure is signed by a hub and is for this document; nobody both received and failed to receive it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from lienthong.domain.evidence import (
    ContentConsignment,
    ContentConsignmentFailure,
    ContentHandover,
    ContentHandoverFailure,
    EvidenceKind,
    HopRecord,
    SubmissionAcceptance,
)
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.trust import Trust
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong.transit.chain import HUB_IDENTITY, NODE_IDENTITY, Chain, verify_chain

AGENCY_IDENTITY = "urn:lienthong:agency:"

Failure = ContentConsignmentFailure | ContentHandoverFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The verified evidence of one document."""

    acceptance: SubmissionAcceptance  #: the first
    chains: tuple[Chain, ...]  #: one for each end of a branch; one without hops when nothing has moved yet
    consignments: tuple[ContentConsignment, ...]
    handovers: tuple[ContentHandover, ...]
    failures: tuple[Failure, ...] = ()  #: deliveries that ended otherwise than handed over

    @property
    def hops(self) -> tuple[HopRecord, ...]:
        """Every hop once, in the order of the way."""
        found = {(hop.sequence, hop.node): hop for chain in self.chains for hop in chain.hops}
        return tuple(found[key] for key in sorted(found))

    @property
    def signers(self) -> frozenset[str]:
        """SHA-256 of the signing certificates the relays say they verified the document with."""
        return frozenset(hop.signer_sha256 for hop in self.hops)

    def way_to(self, recipient: str) -> tuple[HopRecord, ...]:
        """The hops up to the recipient's own node; empty when the document has not arrived there."""
        for chain in self.chains:
            for end, hop in enumerate(chain.hops, start=1):
                if hop.node == recipient and hop.delivered:
                    return chain.hops[:end]
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTrust:
    """Whose records we believe."""

    infrastructure: Trust  #: hub and relays
    agencies: Trust  #: ContentHandover


def verify_acceptance(
    xml: bytes, *, document_sha256: str, document_id: str | None, trust: Trust, at: datetime
) -> SubmissionAcceptance:
    """A hub's SubmissionAcceptance for these very bytes. Raises `Refusal`: CHAIN_BROKEN or a signature's code."""
    accepted = verify_chain(xml, (), document_sha256=document_sha256, trust=trust, at=at).acceptance
    if document_id is not None and accepted.document_id != document_id:
        raise _broken("the SubmissionAcceptance is for another document id")
    return accepted


def verify_evidence(
    xmls: Iterable[bytes], *, document_sha256: str | None, trust: RecordTrust, at: datetime
) -> Proof:
    """Verify all records of one document. Raises `Refusal`: CHAIN_BROKEN, SCHEMA_INVALID or a signature's code.

    `document_sha256` is of the bytes at hand, None when the document itself is not there.
    """
    heap = sort_records(xmls)
    chains = _verify_ways(
        heap[EvidenceKind.SUBMISSION_ACCEPTANCE],
        heap[EvidenceKind.RELAY_ACCEPTANCE],
        document_sha256=document_sha256,
        trust=trust.infrastructure,
        at=at,
    )  # (1) (2) (3)
    accepted = _first_acceptance(chains)
    recipients = {code for chain in chains for code in chain.acceptance.recipients}
    digests = {
        sha256_hex(xml): hop
        for chain in chains
        for xml, hop in zip(chain.records[1:], chain.hops, strict=True)
    }
    proof = Proof(
        acceptance=accepted,
        chains=chains,
        consignments=tuple(
            verify_consignment(xml, accepted, digests, trust=trust.infrastructure, at=at)
            for xml in heap[EvidenceKind.CONTENT_CONSIGNMENT]
        ),  # (4)
        handovers=tuple(
            verify_handover(xml, accepted, recipients=recipients, trust=trust.agencies, at=at)
            for xml in heap[EvidenceKind.CONTENT_HANDOVER]
        ),  # (5)
        failures=tuple(
            verify_failure(xml, kind, accepted, trust=trust.infrastructure, at=at)
            for kind in (EvidenceKind.CONTENT_CONSIGNMENT_FAILURE, EvidenceKind.CONTENT_HANDOVER_FAILURE)
            for xml in heap[kind]
        ),  # (6)
    )
    both = {record.recipient for record in proof.failures} & {record.recipient for record in proof.handovers}
    if both:
        raise _broken(f"{min(both)} both received the document and failed to receive it")
    return proof


def sort_records(xmls: Iterable[bytes]) -> dict[EvidenceKind, list[bytes]]:
    """Records by kind, doubles left out. Raises `Refusal` for what is no record."""
    heap: dict[EvidenceKind, list[bytes]] = {kind: [] for kind in EvidenceKind}
    for xml in dict.fromkeys(xmls):
        heap[records.kind_of(parse(xml))].append(xml)
    return heap


def _first_acceptance(chains: Iterable[Chain]) -> SubmissionAcceptance:
    """(1) The acceptance of the submission; the others are for the same document."""
    found = sorted({chain.acceptance for chain in chains}, key=lambda accepted: accepted.accepted_at)
    for other in found[1:]:
        check_same_document(other, found[0])
        if other.sender != found[0].sender:
            raise _broken("the SubmissionAcceptance records name different senders")
    return found[0]


def ways(
    acceptances: Iterable[bytes], hop_xmls: Iterable[bytes]
) -> list[tuple[bytes, tuple[bytes, ...], bool]]:
    """(2) Every way down each acceptance's tree, its empty one first, unverified; True where a branch ends."""
    followers: dict[str, list[bytes]] = {}
    count = 0
    for xml in hop_xmls:
        record = records.read(parse(xml))
        if not isinstance(record, HopRecord):
            raise _broken("not a hop record")
        followers.setdefault(record.previous_digest, []).append(xml)
        count += 1
    found: list[tuple[bytes, tuple[bytes, ...], bool]] = []
    waiting: deque[tuple[bytes, tuple[bytes, ...]]] = deque((acceptance, ()) for acceptance in acceptances)
    roots = len(waiting)
    if not roots:
        raise _broken("there is no SubmissionAcceptance")
    while waiting:
        acceptance, way = waiting.popleft()
        nexts = followers.get(sha256_hex(way[-1] if way else acceptance), [])
        found.append((acceptance, way, not nexts))
        waiting.extend((acceptance, (*way, xml)) for xml in nexts)
    if len(found) - roots != count:
        raise _broken(f"{count - len(found) + roots} hop records do not follow from the SubmissionAcceptance")
    return found


def _verify_ways(
    acceptances: Iterable[bytes],
    hops: Iterable[bytes],
    *,
    document_sha256: str | None,
    trust: Trust,
    at: datetime,
) -> tuple[Chain, ...]:
    """(3) Each way is verified with its newest signature only: its older ones were, one step up the tree."""
    chains = []
    for acceptance, way, is_end in ways(acceptances, hops):
        chain = verify_chain(
            acceptance, way, document_sha256=document_sha256, trust=trust, at=at, every_signature=False
        )
        if is_end:
            chains.append(chain)
    return tuple(chains)


def verify_consignment(
    xml: bytes,
    accepted: SubmissionAcceptance,
    hops: dict[str, HopRecord],
    *,
    trust: Trust,
    at: datetime,
) -> ContentConsignment:
    """(4) A ContentConsignment by its recipient's node. `hops`: verified hop records by digest."""
    kind = EvidenceKind.CONTENT_CONSIGNMENT
    verified = verify_record(xml, trust=trust, at=at, root=records.root_name(kind))
    record = records.read(verified.root)
    if not isinstance(record, ContentConsignment):
        raise _broken("not a ContentConsignment")
    if verified.signer.identity != NODE_IDENTITY + record.recipient:
        raise _untrusted(kind, f"not signed by the node of {record.recipient}")
    check_same_document(record, accepted)
    hop = hops.get(record.hop_digest)
    if hop is None or hop.node != record.recipient:
        raise _broken(f"the ContentConsignment of {record.recipient} names no hop record of its node")
    return record


def verify_handover(
    xml: bytes,
    accepted: SubmissionAcceptance,
    *,
    recipients: Collection[str],
    trust: Trust,
    at: datetime,
) -> ContentHandover:
    """(5) The ContentHandover of one of the recipients. A certificate that names an agency must name this one."""
    kind = EvidenceKind.CONTENT_HANDOVER
    verified = verify_record(xml, trust=trust, at=at, root=records.root_name(kind))
    record = records.read(verified.root)
    if not isinstance(record, ContentHandover):
        raise _broken("not a ContentHandover")
    identity = verified.signer.identity
    if identity is not None and identity != AGENCY_IDENTITY + record.recipient:
        raise _untrusted(kind, f"not signed by {record.recipient}")
    check_same_document(record, accepted)
    if record.recipient not in recipients:
        raise _broken(f"{record.recipient} is no recipient of this document")
    return record


def verify_failure(
    xml: bytes, kind: EvidenceKind, accepted: SubmissionAcceptance, *, trust: Trust, at: datetime
) -> Failure:
    """(6) A hub's word that a delivery ended otherwise than handed over."""
    verified = verify_record(xml, trust=trust, at=at, root=records.root_name(kind))
    record = records.read(verified.root)
    if not isinstance(record, ContentConsignmentFailure | ContentHandoverFailure):
        raise _broken(f"not a {kind}")
    if not (verified.signer.identity or "").startswith(HUB_IDENTITY):
        raise _untrusted(kind, "not signed by a hub")
    check_same_document(record, accepted)
    return record


def check_same_document(
    record: SubmissionAcceptance | ContentConsignment | ContentHandover | Failure,
    accepted: SubmissionAcceptance,
) -> None:
    """Both records must speak of one document; CHAIN_BROKEN otherwise."""
    if (record.document_id, record.document_sha256) != (accepted.document_id, accepted.document_sha256):
        raise _broken(f"a {type(record).__name__} is for another document")


def _broken(detail: str) -> Refusal:
    return Refusal(Code.CHAIN_BROKEN, field="evidence", detail=detail)


def _untrusted(kind: EvidenceKind, detail: str) -> Refusal:
    return Refusal(Code.CERTIFICATE_UNTRUSTED, field=kind.value, detail=detail)
