"""Does the reader understand what the field sends, and refuse what could be read in two ways?"""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

import pytest
from lxml import etree

from lienthong.domain.document import BusinessType, Document, Lane, Priority, StatusPackage
from lienthong.edxml import reader
from lienthong.edxml.fields import moment
from lienthong.edxml.reader import parse, read
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import NS, changed, own

NEW = own("new.edxml")
STATUS = own("status_acceptance_03.edxml")


def document(data: bytes) -> Document:
    package = read(data)
    assert isinstance(package, Document)
    return package


def refused(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        read(data)
    return refusal.value


def schema_invalid(data: bytes) -> tuple[str | None, str]:
    refusal = refused(data)
    assert refusal.code is Code.SCHEMA_INVALID
    return refusal.field, str(refusal.detail)


def test_reads_a_document() -> None:
    package = document(NEW)
    assert package.sender.organ_id == "000.00.00.H48"
    assert package.recipient_codes == ("000.00.31.H48", "31.05.H48")
    assert package.recipients[0].organization_in_charge == "UBND tỉnh Quảng Ngãi"
    assert package.document_id == "000.00.00.H48,2020/03/02,212/UBND-KGVX"
    assert (package.promulgation_date, package.due_date) == (date(2020, 3, 2), date(2020, 3, 20))
    assert package.other.priority is Priority.URGENT
    assert package.lane is Lane.EXPRESS
    assert package.other.direction is False
    assert package.other.appendixes == ("Phụ lục: Danh sách mã định danh đơn vị",)
    assert package.response_for[0].code == "1021/VPCP-KSTT"
    assert package.traces[0].timestamp == datetime(2020, 3, 1, 17, tzinfo=UTC)
    assert package.business.staff is not None
    assert package.business.staff.staff == "Trần Thị Mẫu"
    assert package.manifest[0].attachment_name == "212_UBND-KGVX.signed.pdf"


def test_reads_a_status() -> None:
    package = read(STATUS)
    assert isinstance(package, StatusPackage)
    assert package.status_code == "03"
    assert package.recipient_codes == ("000.00.00.H48",)
    assert package.timestamp == datetime(2020, 3, 2, 3, 12, 40, tzinfo=UTC)
    assert package.lane is Lane.NORMAL


def test_reads_a_file_written_by_hand() -> None:
    package = document(own("by_hand.edxml"))
    assert package.recipient_codes == ("000.05.31.H48",)  # a comment stands inside the code
    assert package.recipients[0].organ_name == "UBND xã  Bình Thạnh"
    assert package.code_number == "20200302104803"
    assert package.promulgation_date == date(2020, 3, 2)
    assert package.due_date == date(2020, 3, 9)
    assert package.document_type.type_detail is None
    assert package.response_for == ()
    assert package.other.priority is None
    assert package.other.page_amount == 2
    assert package.business.type is BusinessType.NEW
    assert package.document_id == "9c2f7ad2-f1f8-4256-a2eb-50fb1061cddb"


def test_reads_update_recall_and_replacement() -> None:
    update, recall, replacement = (document(own(f"{n}.edxml")) for n in ("update", "recall", "replacement"))
    assert update.business.type is BusinessType.UPDATE
    assert [(r.organ_id, r.added) for r in update.business.receivers] == [
        ("000.00.31.H48", False),
        ("000.00.11.H48", True),
    ]
    assert update.named_documents == (
        ("TraceHeaderList/Bussiness/DocumentId", "000.00.00.H48,2020/02/30,212/UBND-KGVX"),
    )
    assert recall.business.type is BusinessType.RECALL
    assert recall.named_documents == (
        ("MessageHeader/ResponseFor[1]/DocumentId", "000.00.00.H48,2020/03/02,212/UBND-KGVX"),
    )
    assert recall.manifest == ()
    assert replacement.business.replacements[0].organ_ids == ("000.00.31.H48", "31.05.H48")
    assert replacement.named_documents[0][0].endswith("ReplacementInfo[1]/DocumentId")


def test_nfd_text_is_read_as_nfc() -> None:
    package = document(own("new_nfd.edxml"))
    assert unicodedata.is_normalized("NFC", package.subject)
    assert package.subject == document(NEW).subject
    assert package.manifest[0].attachment_name == "Công văn.pdf"


@pytest.mark.parametrize(
    ("name", "words"),
    [("variant_2012.xml", "the SOAP form of 2012"), ("variant_go_vn.xml", "the EdXMLEnvelope variant")],
)
def test_other_variants_are_refused_by_name(name: str, words: str) -> None:
    refusal = refused(own(name))
    assert refusal.code is Code.XML_NOT_EDXML
    assert str(refusal.detail).startswith(words)


def test_any_other_root_is_not_edxml() -> None:
    refusal = refused(b"<note/>")
    assert (refusal.code, refusal.detail) == (Code.XML_NOT_EDXML, "the root element is note")


def test_status_in_place_of_message_header_is_named() -> None:
    data = STATUS.replace(b"edXML:MessageHeader>", b"edXML:Status>")
    field, detail = schema_invalid(data)
    assert field == "MessageHeader"
    assert "the form of 2012" in detail


@pytest.mark.parametrize("name", ["edXMLEnvelope", "edXMLHeader", "MessageHeader"])
def test_two_of_a_structural_element_are_refused(name: str) -> None:
    text = NEW.decode()
    begin, end = text.index(f"<edXML:{name}"), text.index(f"</edXML:{name}>") + len(f"</edXML:{name}>")
    field, detail = schema_invalid((text[:end] + text[begin:end] + text[end:]).encode())
    assert field == name
    assert "more than once" in detail


@pytest.mark.parametrize("name", ["edXMLEnvelope", "edXMLHeader", "MessageHeader"])
def test_a_missing_structural_element_is_refused(name: str) -> None:
    field, _ = schema_invalid(NEW.replace(f"edXML:{name}".encode(), b"edXML:Other"))
    assert field == name


@pytest.mark.parametrize(
    ("old", "field"),
    [
        ("<edXML:OrganId>31.05.H48</edXML:OrganId>", "MessageHeader/To[2]/OrganId"),
        (
            "<edXML:DocumentId>000.00.00.H48,2020/03/02,212/UBND-KGVX</edXML:DocumentId>",
            "MessageHeader/DocumentId",
        ),
        ("<edXML:CodeNumber>212</edXML:CodeNumber>", "MessageHeader/Code/CodeNumber"),
        ("<edXML:CodeNotation>UBND-KGVX</edXML:CodeNotation>", "MessageHeader/Code/CodeNotation"),
        (
            "<edXML:PromulgationDate>2020/03/02</edXML:PromulgationDate>",
            "MessageHeader/PromulgationInfo/PromulgationDate",
        ),
        ("<edXML:Type>2</edXML:Type>", "MessageHeader/DocumentType/Type"),
        (
            "<edXML:Subject>V/v gửi, nhận văn bản điện tử liên thông 4 cấp</edXML:Subject>",
            "MessageHeader/Subject",
        ),
        (
            "<edXML:BussinessDocType>0</edXML:BussinessDocType>",
            "TraceHeaderList/Bussiness/BussinessDocType",
        ),
        (
            "<edXML:Timestamp>2020/03/02 00:00:00</edXML:Timestamp>",
            "TraceHeaderList/TraceHeader[1]/Timestamp",
        ),
    ],
)
def test_a_missing_field_is_named(old: str, field: str) -> None:
    for new in ("", old[: old.index(">") + 1] + "  <!-- - -->" + old[old.rindex("<") :]):
        assert schema_invalid(changed(NEW, (old, new)))[0] == field


def test_missing_blocks_are_named() -> None:
    for name in ("From", "To", "Code", "PromulgationInfo", "DocumentType"):
        data = NEW.replace(f"edXML:{name}>".encode(), b"edXML:Other>")
        assert schema_invalid(data)[0] == f"MessageHeader/{name}"


def test_a_line_is_named() -> None:
    data = changed(
        NEW, ("<edXML:PageAmount>2</edXML:PageAmount>", "<edXML:PageAmount>hai</edXML:PageAmount>")
    )
    line = data.decode().splitlines().index("          <edXML:PageAmount>hai</edXML:PageAmount>") + 1
    field, detail = schema_invalid(data)
    assert field == "MessageHeader/OtherInfo/PageAmount"
    assert detail == f"{field}: must be a whole number, not 'hai', line {line}"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("<edXML:Priority>1<", "<edXML:Priority>5<", "MessageHeader/OtherInfo/Priority"),
        ("<edXML:Priority>1<", "<edXML:Priority>1_0<", "MessageHeader/OtherInfo/Priority"),
        ("<edXML:Priority>1<", "<edXML:Priority>١<", "MessageHeader/OtherInfo/Priority"),
        ("<edXML:Direction>false<", "<edXML:Direction>no<", "MessageHeader/OtherInfo/Direction"),
        ("DocType>0<", "DocType>4<", "TraceHeaderList/Bussiness/BussinessDocType"),
        ("<edXML:DueDate>2020/03/20<", "<edXML:DueDate>2020/02/30<", "MessageHeader/DueDate"),
        ("<edXML:DueDate>2020/03/20<", "<edXML:DueDate>20.3.2020<", "MessageHeader/DueDate"),
        ("2020/03/02 00:00:00", "0001/01/01 00:00:00", "TraceHeaderList/TraceHeader[1]/Timestamp"),
        ("<edXML:CodeNumber>212<", "<edXML:CodeNumber>2<b/>12<", "MessageHeader/Code/CodeNumber"),
    ],
)
def test_a_value_that_says_nothing_clear_is_refused(old: str, new: str, field: str) -> None:
    assert schema_invalid(changed(NEW, (old, new)))[0] == field


@pytest.mark.parametrize(
    "twice",
    [
        "<edXML:DueDate>2020/03/20</edXML:DueDate>",
        "<edXML:SteeringType>1</edXML:SteeringType>",
        "<edXML:CodeNumber>212</edXML:CodeNumber>",
    ],
)
def test_a_single_value_twice_is_refused(twice: str) -> None:
    field, detail = schema_invalid(changed(NEW, (twice, twice + twice)))
    assert str(field).endswith(twice[7 : twice.index(">")])
    assert "more than once" in detail


def test_an_empty_second_value_is_ignored() -> None:
    data = changed(NEW, ("<edXML:DueDate>", "<edXML:DueDate></edXML:DueDate><edXML:DueDate>"))
    assert read(data) == read(NEW)


def test_receiver_type_is_needed() -> None:
    data = own("update.edxml").replace(b"<edXML:ReceiverType>1</edXML:ReceiverType>", b"")
    field, _ = schema_invalid(data)
    assert field == "TraceHeaderList/Bussiness/BussinessDocumentInfo/ReceiverList/Receiver[2]/ReceiverType"


def test_optional_fields_may_all_be_missing() -> None:
    data = f"""<edXML xmlns="{NS}"><edXMLEnvelope><edXMLHeader><MessageHeader>
      <From><OrganId>H48</OrganId></From><To><OrganId>H48.31</OrganId></To><DocumentId>1</DocumentId>
      <Code><CodeNumber>1</CodeNumber><CodeNotation>UBND</CodeNotation></Code>
      <PromulgationInfo><PromulgationDate>2020/03/02</PromulgationDate></PromulgationInfo>
      <DocumentType><Type>2</Type></DocumentType><Subject>V/v</Subject>
    </MessageHeader></edXMLHeader></edXMLEnvelope></edXML>"""
    package = document(data.encode())
    assert package.content == ""
    assert package.signer.full_name == ""
    assert package.traces == ()
    assert package.manifest == ()
    assert package.business.type is BusinessType.NEW
    assert package.named_documents == ()


def test_names_outside_the_namespace_say_nothing() -> None:
    data = changed(
        NEW, ("<edXML:DueDate>2020/03/20</edXML:DueDate>", '<DueDate xmlns="">2020/03/20</DueDate>')
    )
    assert document(data).due_date is None


@pytest.mark.parametrize(("written", "read_as"), [("3", "03"), ("03", "03"), ("103", "103")])
def test_status_codes_keep_their_zero(written: str, read_as: str) -> None:
    package = read(changed(STATUS, ("<edXML:StatusCode>03<", f"<edXML:StatusCode>{written}<")))
    assert isinstance(package, StatusPackage)
    assert package.status_code == read_as


def test_a_status_code_is_a_number() -> None:
    data = changed(STATUS, ("<edXML:StatusCode>03<", "<edXML:StatusCode>xx<"))
    assert schema_invalid(data)[0] == "MessageHeader/StatusCode"


def test_a_status_names_no_to() -> None:
    to = "<edXML:To><edXML:OrganId>H48</edXML:OrganId></edXML:To>"
    data = changed(STATUS, ("<edXML:StatusCode>", f"{to}<edXML:StatusCode>"))
    assert schema_invalid(data)[0] == "MessageHeader/To[1]"


def test_a_status_needs_response_for_and_timestamp() -> None:
    for name in ("ResponseFor", "Timestamp"):
        data = STATUS.replace(f"edXML:{name}>".encode(), b"edXML:Other>")
        assert schema_invalid(data)[0] == f"MessageHeader/{name}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020/03/02", datetime(2020, 3, 1, 17, tzinfo=UTC)),
        ("2020-03-02", datetime(2020, 3, 1, 17, tzinfo=UTC)),
        ("02/03/2020", datetime(2020, 3, 1, 17, tzinfo=UTC)),
        ("2/3/2020", datetime(2020, 3, 1, 17, tzinfo=UTC)),
        ("2020/03/02 10:12", datetime(2020, 3, 2, 3, 12, tzinfo=UTC)),
        ("2020-03-02T10:12:40", datetime(2020, 3, 2, 3, 12, 40, tzinfo=UTC)),
        ("2020-03-02T10:12:40.123Z", datetime(2020, 3, 2, 10, 12, 40, tzinfo=UTC)),
        ("2020-03-02T10:12:40+07:00", datetime(2020, 3, 2, 3, 12, 40, tzinfo=UTC)),
        ("2020-03-02 10:12:40 -0130", datetime(2020, 3, 2, 11, 42, 40, tzinfo=UTC)),
    ],
)
def test_dates_are_read_as_the_field_writes_them(text: str, expected: datetime) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "hôm nay", "2014/02/30", "2020/3-2", "2020/13/01", "2020/01/01 24:00:00", "20200302", "２０２０/03/02",
     "2020-03-02T10:12:40+99:00"],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert moment(text) is None


def test_two_attachment_lists_are_refused() -> None:
    text = NEW.decode()
    begin = text.index("  <AttachmentEncoded>")
    root = parse((text[:begin] + text[begin:].replace("</edXML>", "") + text[begin:]).encode())
    with pytest.raises(Refusal) as refusal:
        reader.attachment_blocks(root)
    assert refusal.value.field == "AttachmentEncoded"


def test_what_only_libxml2_refuses_is_malformed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "check_bounds", lambda data, limits: None)
    for data in (b"<a", b"", b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&f;</a>"):
        with pytest.raises(Refusal) as refusal:
            parse(data)
        assert refusal.value.code is Code.XML_MALFORMED


def test_comments_stay_in_the_tree_for_the_shape_check() -> None:
    root = parse(b"<a><!-- c --></a>")
    assert etree.tostring(root) == b"<a><!-- c --></a>"
