"""PDFs signed as officials sign them: a person, then the agency, each in a revision of its own."""

from __future__ import annotations

import io
from functools import cache

from asn1crypto import keys as asn1_keys  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas

from lienthong.signing.keys import SigningKey


@cache
def plain_pdf(text: str = "To trinh") -> bytes:
    """One page."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(72, 720, text)
    canvas.save()
    return buffer.getvalue()


def sign_pdf(pdf: bytes, key: SigningKey, field: str) -> bytes:
    """The PDF with one more signature, in a new field."""
    private = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(key.certificate.public_bytes(Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(private),
        cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    fields.append_signature_field(writer, fields.SigFieldSpec(field))
    metadata = signers.PdfSignatureMetadata(field_name=field)
    out = signers.PdfSigner(metadata, signer).sign_pdf(writer)
    return bytes(out.getvalue())
