"""Who signed a PDF itself, when, is it unchanged since, and does the certificate count here?

Officials sign the PDF (the competent person, then the agency: Nghị định 30/2020, Phụ lục I) before the package around
it is signed. Those signatures are reported, never required: the package's own signature is what carries.

pyHanko reads the file and its revisions; whose certificates count is decided by our own `Trust`, as for packages.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree

from lienthong.domain.document import Attachment
from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.errors import Refusal
from lienthong.signing.keys import certificate_sha256
from lienthong.signing.trust import Trust

MOST = 32  #: signatures looked at in one file
_HEAD = 1024  # bytes in which %PDF- must stand


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfSignature:
    """One signature in a PDF."""

    field: str  #: name of its form field
    signer: str  #: the certificate's common name
    organization: str | None
    certificate_sha256: str
    signed_at: datetime | None  #: as the signer claims, UTC
    intact: bool  #: the signed revision is unchanged, and what was added later only adds signatures or fills forms
    last: bool  #: nothing was added to the file after it
    trusted: bool  #: the certificate chains to our anchors, in time and not revoked
    problem: str | None  #: why it is not intact or not trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfReport:
    """The signatures of one PDF, in the order they were made."""

    name: str
    signatures: tuple[PdfSignature, ...]
    problem: str | None = None  #: why the file could not be read

    @property
    def broken(self) -> bool:
        """Whether a signature does not fit the file."""
        return any(not signature.intact for signature in self.signatures)


def examine_pdfs(files: Iterable[Attachment], *, trust: Trust | None, at: datetime) -> tuple[PdfReport, ...]:
    """A report of every PDF among the files; never raises for what is in them. Without `trust` none is trusted."""
    found = (
        examine_pdf(file.attachment_name, io.BytesIO(file.content), trust=trust, at=at) for file in files
    )
    return tuple(report for report in found if report is not None)


def examine_package_pdfs(
    root: etree._Element, limits: Limits, *, trust: Trust | None, at: datetime
) -> tuple[PdfReport, ...]:
    """A report of every PDF within a package, one file in memory at a time; ends at a file that cannot be opened.

    What is wrong with that one is said where the attachments are checked.
    """
    reports: list[PdfReport] = []
    with suppress(Refusal):
        for file in read_attachments(root, limits):
            reports += examine_pdfs([file], trust=trust, at=at)
    return tuple(reports)


def examine_pdf(name: str, file: IO[bytes], *, trust: Trust | None, at: datetime) -> PdfReport | None:
    """None when the file is no PDF. Reads it piece by piece, whatever its size; never raises for what is in it."""
    head = file.read(_HEAD)
    file.seek(0)
    if b"%PDF-" not in head:
        return None
    try:
        signatures = _signatures(file)
        if len(signatures) > MOST:
            return PdfReport(name=name, signatures=(), problem=f"over {MOST} signatures")
        return PdfReport(name=name, signatures=tuple(_examine(one, trust, at) for one in signatures))
    except Exception as error:  # noqa: BLE001 - a stranger's file in a foreign parser: whatever it raises is the report
        return PdfReport(name=name, signatures=(), problem=f"cannot be read: {type(error).__name__}")


def _signatures(file: IO[bytes]) -> list[Any]:
    from pyhanko.pdf_utils.reader import (
        PdfFileReader,
    )  # takes half a second to import; most commands need none of it

    return list(PdfFileReader(file, strict=False).embedded_regular_signatures)


def _examine(signature: Any, trust: Trust | None, at: datetime) -> PdfSignature:  # noqa: ANN401 - pyHanko's, loosely typed
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    problem = _damage(signature)
    distrust = _distrust(certificate, signature, trust, at)
    claimed = signature.self_reported_timestamp
    return PdfSignature(
        field=str(signature.field_name),
        signer=_name(certificate, NameOID.COMMON_NAME) or certificate.subject.rfc4514_string(),
        organization=_name(certificate, NameOID.ORGANIZATION_NAME),
        certificate_sha256=certificate_sha256(certificate),
        signed_at=claimed.astimezone(UTC) if claimed is not None and claimed.tzinfo else None,
        intact=problem is None,
        last=_coverage(signature) == "ENTIRE_FILE",
        trusted=problem is None and distrust is None,
        problem=problem or distrust,
    )


def _damage(signature: Any) -> str | None:  # noqa: ANN401
    """Why the signature does not fit the file; None when it does."""
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    try:
        # no anchors here: trust is ours to judge, below
        context = ValidationContext(trust_roots=[], allow_fetching=False)
        status = validate_pdf_signature(signature, signer_validation_context=context)
    except Exception as error:  # noqa: BLE001 - a stranger's signature in a foreign parser
        return f"cannot be verified: {type(error).__name__}"
    if not status.intact or not status.valid:
        return "the file was changed after it was signed"
    if _coverage(signature) not in ("ENTIRE_FILE", "ENTIRE_REVISION"):
        return "the signature does not cover the file"
    return (
        None
        if status.docmdp_ok
        else "the file was changed after it was signed in a way the signature forbids"
    )


def _coverage(signature: Any) -> str:  # noqa: ANN401
    return str(signature.evaluate_signature_coverage().name)


def _distrust(certificate: x509.Certificate, signature: Any, trust: Trust | None, at: datetime) -> str | None:  # noqa: ANN401
    if trust is None:
        return "no authority is known here to judge it by"
    supplied = [x509.load_der_x509_certificate(other.dump()) for other in signature.other_embedded_certs]
    try:
        trust.verify_revocation(trust.verify_path(certificate, supplied=supplied, at=at), at=at)
    except Refusal as refusal:
        return f"{refusal.code}: {refusal.message('en')}"
    return None


def _name(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None
