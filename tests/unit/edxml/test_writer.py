"""Does the writer give the deployed SDK's shape and order, and nothing it was not given?"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from lienthong.domain.document import (
    Attachment,
    Business,
    BusinessType,
    Document,
    DocumentType,
    ManifestEntry,
    OtherInfo,
    Priority,
    Receiver,
    SignerInfo,
    StaffInfo,
    StatusPackage,
)
from lienthong.edxml.attachments import check_attachments, read_attachments
from lienthong.edxml.reader import parse, read, read_package
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import NS, own


def document(name: str = "new.edxml") -> Document:
    package = read(own(name))
    assert isinstance(package, Document)
    return package


def status(name: str) -> StatusPackage:
    package = read(own(name))
    assert isinstance(package, StatusPackage)
    return package


FULL = dataclasses.replace(
    document(),
    other=OtherInfo(
        priority=Priority.EXPRESS_TIMED,
        sphere_of_promulgation="Trong tỉnh",
        typer_notation="VT",
        promulgation_amount=1,
        page_amount=0,
        direction=True,
        appendixes=("Phụ lục 1", "Phụ lục 2"),
        reply_fors="1",
        reference_codes="2",
    ),
    task_codes=("NV-1", "NV-2"),
    application_type="3",
    business=Business(
        type=BusinessType.UPDATE,
        reason="Cập nhật",
        document_id="1",
        paper=True,
        document_info_changed=True,
        receivers_changed=False,
        receivers=(Receiver(organ_id="H48.1", added=True),),
        staff=StaffInfo(department="Văn thư", department_id="1", staff_id="2"),
    ),
)


def test_the_sample_is_written_byte_for_byte_but_for_the_zip_and_empty_values() -> None:
    written = write(document(), read_attachments(parse(own("new.edxml")))).decode()
    sample = own("new.edxml").decode()

    def comparable(text: str) -> list[str]:
        lines = text.replace("> UBND", ">UBND").replace("application/pdf", "application/zip").splitlines()
        return [line for line in lines if "TransferEncoded" not in line and "<edXML:Fax>" not in line]

    assert comparable(written) == comparable(sample)


def test_every_field_survives() -> None:
    assert read(write(FULL)) == FULL
    check_schema(parse(write(FULL)), "edxml/strict")


def test_writing_twice_gives_the_same_bytes() -> None:
    files = list(read_attachments(parse(own("new.edxml"))))
    assert write(FULL, files) == write(FULL, iter(files))


def test_a_bare_document_is_written_without_empty_blocks() -> None:
    bare = dataclasses.replace(
        document(),
        other=OtherInfo(),
        response_for=(),
        steering_type=None,
        due_date=None,
        to_places=(),
        traces=(),
        business=Business(),
        manifest=(),
        content="",
        signer=SignerInfo(full_name=""),
        document_type=DocumentType(type=2, type_name=""),
    )
    text = write(bare).decode()
    for name in (
        "OtherInfo",
        "ResponseFor",
        "SteeringType",
        "DueDate",
        "ToPlaces",
        "AttachmentEncoded",
        "StaffInfo",
    ):
        assert name not in text
    assert read(text.encode()) == bare
    check_schema(parse(text.encode()), "edxml/strict")


def test_attachments_match_the_manifest_and_unwrap() -> None:
    files = [
        Attachment(
            content_id="cid:1", attachment_name="a.pdf", content=b"%PDF-", content_type="application/pdf"
        ),
        Attachment(
            content_id="cid:2", attachment_name="b.docx", content=b"PK\x03\x04xx", description="phụ lục"
        ),
        Attachment(content_id="cid:3", attachment_name="c", content=b""),
    ]
    manifest = tuple(ManifestEntry(content_id=f.content_id, attachment_name=f.attachment_name) for f in files)
    root = parse(write(dataclasses.replace(document(), manifest=manifest), files))
    check_attachments(root, read_package(root))
    assert [(f.attachment_name, f.content) for f in read_attachments(root)] == [
        (f.attachment_name, f.content) for f in files
    ]
    assert root[1].tag == f"{{{NS}}}AttachmentEncoded"


def test_markup_in_text_stays_text() -> None:
    package = dataclasses.replace(document(), subject="<a>&amp;\"'</a>\r\n]]>", content="x\ty")
    assert read(write(package)) == package


@pytest.mark.parametrize("character", ["\0", "\x0b", "\ud800", "\ufffe"])
def test_characters_xml_cannot_carry_are_refused(character: str) -> None:
    with pytest.raises(Refusal) as refusal:
        write(dataclasses.replace(document(), subject=f"a{character}b"))
    assert (refusal.value.code, refusal.value.field) == (Code.SCHEMA_INVALID, "MessageHeader/Subject")


def test_timestamps_are_written_in_vietnamese_time() -> None:
    package = status("status_acceptance_03.edxml")
    at = datetime(2020, 12, 31, 20, 5, 9, 999, tzinfo=UTC)
    assert b"<edXML:Timestamp>2021/01/01 03:05:09<" in write(dataclasses.replace(package, timestamp=at))


def test_an_empty_staff_block_is_left_out() -> None:
    package = dataclasses.replace(status("status_acceptance_03.edxml"), staff=StaffInfo())
    assert b"StaffInfo" not in write(package)


def test_a_status_follows_its_schema() -> None:
    data = write(read(own("status_cancellation_13.edxml")))
    check_schema(parse(data), "edxml/status")
    assert b"TraceHeaderList" not in data
    assert b"edXMLBody" not in data
