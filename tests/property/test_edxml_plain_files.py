"""A plain file is parsed without the streaming pass: it is never one that the pass would refuse or read otherwise."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from lienthong.edxml import bounds, reader
from lienthong.edxml.bounds import Limits, check_bounds, is_plain
from lienthong.edxml.reader import parse, parse_plain
from lienthong.errors import Code, Refusal
from tests.pki.world import world

#: what could be taken for something else than it is
_PIECES = [
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<!-- -->", b"<![CDATA[<b>]]>", b"<?b c?>", b"<?xml version='1.0'?>", b"]]>",
    b"&amp;", b"&#0;", b"&#65534;", b"&b;", b"&lt;b&gt;", b"\0", b"\x01", b"\xff", b"\xc3\xa9", b"\xef\xbf\xbe",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"<\xc3\xa9/>", b"<\xf0\x90\x80\x80/>", b"<b \xc3\xa9='1'/>",
    b"<b c='\xc3\xa9'/>",
    b"<b>", b"</b>", b"<b/>", b"<b:c/>", b"<:b/>", b"<b c:d='1'/>", b"<b c='1' c='2'/>", b"<b c='>' \xc3\xa9='1'/>",
    b"<b xmlns='x'/>", b"<b xmlns=''/>", b"<b xmlns:c=''/>", b"<b xmlns:c='urn:x'><c:d/></b>",
    b"<b xmlns:xml='urn:x'/>",
    b"<b xmlns:xmlx='urn:x'/>", b"<b xmlns:c='http://www.w3.org/2000/xmlns/'/>", b"<b xmlns='http://[::1]/'/>",
    b"<b xmlns:c='http://www.w3.org/XML/1998/namespace'/>", b"<b xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    b"<b xmlns:c='urn:x' xmlns:d='urn:x' c:e='1' d:e='2'/>", b"<b xmlns:c='a&amp;b:c'/>", b"<b xmlns = 'urn:x'/>",
    b"<b xmlns:c='urn:x' xmlns:c='urn:x'/>", b"<b xmlns='urn:\xc3\xa9'/>", b"<b xml:id='1 2'/>", b"<b xml:space='x'/>",
    b"<b xml:lang='!'/>", b"<b" + b" c='1'" * 2 + b"/>", b"xmlns", b"xmlns='urn:x'", b">", b"'", b'"', b"\r\n", b"\t",
    b"<a xmlns='http://www.w3.org/2000/09/xmldsig#'><Reference/><Reference/></a>", b"<b c='1'd='2'/>", b"<b c=1/>",
    b"<b><b><b><b/></b></b></b>", b" ", b"<", b"&", b"<b:c:d/>", b"<b><?xml version='1.0'?></b>",
]  # fmt: skip
_STARTS = [
    b"", b"\n", b" ", b"\xef\xbb\xbf", b'<?xml version="1.0"?>', b'<?xml version="1.0" encoding="UTF-8"?>\n',
    b'<?xml version="1.0" encoding="utf-8" standalone="yes" ?>', b'<?xml version="1.1"?>', b"<?xml version='1.0'?>",
    b'<?xml version="1.0" encoding="ISO-8859-1"?>', b'<?xml version="1.0" encoding="UTF-7"?>',
]  # fmt: skip
_SMALL = Limits(
    max_bytes=1000,
    max_depth=4,
    max_elements=12,
    max_attributes=2,
    max_attributes_total=5,
    max_namespaces=4,
    max_namespaces_in_scope=3,
    max_ids=4,
    max_references=1,
    max_text=400,
    max_tag=600,
)

#: tags much shorter than the file
_LONG = replace(_SMALL, max_text=1000, max_tag=40)


@pytest.fixture(autouse=True, scope="module")
def _texts_are_long_early() -> Iterator[None]:
    """Texts of four bytes are left out like those of many thousand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "_LONG_TEXT", 3)
        yield


def _check(data: bytes, limits: Limits) -> None:
    """If the short way gives a tree, the long way gives the same one."""
    root = parse_plain(data, limits)
    if root is None:
        return
    check_bounds(data, limits)
    long = etree.fromstring(data, reader._parser(huge_tree=True))  # noqa: TID251  the other way
    assert etree.tostring(root.getroottree()) == etree.tostring(long.getroottree())
    assert etree.tostring(root, method="c14n") == etree.tostring(long, method="c14n")


_piece = st.one_of(
    st.sampled_from(_PIECES), st.sampled_from([b"text", b"<b>", b"</b>", b"<c/>", b"\xc3\xa9"])
)


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(_STARTS), st.lists(_piece, max_size=9), st.sampled_from([_SMALL, _LONG, Limits()]))
@example(b"", [b"</a>" * 3], _SMALL)
def test_pieces_of_xml_are_read_the_same_way(start: bytes, pieces: list[bytes], limits: Limits) -> None:
    _check(start + b"<a>" + b"".join(pieces) + b"</a>", limits)
    _check(start + b"<a>".join(pieces), limits)


@pytest.mark.parametrize("piece", _PIECES)
@pytest.mark.parametrize("limits", [_SMALL, _LONG, Limits()], ids=["small", "long", "default"])
def test_each_piece_is_read_the_same_way(piece: bytes, limits: Limits) -> None:
    for start in _STARTS:
        for form in (b"<a>%s</a>", b"%s<a/>", b"<a/>%s", b"<a b='%s'/>", b"<a %s/>", b"<a%s>x</a>"):
            _check(start + form % piece, limits)
            _check((start + form % piece).decode("latin-1").encode("utf-16-le"), limits)


@cache
def _document() -> bytes:
    return world().signed("H48.31.05", ["H48.33.02"])


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 10_000), st.one_of(st.binary(max_size=2), st.sampled_from(_PIECES)), st.integers(0, 3))
def test_a_changed_document_is_read_the_same_way(place: int, new: bytes, gone: int) -> None:
    data = _document()
    at = place % len(data)
    _check(data[:at] + new + data[at + gone :], Limits())


def test_what_we_write_is_plain() -> None:
    assert is_plain(_document())
    assert parse_plain(_document()) is not None


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<a>" * 33 + b"</a>" * 33, Code.XML_TOO_DEEP),
        (b"<a>" * 300 + b"</a>" * 300, Code.XML_TOO_DEEP),
        (b"<a>" + b"<b/>" * 50_000 + b"</a>", Code.XML_TOO_LARGE),
        (b"<a " + b" ".join(b"b%d='1'" % i for i in range(33)) + b"/>", Code.XML_TOO_LARGE),
        (b"<a " + b" ".join(b"xmlns:b%d='urn:b'" % i for i in range(33)) + b"/>", Code.XML_TOO_LARGE),
        (b"<a>" + b"<b Id='1'/>" * 257 + b"</a>", Code.XML_TOO_LARGE),
        (
            b"<a xmlns='http://www.w3.org/2000/09/xmldsig#'>" + b"<Reference/>" * 9 + b"</a>",
            Code.XML_TOO_LARGE,
        ),
        (b"<a>" * 33 + b"<!DOCTYPE a>", Code.XML_TOO_DEEP),
        (b"<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>", Code.XML_DOCTYPE_REFUSED),
        ("<!DOCTYPE a [<!ENTITY b 'b'>]><a>&b;</a>".encode("utf-16"), Code.XML_MALFORMED),
    ],
)
def test_every_limit_holds_for_small_files(data: bytes, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        parse(data)
    assert caught.value.code is code


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 16_000 + b"</a>" * 16_000,
        b"<a " + b" ".join(b"b%x=''" % i for i in range(28_000)) + b"/>",
        b"<a>" + b"<b a='' b='' c=''/>" * 12_000 + b"</a>",
        b"<a" * 120_000,
        b"<a>" + b"&#65;" * 50_000 + b"</a>",
        b"<" + b"a" * 250_000 + b"/>",
    ],
    ids=["deep", "attributes", "elements", "open tags", "references", "name"],
)
def test_hostile_files_below_the_size_cost_little(data: bytes) -> None:
    assert len(data) <= Limits().max_tag
    began = time.thread_time()
    with suppress(Refusal):
        parse(data)
    assert time.thread_time() - began < 1


_LARGE = Limits().max_text - 200  # the largest file that may be plain


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (b"<a>" + b"QUJD\n" * (_LARGE // 5) + b"</a>", True),
        (b"<a>" + b"&#65;" * (_LARGE // 5) + b"</a>", True),
        (b"<a>" + b"<b>x</b>" * 24_000 + b"y" * (_LARGE - 192_000) + b"</a>", True),
        (b"<a>" * 24_000 + b" " * (_LARGE - 168_000) + b"</a>" * 24_000, True),
        (b"<a>" + b"xmln" * (_LARGE // 4) + b"</a>", True),
        (b"<a>" + b"<" * (_LARGE // 2) + b">" * (_LARGE // 2), False),
        (b"<a" * (_LARGE // 2), False),
        (b"<a b='" + b"x" * _LARGE + b"'/>", False),
        (b"<a b='" + b"x" * Limits().max_tag + b"'>" + b"y" * 600_000 + b"</a>", False),
    ],
    ids=[
        "lines",
        "references",
        "elements",
        "deep",
        "nearly xmlns",
        "brackets",
        "open tags",
        "tag",
        "tag before text",
    ],
)
def test_hostile_files_of_some_mebibytes_cost_little(data: bytes, plain: bool) -> None:
    assert is_plain(data) is plain
    began = time.thread_time()
    with suppress(Refusal):
        parse(data)
    assert time.thread_time() - began < 1


def test_an_attachment_of_a_megabyte_is_plain_and_of_ten_is_not() -> None:
    w = world()
    for size, plain in ((700_000, True), (8_000_000, False)):
        data = w.signed("H48.31.05", ["H48.33.02"], files={"a.bin": random.Random(1).randbytes(size)})
        assert (parse_plain(data) is not None) is plain
        _check(data, Limits())
