"""The small authority: what its certificates and lists say."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from lienthong.signing.authority import Authority, Use, new_private_key
from tests.pki.world import world


def _uses(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return {use.dotted_string for use in found}


def test_signing_certificates_allow_signatures_and_name_their_agency() -> None:
    w = world()
    certificate = w.issue(
        "UBND", uris=["urn:lienthong:agency:H48"], organization="UBND tỉnh Quảng Ngãi"
    ).certificate
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:lienthong:agency:H48"]
    assert certificate.subject.rfc4514_string() == "CN=UBND,O=UBND tỉnh Quảng Ngãi,C=VN"
    with pytest.raises(x509.ExtensionNotFound):
        _uses(certificate)


def test_tls_certificates_carry_hosts_and_uses() -> None:
    w = world()
    server = w.issue(
        "hub", ca=w.transport_ca, use=Use.SERVER, dns=["localhost"], ips=["127.0.0.1", "::1"]
    ).certificate
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]
    assert _uses(server) == {ExtendedKeyUsageOID.SERVER_AUTH.dotted_string}
    assert _uses(w.transport("H48").certificate) == {ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string}
    assert len(_uses(w.transport("H48", use=Use.PEER).certificate)) == 2


def test_key_types() -> None:
    assert isinstance(new_private_key("p384"), ec.EllipticCurvePrivateKey)
    small = new_private_key("rsa2048")
    assert isinstance(small, rsa.RSAPrivateKey)
    assert small.key_size == 2048


def test_keys_and_serials_can_be_chosen() -> None:
    w = world()
    key = ec.derive_private_key(12345, ec.SECP256R1())
    authority = Authority.create("chosen", at=w.at, private_key=key)
    leaf = authority.issue("leaf", at=w.at, private_key=key, serial=7)
    assert leaf.certificate.serial_number == 7
    assert leaf.certificate.public_key() == authority.certificate.public_key()


def test_long_names_are_cut_to_what_x520_allows() -> None:
    subject = world().issue("Ủy ban nhân dân " * 8).certificate.subject
    cut = str(subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    assert 60 < len(cut.encode()) <= 64
    assert "Ủy ban nhân dân".startswith(cut[:15])


def test_list_names_the_revoked_and_its_next_update() -> None:
    w = world()
    since = w.at - timedelta(days=1)
    crl = x509.load_pem_x509_crl(w.agency_ca.crl(at=w.at, days=5, revoked={9: since, 5: since}, number=3))
    assert crl.next_update_utc == w.at + timedelta(days=5)
    assert [entry.serial_number for entry in crl] == [5, 9]
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    assert crl.is_signature_valid(w.agency_ca.certificate.public_key())  # type: ignore[arg-type]
