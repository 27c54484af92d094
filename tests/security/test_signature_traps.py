"""The measured traps of the libraries (canonicalisation, wrapping, keys, resources): each has its measure here."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.signer import XMLSigner

from lienthong.errors import Code, Refusal
from lienthong.signing import sign
from lienthong.signing.sign import sign_package
from lienthong.signing.trust import Binding
from tests.pki.forge import ENVELOPED, EXCLUSIVE, INCLUSIVE, MORE, SHA1, forge
from tests.pki.refusals import accept, bound, refusal_of
from tests.pki.world import world

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"


@pytest.fixture(scope="module")
def package() -> bytes:
    return world().package(SENDER, [RECIPIENT])


@pytest.fixture(scope="module")
def signed() -> bytes:
    return world().signed(SENDER, [RECIPIENT])


@pytest.mark.parametrize(
    "uri",
    [
        INCLUSIVE,
        f"{INCLUSIVE}#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
        f"{EXCLUSIVE}WithComments",
        "http://www.w3.org/2010/xml-c14n2",
        "urn:unknown",
    ],
)
def test_trap_01_inclusive_c14n_is_refused_by_policy_not_called_forged(package: bytes, uri: str) -> None:
    for forged in (
        forge(package, world().key(SENDER), canonicalization=uri),
        forge(package, world().key(SENDER), transforms=(ENVELOPED, uri)),
    ):
        refusal = refusal_of(forged)
        assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
        assert refusal.detail
        assert "exclusive C14N" in refusal.detail


def test_trap_01_what_signxml_signs_inclusively_by_default_is_refused_by_policy(package: bytes) -> None:
    key = world().key(SENDER)
    root = etree.fromstring(package)  # noqa: TID251
    etree.SubElement(root[0][0], "{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder")
    signed = XMLSigner(
        signature_algorithm=SignatureMethod.ECDSA_SHA256,
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0,
    ).sign(root, key=key.private_key, cert=[key.certificate])
    refusal = refusal_of(etree.tostring(signed))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    assert "inclusive" in (refusal.detail or "")


def test_trap_02_empty_namespace_declarations_are_never_excised(signed: bytes) -> None:
    moved = signed.replace(b"<AttachmentEncoded>", b'<AttachmentEncoded xmlns="">', 1)
    assert refusal_of(moved).code is Code.SIGNATURE_INVALID


def test_trap_03_every_reference_we_write_names_exclusive_c14n(signed: bytes) -> None:
    root = etree.fromstring(signed)  # noqa: TID251
    references = list(root.iter("{http://www.w3.org/2000/09/xmldsig#}Reference"))
    assert [[t.get("Algorithm") for t in reference[0]] for reference in references] == [
        [ENVELOPED, EXCLUSIVE],
        [EXCLUSIVE],
    ]
    assert b"KeyValue" not in signed


@pytest.mark.parametrize(
    "unknown",
    [
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "urn:anything",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_trap_04_unknown_transforms_are_refused_not_skipped(package: bytes, unknown: str, place: int) -> None:
    transforms = [ENVELOPED, EXCLUSIVE]
    transforms.insert(place, unknown)
    refusal = refusal_of(forge(package, world().key(SENDER), transforms=tuple(transforms)))
    assert refusal.code in (Code.SIGNATURE_ALGORITHM_REFUSED, Code.SIGNATURE_COVERAGE)
    two = [unknown, EXCLUSIVE] if place else [ENVELOPED, unknown]
    refusal = refusal_of(forge(package, world().key(SENDER), transforms=tuple(two)))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED


@pytest.mark.parametrize(
    "transforms", [(ENVELOPED,), (EXCLUSIVE,), (EXCLUSIVE, ENVELOPED), (ENVELOPED, ENVELOPED)]
)
def test_trap_04_transforms_must_be_exactly_the_two_in_order(
    package: bytes, transforms: tuple[str, ...]
) -> None:
    assert (
        refusal_of(forge(package, world().key(SENDER), transforms=transforms)).code is Code.SIGNATURE_COVERAGE
    )


def test_trap_04_content_of_a_transform_is_refused(package: bytes) -> None:
    prefixes = f'<InclusiveNamespaces xmlns="{EXCLUSIVE}" PrefixList="edXML"/>'
    refusal = refusal_of(forge(package, world().key(SENDER), transform_content=prefixes))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    forged = forge(package, world().key(SENDER), transform_content="<XPath>true()</XPath>")
    assert refusal_of(forged).code is Code.SIGNATURE_COVERAGE


def test_trap_04_a_signature_elsewhere_is_not_taken_for_the_one(signed: bytes) -> None:
    start, end = signed.index(b"<Signature "), signed.index(b"</Signature>") + len(b"</Signature>")
    block = signed[start:end]
    elsewhere = signed.replace(block, b"").replace(b"<edXML:MessageHeader>", block + b"<edXML:MessageHeader>")
    assert accept(elsewhere).sender == SENDER  # still a child of edXMLHeader, all covered
    inside = signed.replace(block, b"").replace(b"<edXML:From>", block + b"<edXML:From>")
    assert refusal_of(inside).code is Code.SIGNATURE_COVERAGE


@pytest.mark.parametrize("where", [b"<edXML ", b"<edXML:MessageHeader>"])
def test_trap_04_processing_instructions_are_refused(signed: bytes, where: bytes) -> None:
    hidden = signed.replace(where, b'<?xml-stylesheet href="evil.xsl"?>' + where, 1)
    assert refusal_of(hidden).code in (Code.XML_MALFORMED, Code.SIGNATURE_COVERAGE)


def test_trap_05_what_is_forwarded_raw_holds_nothing_unsigned(package: bytes) -> None:
    hidden = "<Object><edXML:To><edXML:OrganId>H48.33.03</edXML:OrganId></edXML:To></Object>"
    forged = forge(package, world().key(SENDER), inside=hidden)
    assert refusal_of(forged).code is Code.SIGNATURE_COVERAGE
    document = accept(forge(package, world().key(SENDER)))
    assert document.data.count(b"<edXML:To>") == len(document.package.recipient_codes)


def test_trap_06_a_comment_that_splits_a_value_is_refused(signed: bytes) -> None:
    split = signed.replace(b">H48.33.02<", b">H48.33<!-- -->.02<")
    assert refusal_of(split).code is Code.SIGNATURE_COVERAGE


def test_trap_07_the_key_inside_the_document_is_no_source_of_trust(package: bytes) -> None:
    value = "<KeyValue><RSAKeyValue><Modulus>AQAB</Modulus><Exponent>AQAB</Exponent></RSAKeyValue></KeyValue>"
    for key_info in (
        f"<KeyInfo>{value}</KeyInfo>",
        "<KeyInfo><KeyName>H48.31.05</KeyName></KeyInfo>",
        "<KeyInfo/>",
    ):
        refusal = refusal_of(forge(package, world().key(SENDER), key_info=key_info))
        assert refusal.code in (Code.SIGNATURE_ALGORITHM_REFUSED, Code.SIGNATURE_COVERAGE)
    refusal = refusal_of(forge(package, world().key(SENDER), key_info=f"<KeyInfo>{value}</KeyInfo>"))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    assert "X509Data" in (refusal.detail or "")


def test_trap_07_another_agency_of_the_same_authority_cannot_sign_for_this_one(package: bytes) -> None:
    data = sign_package(package, world().key("H48.31.06"), at=world().at)
    refusal = refusal_of(data)
    assert refusal.code is Code.SIGNER_NOT_SENDER
    assert "H48.31.06" in (refusal.detail or "")


def test_trap_07_a_weak_key_is_refused(package: bytes) -> None:
    weak = world().issue("weak", key_type="rsa1024", uris=["urn:lienthong:agency:H48.31.05"]).signing_key
    refusal = refusal_of(forge(package, weak), bindings=bound(weak))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    assert "1024" in (refusal.detail or "")


def test_trap_07_key_usage_is_looked_at(package: bytes) -> None:
    key = world().issue("encipherment only", digital_signature=False).signing_key
    refusal = refusal_of(forge(package, key), bindings=bound(key))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert "digitalSignature" in (refusal.detail or "")


_GARBAGE = {
    "empty value": (b"<SignatureValue>", b"<SignatureValue></SignatureValue><SignatureValue>"),
    "value is no base64": (b"<SignatureValue>", b"<SignatureValue>!!!"),
    "value too short": (b"<SignatureValue>", b"<SignatureValue>AAAA</SignatureValue><!--"),
    "digest is no base64": (b"<DigestValue>", b"<DigestValue>?"),
    "digest empty": (b"<DigestValue>", b"<DigestValue/><DigestValue>"),
    "certificate is garbage": (b"<X509Certificate>MII", b"<X509Certificate>AAA"),
    "certificate cut": (b"<X509Certificate>MII", b"<X509Certificate>MIIAAAAA"),
    "certificate empty": (b"<X509Certificate>", b"<X509Certificate/><X509Certificate>"),
    "no algorithm": (b"<SignatureMethod Algorithm=", b"<SignatureMethod Algorithmus="),
    "no uri": (b' URI="">', b">"),
    "null in uri": (b' URI="">', b' URI="&#x1;">'),
    "unknown method": (b"#ecdsa-sha256", b"#ecdsa-sha257"),
    "unknown digest": (b"xmlenc#sha256", b"xmlenc#sha257"),
    "rsa method on an ec key": (b"#ecdsa-sha256", b"#rsa-sha256"),
    "hmac": (b"xmldsig-more#ecdsa-sha256", b"xmldsig-more#hmac-sha256"),
    "not a number": (b"<xades:SigningTime>", b"<xades:SigningTime>soon"),
}


@pytest.mark.parametrize("name", _GARBAGE)
def test_trap_08_every_exception_of_the_libraries_is_a_typed_refusal(signed: bytes, name: str) -> None:
    old, new = _GARBAGE[name]
    broken = signed.replace(old, new, 1)
    assert broken != signed
    assert isinstance(refusal_of(broken), Refusal)


def test_trap_08_unexpected_exceptions_inside_a_step_are_refusals_too(
    signed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (
        TypeError,
        ValueError,
        AttributeError,
        NotImplementedError,
        etree.LxmlError,
        RecursionError,
    ):

        def fail(*_: object, error: type[Exception] = error) -> None:
            raise error("from below")

        monkeypatch.setattr("lienthong.signing.steps.verify_signature", fail)
        refusal = refusal_of(signed)
        assert refusal.code is Code.SIGNATURE_INVALID
        assert isinstance(refusal.__cause__, error)


def test_trap_09_a_hundred_thousand_attributes_are_refused_at_once(signed: bytes) -> None:
    attributes = b" ".join(b'a%d="1"' % number for number in range(100_000))
    bomb = signed.replace(b"<AttachmentEncoded>", b"<AttachmentEncoded " + attributes + b">", 1)
    started = time.perf_counter()
    assert refusal_of(bomb).code is Code.XML_TOO_LARGE
    assert time.perf_counter() - started < 2


def test_trap_09_two_thousand_references_are_refused_at_once(signed: bytes) -> None:
    start, end = signed.index(b"<Reference "), signed.index(b"</Reference>") + len(b"</Reference>")
    bomb = signed[:start] + signed[start:end] * 2000 + signed[end:]
    started = time.perf_counter()
    assert refusal_of(bomb).code is Code.XML_TOO_LARGE
    assert time.perf_counter() - started < 2


def test_trap_10_an_attachment_over_ten_megabytes_signs_and_verifies() -> None:
    content = bytes(range(256)) * 4096 * 12  # 12 MB; stored as it is below, so the text node is over 10 MB
    data = world().package(SENDER, [RECIPIENT], files={"lon.bin": content})
    at = data.index(b"ContentTransferEncoded ")
    start = data.index(b">", at) + 1
    text = b"QUJD" * 3_000_000
    big = data[:start] + text + data[data.index(b"</", start) :]
    signed = sign_package(big, world().key(SENDER), at=world().at)
    assert len(signed) > 12_000_000
    assert accept(signed).sender == SENDER
    assert refusal_of(signed.replace(b"QUJD</", b"QUJE</")).code is Code.SIGNATURE_INVALID


def test_trap_10_a_huge_comment_is_refused(signed: bytes) -> None:
    stuffed = signed.replace(b"<edXML:To>", b"<!--" + b"x" * 20_000_000 + b"--><edXML:To>", 1)
    assert refusal_of(stuffed).code in (Code.XML_TOO_LARGE, Code.SIGNATURE_COVERAGE)


@pytest.mark.parametrize(
    "uri", ["file:///dev/zero", "http://127.0.0.1:9/", "/etc/hostname", "#xpointer(/)", "#id('x')"]
)
def test_trap_11_an_external_reference_is_refused_and_never_opened(package: bytes, uri: str) -> None:
    started = time.perf_counter()
    refusal = refusal_of(forge(package, world().key(SENDER), uri=uri))
    assert refusal.code is Code.SIGNATURE_COVERAGE
    assert time.perf_counter() - started < 2


def test_trap_12_signing_loads_no_key_and_no_certificate(
    package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = world().key(SENDER)

    def load(*_: object, **__: object) -> None:
        raise AssertionError("signing must not parse PEM")

    monkeypatch.setattr("lienthong.signing.keys.load_pem_private_key", load)
    monkeypatch.setattr(x509, "load_pem_x509_certificate", load)
    monkeypatch.setattr(x509, "load_pem_x509_certificates", load)
    assert accept(sign_package(package, key, at=world().at)).signer.sha256 == key.certificate_sha256
    assert sign._method(key.private_key) is SignatureMethod.ECDSA_SHA256


def test_trap_13_the_claimed_time_decides_nothing() -> None:
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)  # no certificate was valid then
    document = accept(world().signed(SENDER, [RECIPIENT], at=long_ago))
    assert document.signer.signing_time == long_ago
    expired = world().at + timedelta(days=4000)
    assert refusal_of(world().signed(SENDER, [RECIPIENT]), at=expired).code is Code.CERTIFICATE_EXPIRED


def test_trap_13_timestamps_and_other_unsigned_properties_are_refused(signed: bytes) -> None:
    unsigned = b"</xades:SignedProperties><xades:UnsignedProperties/>"
    refusal = refusal_of(signed.replace(b"</xades:SignedProperties>", unsigned))
    assert refusal.code is Code.SIGNATURE_COVERAGE
    assert "B-B" in (refusal.detail or "")


def test_trap_14_a_name_in_a_certificate_makes_no_agency(package: bytes) -> None:
    """Not the common name, not the SAN: only the fingerprint's binding."""
    for name in ("UBND xã Bình Chánh", "H48.31.05", "H48.31.05\0.evil"):
        key = world().issue(name, uris=["urn:lienthong:agency:H48.31.05"]).signing_key
        data = sign_package(package, key, at=world().at)
        assert refusal_of(data).code is Code.SIGNER_NOT_SENDER
        elsewhere = {key.certificate_sha256: Binding(agency="H48.33.03")}
        assert refusal_of(data, bindings=elsewhere).code is Code.SIGNER_NOT_SENDER


@pytest.mark.parametrize(
    "option",
    [
        {"method": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
        {"method": f"{MORE}rsa-md5"},
        {"method": "http://www.w3.org/2000/09/xmldsig#hmac-sha1"},
        {"method": f"{MORE}hmac-sha256"},
        {"method": "http://www.w3.org/2009/xmldsig11#dsa-sha256"},
        {"method": "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"},
        {"digest": SHA1},
        {"digest": f"{MORE}md5"},
        {"digest": "http://www.w3.org/2001/04/xmldsig-more#sha224"},
    ],
    ids=lambda option: next(iter(option.values())).rpartition("#")[2],
)
def test_weak_and_foreign_algorithms_are_refused_each_with_a_remedy(
    package: bytes, option: dict[str, str]
) -> None:
    refusal = refusal_of(forge(package, world().rsa_key, **option))  # type: ignore[arg-type]
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    assert "use " in (refusal.detail or "")
