"""A signature that is written like one before states what its tree states, and nothing that the tree would refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse_plain
from lienthong.errors import Refusal
from lienthong.signing import forms
from lienthong.signing.forms import recognise
from lienthong.signing.shape import check_shape, find_signature
from lienthong.signing.sign import sign_record
from lienthong.signing.stated import Stated, check_algorithms, read_stated
from tests.pki.forge import forge
from tests.pki.world import world

RECORD = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node>H48</Node></RelayAcceptance>'


@cache
def _files() -> list[bytes]:
    w = world()
    package = w.package("H48.31", ["H48.33.02"])
    record = sign_record(RECORD, w.node_key("H48"), at=w.at)
    before, signature, behind = re.split(rb"(<Signature .*</Signature>)", record)
    prefixed = re.sub(rb"<(/?)([A-Z])", rb"<\1ds:\2", signature)
    alone = prefixed.replace(b"xmlns=", b"xmlns:ds=")
    outside = before.replace(b"<RelayAcceptance ", b'<RelayAcceptance xmlns:ds="%s" ' % DSIG.encode())
    return [
        w.signed("H48.31", ["H48.33.02"], key=w.rsa_key),
        forge(package, w.key("H48.31")),
        record,
        before + signature.replace(b"><", b">\n  <") + behind,
        before + alone + behind,
        outside + prefixed + behind,
    ]


def _careful(data: bytes) -> Stated | None:
    root = parse_plain(data)
    if root is None:
        return None
    try:
        first = next(root.iter(f"{{{DSIG}}}Signature"))
        parent = first.getparent()
        shape = check_shape(root, find_signature(root, root if parent is None else parent, last=False))
        check_algorithms(shape)
    except (Refusal, StopIteration):
        return None
    return read_stated(shape)


def _check(data: bytes) -> Stated | None:
    """What is recognised at any sight, the first, the second or the third, is what the tree states."""
    if parse_plain(data) is None or not _stands_once(data):
        return None  # is not asked
    careful = _careful(data)
    sights = [recognise(data) for _ in range(3)]
    assert all(quick is None or quick == careful for quick in sights)
    return sights[-1]


def _stands_once(data: bytes) -> bool:
    root = parse_plain(data)
    return root is not None and len(list(root.iter("{*}Signature"))) == 1


@pytest.mark.parametrize("number", range(len(_files())))
def test_what_is_signed_is_recognised_the_second_time(number: int) -> None:
    data = _files()[number]
    quick = _check(data)
    assert _careful(data) is not None
    assert (quick == _careful(data)) == (number < 5)  # the last one leans on a prefix from outside


_PIECES = [
    b" ", b"\n", b"&#65;", b"<!-- -->", b"\r", b' Id="package-signature"', b" id='x'", b"<x/>", b"=", b"&amp;", b"<",
    b">", b'"', b"<ds:X/>", b"<Signature/>", b"</Signature>", b'<Signature xmlns="urn:x">', b"\xc3\xa9", b"A",
    b"</DigestValue>",
]  # fmt: skip
_edit = st.one_of(st.binary(min_size=1, max_size=2), st.sampled_from(_PIECES))


@settings(max_examples=1200, deadline=None)
@given(st.sampled_from(_files()), st.integers(0, 100_000), _edit, st.integers(0, 3))
def test_a_changed_file_states_what_its_tree_states(data: bytes, place: int, new: bytes, gone: int) -> None:
    _check(data)
    at = place % len(data)
    _check(data[:at] + new + data[at + gone :])


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "id": lambda data: data.replace(b"<Node>", b'<Node Id="package-signature">'),
    "id with blanks": lambda data: data.replace(b"<Node>", b"<Node id = 'package-signature-reference'>"),
    "xml:id": lambda data: data.replace(b"</RelayA", b'<x xml:id="package-signature"/></RelayA'),
    "padding": lambda data: data.replace(b"=</DigestValue>", b"</DigestValue>", 1),
    "text": lambda data: data.replace(b"<KeyInfo>", b"x<KeyInfo>"),
    "transform": lambda data: data.replace(b"xmldsig#enveloped-signature", b"xmldsig#base64"),
    "method": lambda data: data.replace(b"ecdsa-sha256", b"ecdsa-sha1"),
    "digest": lambda data: data.replace(b"xmlenc#sha256", b"xmldsig#sha1"),
    "huge certificate": lambda data: data.replace(
        b"<X509Certificate>", b"<X509Certificate>" + b"AAAA" * 6000
    ),
}


@pytest.mark.parametrize("change", _CHANGES.values(), ids=_CHANGES)
def test_a_known_form_excuses_nothing(change: Callable[[bytes], bytes]) -> None:
    data = _files()[2]
    assert _check(data) is not None
    changed = change(data)
    assert changed != data
    assert _careful(changed) is None
    assert [recognise(changed) for _ in range(3)] == [None] * 3


def test_what_is_remembered_is_bounded() -> None:
    for memory in (forms._sightings, forms._form, forms._certificate):
        assert 0 < (memory.cache_info().maxsize or 0) <= 4096
