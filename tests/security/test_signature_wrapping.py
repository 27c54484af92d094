"""Can something be added, moved or hidden so that a reader sees what nobody signed? Every way we know, refused."""

from __future__ import annotations

import re

import pytest

from lienthong.edxml.names import DSIG, EDXML
from lienthong.errors import Code
from lienthong.signing.shape import XADES
from tests.pki.forge import ENVELOPED, EXCLUSIVE, HEADER_END, SHA256, canonical, forge
from tests.pki.refusals import accept, refusal_of
from tests.pki.world import world

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
_SIGNATURE = re.compile(rb"<Signature .*</Signature>", re.DOTALL)


@pytest.fixture(scope="module")
def package() -> bytes:
    return world().package(SENDER, [RECIPIENT])


@pytest.fixture(scope="module")
def signed() -> bytes:
    return world().signed(SENDER, [RECIPIENT])


def _signature(data: bytes) -> bytes:
    found = _SIGNATURE.search(data)
    assert found
    return found.group(0)


def test_the_forge_makes_signatures_that_are_accepted_when_nothing_is_bent(package: bytes) -> None:
    assert accept(forge(package, world().key(SENDER))).sender == SENDER


def test_signature_moved_to_the_body_is_refused(signed: bytes) -> None:
    block = _signature(signed)
    moved = signed.replace(block, b"").replace(b"</edXML:edXMLBody>", block + b"</edXML:edXMLBody>")
    assert refusal_of(moved).code is Code.SIGNATURE_COVERAGE


def test_signature_moved_under_the_root_is_refused(signed: bytes) -> None:
    block = _signature(signed)
    moved = signed.replace(block, b"").replace(b"</edXML>", block + b"</edXML>")
    assert refusal_of(moved).code is Code.SIGNATURE_COVERAGE


def test_second_signature_is_refused(signed: bytes) -> None:
    doubled = signed.replace(b"</edXML:edXMLBody>", _signature(signed) + b"</edXML:edXMLBody>")
    assert refusal_of(doubled).code is Code.SIGNATURE_MULTIPLE


def test_second_element_named_signature_in_another_namespace_is_refused(package: bytes) -> None:
    other = package.replace(HEADER_END, b"<edXML:Signature>legacy</edXML:Signature>" + HEADER_END)
    assert refusal_of(forge(other, world().key(SENDER))).code is Code.SIGNATURE_MULTIPLE


def test_signature_only_in_another_namespace_is_called_missing(package: bytes) -> None:
    other = package.replace(HEADER_END, b"<edXML:Signature>legacy</edXML:Signature>" + HEADER_END)
    refusal = refusal_of(other)
    assert refusal.code is Code.SIGNATURE_MISSING
    assert "namespace" in (refusal.detail or "")


def test_duplicated_envelope_is_refused(package: bytes) -> None:
    envelope = re.search(rb"<edXML:edXMLEnvelope.*</edXML:edXMLEnvelope>", package, re.DOTALL)
    assert envelope
    forged = envelope.group(0).replace(b"H48.33.02", b"H48.33.03")
    for doubled in (
        package.replace(b"<AttachmentEncoded>", forged + b"<AttachmentEncoded>"),
        package.replace(b"</Attachment>", forged + b"</Attachment>"),
    ):
        assert refusal_of(forge(doubled, world().key(SENDER))).code is Code.SIGNATURE_COVERAGE


def test_duplicated_header_is_refused(package: bytes) -> None:
    header = re.search(rb"<edXML:edXMLHeader>.*</edXML:edXMLHeader>", package, re.DOTALL)
    assert header
    doubled = package.replace(b"<edXML:edXMLBody>", header.group(0) + b"<edXML:edXMLBody>")
    assert refusal_of(forge(doubled, world().key(SENDER))).code is Code.SIGNATURE_COVERAGE


def test_signed_document_wrapped_in_another_is_refused(signed: bytes) -> None:
    inner = signed.split(b"\n", 1)[1]
    wrapped = (
        f'<edXML xmlns="{EDXML}"><edXML:edXMLEnvelope xmlns:edXML="{EDXML}"><edXML:edXMLHeader>'.encode()
        + inner
        + b"</edXML:edXMLHeader></edXML:edXMLEnvelope></edXML>"
    )
    assert refusal_of(wrapped).code in (Code.SIGNATURE_COVERAGE, Code.XML_NOT_EDXML)


def test_signature_over_a_subtree_only_is_refused(package: bytes) -> None:
    identified = package.replace(b"<edXML:MessageHeader>", b'<edXML:MessageHeader Id="part">')
    part = canonical(identified)
    forged = forge(identified, world().key(SENDER), uri="#part", covered=part)
    refusal = refusal_of(forged)
    assert refusal.code is Code.SIGNATURE_COVERAGE
    assert "whole file" in (refusal.detail or "")


def test_second_reference_to_a_subtree_is_refused(package: bytes) -> None:
    identified = package.replace(b"<edXML:MessageHeader>", b'<edXML:MessageHeader Id="part">')
    extra = (
        f'<Reference URI="#part"><Transforms><Transform Algorithm="{EXCLUSIVE}"/></Transforms>'
        f'<DigestMethod Algorithm="{SHA256}"/><DigestValue>AAAA</DigestValue></Reference>'
    )
    assert (
        refusal_of(forge(identified, world().key(SENDER), references=extra)).code is Code.SIGNATURE_COVERAGE
    )


def test_two_references_to_the_whole_file_are_refused(package: bytes) -> None:
    extra = (
        f'<Reference URI=""><Transforms><Transform Algorithm="{ENVELOPED}"/></Transforms>'
        f'<DigestMethod Algorithm="{SHA256}"/><DigestValue>AAAA</DigestValue></Reference>'
    )
    assert refusal_of(forge(package, world().key(SENDER), references=extra)).code is Code.SIGNATURE_COVERAGE


@pytest.mark.parametrize("attribute", ["Id", "ID", "id", "xml:id"])
def test_id_value_twice_is_refused_under_every_spelling(signed: bytes, attribute: str) -> None:
    doubled = signed.replace(
        b"<edXML:MessageHeader>",
        f'<edXML:MessageHeader {attribute}="package-signature-properties">'.encode(),
    )
    refusal = refusal_of(doubled)
    assert refusal.code is Code.SIGNATURE_COVERAGE
    assert "twice" in (refusal.detail or "")


@pytest.mark.parametrize(
    "inside",
    [
        '<Object><To xmlns="urn:evil">H48.33.03</To></Object>',
        "<Object><Manifest/></Object>",
        "<edXML:To><edXML:OrganId>H48.33.03</edXML:OrganId></edXML:To>",
        "loose text",
        f'<Object><x:QualifyingProperties xmlns:x="{XADES}" Target="#s"><x:UnsignedProperties/>'
        "</x:QualifyingProperties></Object>",
        f'<Object><x:QualifyingProperties xmlns:x="{XADES}" Target="#s"><x:SignedProperties Id="p"/>'
        "</x:QualifyingProperties></Object>",
    ],
    ids=[
        "foreign object",
        "manifest",
        "a recipient",
        "text",
        "unsigned properties",
        "properties nobody signed",
    ],
)
def test_foreign_content_inside_the_signature_is_refused(package: bytes, inside: str) -> None:
    # the enveloped transform leaves it out of every digest, so the cryptography holds
    forged = forge(package, world().key(SENDER), inside=inside)
    assert refusal_of(forged).code is Code.SIGNATURE_COVERAGE


def test_foreign_element_before_signed_info_is_refused(package: bytes) -> None:
    forged = forge(package, world().key(SENDER), before="<edXML:To>H48.33.03</edXML:To>")
    assert refusal_of(forged).code is Code.SIGNATURE_COVERAGE


def test_foreign_attribute_on_the_signature_is_refused(package: bytes) -> None:
    forged = forge(package, world().key(SENDER), attributes=' xmlns:e="urn:evil" e:To="H48.33.03"')
    assert refusal_of(forged).code is Code.SIGNATURE_COVERAGE


def test_text_between_the_parts_of_the_signature_is_refused(signed: bytes) -> None:
    for place in (b"</SignedInfo>", b"</SignatureValue>", b"<X509Data>"):
        assert refusal_of(signed.replace(place, place + b"hidden")).code is Code.SIGNATURE_COVERAGE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"H48.33.02</edXML:OrganId>", b"H48.33.02<!-- split -->.09</edXML:OrganId>"),
        (b"<edXML:To>", b"<edXML:To><!-- harmless -->"),
        (b"</X509Data>", b"<!-- inside the signature --></X509Data>"),
        (b"</edXML>", b"</edXML><!-- after the root -->"),
        (b"<edXML ", b"<!-- before the root --><edXML "),
    ],
)
def test_comments_are_refused_wherever_they_stand(signed: bytes, old: bytes, new: bytes) -> None:
    commented = signed.replace(old, new, 1)
    assert commented != signed
    assert refusal_of(commented).code is Code.SIGNATURE_COVERAGE


def test_removed_signature_is_refused(signed: bytes) -> None:
    assert refusal_of(signed.replace(_signature(signed), b"")).code is Code.SIGNATURE_MISSING


def test_signature_of_another_document_is_refused(signed: bytes) -> None:
    other = world().signed(SENDER, ["H48.33.03"])
    assert refusal_of(signed.replace(_signature(signed), _signature(other))).code is Code.SIGNATURE_INVALID


def test_signed_properties_of_another_signature_are_refused(signed: bytes) -> None:
    other = world().signed(SENDER, [RECIPIENT], key=world().rsa_key)
    find = re.compile(rb"<xades:SignedProperties.*</xades:SignedProperties>", re.DOTALL)
    theirs, ours = find.search(other), find.search(signed)
    assert theirs
    assert ours
    assert refusal_of(signed.replace(ours.group(0), theirs.group(0))).code is Code.SIGNATURE_INVALID


def test_reference_renamed_away_from_the_signed_properties_is_refused(signed: bytes) -> None:
    for old, new in (
        (b'URI="#package-signature-properties"', b'URI="#package-signature"'),
        (b'Target="#package-signature"', b'Target="#other"'),
        (b"#SignedProperties", b"#CountersignedSignature"),
        (b'URI="#package-signature-properties"', b'URI="##package-signature-properties"'),
    ):
        assert refusal_of(signed.replace(old, new)).code is Code.SIGNATURE_COVERAGE


def test_properties_dropped_with_their_reference_break_the_signature(signed: bytes) -> None:
    stripped = re.sub(rb"<Reference Type=.*?</Reference>", b"", signed, flags=re.DOTALL)
    assert refusal_of(stripped).code is Code.SIGNATURE_COVERAGE
    stripped = re.sub(rb"<Object>.*?</Object>", b"", stripped, flags=re.DOTALL)
    assert refusal_of(stripped).code is Code.SIGNATURE_INVALID


def test_foreign_element_in_signed_properties_is_refused(signed: bytes) -> None:
    bent = signed.replace(
        b"<xades:SignedDataObjectProperties>", b'<xades:SignedDataObjectProperties><e xmlns="urn:e"/>'
    )
    assert refusal_of(bent).code is Code.SIGNATURE_COVERAGE


def test_prefixed_signature_is_accepted(package: bytes) -> None:
    forged = forge(package, world().key(SENDER))
    assert DSIG.encode() in forged
    assert accept(forged).signer.signing_time is None
