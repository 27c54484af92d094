"""What does a signature state? Its octets and values, read out of the tree after `shape.check_shape`.

Nothing in it is true yet: `engine` holds the value and the digests against what they are of, `steps` holds the named
certificate against the one that was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from lienthong.edxml.names import DSIG
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import XADES, Shape, transforms

#: children of SignedProperties, level by level
_OF_SIGNATURE: Final = (f"{{{XADES}}}SignedSignatureProperties",)
_NAMED: Final = (f"{{{XADES}}}SigningCertificateV2", f"{{{XADES}}}SigningCertificate")
_CERT: Final = (f"{{{XADES}}}Cert",)
_CERT_DIGEST: Final = (f"{{{XADES}}}CertDigest",)
_DIGEST_METHOD: Final = (f"{{{DSIG}}}DigestMethod",)
_DIGEST_VALUE: Final = (f"{{{DSIG}}}DigestValue",)
_TIME: Final = (f"{{{XADES}}}SigningTime",)


@dataclass(frozen=True, slots=True)
class Digest:
    """A stated digest: the algorithm's URI, and the value as base64 text."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """The octets that were signed, and the values beside them."""

    method: str  #: URI
    value: str  #: base64
    signed_info: bytes  #: exclusive C14N
    document: Digest
    properties: Digest | None  #: None, as the next: plain XMLDSig
    signed_properties: bytes | None  #: exclusive C14N
    certificates: tuple[bytes, ...]  #: DER, as they stand in X509Data
    named: tuple[Digest, ...]  #: of signing certificates, as XAdES names them; one is right
    time: str | None  #: SigningTime, as written


def check_algorithms(shape: Shape) -> None:
    """Step 5: SignedInfo's canonicalisation and method, and each Reference's transforms and digest."""
    POLICY.check_canonicalization(shape.canonicalization)
    POLICY.check_signature_method(shape.signature_method)
    for reference in (shape.document_reference, shape.properties_reference):
        if reference is not None:
            POLICY.check_transforms(transforms(reference), enveloped=reference is shape.document_reference)
            POLICY.check_digest(reference[1].get("Algorithm", ""))


def read_stated(shape: Shape) -> Stated:
    """What the signature of this shape states."""
    reference, properties = shape.properties_reference, shape.signed_properties
    below = [] if properties is None else _below([properties], _OF_SIGNATURE)
    digests = [_below([named], _CERT, _CERT_DIGEST)[:1] for named in _below(below, _NAMED)]
    return Stated(
        method=shape.signature_method,
        value=shape.signature[1].text or "",
        signed_info=canonical(shape.signature[0]),
        document=_reference_digest(shape.document_reference),
        properties=None if reference is None else _reference_digest(reference),
        signed_properties=None if properties is None else canonical(properties),
        certificates=shape.certificates,
        named=tuple(_digest_below(digest) for digest in digests),
        time=_text(_below(below, _TIME)),
    )


def canonical(element: etree._Element) -> bytes:
    """Exclusive C14N without comments of an element, as it stands in its tree."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _reference_digest(reference: etree._Element) -> Digest:
    return Digest(reference[1].get("Algorithm", ""), reference[2].text or "")


def _digest_below(found: list[etree._Element]) -> Digest:
    methods = _below(found, _DIGEST_METHOD)
    algorithm = methods[0].get("Algorithm", "") if methods else ""
    return Digest(algorithm, _text(_below(found, _DIGEST_VALUE)) or "")


def _below(elements: list[etree._Element], *names: tuple[str, ...]) -> list[etree._Element]:
    """The children of these names, level by level, in the order of the file."""
    for level in names:
        elements = [child for element in elements for child in element.iterchildren(*level)]
    return elements


def _text(found: list[etree._Element]) -> str | None:
    return found[0].text if found else None
