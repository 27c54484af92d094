"""Does the transit record prove the way of this document from the hub to here?

Steps, repeated beside the code:
 1. The SubmissionAcceptance is signed by a hub.
 2. Every record names the same document id and the same SHA-256.
 3. The records link: sequence 1, 2, 3 …, each holding the SHA-256 of the bytes of the one before.
 4. Each hop was foreseen by the record before it: the first node by the acceptance, the others as a next node.
 5. Each hop record says PASSED and is signed by its own node's relay key. (A relay checks the newest signature
    only: the older ones are held by the digests under it and were checked by the relays before. Where a document
    is consigned, and offline, every signature is checked.)
 6. The branch: which recipients the newest record hands to the node that reads this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lienthong.domain.evidence import Branch, EvidenceKind, HopRecord, SubmissionAcceptance, Verdict
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.signing.trust import Trust
from lienthong.signing.verify import verify_record
from lienthong.transit import records

HUB_IDENTITY = "urn:lienthong:hub:"
NODE_IDENTITY = "urn:lienthong:node:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A transit record that was verified as far as `verify_chain` was asked to."""

    acceptance: SubmissionAcceptance
    hops: tuple[HopRecord, ...]
    last_digest: str  #: SHA-256 hex of the newest record's bytes
    records: tuple[bytes, ...] = field(repr=False)

    def branch_for(self, node: str) -> Branch:
        """(6) The recipients handed to `node` by the newest record; CHAIN_BROKEN when it does not name the node."""
        if not self.hops:
            if self.acceptance.first_node != node:
                raise _broken(f"the document enters at {self.acceptance.first_node}, not at {node}")
            return Branch(node=node, recipients=self.acceptance.recipients)
        for branch in self.hops[-1].next:
            if branch.node == node:
                return branch
        raise _broken(f"{self.hops[-1].node} did not pass the document to {node}")


def verify_chain(
    acceptance: bytes,
    hop_records: Sequence[bytes],
    *,
    document_sha256: str | None,
    trust: Trust,
    at: datetime,
    every_signature: bool = True,
) -> Chain:
    """Verify a transit record. Raises `Refusal`: CHAIN_BROKEN, or a signature's or certificate's own code.

    `document_sha256` is of the bytes at hand, None when the record is looked at without them. `trust` holds the
    infrastructure anchors. `every_signature=False` checks the newest record's signature only (step 5).
    """
    newest = len(hop_records)
    accepted = _acceptance(acceptance, trust=trust, at=at, verify=every_signature or newest == 0)  # (1)
    if document_sha256 is not None and accepted.document_sha256 != document_sha256:
        raise _broken("the SubmissionAcceptance is for other bytes")  # (2)
    hops: list[HopRecord] = []
    digest = sha256_hex(acceptance)
    for sequence, xml in enumerate(hop_records, start=1):
        hop = _hop(xml, trust=trust, at=at, verify=every_signature or sequence == newest)  # (5)
        _check_link(hop, accepted, sequence=sequence, digest=digest)  # (2) (3)
        chain = Chain(acceptance=accepted, hops=tuple(hops), last_digest=digest, records=())
        chain.branch_for(hop.node)  # (4)
        hops.append(hop)
        digest = sha256_hex(xml)
    return Chain(
        acceptance=accepted, hops=tuple(hops), last_digest=digest, records=(acceptance, *hop_records)
    )


def _acceptance(xml: bytes, *, trust: Trust, at: datetime, verify: bool) -> SubmissionAcceptance:
    kind = EvidenceKind.SUBMISSION_ACCEPTANCE
    if verify:
        verified = verify_record(xml, trust=trust, at=at, root=records.root_name(kind))
        identity = verified.signer.identity or ""
        if not identity.startswith(HUB_IDENTITY):
            raise Refusal(Code.CERTIFICATE_UNTRUSTED, field=kind.value, detail="not signed by a hub")
        record = records.read_bytes(xml, verified.root)
    else:
        record = records.read_bytes(xml)
    if not isinstance(record, SubmissionAcceptance):
        raise _broken("the first record is not a SubmissionAcceptance")
    return record


def _hop(xml: bytes, *, trust: Trust, at: datetime, verify: bool) -> HopRecord:
    kind = EvidenceKind.RELAY_ACCEPTANCE
    identity = None
    if verify:
        verified = verify_record(xml, trust=trust, at=at, root=records.root_name(kind))
        identity = verified.signer.identity
        record = records.read_bytes(xml, verified.root)
    else:
        record = records.read_bytes(xml)
    if not isinstance(record, HopRecord):
        raise _broken("a record of the chain is not a hop record")
    if verify and identity != NODE_IDENTITY + record.node:
        raise Refusal(
            Code.CERTIFICATE_UNTRUSTED, field=kind.value, detail=f"not signed by the relay of {record.node}"
        )
    if record.verdict is not Verdict.PASSED:
        raise _broken(f"{record.node} did not pass the document")
    return record


def _check_link(hop: HopRecord, accepted: SubmissionAcceptance, *, sequence: int, digest: str) -> None:
    if (hop.document_id, hop.document_sha256) != (accepted.document_id, accepted.document_sha256):
        raise _broken(f"the hop record of {hop.node} is for another document")
    if hop.sequence != sequence:
        raise _broken(f"hop {sequence} is missing: {hop.node} says it was hop {hop.sequence}")
    if hop.previous_digest != digest:
        raise _broken(f"the hop record of {hop.node} does not follow the record before it")


def _broken(detail: str) -> Refusal:
    return Refusal(Code.CHAIN_BROKEN, field="transit record", detail=detail)
