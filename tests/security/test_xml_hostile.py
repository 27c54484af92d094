"""Does hostile XML cost nothing, read nothing and open nothing? One test per attack; PITFALLS' traps by their names."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from lienthong.edxml.bounds import MIB, Limits, check_bounds
from lienthong.edxml.reader import parse, read
from lienthong.edxml.repair import repair
from lienthong.errors import Code, Refusal

OWN = Path(__file__).parents[1] / "samples/edxml"
NEW = (OWN / "new.edxml").read_bytes()
BODY = NEW[NEW.index(b"?>") + 2 :]
DSIG = b'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'

BILLION_LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><l>&j;</l>"
)
QUADRATIC = b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 50_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>"


def refused(act: Callable[[bytes], object], data: bytes, *, within: float = 5.0) -> Refusal:
    started = time.monotonic()
    with pytest.raises(Refusal) as refusal:
        act(data)
    assert time.monotonic() - started < within
    return refusal.value


@pytest.mark.parametrize("act", [check_bounds, parse, read, repair])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(BILLION_LAUGHS, id="billion laughs"),
        pytest.param(QUADRATIC, id="quadratic blow-up"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', id="file entity"),
        pytest.param(b'<!DOCTYPE a SYSTEM "file:///dev/zero"><a/>', id="external subset"),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///dev/zero"> %p;]><a/>', id="parameter entity"
        ),
        pytest.param(b'<!DOCTYPE a [<!ATTLIST a b CDATA "x">]><a/>', id="default attributes"),
        pytest.param(b"<!DOCTYPE edXML>" + BODY, id="bare doctype"),
        pytest.param(b"<!-- -->\n<!DOCTYPE a><a/>", id="doctype after a comment"),
    ],
)
def test_a_doctype_is_refused_before_anything_is_read(act: Callable[[bytes], object], data: bytes) -> None:
    assert refused(act, data).code is Code.XML_DOCTYPE_REFUSED


def test_an_external_entity_never_reaches_the_network() -> None:
    asked: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/x.dtd".encode()
        for data in (
            b'<!DOCTYPE a SYSTEM "' + address + b'"><a/>',
            b'<?xml-stylesheet href="' + address + b'"?><a/>',
            b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="u:1 '
            + address
            + b'"/>',
            b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="' + address + b'"/></a>',
        ):
            try:
                parse(data)
            except Refusal:
                continue
        server.shutdown()
        thread.join()
    assert asked == []


def test_xinclude_stays_an_element() -> None:
    root = parse(b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>')
    assert root[0].tag == "{http://www.w3.org/2001/XInclude}include"


def test_pitfall_9_a_hundred_thousand_attributes_on_one_element() -> None:
    data = b"<a " + b" ".join(b"a%d='1'" % n for n in range(100_000)) + b"/>"
    assert refused(parse, data).code is Code.XML_TOO_LARGE


def test_pitfall_9_namespace_declarations_without_end() -> None:
    one = b"<a " + b" ".join(b"xmlns:n%d='u:%d'" % (n, n) for n in range(100_000)) + b"/>"
    assert refused(parse, one).code is Code.XML_TOO_LARGE
    nested = b"".join(b"<a xmlns:n%d='u:%d'>" % (n, n) for n in range(10_000))
    assert refused(parse, nested).code in (Code.XML_TOO_LARGE, Code.XML_TOO_DEEP)


def test_pitfall_9_two_thousand_references() -> None:
    data = b"<a " + DSIG + b">" + b"<ds:Reference URI=''/>" * 2_000 + b"</a>"
    refusal = refused(parse, data)
    assert refusal.code is Code.XML_TOO_LARGE
    assert "signature References" in str(refusal.detail)


def test_pitfall_9_the_costliest_file_inside_the_bounds_is_canonicalised_in_time() -> None:
    limits = Limits()
    attributes = " ".join(f"a{n}='1'" for n in range(limits.max_attributes))
    elements = limits.max_attributes_total // limits.max_attributes
    root = parse(
        f"<a>{f'<b {attributes}/>' * elements}{'<c/>' * (limits.max_elements - elements - 1)}</a>".encode()
    )
    started = time.monotonic()
    etree.tostring(root, method="c14n", exclusive=True)
    assert time.monotonic() - started < 5


def test_pitfall_10_an_attachment_over_10_mb_is_read() -> None:
    content = b"QUJD" * (3 * MIB)
    begin, end = NEW.index(b"UEsDB"), NEW.index(b"</edXML:ContentTransferEncoded>")
    assert read(NEW[:begin] + content + NEW[end:]) == read(NEW)


def test_pitfall_10_a_20_mb_comment_is_refused() -> None:
    data = NEW.replace(b"<edXML:SteeringType>", b"<!--" + b"x" * (20 * MIB) + b"--><edXML:SteeringType>")
    assert refused(parse, data).code is Code.XML_TOO_LARGE


def test_a_20_mb_subject_is_refused() -> None:
    data = NEW.replace(b"<edXML:Subject>", b"<edXML:Subject>" + b"x" * (20 * MIB))
    assert refused(parse, data).code is Code.XML_TOO_LARGE


def test_depth_without_end_is_refused() -> None:
    assert refused(parse, b"<a>" * 1_000_000).code is Code.XML_TOO_DEEP


def test_ten_million_elements_are_refused() -> None:
    assert refused(parse, b"<a>" + b"<b/>" * 10_000_000 + b"</a>").code is Code.XML_TOO_LARGE


def test_a_file_over_the_limit_is_not_even_looked_at() -> None:
    assert refused(parse, b"\0" * (101 * MIB), within=1.0).code is Code.XML_TOO_LARGE


def test_pitfall_6_a_comment_inside_a_code_does_not_cut_it() -> None:
    data = NEW.replace(b"31.05.H48<", b"31.05.H48<!-- -->.evil<", 1)
    package = read(data)
    assert package.recipient_codes[1] == "31.05.H48.evil"  # the whole text, as C14N signs it


def test_cdata_in_a_code_is_part_of_the_text() -> None:
    data = NEW.replace(b">31.05.H48<", b">31.05<![CDATA[.H48]]><", 1)
    assert read(data).recipient_codes[1] == "31.05.H48"


def test_a_second_sender_or_envelope_cannot_hide() -> None:
    begin, end = BODY.index(b"<edXML:From>"), BODY.index(b"</edXML:From>") + len(b"</edXML:From>")
    second = BODY[:end] + BODY[begin:end].replace(b"H48", b"H49") + BODY[end:]
    refusal = refused(read, second)
    assert (refusal.code, refusal.field) == (Code.SCHEMA_INVALID, "MessageHeader/From")


@pytest.mark.parametrize("encoding", ["utf-7", "utf-16", "utf-32", "ebcdic-cp-us", "iso-8859-1", "x" * 200])
def test_an_encoding_two_parsers_could_read_differently_is_refused(encoding: str) -> None:
    data = f"<?xml version='1.0' encoding='{encoding}'?><a/>".encode()
    refusal = refused(parse, data)
    assert refusal.code is Code.XML_MALFORMED
    assert len(str(refusal.detail)) < 100


def test_a_processing_instruction_before_the_root_is_refused() -> None:
    assert (
        refused(parse, b"<?xml version='1.0'?><?xml-stylesheet href='a'?>" + BODY).code is Code.XML_MALFORMED
    )


@pytest.mark.parametrize(
    "junk",
    [
        b"<!--" * 500_000,
        b"<?" * MIB,
        b"<!-- -->" * 500_000 + b"<",
        b"<?xml " + b" " * (2 * MIB),
        b" \n" * MIB,
    ],
    ids=["comments", "instructions", "empty comments", "blanks in the declaration", "lines"],
)
def test_repair_scans_junk_in_linear_time(junk: bytes) -> None:
    refused(repair, junk)
