"""Are the signatures inside PDFs reported as they are, by our own anchors, whatever the file holds?"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from lienthong.domain.document import Attachment
from lienthong.signing.pdf import MOST, PdfReport, PdfSignature, examine_pdf, examine_pdfs
from lienthong.signing.trust import Trust
from tests.pki.pdf import plain_pdf, sign_pdf
from tests.pki.world import world

PERSON, AGENCY = "H48.31.05", "H48.31"


def examined(pdf: bytes, *, trust: Trust | None = None, at: datetime | None = None) -> PdfReport:
    found = examine_pdf("a.pdf", io.BytesIO(pdf), trust=trust or world().trust, at=at or world().at)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign_pdf(sign_pdf(plain_pdf(), world().key(PERSON), "Nguoi ky"), world().key(AGENCY), "Co quan")


def test_who_signed_and_when_in_order(signed: bytes) -> None:
    person, agency = examined(signed).signatures
    assert [person.field, agency.field] == ["Nguoi ky", "Co quan"]
    assert (person.intact, person.trusted, person.last, person.problem) == (True, True, False, None)
    assert (agency.intact, agency.trusted, agency.last, agency.problem) == (True, True, True, None)
    assert agency.certificate_sha256 == world().key(AGENCY).certificate_sha256
    assert agency.signer == "UBND huyện Bình Sơn"
    assert agency.signed_at is not None
    assert abs(agency.signed_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_pdf_without_signatures_and_a_file_that_is_none() -> None:
    assert examined(plain_pdf()) == PdfReport(name="a.pdf", signatures=())
    assert examine_pdf("a.pdf", io.BytesIO(b"PK\x03\x04"), trust=world().trust, at=world().at) is None
    files = [Attachment(content_id="1", attachment_name=name, content=data) for name, data in
             (("a.pdf", plain_pdf()), ("b.docx", b"PK"))]  # fmt: skip
    assert [report.name for report in examine_pdfs(files, trust=world().trust, at=world().at)] == ["a.pdf"]


def test_a_changed_byte_breaks_every_signature_over_it(signed: bytes) -> None:
    assert signed.count(b"ReportLab") > 0
    report = examined(signed.replace(b"ReportLab", b"REPORTLAB", 1))
    assert report.broken
    assert [signature.intact for signature in report.signatures] == [False, False]
    assert {signature.problem for signature in report.signatures} == {
        "the file was changed after it was signed"
    }
    assert not any(signature.trusted for signature in report.signatures)


def test_a_page_swapped_in_a_later_revision_is_found(signed: bytes) -> None:
    """The signed bytes are all there; an update at the end shows other content instead."""
    from pyhanko.pdf_utils.generic import DictionaryObject, NameObject, StreamObject
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    page = writer.root["/Pages"]["/Kids"][0]
    content = writer.add_object(StreamObject(stream_data=b"BT /F1 12 Tf 72 720 Td (Khac) Tj ET"))
    assert isinstance(page, DictionaryObject)
    page[NameObject("/Contents")] = content
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    report = examined(out.getvalue())
    assert report.broken
    assert not any(signature.trusted or signature.last for signature in report.signatures)


def test_an_unknown_authority_is_intact_but_not_trusted(signed: bytes) -> None:
    person, _ = examined(signed, trust=world().infrastructure_trust).signatures
    assert (person.intact, person.trusted) == (True, False)
    assert (person.problem or "").startswith("CERTIFICATE_UNTRUSTED")


def test_a_revoked_certificate_is_not_trusted(signed: bytes) -> None:
    trust = world().trust_in(world().agency_ca, revoked=[world().key(AGENCY)])
    person, agency = examined(signed, trust=trust).signatures
    assert (person.trusted, agency.trusted, agency.intact) == (True, False, True)
    assert (agency.problem or "").startswith("CERTIFICATE_REVOKED")


@pytest.mark.parametrize("cut", [9, 200, 1_000, 5_000, -200, -20])
def test_a_damaged_file_is_reported_never_raised(signed: bytes, cut: int) -> None:
    report = examined(signed[:cut])
    assert report.problem or not any(signature.last and signature.trusted for signature in report.signatures)


def test_garbage_behind_the_magic_is_reported() -> None:
    for garbage in (
        b"%PDF-1.7",
        b"%PDF-1.7\n" + b"\0" * 5000,
        b"%PDF-1.7\n" + b"[" * 100_000 + b"\nstartxref\n9\n%%EOF",
    ):
        report = examined(garbage)
        assert report.signatures == ()
        assert (report.problem or "").startswith("cannot be read")


def test_the_number_of_signatures_is_bounded(signed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lienthong.signing.pdf.MOST", 1)
    assert MOST == 32
    assert examined(signed).problem == "over 1 signatures"


def test_a_report_speaks_of_the_worst() -> None:
    good = PdfSignature(
        field="a", signer="b", organization=None, certificate_sha256="c", signed_at=None, intact=True, last=True,
        trusted=True, problem=None,
    )  # fmt: skip
    assert not PdfReport(name="x", signatures=(good,)).broken
