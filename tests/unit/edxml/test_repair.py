"""Is what is sloppy put right, what is legacy removed, and nothing else lost?"""

from __future__ import annotations

import pytest

from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.reader import parse, read
from lienthong.edxml.repair import repair
from lienthong.edxml.schema import check_schema
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import NS, changed, own

NEW = own("new.edxml")


def refused(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        repair(data)
    return refusal.value


def test_what_we_write_needs_no_repair() -> None:
    for name in ("new", "update", "recall", "replacement", "status_acceptance_03"):
        root = parse(own(f"{name}.edxml"))
        written = write(read(own(f"{name}.edxml")), read_attachments(root))
        assert repair(written) == written


@pytest.mark.parametrize(
    "junk",
    [b"1212", b"\xef\xbb\xbf", b"\r\n\t \r\n", b"\xef\xbb\xbf\xef\xbb\xbf\n", b"\0\0junk> ", "rác".encode()],
)
def test_junk_before_the_declaration_goes(junk: bytes) -> None:
    assert repair(junk + NEW) == repair(NEW)


def test_junk_after_the_end_and_things_before_the_root_go() -> None:
    body = NEW[NEW.index(b"?>") + 2 :]
    prolog = b"<?xml version='1.0'?>\n<!-- by hand -->\n<?xml-stylesheet href='a.xsl'?>\n"
    assert repair(prolog + body + b"\r\n\0\0\x1a") == repair(NEW)


def test_utf_16_is_turned_into_utf_8() -> None:
    text = NEW.decode().replace("UTF-8", "utf-16")
    assert repair(text.encode("utf-16")) == repair(NEW)
    assert repair(text.encode("utf-16-be").join([b"\xfe\xff", b""])) == repair(NEW)
    assert repair(text.encode()) == repair(NEW)  # declared by a program that then wrote UTF-8


def test_other_encodings_are_refused_by_name() -> None:
    refusal = refused(NEW.replace(b"UTF-8", b"windows-1258"))
    assert (refusal.code, refusal.detail) == (
        Code.XML_MALFORMED,
        "the encoding must be UTF-8, not windows-1258",
    )


def test_a_doctype_is_refused_wherever_it_stands() -> None:
    body = NEW[NEW.index(b"?>") + 2 :]
    for data in (
        b"<!DOCTYPE edXML>" + body,
        b"12<?xml version='1.0'?><!-- --><!DOCTYPE edXML [<!ENTITY a 'b'>]>" + body,
    ):
        assert refused(data).code is Code.XML_DOCTYPE_REFUSED


def test_nothing_that_is_xml_is_malformed() -> None:
    for data in (b"", b"xin chao", b"\xff\xfe"):
        assert refused(data).code is Code.XML_MALFORMED


def test_lines_are_counted_as_in_the_senders_file() -> None:
    data = changed(NEW, ("<edXML:PageAmount>2<", "<edXML:PageAmount>hai<"))
    line = next(n for n, text in enumerate(data.splitlines(), 1) if b"hai" in text)
    assert str(refused(b"12" + data).detail).endswith(f"line {line}")


@pytest.mark.parametrize("name", ["new_junk_before_declaration", "new_bom_and_blank_lines", "by_hand"])
def test_legacy_signatures_go(name: str) -> None:
    assert b"Signature" in own(f"{name}.edxml")
    assert b"Signature" not in repair(own(f"{name}.edxml"))


def test_prefixes_and_order_become_those_of_the_sdk() -> None:
    text = repair(own("by_hand.edxml")).decode()
    assert text.startswith(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{NS}">\n  <edXML:edXMLEnvelope '
    )
    assert text.index("<edXML:From>") < text.index("<edXML:To>") < text.index("<edXML:DocumentId>")
    assert text.index("<edXML:DocumentId>") < text.index("<edXML:Code>") < text.index("<edXML:SteeringType>")
    assert "\n  <AttachmentEncoded>\n    <Attachment>\n      <ContentId>cid:2<" in text
    assert f'<edXML:ContentTransferEncoded xmlns:edXML="{NS}">UEsDB' in text
    assert "<!--" not in text
    assert "<edXML:OrganId>000.05.31.H48</edXML:OrganId>" in text


def test_dates_become_the_strict_form() -> None:
    text = repair(own("by_hand.edxml")).decode()
    assert "<edXML:PromulgationDate>2020/03/02</edXML:PromulgationDate>" in text
    assert "<edXML:DueDate>2020/03/09</edXML:DueDate>" in text


def test_empty_blocks_and_typed_values_go_and_empty_texts_stay() -> None:
    text = repair(own("by_hand.edxml")).decode()
    assert "ResponseFor" not in text
    assert "Priority" not in text
    assert "<edXML:Fax></edXML:Fax>" in repair(NEW).decode()


def test_attributes_are_kept() -> None:
    text = repair(own("by_hand.edxml")).decode()
    assert (
        '<edXML:TraceHeaderList id="trace" version="1.0" mustUnderstand="1" '
        'actor="http://schemas.xmlsoap.org/soap/actor/next">' in text
    )
    assert (
        '<edXML:Reference xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="cid:2" xlink:role="XLinkRole" '
        'xlink:type="simple">' in text
    )


def test_attributes_of_any_prefix_are_kept() -> None:
    wild = (
        f'<edXML:To xmlns:edXML="{NS}" xmlns:p="u:1" xmlns:q="u:2" p:a="&lt;&quot;&#10;" q:b="2" xml:lang="vi">'
        "<edXML:OrganId>H48.7</edXML:OrganId></edXML:To>"
    )
    data = beside(wild)
    once = repair(data)
    assert b'xmlns:p="u:1" p:a="&lt;&quot;&#10;" xmlns:q="u:2" q:b="2" xml:lang="vi"' in once
    assert repair(once) == once


def test_a_prefix_edxml_of_another_namespace_is_renamed() -> None:
    text = own("by_hand.edxml").decode().replace("<e:To>", '<e:To xmlns:edXML="u:1" edXML:a="1">')
    once = repair(text.encode())
    assert b'<edXML:To xmlns:ns1="u:1" ns1:a="1">' in once
    assert repair(once) == once


EXTENSION = (
    '<x:HoSo xmlns:x="urn:mau:mot-cua" xmlns="" loai="x:Moi" x:ma="000.00.53.H48-200302-0099">'
    "<x:ThanhPhan>Đơn <x:b>đề nghị</x:b> &amp; tờ khai</x:ThanhPhan><Rong></Rong></x:HoSo>"
)


def beside(markup: str, place: str = "<edXML:SteeringType>") -> bytes:
    return changed(NEW, (place, markup + place))


def test_unknown_elements_are_kept_whole() -> None:
    unknown = "<edXML:Mau><edXML:Ma>1</edXML:Ma></edXML:Mau>"
    data = beside(f"{EXTENSION}<!-- c -->{unknown}").replace(
        b"  <AttachmentEncoded>", EXTENSION.encode() + b"<AttachmentEncoded>"
    )
    once = repair(data)
    expected = EXTENSION.replace(' xmlns=""', "").replace("<x:HoSo", '<x:HoSo xmlns=""')
    assert once.count(expected.encode()) == 2
    assert b"<edXML:Mau" in once
    assert b"<edXML:Ma>1</edXML:Ma>" in once
    assert repair(once) == once
    assert read(once) == read(NEW)


@pytest.mark.parametrize(
    "markup",
    [
        '<a xmlns=""><b/></a>',
        '<a xmlns="u:1"><b xmlns=""/></a>',
        '<p:a xmlns:p="u:1"><p:b/></p:a>',
        '<p:a xmlns:p="u:1" xmlns="u:2"><b t="p:x"/></p:a>',
        "<Khac/>",
    ],
)
def test_names_of_unknown_elements_do_not_change(markup: str) -> None:
    def names(data: bytes) -> list[object]:
        return [element.tag for element in parse(data)[0][0][0].iter()]

    once = repair(beside(markup))
    assert sorted(map(str, names(once))) == sorted(map(str, names(beside(markup))))
    assert repair(once) == once


def test_an_extension_of_another_namespace_passes_the_strict_schema() -> None:
    check_schema(
        parse(repair(changed(NEW, ("<edXML:SteeringType>", f"{EXTENSION}<edXML:SteeringType>")))),
        "edxml/strict",
    )


def test_a_block_with_an_unknown_element_is_not_empty() -> None:
    for inside in ("<edXML:Khac/>", '<edXML:OrganId a="1"/>', f"{EXTENSION}"):
        once = repair(
            changed(
                NEW,
                (
                    "<edXML:SteeringType>",
                    f"<edXML:ResponseFor>{inside}</edXML:ResponseFor><edXML:SteeringType>",
                ),
            )
        )
        assert once.count(b"<edXML:ResponseFor>") == 2


def test_an_empty_block_inside_an_empty_block_goes() -> None:
    empty = (
        "<edXML:ReplacementInfoList><!-- --><edXML:ReplacementInfo><edXML:OrganIdList>%s</edXML:OrganIdList>"
    )
    empty += "</edXML:ReplacementInfo></edXML:ReplacementInfoList>"
    place = "          <edXML:StaffInfo>"
    assert b"Replacement" not in repair(beside(empty % "<edXML:OrganId> </edXML:OrganId>", place))
    assert b"Replacement" in repair(beside(empty % "<edXML:Khac/>", place))


def test_text_between_elements_is_refused_and_not_lost() -> None:
    refusal = refused(changed(NEW, ("<edXML:SteeringType>", "Kính gửi<edXML:SteeringType>")))
    assert (refusal.code, refusal.field) == (Code.SCHEMA_INVALID, "MessageHeader")
    assert "Kính gửi" in str(refusal.detail)


def test_plain_files_are_wrapped_and_wrapped_ones_left() -> None:
    (before,) = read_attachments(parse(own("by_hand.edxml")))
    (after,) = read_attachments(parse(repair(own("by_hand.edxml"))))
    assert before.content == after.content
    content = NEW[NEW.index(b"UEsDB") : NEW.index(b"</edXML:ContentTransferEncoded>")]
    assert content in repair(NEW)


def test_a_file_that_cannot_be_decoded_is_a_mismatch() -> None:
    data = NEW[: NEW.index(b"UEsDB")] + b"${x}" + NEW[NEW.index(b"</edXML:ContentTransferEncoded>") :]
    assert refused(data).code is Code.ATTACHMENT_MISMATCH


def test_the_manifests_version_is_supplied() -> None:
    assert b'<edXML:edXMLManifest version="1.0">' in repair(NEW.replace(b' version="1.0">', b">"))


def test_flags_and_status_codes_become_the_strict_form() -> None:
    text = repair(
        own("update.edxml")
        .replace(b"DocumentInfo>1<", b"DocumentInfo>true<")
        .replace(b"Direction>false", b"Direction>0")
    )
    assert b"<edXML:DocumentInfo>1<" in text
    assert b"<edXML:Direction>false<" in text
    status = own("status_acceptance_03.edxml").replace(b"StatusCode>03<", b"StatusCode>3<")
    status = status.replace(b"2020/03/02 10:12:40", b"2020-03-02T03:12:40Z")
    assert repair(status) == repair(own("status_acceptance_03.edxml"))


def test_what_cannot_be_read_cannot_be_repaired() -> None:
    assert refused(NEW.replace(b"edXML:Subject>", b"edXML:Khac>")).field == "MessageHeader/Subject"
    assert refused(own("variant_2012.xml")).code is Code.XML_NOT_EDXML
