"""Is this document really from its sender, and did it really come the way the relays say? (Pure.)

Steps, repeated beside the code:
 1. The sender's signature, certificate path and revocation, over the exact bytes, by our own anchors.
 2. The transit record and all other evidence, by our own anchors, for these bytes.
 3. The signing certificate is the sender's: the relays say so, whose signed hop records name the certificate they
    verified against the directory, and its own SAN URI, where it has one, does not say otherwise.
 4. It was sent to us: our node's hop record and ContentConsignment are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import read
from lienthong.errors import Code, Refusal
from lienthong.signing.trust import Binding, Trust
from lienthong.signing.verify import VerifiedDocument, examine_package, verify_package
from lienthong_client.proof import AGENCY_IDENTITY, Proof, RecordTrust, verify_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Everything `verify_received` found out."""

    verified: VerifiedDocument
    proof: Proof
    binding: str  #: "certificate" or "relays": who ties the signing certificate to the sender


def _check_signature(data: bytes, *, trust: Trust, at: datetime) -> None:
    """(1) alone. Raises the `Refusal` of a bad signature, certificate or path; whose the certificate is comes later."""
    report = examine_package(data, trust=trust, at=at)
    if report.refusal is not None and report.refusal.code is not Code.SIGNER_NOT_SENDER:
        raise report.refusal


def verify_received(
    data: bytes, evidence: Iterable[bytes], *, us: str, trust: RecordTrust, at: datetime, limits: Limits
) -> Receipt:
    """All steps. Raises `Refusal` with the failing step's code.

    (2) runs first, because (1) and (3) are one pass over the document that needs it; when it fails, (1) is done to
    tell changed bytes from a broken record.
    """
    try:
        proof = verify_evidence(evidence, document_sha256=sha256_hex(data), trust=trust, at=at)  # (2)
    except Refusal:
        _check_signature(data, trust=trust.agencies, at=at)
        raise
    verified = verify_package(
        data,
        trust=trust.agencies,
        bindings=relays_bindings(proof),
        directory=relays_directory(proof, read(data, limits).sender_code),
        at=at,
        limits=limits,
    )  # (1) (3)
    identity = verified.signer.identity
    if identity is not None and identity != AGENCY_IDENTITY + verified.sender:
        raise Refusal(
            Code.SIGNER_NOT_SENDER, field="Signature/KeyInfo", detail=f"{identity}, not {verified.sender}"
        )
    _check_for_us(proof, us)  # (4)
    return Receipt(verified=verified, proof=proof, binding="relays" if identity is None else "certificate")


def relays_bindings(proof: Proof) -> dict[str, Binding]:
    """Whose the signing certificate is, by the relays' signed word."""
    return {signer: Binding(agency=proof.acceptance.sender) for signer in proof.signers}


def relays_directory(proof: Proof, written: str) -> Directory:
    """The sender alone: the code written in From is the one the hub and the relays resolved to `sender`."""
    sender = proof.acceptance.sender
    aliases = () if written.strip() == sender else (written.strip(),)
    return Directory.of([Agency(code=sender, name=sender, tier="", aliases=aliases)])


def _check_for_us(proof: Proof, us: str) -> None:
    if not proof.way_to(us) or us not in {consignment.recipient for consignment in proof.consignments}:
        raise Refusal(
            Code.CHAIN_BROKEN, field="evidence", detail=f"nothing proves that the document reached {us}"
        )
