"""Is this document (or record) signed, whole, by somebody we trust, and is the signer who it says it is?

The numbered steps; docs/verification.md tells the same story with the same numbers:

 0. bounds                bytes, depth, elements, attributes, ids, References; no DOCTYPE
 1. parse                 the hardened reader; well-formed
 2. root                  edXML with one envelope and one header, or the expected record
 3. place                 one signature, at its one place
 4. coverage              nothing foreign inside it, everything outside it covered, no id twice, no comments
 5. algorithms            the policy: methods, digests, transforms
 6. certificate           its key is strong enough; a path to an anchor at the time `at`; digitalSignature
 7. revocation            no certificate of the path is revoked, by lists that are still current
 8. cryptography          the SignatureValue and every digest
 9. signing certificate   XAdES names the very certificate that was used
10. sender                the certificate is bound to the agency in MessageHeader/From     (documents only)
11. package               the package can be read                                          (documents only)

Every step ends in yes or in a `Refusal`; nothing else leaves this file (`Trail.step` is the boundary). Pure: no
clock, no network, no files, so the same inputs give the same answer years later.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from lxml import etree
from signxml.algorithms import SignatureMethod

from lienthong.domain.agency import Directory
from lienthong.domain.document import Package
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.edxml.fields import normalise, whole_text
from lienthong.edxml.names import DSIG, EDXML
from lienthong.edxml.reader import parse, read_package
from lienthong.errors import Code, Refusal
from lienthong.signing.engine import verify_signature
from lienthong.signing.keys import certificate_sha256
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import (
    XADES,
    Shape,
    check_package_root,
    check_shape,
    find_signature,
    package_place,
    transforms,
)
from lienthong.signing.trust import Binding, Trust
from lienthong.signing.verdict import Report, Signer, Trail

__all__ = [
    "Binding",
    "Signer",
    "VerifiedDocument",
    "VerifiedRecord",
    "examine_package",
    "examine_record",
    "verify_package",
    "verify_record",
]

_DEFAULT: Final = Limits()
_RECORD_STEPS: Final = tuple(range(10))
_PACKAGE_STEPS: Final = tuple(range(12))
_BOUNDS: Final = frozenset({Code.XML_TOO_LARGE, Code.XML_TOO_DEEP, Code.XML_DOCTYPE_REFUSED})
_SENDER: Final = f"{{{EDXML}}}MessageHeader/{{{EDXML}}}From/{{{EDXML}}}OrganId"
_IDENTITY: Final = "urn:lienthong:"
_AGENCY: Final = "urn:lienthong:agency:"

#: held by this file alone: what makes a Verified… is a verification
_TOKEN: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedDocument:
    """Proof that steps 0 to 11 passed at the time asked for. Only `verify_package` can make one."""

    data: bytes = field(repr=False)  #: exactly as received
    sha256: str  #: of `data`, lower-case hex
    package: Package
    sender: str  #: canonical code
    signer: Signer
    root: etree._Element = field(
        repr=False, compare=False
    )  #: the parsed tree, for the rules; not to be changed
    report: Report = field(repr=False, compare=False)
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        """Refuse every maker but this file."""
        if token is not _TOKEN:
            raise TypeError("a VerifiedDocument comes from verify_package")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedRecord:
    """Proof that steps 0 to 9 passed for a hop record or evidence. Only `verify_record` can make one."""

    data: bytes = field(repr=False)
    root: etree._Element = field(repr=False, compare=False)
    signer: Signer
    token: InitVar[object]

    def __post_init__(self, token: object) -> None:
        """Refuse every maker but this file."""
        if token is not _TOKEN:
            raise TypeError("a VerifiedRecord comes from verify_record")


def verify_package(
    data: bytes,
    *,
    trust: Trust,
    bindings: Mapping[str, Binding],
    directory: Directory,
    at: datetime,
    limits: Limits = _DEFAULT,
) -> VerifiedDocument:
    """Steps 0 to 11 for an edXML package, at the time `at` (aware; the time of acceptance, not of the claim).

    `bindings`: SHA-256 of a signing certificate's DER (hex) -> whose it is. Raises `Refusal` with a code of the XML,
    signature, certificate or schema group, or SIGNER_NOT_SENDER; REVOCATION_UNKNOWN alone is retryable.
    """
    trail = Trail(_PACKAGE_STEPS)
    root, signer = _verify_signed(data, _PackageForm(), trust, at, limits, trail)
    # (10) the certificate is bound to the agency that the signed header names
    with trail.step(10):
        written = _written_sender(root)
        sender = _check_bound(written, signer, bindings, directory, at)
    # (11) what was signed can be read, and the reader saw the same sender
    with trail.step(11):
        package = _read(root, written)
    return VerifiedDocument(
        data=data,
        sha256=sha256_hex(data),
        package=package,
        sender=sender,
        signer=signer,
        root=root,
        report=trail.report(),
        token=_TOKEN,
    )


def verify_record(
    data: bytes, *, trust: Trust, at: datetime, root: str, limits: Limits = _DEFAULT
) -> VerifiedRecord:
    """Steps 0 to 9 for a record whose root element is `root`, in Clark notation: `{namespace}name`.

    Who may sign what (`signer.identity`) is the caller's to decide. Raises `Refusal` as `verify_package`.
    """
    trail = Trail(_RECORD_STEPS)
    tree, signer = _verify_signed(data, _RecordForm(root), trust, at, limits, trail)
    return VerifiedRecord(data=data, root=tree, signer=signer, token=_TOKEN)


def examine_package(
    data: bytes,
    *,
    trust: Trust,
    at: datetime,
    directory: Directory | None = None,
    bindings: Mapping[str, Binding] | None = None,
    limits: Limits = _DEFAULT,
) -> Report:
    """The same steps, told instead of enforced; never raises for a bad file.

    Without `bindings` the signer is named by the certificate's own SAN URI `urn:lienthong:agency:CODE`; a
    certificate without one leaves step 10 INDETERMINATE.
    """
    trail = Trail(_PACKAGE_STEPS)
    with suppress(Refusal):  # the trail holds it
        root, signer = _verify_signed(data, _PackageForm(), trust, at, limits, trail)
        with trail.step(10):
            written = _written_sender(root)
            if bindings is not None and directory is not None:
                _check_bound(written, signer, bindings, directory, at)
            else:
                _check_named(written, signer, directory, trail)
        with trail.step(11):
            _read(root, written)
    return trail.report()


def examine_record(data: bytes, *, trust: Trust, at: datetime, root: str | None = None) -> Report:
    """The same for a record; `root` None accepts any root element. Never raises for a bad file."""
    trail = Trail(_RECORD_STEPS)
    with suppress(Refusal):  # the trail holds it
        _verify_signed(data, _RecordForm(root), trust, at, _DEFAULT, trail)
    return trail.report()


@dataclass(frozen=True, slots=True)
class _PackageForm:
    """An edXML package: the signature is a child of edXMLHeader."""

    def check_root(self, root: etree._Element) -> None:
        check_package_root(root)

    def find(self, root: etree._Element) -> etree._Element:
        return find_signature(root, package_place(root), last=False)


@dataclass(frozen=True, slots=True)
class _RecordForm:
    """A record: the signature is the last child of the root, which has the expected name."""

    root: str | None

    def check_root(self, root: etree._Element) -> None:
        if self.root is not None and root.tag != self.root:
            raise Refusal(Code.SCHEMA_INVALID, field=str(root.tag), detail=f"expected {self.root}")

    def find(self, root: etree._Element) -> etree._Element:
        return find_signature(root, root, last=True)


def _verify_signed(
    data: bytes, form: _PackageForm | _RecordForm, trust: Trust, at: datetime, limits: Limits, trail: Trail
) -> tuple[etree._Element, Signer]:
    """Steps 0 to 9, each noted in `trail`."""
    root = _parse(data, limits, trail)
    # (2) the root is the expected one
    with trail.step(2):
        form.check_root(root)
    # (3) one signature, at its one place
    with trail.step(3):
        signature = form.find(root)
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
        certificates = [x509.load_der_x509_certificate(der) for der in shape.certificates]
        leaves = [certificate for certificate in certificates if not _is_authority(certificate)]
    except ValueError as error:
        detail = "a certificate in X509Data cannot be read"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail) from error
    if len(leaves) != 1:
        detail = f"X509Data must hold exactly one certificate that is not an authority's; found {len(leaves)}"
        raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail)
    return leaves[0], [certificate for certificate in certificates if certificate is not leaves[0]]


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _signer(certificate: x509.Certificate, signing_time: datetime | None) -> Signer:
    return Signer(
        certificate=certificate,
        sha256=certificate_sha256(certificate),
        subject=certificate.subject.rfc4514_string(),
        signing_time=signing_time,
        identity=_identity(certificate),
    )


def _identity(certificate: x509.Certificate) -> str | None:
    """The one SAN URI of our own kind; two of them say nothing."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = [
        uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith(_IDENTITY)
    ]
    return uris[0] if len(uris) == 1 else None


def _check_signed_properties(shape: Shape, certificate: x509.Certificate) -> datetime | None:
    """Step 9: SigningCertificateV2 (or the older form) must name `certificate` first. Returns the claimed time.

    ETSI EN 319 132-1 clauses 5.2.1 and 5.2.2. A plain XMLDSig signature has nothing to check: step 8 used the key.
    """
    properties = shape.signed_properties
    if properties is None:
        return None
    of_signature = f"{{{XADES}}}SignedSignatureProperties/{{{XADES}}}"
    named = [*properties.iterfind(f"{of_signature}SigningCertificateV2")]
    named += properties.iterfind(f"{of_signature}SigningCertificate")
    digests = [cert.find(f"{{{XADES}}}Cert/{{{XADES}}}CertDigest") for cert in named]
    if len(digests) != 1 or digests[0] is None:
        raise _unnamed("SignedProperties must name the signing certificate exactly once")
    method = digests[0].find(f"{{{DSIG}}}DigestMethod")
    stated = digests[0].findtext(f"{{{DSIG}}}DigestValue") or ""
    algorithm = POLICY.check_digest("" if method is None else method.get("Algorithm", ""))
    actual = certificate.fingerprint(algorithm.implementation())
    if base64.b64decode(stated) != actual:
        raise _unnamed("SigningCertificate names another certificate than the one in X509Data")
    return _moment(properties.findtext(f"{of_signature}SigningTime"))


def _unnamed(detail: str) -> Refusal:
    return Refusal(Code.SIGNATURE_INVALID, field="Signature/Object/SignedProperties", detail=detail)


def _moment(text: str | None) -> datetime | None:
    """The claimed time as an aware value; None for what is no time with a zone: a claim decides nothing."""
    try:
        claimed = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return claimed if claimed.tzinfo is not None else None


def _written_sender(root: etree._Element) -> str:
    """MessageHeader/From/OrganId of the one header (step 2), as the reader would give it."""
    found = package_place(root).findall(_SENDER)
    if len(found) != 1:
        raise Refusal(
            Code.SCHEMA_INVALID,
            field="MessageHeader/From/OrganId",
            detail=f"stands {len(found)} times, not once",
        )
    return normalise(whole_text(found[0]))


def _check_bound(
    written: str, signer: Signer, bindings: Mapping[str, Binding], directory: Directory, at: datetime
) -> str:
    """Step 10: the sender's canonical code, if the certificate is bound to that agency at `at`."""
    binding = bindings.get(signer.sha256)
    if binding is None:
        raise _not_sender(f"the certificate {signer.sha256} is bound to no agency")
    if binding.revoked_at is not None and binding.revoked_at <= at:
        detail = f"the binding to {binding.agency} was taken back on {binding.revoked_at.isoformat()}"
        raise Refusal(Code.CERTIFICATE_REVOKED, field="Signature/KeyInfo", detail=detail)
    sender, bound = directory.find(written), directory.find(binding.agency)
    if sender is None:
        raise _not_sender(f"{written} is not in the directory")
    if bound is None or bound.code != sender.code:
        raise _not_sender(f"the certificate is bound to {binding.agency}, the sender is {written}")
    return sender.code


def _check_named(written: str, signer: Signer, directory: Directory | None, trail: Trail) -> None:
    """Step 10 without bindings: by the code the certificate itself carries."""
    if signer.identity is None or not signer.identity.startswith(_AGENCY):
        trail.leave_open(10, "the certificate names no agency and no binding is known here")
        return
    named = signer.identity.removeprefix(_AGENCY)
    if directory is not None:
        found = directory.find(written), directory.find(named)
        same = found[0] is not None and found[0] == found[1]
    else:
        same = named in (written, _new_form(written))
    if not same:
        raise _not_sender(f"the certificate names {named}, the sender is {written}")


def _new_form(code: str) -> str:
    """An old-form code (QCVN 102:2016: 000.05.31.H48) in the form of QĐ 20/2020: H48.31.05."""
    return ".".join(part for part in reversed(code.split(".")) if part.strip("0"))


def _not_sender(detail: str) -> Refusal:
    return Refusal(Code.SIGNER_NOT_SENDER, field="MessageHeader/From/OrganId", detail=detail)


def _read(root: etree._Element, written: str) -> Package:
    package = read_package(root)
    if package.sender_code != written:
        raise Refusal(Code.SCHEMA_INVALID, field="MessageHeader/From/OrganId", detail="it reads in two ways")
    return package
