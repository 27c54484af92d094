"""What the store keeps of a certificate that is bound to an agency or to the operators."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Role
from lienthong.hub.rows import CertificatePurpose, CertificateRow


def read_certificate(pem: bytes, *, agency: str, purpose: str, role: str, at: datetime) -> CertificateRow:
    """A row for the first certificate in `pem`; ARGUMENT_INVALID naming what is wrong with the request."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Refusal(Code.ARGUMENT_INVALID, field="pem", detail="not a PEM certificate") from error
    if purpose not in (CertificatePurpose.SIGNATURE, CertificatePurpose.TRANSPORT):
        raise Refusal(Code.ARGUMENT_INVALID, field="purpose", detail="signature or transport")
    if role not in (Role.AGENCY, Role.OPERATOR):
        raise Refusal(Code.ARGUMENT_INVALID, field="role", detail="agency or operator")
    if role == Role.OPERATOR and purpose != CertificatePurpose.TRANSPORT:
        raise Refusal(
            Code.ARGUMENT_INVALID, field="purpose", detail="operators have transport certificates only"
        )
    return CertificateRow(
        sha256=sha256_hex(certificate.public_bytes(Encoding.DER)),
        agency=agency,
        purpose=purpose,
        role=role,
        subject=certificate.subject.rfc4514_string(),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
        bound_at=at,
    )
