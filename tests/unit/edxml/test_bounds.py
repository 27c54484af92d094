"""Does the streaming pass stop at each bound, and let ordinary files through?"""

from __future__ import annotations

import time

import pytest

from lienthong.edxml.bounds import MIB, Limits, check_bounds
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from tests.unit.edxml.samples import own

DEFAULT = Limits()
DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'


def refused(data: bytes, limits: Limits = DEFAULT) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        check_bounds(data, limits)
    return refusal.value


def test_ordinary_files_pass() -> None:
    check_bounds(own("new.edxml"))
    check_bounds(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><a/>")


@pytest.mark.parametrize(
    ("data", "limits", "code"),
    [
        (b"<a>12345</a>", Limits(max_bytes=11), Code.XML_TOO_LARGE),
        (b"<a><b><c/></b></a>", Limits(max_depth=2), Code.XML_TOO_DEEP),
        (b"<a><b/><b/></a>", Limits(max_elements=2), Code.XML_TOO_LARGE),
        (b"<a x='1' y='2'/>", Limits(max_attributes=1), Code.XML_TOO_LARGE),
        (b"<a x='1'><b y='2'/></a>", Limits(max_attributes_total=1), Code.XML_TOO_LARGE),
        (b"<a><b xmlns='u:1'/><b xmlns='u:1'/></a>", Limits(max_namespaces=1), Code.XML_TOO_LARGE),
        (b"<a xmlns:p='u:1'><b xmlns='u:2'/></a>", Limits(max_namespaces_in_scope=1), Code.XML_TOO_LARGE),
        (b"<a Id='1'><b xml:id='x2'/></a>", Limits(max_ids=1), Code.XML_TOO_LARGE),
        (
            f"<a {DS}><ds:Reference/><ds:Reference/></a>".encode(),
            Limits(max_references=1),
            Code.XML_TOO_LARGE,
        ),
        (b"<a>123456789</a>", Limits(max_text=8), Code.XML_TOO_LARGE),
        (b"<a><![CDATA[123456789]]></a>", Limits(max_text=8), Code.XML_TOO_LARGE),
        (b"<a><!--123456789--></a>", Limits(max_text=8), Code.XML_TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_bound_has_its_refusal(data: bytes, limits: Limits, code: Code) -> None:
    refusal = refused(data, limits)
    assert refusal.code is code
    assert "at most" in str(refusal.detail)
    check_bounds(data)  # far inside the ordinary limits


def test_namespaces_in_scope_are_counted_down_again() -> None:
    check_bounds(b"<a>" + b"<b xmlns:p='u:1'/>" * 50 + b"</a>", Limits(max_namespaces_in_scope=1))


def test_attachment_content_may_be_longer_than_other_text() -> None:
    limits = Limits(max_text=100)
    check_bounds(
        b"<a><ContentTransferEncoded xmlns='u:1'>" + b"A" * 1000 + b"</ContentTransferEncoded></a>", limits
    )
    trailing = b"<a><ContentTransferEncoded xmlns='u:1'>A</ContentTransferEncoded>" + b" " * 1000 + b"</a>"
    assert refused(trailing, limits).code is Code.XML_TOO_LARGE


@pytest.mark.parametrize("markup", [b"<a b='%s'/>", b"<a><!--%s--></a>", b"<a %s/>"])
def test_a_tag_or_comment_that_never_ends_is_stopped_early(markup: bytes) -> None:
    started = time.monotonic()
    refusal = refused(markup % (b"x" * (40 * MIB)))
    assert refusal.code in (Code.XML_TOO_LARGE, Code.XML_MALFORMED)
    assert time.monotonic() - started < 5


def test_text_over_10_mb_passes_bounds_and_parser() -> None:
    data = b"<ContentTransferEncoded xmlns='u:1'>" + b"QUJD" * (4 * MIB) + b"</ContentTransferEncoded>"
    assert len(parse(b"<a>" + data + b"</a>")[0].text or "") == 16 * MIB


def test_cdata_over_several_chunks_is_not_taken_for_one_tag() -> None:
    data = (
        b"<a><ContentTransferEncoded xmlns='u:1'><![CDATA["
        + b"QUJD" * MIB
        + b"]]></ContentTransferEncoded></a>"
    )
    check_bounds(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no element found"),
        (b"1212<?xml version='1.0'?><a/>", "not well-formed"),
        (b"\n<?xml version='1.0'?><a/>", "XML or text declaration not at start"),
        (b"<a></b>", "mismatched tag"),
        (b"<a>&unknown;</a>", "undefined entity"),
        (b"<a/><b/>", "junk after document element"),
        (b"<a b='1' b='2'/>", "duplicate attribute"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<a>\x01</a>", "not well-formed"),
        (b"<a><p:b/></a>", "the prefix p is not declared, line 1"),
        (b"<a xmlns:p='u:1'><b p:c='1' q:d='2'/></a>", "the prefix q is not declared, line 1"),
        (b"<a xmlns:p='u:1'/><p:b/>", "junk after"),
        (b"<a><b xmlns:p='u:1'/><p:c/></a>", "the prefix p is not declared, line 1"),
        (b"<a b='>' p:c='1'/>", "unbound prefix, line 1"),
        (
            b"<?xml version='1.0' encoding='windows-1258'?><a/>",
            "the encoding must be UTF-8, not windows-1258",
        ),
        ("<a/>".encode("utf-16"), "the encoding must be UTF-8"),
        ("<a/>".encode("utf-16-le"), "the encoding must be UTF-8"),
        (b"<?xml-stylesheet href='x'?><a/>", "processing instruction xml-stylesheet"),
        (b"<a><?php x?></a>", "processing instruction php"),
        (b"<a xmlns='relative/name'/>", "the namespace 'relative/name' is no absolute URI, line 1"),
        ("<a xmlns:p='urn:mẫu'/>".encode(), "is no absolute URI"),
    ],
)
def test_what_is_not_plain_xml_is_malformed(data: bytes, why: str) -> None:
    refusal = refused(data)
    assert refusal.code is Code.XML_MALFORMED
    assert why in str(refusal.detail)
