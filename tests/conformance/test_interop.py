"""Three engines decide whether a signature is one: what we sign holds for libxmlsec1 and the JDK, and the reverse."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lienthong.domain.evidence import Verdict
from lienthong.edxml.names import DSIG
from lienthong.errors import Code
from lienthong.signing.keys import SigningKey
from lienthong.signing.shape import SIGNED_PROPERTIES_TYPE, XADES
from lienthong.signing.sign import sign_package, sign_record
from lienthong.signing.trust import Binding, Revocation
from lienthong.signing.verify import examine_package, verify_record
from tests.conformance.engines import jdk_sign, jdk_verdicts, xmlsec1_sign, xmlsec1_verdicts
from tests.pki.world import World

_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_RECORD = "{urn:lienthong:transit:1}RelayAcceptance"
_RECORD_XML = (
    b'<RelayAcceptance xmlns="urn:lienthong:transit:1" version="1">\n  <Node>H48.31</Node>\n  <t:Next'
    b' xmlns:t="urn:lienthong:transit:1"><t:Recipient>H48.33.02</t:Recipient></t:Next>\r\n</RelayAcceptance>'
)


@pytest.fixture(scope="module")
def province() -> World:
    """One agency CA with P-256, P-384 and RSA keys for H48.31."""
    return World()


@pytest.fixture(scope="module")
def keys(province: World) -> dict[str, SigningKey]:
    uri = ["urn:lienthong:agency:H48.31"]
    below = province.agency_ca.subordinate("Lienthong test subordinate CA", at=province.at)
    return {
        "p256": province.issue("P-256", uris=uri).signing_key,
        "p384": province.issue("P-384", key_type="p384", uris=uri).signing_key,
        "rsa2048": province.rsa_key,
        "rsa3072-below": province.issue(
            "RSA-3072", ca=below, at=province.at, key_type="rsa3072", uris=uri
        ).signing_key,
    }


@pytest.fixture(scope="module")
def anchor(province: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("anchor") / "agency-ca.pem"
    path.write_bytes(province.agency_ca.certificate_pem())
    return path


def _accepted(province: World, keys: dict[str, SigningKey], data: bytes) -> bool:
    """Whether it verifies here; a refusal must be SIGNATURE_INVALID."""
    trust = province.trust_in(province.agency_ca, revocation=Revocation.WHEN_PRESENT)
    bindings = {key.certificate_sha256: Binding(agency="H48.31") for key in keys.values()}
    report = examine_package(
        data, trust=trust, bindings=bindings, directory=province.directory, at=province.at
    )
    assert report.refusal is None or report.refusal.code is Code.SIGNATURE_INVALID
    return report.verdict is Verdict.PASSED


def _tampered(data: bytes) -> dict[str, bytes]:
    """One change each to the header, the attachment, SignedInfo, SignedProperties and the value."""
    value = data.index(b"<SignatureValue>") + len(b"<SignatureValue>")
    letter = b"A" if data[value : value + 1] != b"A" else b"B"
    return {
        "subject": data.replace("triển khai".encode(), b"trien khai", 1),
        "recipient": data.replace(b"H48.33.02", b"H48.33.03", 1),
        "attachment": data.replace(b"UEsDB", b"UEsDC", 1),
        "properties": data.replace(b"<xades:MimeType>text/xml", b"<xades:MimeType>text/htm", 1),
        "time": data.replace(b"2026-03-02T02:30:00Z", b"2025-03-02T02:30:00Z", 1),
        "value": data[:value] + letter + data[value + 1 :],
    }


def test_what_we_sign_holds_for_all_three_engines(
    province: World, keys: dict[str, SigningKey], anchor: Path, tmp_path: Path
) -> None:
    files = []
    for name, key in keys.items():
        package = tmp_path / f"package-{name}.xml"
        package.write_bytes(
            sign_package(province.package("H48.31", ["H48.33.02", "H48.11"]), key, at=province.at)
        )
        assert _accepted(province, keys, package.read_bytes())
        record = tmp_path / f"record-{name}.xml"
        record.write_bytes(sign_record(_RECORD_XML, key, at=province.at))
        trust = province.trust_in(province.agency_ca, revocation=Revocation.WHEN_PRESENT)
        verify_record(record.read_bytes(), trust=trust, at=province.at, root=_RECORD)
        files += [package, record]
    assert xmlsec1_verdicts(files, anchor) == {file.name: True for file in files}
    assert jdk_verdicts(files) == {file.name: "valid" for file in files}


def test_tampered_documents_are_refused_by_all_three_engines(
    province: World, keys: dict[str, SigningKey], anchor: Path, tmp_path: Path
) -> None:
    files = []
    for name in ("p256", "rsa2048"):
        data = sign_package(province.package("H48.31", ["H48.33.02"]), keys[name], at=province.at)
        for change, bytes_ in _tampered(data).items():
            assert bytes_ != data
            assert not _accepted(province, keys, bytes_), change
            file = tmp_path / f"{name}-{change}.xml"
            file.write_bytes(bytes_)
            files.append(file)
    assert xmlsec1_verdicts(files, anchor) == {file.name: False for file in files}
    assert {verdict.partition(" ")[0] for verdict in jdk_verdicts(files).values()} == {"invalid"}


def test_what_the_jdk_signs_holds_here(
    province: World, keys: dict[str, SigningKey], anchor: Path, tmp_path: Path
) -> None:
    source = tmp_path / "unsigned.xml"
    source.write_bytes(province.package("H48.31", ["H48.33.02"]))
    algorithms = {"p256": "ecdsa-sha256", "p384": "ecdsa-sha384", "rsa2048": "rsa-sha256"}
    orders = [
        (keys[name], algorithm, form, source, tmp_path / f"jdk-{name}-{form}.xml")
        for name, algorithm in algorithms.items()
        for form in ("plain", "xades")
    ]
    jdk_sign(orders, tmp_path)
    for *_, out in orders:
        data = out.read_bytes()
        assert _accepted(province, keys, data), out.name
        assert not _accepted(province, keys, data.replace(b"H48.33.02", b"H48.33.03")), out.name
    outs = [order[-1] for order in orders]
    assert xmlsec1_verdicts(outs, anchor) == {out.name: True for out in outs}


def _template(package: bytes, key: SigningKey, method: str, *, prefix: str, xades: bool) -> bytes:
    """The package with an empty signature for xmlsec1 to fill, in the policy's shape."""
    p = f"{prefix}:" if prefix else ""
    declaration = f'xmlns:{prefix}="{DSIG}"' if prefix else f'xmlns="{DSIG}"'

    def reference(attributes: str, *algorithms: str) -> str:
        transforms = "".join(f'<{p}Transform Algorithm="{uri}"/>' for uri in algorithms)
        return (
            f"<{p}Reference {attributes}><{p}Transforms>{transforms}</{p}Transforms>"
            f'<{p}DigestMethod Algorithm="{_SHA256}"/><{p}DigestValue/></{p}Reference>'
        )

    references, properties = reference('URI=""', _ENVELOPED, _EXCLUSIVE), ""
    if xades:
        references += reference(f'URI="#sp" Type="{SIGNED_PROPERTIES_TYPE}"', _EXCLUSIVE)
        digest = base64.b64encode(bytes.fromhex(key.certificate_sha256)).decode()
        properties = (
            f'<{p}Object><x:QualifyingProperties xmlns:x="{XADES}" Target="#s"><x:SignedProperties Id="sp">'
            "<x:SignedSignatureProperties><x:SigningTime>2026-03-02T09:30:00+07:00</x:SigningTime>"
            f'<x:SigningCertificateV2><x:Cert><x:CertDigest><{p}DigestMethod Algorithm="{_SHA256}"/>'
            f"<{p}DigestValue>{digest}</{p}DigestValue></x:CertDigest></x:Cert></x:SigningCertificateV2>"
            f"</x:SignedSignatureProperties></x:SignedProperties></x:QualifyingProperties></{p}Object>"
        )
    signature = (
        f'<{p}Signature {declaration} Id="s">\n<{p}SignedInfo>\n'
        f'<{p}CanonicalizationMethod Algorithm="{_EXCLUSIVE}"/><{p}SignatureMethod Algorithm="{_MORE}{method}"/>'
        f"{references}</{p}SignedInfo><{p}SignatureValue/><{p}KeyInfo><{p}X509Data/></{p}KeyInfo>"
        f"{properties}</{p}Signature>"
    )
    end = b"</edXML:edXMLHeader>"
    return package.replace(end, signature.encode() + end)


@pytest.mark.parametrize("prefix", ["", "ds"])
@pytest.mark.parametrize("xades", [False, True], ids=["plain", "xades"])
@pytest.mark.parametrize("name", ["p256", "p384", "rsa2048"])
def test_what_xmlsec1_signs_holds_here(
    province: World, keys: dict[str, SigningKey], tmp_path: Path, name: str, prefix: str, xades: bool
) -> None:
    method = {"p256": "ecdsa-sha256", "p384": "ecdsa-sha384", "rsa2048": "rsa-sha512"}[name]
    template, out = tmp_path / "template.xml", tmp_path / "signed.xml"
    package = province.package("H48.31", ["H48.33.02"])
    template.write_bytes(_template(package, keys[name], method, prefix=prefix, xades=xades))
    xmlsec1_sign(template, out, keys[name], tmp_path)
    data = out.read_bytes()
    assert _accepted(province, keys, data)
    assert not _accepted(province, keys, data.replace(b"H48.33.02", b"H48.33.03"))
