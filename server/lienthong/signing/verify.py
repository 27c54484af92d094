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

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from lxml import etree

from lienthong.domain.agency import Directory
from lienthong.domain.document import Package
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.bounds import Limits
from lienthong.edxml.fields import normalise, whole_text
from lienthong.edxml.names import EDXML
from lienthong.edxml.reader import read_package
from lienthong.errors import Code, Refusal
from lienthong.signing.memory import Memory
from lienthong.signing.shape import package_place, record_place
from lienthong.signing.steps import verify_signed
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
_SENDER: Final = "/".join(
    f"{{{EDXML}}}{name}" for name in ("edXMLEnvelope", "edXMLHeader", "MessageHeader", "From", "OrganId")
)
_AGENCY: Final = "urn:lienthong:agency:"

#: what packages say, for the next node's hop in this process; verified they are each time
_packages: Final[Memory[Package]] = Memory(128)
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
    root, signer = _verify_package(data, trust, at, limits, trail)
    # (10) the certificate is bound to the agency that the signed header names
    with trail.step(10):
        written = _written_sender(root)
        sender = _check_bound(written, signer, bindings, directory, at)
    # (11) what was signed can be read, and the reader saw the same sender
    sha256 = sha256_hex(data)
    with trail.step(11):
        package = _packages.recall(sha256, len(data), lambda: read_package(root))
        _check_same(package, written)
    return VerifiedDocument(
        data=data,
        sha256=sha256,
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
    tree, signer = _verify_record(data, root, trust, at, limits, trail)
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
        root, signer = _verify_package(data, trust, at, limits, trail)
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
        _verify_record(data, root, trust, at, _DEFAULT, trail)
    return trail.report()


def _verify_package(
    data: bytes, trust: Trust, at: datetime, limits: Limits, trail: Trail
) -> tuple[etree._Element, Signer]:
    return verify_signed(
        data, place=package_place, last=False, trust=trust, at=at, limits=limits, trail=trail
    )


def _verify_record(
    data: bytes, root: str | None, trust: Trust, at: datetime, limits: Limits, trail: Trail
) -> tuple[etree._Element, Signer]:
    place = partial(record_place, expected=root)
    return verify_signed(data, place=place, last=True, trust=trust, at=at, limits=limits, trail=trail)


def _written_sender(root: etree._Element) -> str:
    """MessageHeader/From/OrganId of the one header (step 2), as the reader would give it."""
    found = root.findall(_SENDER)
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
    _check_same(package, written)
    return package


def _check_same(package: Package, written: str) -> None:
    if package.sender_code != written:
        raise Refusal(Code.SCHEMA_INVALID, field="MessageHeader/From/OrganId", detail="it reads in two ways")
