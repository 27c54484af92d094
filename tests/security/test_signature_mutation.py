"""One byte of a signed file changed: refused, or nothing that is content was changed. And never another error."""

from __future__ import annotations

from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lienthong.errors import Refusal
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import verify_record
from tests.pki.forge import canonical
from tests.pki.refusals import accept
from tests.pki.world import world

_ROOT = "{urn:lienthong:transit:1}RelayAcceptance"


@cache
def _document() -> bytes:
    return world().signed("H48.31.05", ["H48.33.02"])


@cache
def _record() -> bytes:
    xml = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node a="1">H48.31</Node>\n</RelayAcceptance>'
    return sign_record(xml, world().node_key("H48.31"), at=world().at)


def _mutations(data: bytes) -> st.SearchStrategy[bytes]:
    place = st.integers(min_value=0, max_value=len(data) - 1)
    byte = st.one_of(st.integers(0, 255), st.sampled_from(b" \t\r\n<>&\"'=/#+0AaZ\0\xff")).map(
        lambda b: bytes([b])
    )
    replaced = st.tuples(place, byte).map(lambda m: data[: m[0]] + m[1] + data[m[0] + 1 :])
    inserted = st.tuples(place, byte).map(lambda m: data[: m[0]] + m[1] + data[m[0] :])
    removed = place.map(lambda at: data[:at] + data[at + 1 :])
    cut = place.map(lambda at: data[:at])
    return st.one_of(replaced, replaced, inserted, removed, cut)


@settings(max_examples=400, deadline=None)
@given(st.deferred(lambda: _mutations(_document())))
@example(b"")
@example(b"\x00")
def test_signature_of_a_document_with_one_byte_changed_holds_only_for_the_same_content(
    mutated: bytes,
) -> None:
    try:
        document = accept(mutated)
    except Refusal:
        return
    assert canonical(mutated) == canonical(_document())
    assert document.package == accept(_document()).package


@settings(max_examples=200, deadline=None)
@given(st.deferred(lambda: _mutations(_record())))
def test_signature_of_a_record_with_one_byte_changed_holds_only_for_the_same_content(mutated: bytes) -> None:
    w = world()
    try:
        verify_record(mutated, trust=w.infrastructure_trust, at=w.at, root=_ROOT)
    except Refusal:
        return
    assert canonical(mutated) == canonical(_record())


def test_signature_survives_white_space_where_xml_does_not_care() -> None:
    data = _document()
    for old, new in (
        (b"<edXML:To>", b"<edXML:To \n>"),
        (b"<SignatureValue>", b"<SignatureValue>\n  "),
        (b"<SignedInfo>", b"<SignedInfo  >"),
        (b"<KeyInfo>", b"\n<KeyInfo>\r\n"),
        (b'version="1.0" encoding', b'version="1.0"  encoding'),
    ):
        changed = data.replace(old, new, 1)
        assert changed != data
        assert accept(changed).sha256 != accept(data).sha256
