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
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.certificates import facts_of, is_authority, read_certificate
from lienthong.signing.engine import verify_signature
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import XADES, Shape, check_shape, find_signature, transforms
from lienthong.signing.trust import Trust
from lienthong.signing.verdict import Signer, Trail

_BOUNDS: Final = frozenset({Code.XML_TOO_LARGE, Code.XML_TOO_DEEP, Code.XML_DOCTYPE_REFUSED})
#: children of SignedProperties, level by level
_OF_SIGNATURE: Final = (f"{{{XADES}}}SignedSignatureProperties",)
_NAMED: Final = (f"{{{XADES}}}SigningCertificateV2", f"{{{XADES}}}SigningCertificate")
_CERT: Final = (f"{{{XADES}}}Cert",)
_CERT_DIGEST: Final = (f"{{{XADES}}}CertDigest",)
_DIGEST_METHOD: Final = (f"{{{DSIG}}}DigestMethod",)
_DIGEST_VALUE: Final = (f"{{{DSIG}}}DigestValue",)
_TIME: Final = (f"{{{XADES}}}SigningTime",)


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
    root = _parse(data, limits, trail)
    # (2) the root is the expected one
    with trail.step(2):
        parent = place(root)
    # (3) one signature, at its one place
    with trail.step(3):
        signature = find_signature(root, parent, last=last)
    # (4) nothing foreign inside it, everything outside it covered
    with trail.step(4):
        shape = check_shape(root, signature)
    # (5) the policy allows every algorithm; transforms are exactly the two
    with trail.step(5):
        method = _check_algorithms(shape)
    # (6) a strong key, and a path to an anchor at the time `at`
    with trail.step(6):
        certificate, supplied = _certificates(shape)
        trail.signer = _signer(certificate, None)
        POLICY.check_key(certificate.public_key(), method)
        path = trust.verify_path(certificate, supplied=supplied, at=at)
    # (7) nothing on the path is revoked
    with trail.step(7):
        trust.verify_revocation(path, at=at)
    # (8) the value and the digests
    with trail.step(8):
        verify_signature(shape, certificate)
    # (9) XAdES names the certificate that was used; the signing time is the signer's claim
    with trail.step(9):
        trail.signer = signer = _signer(certificate, _check_signed_properties(shape, certificate))
    return root, signer


def _parse(data: bytes, limits: Limits, trail: Trail) -> etree._Element:
    """Steps 0 and 1. The reader does both in one call; the code of a refusal tells which of them it was."""
    refused: Refusal | None = None
    root = None
    try:
        root = parse(data, limits)
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
    return root


def _check_algorithms(shape: Shape) -> SignatureMethod:
    """Step 5: SignedInfo's canonicalisation and method, and each Reference's transforms and digest."""
    POLICY.check_canonicalization(shape.canonicalization)
    method = POLICY.check_signature_method(shape.signature_method)
    for reference in (shape.document_reference, shape.properties_reference):
        if reference is not None:
            POLICY.check_transforms(transforms(reference), enveloped=reference is shape.document_reference)
            POLICY.check_digest(reference[1].get("Algorithm", ""))
    return method


def _certificates(shape: Shape) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The one end-entity certificate of X509Data, and the authorities' beside it (in any order)."""
    try:
        certificates = [read_certificate(der) for der in shape.certificates]
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


def _check_signed_properties(shape: Shape, certificate: x509.Certificate) -> datetime | None:
    """Step 9: SigningCertificateV2 (or the older form) must name `certificate` first. Returns the claimed time.

    ETSI EN 319 132-1 clauses 5.2.1 and 5.2.2. A plain XMLDSig signature has nothing to check: step 8 used the key.
    """
    properties = shape.signed_properties
    if properties is None:
        return None
    of_signature = _below([properties], _OF_SIGNATURE)
    digests = [_below([named], _CERT, _CERT_DIGEST)[:1] for named in _below(of_signature, _NAMED)]
    if len(digests) != 1 or not digests[0]:
        raise _unnamed("SignedProperties must name the signing certificate exactly once")
    methods = _below(digests[0], _DIGEST_METHOD)
    algorithm = POLICY.check_digest(methods[0].get("Algorithm", "") if methods else "")
    stated = _text(_below(digests[0], _DIGEST_VALUE))
    if base64.b64decode(stated or "") != _fingerprint(certificate, algorithm):
        raise _unnamed("SigningCertificate names another certificate than the one in X509Data")
    return _moment(_text(_below(of_signature, _TIME)))


def _below(elements: list[etree._Element], *names: tuple[str, ...]) -> list[etree._Element]:
    """The children of these names, level by level, in the order of the file."""
    for level in names:
        elements = [child for element in elements for child in element.iterchildren(*level)]
    return elements


def _text(found: list[etree._Element]) -> str | None:
    return found[0].text if found else None


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
