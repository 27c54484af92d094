"""How a document's files look as messages of the api."""

from __future__ import annotations

from lienthong.api.v1 import admin_pb2, check_pb2, common_pb2
from lienthong.hub.files import FileReport
from lienthong.rpc.stamps import timestamp
from lienthong.signing.pdf import PdfReport, PdfSignature


def file_report(value: FileReport) -> admin_pb2.FileReport:
    """One file."""
    pdf = value.pdf
    return admin_pb2.FileReport(
        name=value.name,
        size=value.size,
        sha256=value.sha256,
        media_type=value.media_type,
        external=value.external,
        pdf=pdf is not None,
        signatures=[_signature(one) for one in pdf.signatures] if pdf else [],
        problem=(pdf.problem or "") if pdf else "",
    )


def checked_pdf(value: PdfReport) -> check_pb2.CheckedPdf:
    """One PDF of a package that is only checked."""
    return check_pb2.CheckedPdf(
        name=value.name,
        signatures=[_signature(one) for one in value.signatures],
        problem=value.problem or "",
    )


def _signature(value: PdfSignature) -> common_pb2.PdfSignature:
    return common_pb2.PdfSignature(
        field=value.field,
        signer=value.signer,
        organization=value.organization or "",
        certificate_sha256=value.certificate_sha256,
        signed_at=timestamp(value.signed_at),
        intact=value.intact,
        trusted=value.trusted,
        last=value.last,
        problem=value.problem or "",
    )
