"""The shape of a signature: a structure that was seen before excuses nothing that stands in it."""

from __future__ import annotations

import pytest
from lxml import etree

from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing import shape
from lienthong.signing.shape import Shape, check_shape
from lienthong.signing.sign import sign_record
from tests.pki.world import world

RECORD = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node>H48</Node></RelayAcceptance>'


@pytest.fixture(scope="module")
def signed() -> bytes:
    return sign_record(RECORD, world().node_key("H48"), at=world().at)


def _check(data: bytes) -> Shape:
    root = parse(data)
    return check_shape(root, next(root.iter(f"{{{DSIG}}}Signature")))


def _refused(data: bytes) -> Code:
    with pytest.raises(Refusal) as caught:
        _check(data)
    return caught.value.code


def test_a_known_structure_is_not_walked_again(signed: bytes) -> None:
    _check(signed)
    before = shape._known_texts.cache_info().hits
    _check(signed.replace(b"H48", b"H49"))
    assert shape._known_texts.cache_info().hits == before + 1


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"<KeyInfo>", b"x<KeyInfo>", Code.SIGNATURE_COVERAGE),
        (b"<SignedInfo>", b"<SignedInfo>H48.33", Code.SIGNATURE_COVERAGE),
        (b"</SignedInfo>", b"H48.33</SignedInfo>", Code.SIGNATURE_COVERAGE),
        (b"<xades:SignedProperties ", b"x<xades:SignedProperties ", Code.SIGNATURE_COVERAGE),
        (b"</xades:SignedProperties>", b"</xades:SignedProperties>x", Code.SIGNATURE_COVERAGE),
        (b"</Object>", b"x</Object>", Code.SIGNATURE_COVERAGE),
        (b"<DigestValue>", b"<DigestValue>!", Code.SIGNATURE_INVALID),
        (b"=</DigestValue>", b"</DigestValue>", Code.SIGNATURE_INVALID),
        (b"==</SignatureValue>", b"</SignatureValue>", Code.SIGNATURE_INVALID),
        (b"<X509Certificate>", b"<X509Certificate>A", Code.SIGNATURE_INVALID),
        (b"<KeyInfo>", b'<KeyInfo Type="x">', Code.SIGNATURE_COVERAGE),
        (b' URI="">', b' URI="" xml:base="x">', Code.SIGNATURE_COVERAGE),
        (b"</X509Data>", b"<X509CRL/></X509Data>", Code.SIGNATURE_COVERAGE),
        (b"</X509Data>", b"</X509Data><KeyValue/>", Code.SIGNATURE_ALGORITHM_REFUSED),
        (b"</xades:MimeType>", b'</xades:MimeType><To xmlns=""/>', Code.SIGNATURE_COVERAGE),
    ],
)  # fmt: skip
def test_a_known_structure_excuses_nothing(signed: bytes, old: bytes, new: bytes, code: Code) -> None:
    _check(signed)
    changed = signed.replace(old, new, 1)
    assert changed != signed
    assert _refused(changed) is code
    assert _refused(changed) is code
    _check(signed)


def test_white_space_and_free_texts_are_free(signed: bytes) -> None:
    for old, new in (
        (b"<KeyInfo>", b"\n <KeyInfo>\r\n\t"),
        (b"<X509Certificate>", b"<X509Certificate>\n"),
        (b"<SignatureValue>", b'<SignatureValue Id="v">'),
        (b"<xades:MimeType>text/xml", b"<xades:MimeType> anything "),
        (b"</xades:SigningTime>", b"</xades:SigningTime>anything"),
    ):
        changed = signed.replace(old, new, 1)
        assert changed != signed
        _check(changed)


def test_unusual_structures_are_judged_but_not_remembered(signed: bytes) -> None:
    before = shape._known_texts.cache_info().currsize
    root = parse(signed)
    (properties,) = root.iter("{*}SignedSignatureProperties")
    for _ in range(70):
        etree.SubElement(properties, "{http://uri.etsi.org/01903/v1.3.2#}SignerRole")
    check_shape(root, next(root.iter(f"{{{DSIG}}}Signature")))
    etree.SubElement(properties, "{urn:x}SignerRole")
    with pytest.raises(Refusal, match="SignerRole in namespace urn:x"):
        check_shape(root, next(root.iter(f"{{{DSIG}}}Signature")))
    assert shape._known_texts.cache_info().currsize == before
    assert shape._known_texts.cache_info().maxsize == 256
