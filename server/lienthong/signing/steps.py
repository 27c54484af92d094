"""Steps 0 to 9 of a verification: is this XML signed, whole, by a certificate that counts?

The same for documents and records; `verify.py` lists all steps and adds the two for documents. Each block is one
step, in order, and `Trail.step` turns whatever goes wrong inside it into a `Refusal`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Final

from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm

from lienthong.edxml.bounds import Limits
from lienthong.edxml.reader import parse_carefully, parse_plain
from lienthong.errors import Code, Refusal
from lienthong.signing.certificates import facts_of, is_authority, read_certificate
from lienthong.signing.engine import verify_signature
from lienthong.signing.forms import recognise
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import check_shape, find_signature
from lienthong.signing.stated import Stated, check_algorithms, read_stated
from lienthong.signing.trust import Trust
from lienthong.signing.verdict import Signer, Trail

_BOUNDS: Final = frozenset({Code.XML_TOO_LARGE, Code.XML_TOO_DEEP, Code.XML_DOCTYPE_REFUSED})


def verify_signed(
    data: bytes,
    *,
    place: Callable[[etree._Element], etree._Element],
    last: bool,
    trust: Trust,
    at: datetime,
    limits: Limits,
    trail: Trail,
) -> tuple[etree._Element, Signer]:
    """Steps 0 to 9, each noted in `trail`: the parsed tree and who signed it.

    `place` checks the root and returns the element the signature is a child of (`last`: the last one). Raises
    `Refusal`; ValueError for a naive `at`, which is the caller's mistake and not the peer's.
    """
    if at.tzinfo is None:
        raise ValueError("at must carry its time zone")
    root, plain = _parse(data, limits, trail)
    # (2) the root is the expected one
    with trail.step(2):
        parent = place(root)
    # (3) one signature, at its one place
    with trail.step(3):
        signature = find_signature(root, parent, last=last)
    stated = _read(data if plain else None, root, signature, trail)
    # (6) a strong key, and a path to an anchor at the time `at`
    with trail.step(6):
        certificate, supplied = _certificates(stated.certificates)
        trail.signer = _signer(certificate, None)
        POLICY.check_key(certificate.public_key(), POLICY.check_signature_method(stated.method))
        path = trust.verify_path(certificate, supplied=supplied, at=at)
    # (7) nothing on the path is revoked
    with trail.step(7):
        trust.verify_revocation(path, at=at)
    # (8) the value and the digests
    with trail.step(8):
        verify_signature(stated, root, certificate)
    # (9) XAdES names the certificate that was used; the signing time is the signer's claim
    with trail.step(9):
        trail.signer = signer = _signer(certificate, _check_signing_certificate(stated, certificate))
    return root, signer


def _parse(data: bytes, limits: Limits, trail: Trail) -> tuple[etree._Element, bool]:
    """Steps 0 and 1: the tree, and whether the file is plain. The code of a refusal tells which of them it was."""
    refused: Refusal | None = None
    root = parse_plain(data, limits)
    plain = root is not None
    try:
        root = parse_carefully(data, limits) if root is None else root
    except Refusal as refusal:
        refused = refusal
    # (0) small and plain enough to look at
    with trail.step(0):
        if refused is not None and refused.code in _BOUNDS:
            raise refused
    # (1) well-formed
    with trail.step(1):
        if refused is not None:
            raise refused
    assert root is not None  # noqa: S101  for the type checker: either it was parsed or it was refused
    return root, plain


def _read(plain: bytes | None, root: etree._Element, signature: etree._Element, trail: Trail) -> Stated:
    """Steps 4 and 5, at once for what is written like a signature before: what the signature states."""
    # (4) nothing foreign inside it, everything outside it covered
    with trail.step(4):
        known = None if plain is None else recognise(plain)
        shape = check_shape(root, signature) if known is None else None
    # (5) the policy allows every algorithm; transforms are exactly the two
    with trail.step(5):
        if shape is not None:
            check_algorithms(shape)
            known = read_stated(shape)
    assert known is not None  # noqa: S101  for the type checker
    return known


def _certificates(ders: tuple[bytes, ...]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The one end-entity certificate of X509Data, and the authorities' beside it (in any order)."""
    try:
        certificates = [read_certificate(der) for der in ders]
        leaves = [certificate for certificate in certificates if not is_authority(certificate)]
    except ValueError as error:
        detail = "a certificate in X509Data cannot be read"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail) from error
    if len(leaves) != 1:
        detail = f"X509Data must hold exactly one certificate that is not an authority's; found {len(leaves)}"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail)
    return leaves[0], [certificate for certificate in certificates if certificate is not leaves[0]]


def _signer(certificate: x509.Certificate, signing_time: datetime | None) -> Signer:
    facts = facts_of(certificate)
    return Signer(
        certificate=certificate,
        sha256=facts.sha256,
        subject=facts.subject,
        signing_time=signing_time,
        identity=facts.identity,
    )


def _check_signing_certificate(stated: Stated, certificate: x509.Certificate) -> datetime | None:
    """Step 9: SigningCertificateV2 (or the older form) must name `certificate` first. Returns the claimed time.

    ETSI EN 319 132-1 clauses 5.2.1 and 5.2.2. A plain XMLDSig signature has nothing to check: step 8 used the key.
    """
    if stated.signed_properties is None:
        return None
    if len(stated.named) != 1:
        raise _unnamed("SignedProperties must name the signing certificate exactly once")
    named = stated.named[0]
    algorithm = POLICY.check_digest(named.algorithm)
    if base64.b64decode(named.value) != _fingerprint(certificate, algorithm):
        raise _unnamed("SigningCertificate names another certificate than the one in X509Data")
    return _moment(stated.time)


def _fingerprint(certificate: x509.Certificate, algorithm: DigestAlgorithm) -> bytes:
    if algorithm is DigestAlgorithm.SHA256:
        return bytes.fromhex(facts_of(certificate).sha256)
    return certificate.fingerprint(algorithm.implementation())


def _unnamed(detail: str) -> Refusal:
    return Refusal(Code.SIGNATURE_INVALID, field="Signature/Object/SignedProperties", detail=detail)


def _moment(text: str | None) -> datetime | None:
    """The claimed time as an aware value; None for what is no time with a zone: a claim decides nothing."""
    try:
        claimed = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return claimed if claimed.tzinfo is not None else None
