"""Can any bytes at all make the readers raise anything but a refusal?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from lienthong.edxml.attachments import check_attachments, read_attachments
from lienthong.edxml.bounds import Limits, check_bounds
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.repair import repair
from lienthong.edxml.rules import check_rules
from lienthong.edxml.schema import check_schema
from lienthong.edxml.zipwrap import find_wrapping, unpack, wrap
from lienthong.errors import Refusal
from tests.unit.edxml.samples import TODAY, own

SAMPLES = [own(path.name) for path in sorted(Path(__file__).parents[1].glob("samples/edxml/*.*xml"))]
TOKENS = [
    b"<", b">", b"</", b"/>", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<!DOCTYPE a>", b"&lt;", b"&#0;",
    b"&#x10FFFF;", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"xmlns:a='u'", b"xmlns=''", b" a='1'", b"p:",
    "ộ".encode(), b"9999999999", b"-1", b"edXML:", b"<edXML:To/>", b"<edXML:OrganId>x</edXML:OrganId>", b"\r\n",
    b"UEsD",
]  # fmt: skip
edits = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 60),
        st.one_of(st.sampled_from(TOKENS), st.binary(max_size=6), st.just(b"")),
    ),
    min_size=1,
    max_size=4,
)


def everything(data: bytes) -> None:
    """All that a hub or a client does with bytes it was sent; only refusals may come out."""
    for start in (parse, lambda data: parse(repair(data))):
        try:
            root = start(data)
        except Refusal:
            continue
        assert isinstance(root.tag, str)
        for name in ("edxml/lenient", "edxml/strict", "transit/records"):
            with suppress(Refusal):
                check_schema(root, name)
        try:
            package = read_package(root)
            check_rules(package, root, today=TODAY)
            check_attachments(root, package)
            list(read_attachments(root))
        except Refusal:
            continue


@given(st.binary(max_size=400))
def test_arbitrary_bytes(data: bytes) -> None:
    everything(data)


@given(st.lists(st.sampled_from([*TOKENS, b"a", b" ", b"edXML"]), max_size=30).map(b"".join))
def test_bytes_that_look_like_markup(data: bytes) -> None:
    everything(data)
    everything(b"<a>" + data + b"</a>")


@given(st.sampled_from(SAMPLES), edits)
def test_mutated_samples(data: bytes, changes: list[tuple[float, int, bytes]]) -> None:
    for place, cut, text in changes:
        at = int(place * len(data))
        data = data[:at] + text + data[at + cut :]
    everything(data)


@given(st.binary(max_size=300) | st.lists(st.sampled_from(TOKENS), max_size=20).map(b"".join))
def test_bounds_and_libxml2_agree_on_what_is_xml(data: bytes) -> None:
    """Whatever passes the bounds is a tree of the same elements for libxml2: no other XML hides behind the pass."""
    try:
        check_bounds(data, Limits())
    except Refusal:
        return
    assert etree.tostring(parse(data))


zip_edits = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


@given(st.binary(max_size=300), st.sampled_from(["a.pdf", "a.docx", "a", "a.zip"]), zip_edits)
def test_mutated_zips(content: bytes, name: str, changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(wrap(content, name))
    for place, text in changes:
        at = 4 + int(place * (len(data) - 4))
        data[at : at + len(text)] = text
    with suppress(Refusal):
        wrapping = find_wrapping(bytes(data), name, "field")
        if wrapping is not None:
            list(unpack(wrapping, Limits(), "field", 10_000))
