"""Our engine and signxml give the same answer for every file whose shape and algorithms are accepted."""

from __future__ import annotations

from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse, parse_plain
from lienthong.errors import Code, Refusal
from lienthong.signing import engine
from lienthong.signing.engine import verify_signature
from lienthong.signing.forms import recognise
from lienthong.signing.keys import SigningKey
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import Shape, check_shape, find_signature, transforms
from lienthong.signing.sign import sign_package, sign_record
from lienthong.signing.stated import read_stated
from tests.conformance.signxml_engine import signxml_accepts
from tests.pki.forge import MORE, forge
from tests.pki.world import world

_SHA = {"sha256": "http://www.w3.org/2001/04/xmlenc#sha256", "sha384": f"{MORE}sha384"}


@cache
def _files() -> dict[str, tuple[bytes, SigningKey]]:
    """Signed files of every kind of key and of forms that are hard to canonicalise."""
    w = world()
    uri = ["urn:lienthong:agency:H48.31"]
    keys = {
        "p256": w.key("H48.31"),
        "p384": w.issue("P-384", key_type="p384", uris=uri).signing_key,
        "rsa": w.rsa_key,
    }
    package = w.package("H48.31", ["H48.33.02", "H48.11"])
    files = {f"package {name}": (sign_package(package, key, at=w.at), key) for name, key in keys.items()}
    for name, record in _RECORDS.items():
        files[name] = (sign_record(record, keys["p256"], at=w.at), keys["p256"])
    files["plain"] = (forge(package, keys["p256"]), keys["p256"])
    files["digest of another size"] = (forge(package, keys["rsa"], digest=_SHA["sha384"]), keys["rsa"])
    files["tail"] = (forge(package, keys["p256"], place=b"<edXML:MessageHeader>"), keys["p256"])
    return files


_RECORDS = {
    "prefixes of the ancestors": b'<a xmlns="urn:x" xmlns:b="urn:b" xmlns:ds="%s" xmlns:xades="urn:x">'
    b'<b:c b:d="1"/>\n</a>' % DSIG.encode(),
    "prefix of the signature taken": b'<xades:a xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"><xades:b/></xades:a>',
    "the default namespace is ours": b'<a xmlns="%s"><b xmlns=""><c/></b></a>' % DSIG.encode(),
    "no namespace": b"<a><b xmlns='urn:b'><c xmlns=''/></b> text </a>",
    "odd text": "<a b='\t&#13;&#10;\"&lt;'>\r\n é &amp; &#13; <![CDATA[<x>&]]> \U0001f600</a>".encode(),
    "empty": b"<a/>",
}


def _ours(data: bytes, certificate: x509.Certificate) -> bool:
    """Our engine's answer; skips a file that the shape or the policy refuses before any engine sees it."""
    shape = _shape(data)
    known = recognise(data) if parse_plain(data) is not None else None
    try:
        verify_signature(known or read_stated(shape), shape.root, certificate)
    except Refusal as refusal:
        return refusal.code is not Code.SIGNATURE_INVALID
    return True


def _shape(data: bytes) -> Shape:
    root = parse(data)
    first = next(root.iter(f"{{{DSIG}}}Signature"), root)
    parent = first.getparent()
    shape = check_shape(root, find_signature(root, root if parent is None else parent, last=False))
    POLICY.check_canonicalization(shape.canonicalization)
    POLICY.check_signature_method(shape.signature_method)
    POLICY.check_transforms(transforms(shape.document_reference), enveloped=True)
    if shape.properties_reference is not None:
        POLICY.check_transforms(transforms(shape.properties_reference), enveloped=False)
    return shape


@pytest.mark.parametrize("name", list(_files()))
def test_both_engines_accept_what_is_signed(name: str) -> None:
    data, key = _files()[name]
    assert _ours(data, key.certificate)
    assert signxml_accepts(data, key.certificate)


@pytest.mark.parametrize("name", list(_files()))
def test_both_engines_refuse_another_key(name: str) -> None:
    data, key = _files()[name]
    other = world().issue("other", key_type="rsa2048" if key is world().rsa_key else "p256").certificate
    assert not _ours(data, other)
    assert not signxml_accepts(data, other)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_both_engines_agree_on_every_changed_byte(data: st.DataObject) -> None:
    """Of the files that are well-formed and in the accepted shape after the change."""
    original, key = _files()[data.draw(st.sampled_from(sorted(_files())), label="file")]
    place = data.draw(st.integers(0, len(original) - 1), label="place")
    byte = data.draw(st.sampled_from(b"aAbBzZ019+/= \n\t:.-\xe9"), label="byte")
    changed = original[:place] + bytes([byte]) + original[place + 1 :]
    try:
        ours = _ours(changed, key.certificate)
    except Refusal:
        assume(False)
    assert ours is signxml_accepts(changed, key.certificate)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_both_engines_agree_on_changed_parts_of_the_signature(data: st.DataObject) -> None:
    """Another letter within a digest, the value or SignedProperties, or white space where it may or may not stand."""
    original, key = _files()[data.draw(st.sampled_from(sorted(_files())), label="file")]
    begin, end = original.index(b"<Signature"), original.index(b"</Signature>")
    place = data.draw(st.integers(begin, end), label="place")
    old = original[place : place + 1]
    new = data.draw(st.sampled_from([b"A", b"B", b"8", old + b"\n", b" " + old, b"&#13;" + old]), label="new")
    changed = original[:place] + new + original[place + 1 :]
    try:
        ours = _ours(changed, key.certificate)
    except Refusal:
        assume(False)
    assert ours is signxml_accepts(changed, key.certificate)


@pytest.mark.parametrize("length", [0, 1, 63, 65, 96, 128])
def test_both_engines_refuse_ecdsa_values_of_another_length(length: int) -> None:
    w = world()
    shape = _shape(forge(w.package("H48", ["H48.11"]), w.key("H48")))
    value = shape.signature[1]
    value.text = "AAAA" * (length // 3) + {0: "", 1: "AA==", 2: "AAA="}[length % 3]
    with pytest.raises(Refusal, match="SignatureValue"):
        verify_signature(read_stated(shape), shape.root, w.key("H48").certificate)


def test_every_method_and_digest_of_the_policy_is_known_to_the_engine() -> None:
    assert {method.value for method in POLICY.signature_methods} == engine.RSA.keys() | engine.ECDSA.keys()
    assert {digest.value for digest in POLICY.digests} == engine._DIGESTS.keys()


def test_a_key_of_another_kind_than_the_method_is_no_key() -> None:
    """The policy refuses it before; the engine does not rely on that."""
    w = world()
    shape = _shape(forge(w.package("H48", ["H48.11"]), w.key("H48")))
    for key in (w.rsa_key.certificate.public_key(), ed25519.Ed25519PrivateKey.generate().public_key()):
        with pytest.raises(Refusal, match="no method for the certificate's key"):
            engine._check_value(key, shape.signature_method, b"value", b"octets")
