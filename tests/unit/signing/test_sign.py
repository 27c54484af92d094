"""Signing: what stands where, what is refused, and that signing changes nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lienthong.edxml.reader import parse, read
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_package, sign_record
from lienthong.signing.verify import verify_record
from tests.pki.forge import canonical
from tests.pki.refusals import accept
from tests.pki.world import world

DS = "{http://www.w3.org/2000/09/xmldsig#}"
RECORD = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node>H48</Node></RelayAcceptance>'
ROOT = "{urn:lienthong:transit:1}RelayAcceptance"


@pytest.fixture(scope="module")
def package() -> bytes:
    return world().package("H48.31.05", ["H48.33.02"])


def test_package_signature_is_the_last_child_of_the_header_and_unprefixed(package: bytes) -> None:
    data = sign_package(package, world().key("H48.31.05"), at=world().at)
    (signature,) = parse(data).iter(f"{DS}Signature")
    header = signature.getparent()
    assert header is not None
    assert etree.QName(header).localname == "edXMLHeader"
    assert header[-1] is signature
    assert signature.prefix is None
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')


def test_record_signature_is_the_last_child_of_the_root() -> None:
    w = world()
    data = sign_record(RECORD, w.node_key("H48"), at=w.at)
    record = verify_record(data, trust=w.infrastructure_trust, at=w.at, root=ROOT)
    assert record.root[-1].tag == f"{DS}Signature"
    assert record.data == data
    assert record.signer.identity == "urn:lienthong:node:H48"


def test_signing_changes_nothing_but_adds_the_signature(package: bytes) -> None:
    data = sign_package(package, world().key("H48.31.05"), at=world().at)
    assert canonical(data) == canonical(package)
    assert read(data) == read(package)
    again = etree.tostring(parse(data), encoding="UTF-8")
    assert data.endswith(again)


def test_signing_time_is_the_one_given_in_utc(package: bytes) -> None:
    at = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=7)))
    data = sign_package(package, world().key("H48.31.05"), at=at)
    assert b"<xades:SigningTime>2026-03-02T02:30:00Z<" in data
    assert accept(data).signer.signing_time == datetime(2026, 3, 2, 2, 30, tzinfo=UTC)


def test_rsa_signatures_are_deterministic(package: bytes) -> None:
    w = world()
    assert sign_package(package, w.rsa_key, at=w.at) == sign_package(package, w.rsa_key, at=w.at)


@pytest.mark.parametrize(
    ("key_type", "method"),
    [("p256", b"#ecdsa-sha256"), ("p384", b"#ecdsa-sha384"), ("rsa2048", b"#rsa-sha256")],
)
def test_method_follows_the_key(package: bytes, key_type: str, method: bytes) -> None:
    key = world().issue("x", key_type=key_type).signing_key
    assert method in sign_package(package, key, at=world().at)


def test_intermediates_travel_in_the_signature(package: bytes) -> None:
    w = world()
    below = w.agency_ca.subordinate("below", at=w.at)
    data = sign_package(package, below.issue("x", at=w.at).signing_key, at=w.at)
    assert data.count(b"<X509Certificate>") == 2


def test_weak_keys_do_not_sign(package: bytes) -> None:
    key = world().issue("weak", key_type="rsa1024").signing_key
    with pytest.raises(Refusal) as caught:
        sign_package(package, key, at=world().at)
    assert caught.value.code is Code.SIGNATURE_ALGORITHM_REFUSED


def test_signed_packages_are_not_signed_again(package: bytes) -> None:
    w = world()
    legacy = package.replace(b"</edXML:edXMLHeader>", b"<edXML:Signature/></edXML:edXMLHeader>")
    for data in (sign_package(package, w.key("H48"), at=w.at), legacy):
        with pytest.raises(Refusal) as caught:
            sign_package(data, w.key("H48"), at=w.at)
        assert caught.value.code is Code.SIGNATURE_MULTIPLE


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"<edXML:From>", b"<!-- x --><edXML:From>", Code.SIGNATURE_COVERAGE),
        (b"<edXML:From>", b'<edXML:From Id="a"/><edXML:From ID="a">', Code.SIGNATURE_COVERAGE),
        (b"<edXML:MessageHeader>", b'<edXML:MessageHeader Id="package-signature">', Code.SIGNATURE_COVERAGE),
        (b"QCVN_102_2016", b"QCVN_102_2017", Code.XML_NOT_EDXML),
        (b"edXMLHeader", b"edXMLHead", Code.XML_NOT_EDXML),
        (b"</edXML>", b"", Code.XML_MALFORMED),
        (b"<edXML ", b"<!DOCTYPE edXML><edXML ", Code.XML_DOCTYPE_REFUSED),
    ],
)
def test_what_verifiers_would_refuse_is_not_signed(
    package: bytes, old: bytes, new: bytes, code: Code
) -> None:
    with pytest.raises(Refusal) as caught:
        sign_package(package.replace(old, new), world().key("H48"), at=world().at)
    assert caught.value.code is code


def test_known_variants_of_the_namespace_are_named(package: bytes) -> None:
    variant = package.replace(b"http://www.mic.gov.vn/TBT/QCVN_102_2016", b"http://www.go.vn/eDoc")
    with pytest.raises(Refusal, match="EdXMLEnvelope variant"):
        sign_package(variant, world().key("H48"), at=world().at)


def test_a_naive_time_is_the_callers_mistake(package: bytes) -> None:
    with pytest.raises(ValueError, match="time zone"):
        sign_package(package, world().key("H48"), at=datetime(2026, 3, 2))  # noqa: DTZ001  the point of the test


@settings(max_examples=60, deadline=None)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=("Cs", "Cc")), max_size=80
    )
)
def test_any_text_signs_and_reads_back(subject: str) -> None:
    w = world()
    text = f"V/v {subject}".strip()
    data = w.signed("H48.31.05", ["H48.33.02"], subject=text)
    assert accept(data).package.subject == read(data).subject  # type: ignore[union-attr]
