"""Whose certificates are believed, when, and for how long? Every certificate that must not count, refused by name."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Code
from lienthong.signing.authority import Authority
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_package
from lienthong.signing.trust import Binding, Revocation, Trust
from tests.pki.forge import certificate_base64, forge
from tests.pki.refusals import accept, bound, refusal_of
from tests.pki.world import world

SENDER, RECIPIENT = "H48.31.05", "H48.33.02"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def package() -> bytes:
    return world().package(SENDER, [RECIPIENT])


@pytest.fixture(scope="module")
def signed() -> bytes:
    return world().signed(SENDER, [RECIPIENT])


def _signed(package: bytes, key: SigningKey) -> bytes:
    return sign_package(package, key, at=world().at)


def _with_certificates(package: bytes, key: SigningKey, *certificates: str) -> bytes:
    inside = "".join(f"<X509Certificate>{text}</X509Certificate>" for text in certificates)
    return forge(package, key, key_info=f"<KeyInfo><X509Data>{inside}</X509Data></KeyInfo>")


def _pem_free(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


# -- time


def test_certificate_expired_is_refused(package: bytes) -> None:
    w = world()
    key = w.issue("old", at=w.at - 60 * DAY, days=30).signing_key
    refusal = refusal_of(_signed(package, key), bindings=bound(key))
    assert refusal.code is Code.CERTIFICATE_EXPIRED
    assert "valid from" in (refusal.detail or "")


def test_certificate_not_yet_valid_is_refused(package: bytes) -> None:
    w = world()
    key = w.issue("tomorrow", at=w.at + DAY).signing_key
    assert refusal_of(_signed(package, key), bindings=bound(key)).code is Code.CERTIFICATE_EXPIRED


def test_certificate_path_remembered_is_checked_against_the_time_again(package: bytes) -> None:
    w = world()
    trust = w.trust_in(w.agency_ca, revocation=Revocation.WHEN_PRESENT)
    key = w.issue("short", days=10).signing_key
    data = _signed(package, key)
    assert accept(data, trust=trust, bindings=bound(key)).sender == SENDER
    assert accept(data, trust=trust, bindings=bound(key), at=w.at + 8 * DAY).sender == SENDER
    late = refusal_of(data, trust=trust, bindings=bound(key), at=w.at + 11 * DAY)
    assert late.code is Code.CERTIFICATE_EXPIRED
    early = refusal_of(data, trust=trust, bindings=bound(key), at=w.at - 5 * DAY)
    assert early.code is Code.CERTIFICATE_EXPIRED


def test_certificate_below_an_expired_authority_is_called_expired(package: bytes) -> None:
    w = world()
    below = w.agency_ca.subordinate("Short-lived CA", at=w.at - 400 * DAY, years=1)
    key = w.issue("leaf", ca=below).signing_key
    refusal = refusal_of(_signed(package, key), bindings=bound(key))
    assert refusal.code is Code.CERTIFICATE_EXPIRED
    assert "Short-lived CA" in (refusal.detail or "")


# -- paths


def test_certificate_of_another_authority_is_refused(package: bytes) -> None:
    stranger = Authority.create("Somebody's CA", at=world().at)
    key = world().issue("x", ca=stranger).signing_key
    assert refusal_of(_signed(package, key), bindings=bound(key)).code is Code.CERTIFICATE_UNTRUSTED


def test_certificate_of_an_authority_with_the_same_name_is_refused(package: bytes) -> None:
    w = world()
    impostor = Authority.create("Lienthong test agency CA", at=w.at - 100 * DAY)
    assert impostor.certificate.subject == w.agency_ca.certificate.subject
    key = w.issue("x", ca=impostor).signing_key
    assert refusal_of(_signed(package, key), bindings=bound(key)).code is Code.CERTIFICATE_UNTRUSTED


def test_certificate_authorities_of_other_purposes_do_not_count(package: bytes) -> None:
    for key in (world().node_key("H48.31"), world().transport("H48.31.05").signing_key):
        assert refusal_of(_signed(package, key), bindings=bound(key)).code is Code.CERTIFICATE_UNTRUSTED


def test_certificate_issued_by_an_agency_is_refused(package: bytes) -> None:
    """A leaf plays authority: BasicConstraints says no."""
    agency = world().key(SENDER)
    rogue = Authority(private_key=agency.private_key, certificate=agency.certificate)
    leaf = world().issue("rogue", ca=rogue).signing_key
    data = _with_certificates(package, leaf, certificate_base64(leaf), certificate_base64(agency))
    assert refusal_of(data, bindings=bound(leaf)).code is Code.CERTIFICATE_UNTRUSTED  # two leaves
    pool = Trust(anchors=world().trust.anchors, intermediates=(agency.certificate,), crls=world().trust.crls)
    alone = _with_certificates(package, leaf, certificate_base64(leaf))
    refusal = refusal_of(alone, trust=pool, bindings=bound(leaf))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert "basicConstraints" in (refusal.detail or "")


def test_certificate_beyond_the_path_length_is_refused(package: bytes) -> None:
    w = world()
    last = w.agency_ca.subordinate("last", at=w.at - DAY, path_length=0)
    beyond = last.subordinate("beyond", at=w.at - DAY)
    key = w.issue("x", ca=beyond, at=w.at).signing_key
    assert len(key.chain) == 2
    refusal = refusal_of(_signed(package, key), bindings=bound(key))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert "path length" in (refusal.detail or "")


def test_certificate_below_supplied_authorities_in_any_order_is_accepted(package: bytes) -> None:
    w = world()
    upper = w.agency_ca.subordinate("upper", at=w.at - DAY, path_length=1)
    lower = upper.subordinate("lower", at=w.at - DAY)
    key = w.issue("x", ca=lower, at=w.at).signing_key
    trust = Trust.from_pem(
        anchors=[w.agency_ca.certificate_pem()],
        crls=[b"".join(ca.crl(at=w.at) for ca in (lower, upper, w.agency_ca))],
    )
    parts = [certificate_base64(key), _pem_free(lower.certificate), _pem_free(upper.certificate)]
    for order in (parts, parts[::-1], [parts[1], parts[0], parts[2]]):
        assert (
            accept(_with_certificates(package, key, *order), trust=trust, bindings=bound(key)).sender
            == SENDER
        )
    alone = _with_certificates(package, key, parts[0])
    assert refusal_of(alone, trust=trust, bindings=bound(key)).code is Code.CERTIFICATE_UNTRUSTED
    known = Trust(
        anchors=trust.anchors, intermediates=(lower.certificate, upper.certificate), crls=trust.crls
    )
    assert accept(alone, trust=known, bindings=bound(key)).sender == SENDER


def test_certificate_of_an_authority_that_may_not_certify_is_refused(package: bytes) -> None:
    w = world()
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    certificate = (
        _builder("odd CA", key.public_key())
        .issuer_name(w.agency_ca.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(w.agency_ca.private_key, hashes.SHA256())
    )
    odd = Authority(private_key=key, certificate=certificate)
    leaf = w.issue("x", ca=odd).signing_key
    refusal = refusal_of(_signed(package, leaf), bindings=bound(leaf))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert "keyCertSign" in (refusal.detail or "")


def _builder(name: str, key: Any) -> x509.CertificateBuilder:
    w = world()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(w.at - DAY)
        .not_valid_after(w.at + DAY)
    )


# -- the certificate itself


def test_certificate_self_signed_is_refused(package: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "self")])
    certificate = _builder("self", key.public_key()).issuer_name(own).sign(key, hashes.SHA256())
    signer = SigningKey(private_key=key, certificate=certificate)
    refusal = refusal_of(_signed(package, signer), bindings=bound(signer))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "neither"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
    ],
    ids=["ed25519", "p521"],
)
def test_certificate_with_a_key_outside_the_policy_is_refused(package: bytes, key: Any, detail: str) -> None:
    w = world()
    certificate = (
        _builder("x", key.public_key())
        .issuer_name(w.agency_ca.certificate.subject)
        .sign(w.agency_ca.private_key, hashes.SHA256())
    )
    text = _pem_free(certificate)
    info = f"<KeyInfo><X509Data><X509Certificate>{text}</X509Certificate></X509Data></KeyInfo>"
    refusal = refusal_of(forge(package, w.key(SENDER), private=key, method=None, key_info=info))
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED
    assert detail in (refusal.detail or "")


def test_certificate_key_must_be_of_the_kind_the_method_names(package: bytes) -> None:
    refusal = refusal_of(
        forge(package, world().rsa_key, method="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
    )
    assert refusal.code is Code.SIGNATURE_ALGORITHM_REFUSED


def test_certificate_of_somebody_else_beside_the_signature_is_refused(package: bytes) -> None:
    """Signed with one key, certificate of another: the value does not fit."""
    data = _with_certificates(package, world().key("H48.31.06"), certificate_base64(world().key(SENDER)))
    assert refusal_of(data).code is Code.SIGNATURE_INVALID


def test_certificate_exchanged_for_another_of_the_same_key_is_refused() -> None:
    """Same key, other certificate (other rights): XAdES names the one that was meant."""
    w = world()
    key = w.key(SENDER)
    twin = w.issue("twin", private_key=key.private_key).signing_key
    data = w.signed(SENDER, [RECIPIENT])
    start = data.index(b"<X509Certificate>") + len(b"<X509Certificate>")
    swapped = data[:start] + certificate_base64(twin).encode() + data[data.index(b"</X509Certificate>") :]
    refusal = refusal_of(swapped, bindings=bound(twin))
    assert refusal.code is Code.SIGNATURE_INVALID
    assert "SigningCertificate" in (refusal.detail or "")


def test_certificate_of_an_authority_as_the_only_one_is_refused(package: bytes) -> None:
    ca = world().agency_ca
    signer = SigningKey(private_key=ca.private_key, certificate=ca.certificate)
    assert refusal_of(_signed(package, signer), bindings=bound(signer)).code is Code.CERTIFICATE_UNTRUSTED


def test_certificate_truncated_or_garbled_is_refused(package: bytes) -> None:
    key = world().key(SENDER)
    der = key.certificate.public_bytes(Encoding.DER)
    for cut in (1, 10, len(der) // 2, len(der) - 1):
        text = base64.b64encode(der[:cut]).decode()
        assert refusal_of(_with_certificates(package, key, text)).code is Code.CERTIFICATE_UNTRUSTED
    for text in ("", "%%%", "AAAA====", "MII", certificate_base64(key)[:-1]):
        assert refusal_of(_with_certificates(package, key, text)).code is Code.SIGNATURE_INVALID


def test_certificate_of_absurd_size_is_refused_unread(package: bytes) -> None:
    text = base64.b64encode(b"\x30" * 20_000).decode()
    refusal = refusal_of(_with_certificates(package, world().key(SENDER), text))
    assert refusal.code is Code.CERTIFICATE_UNTRUSTED
    assert "16384" in (refusal.detail or "")


def test_certificate_list_of_absurd_length_is_refused(package: bytes) -> None:
    key = world().key(SENDER)
    data = _with_certificates(package, key, *[certificate_base64(key)] * 7)
    assert refusal_of(data).code is Code.SIGNATURE_COVERAGE


# -- revocation


def test_certificate_revoked_is_refused(signed: bytes) -> None:
    w = world()
    trust = w.trust_in(w.agency_ca, revoked=[w.key(SENDER)])
    refusal = refusal_of(signed, trust=trust)
    assert refusal.code is Code.CERTIFICATE_REVOKED
    assert not refusal.retryable
    assert accept(signed, trust=trust, at=w.at - timedelta(hours=2)).sender == SENDER  # before it was revoked


def test_certificate_without_a_list_is_unknown_and_retryable(signed: bytes) -> None:
    w = world()
    bare = Trust.from_pem(anchors=[w.agency_ca.certificate_pem()])
    refusal = refusal_of(signed, trust=bare)
    assert refusal.code is Code.REVOCATION_UNKNOWN
    assert refusal.retryable
    lenient = Trust.from_pem(anchors=[w.agency_ca.certificate_pem()], revocation=Revocation.WHEN_PRESENT)
    assert accept(signed, trust=lenient).sender == SENDER


def test_certificate_with_a_stale_list_is_unknown_but_a_revocation_in_it_still_counts(signed: bytes) -> None:
    w = world()
    then = w.at - 40 * DAY
    for revoked, code in (({}, Code.REVOCATION_UNKNOWN), ({w.key(SENDER): then}, Code.CERTIFICATE_REVOKED)):
        serials = {key.certificate.serial_number: since for key, since in revoked.items()}
        crl = w.agency_ca.crl(at=then, days=7, revoked=serials)
        trust = Trust.from_pem(anchors=[w.agency_ca.certificate_pem()], crls=[crl])
        assert refusal_of(signed, trust=trust).code is code


def test_certificate_list_of_an_impostor_is_not_believed(signed: bytes) -> None:
    w = world()
    impostor = Authority.create("Lienthong test agency CA", at=w.at - 100 * DAY)
    revoked = {w.key(SENDER).certificate.serial_number: w.at - DAY}
    anchors = [w.agency_ca.certificate_pem()]
    fake = Trust.from_pem(anchors=anchors, crls=[impostor.crl(at=w.at, revoked=revoked)])
    assert refusal_of(signed, trust=fake).code is Code.REVOCATION_UNKNOWN
    both = Trust.from_pem(
        anchors=anchors, crls=[impostor.crl(at=w.at, revoked=revoked), w.agency_ca.crl(at=w.at)]
    )
    assert accept(signed, trust=both).sender == SENDER


def test_certificate_of_a_revoked_authority_is_refused(package: bytes) -> None:
    w = world()
    below = w.agency_ca.subordinate("below", at=w.at - DAY)
    key = w.issue("x", ca=below, at=w.at).signing_key
    revoked = {below.certificate.serial_number: w.at - timedelta(hours=1)}
    trust = Trust.from_pem(
        anchors=[w.agency_ca.certificate_pem()],
        crls=[below.crl(at=w.at), w.agency_ca.crl(at=w.at, revoked=revoked)],
    )
    refusal = refusal_of(_signed(package, key), trust=trust, bindings=bound(key))
    assert refusal.code is Code.CERTIFICATE_REVOKED
    assert "below" in (refusal.detail or "")


def test_certificate_list_with_a_critical_extension_is_left_aside(signed: bytes) -> None:
    """Delta, partial and indirect lists say less than they seem to."""
    w = world()
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(w.agency_ca.certificate.subject)
        .last_update(w.at)
        .next_update(w.at + DAY)
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
        .sign(w.agency_ca.private_key, hashes.SHA256())
    )
    trust = Trust(anchors=(w.agency_ca.certificate,), crls=(crl,))
    assert refusal_of(signed, trust=trust).code is Code.REVOCATION_UNKNOWN


def test_certificate_list_signed_by_an_authority_without_crl_sign_is_left_aside(package: bytes) -> None:
    w = world()
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "no lists")])
    usage = x509.KeyUsage(False, False, False, False, False, True, False, False, False)
    root = (
        _builder("no lists", key.public_key())
        .issuer_name(own)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = Authority(private_key=key, certificate=root)
    leaf = w.issue("x", ca=authority).signing_key
    trust = Trust.from_pem(anchors=[authority.certificate_pem()], crls=[authority.crl(at=w.at)])
    refusal = refusal_of(_signed(package, leaf), trust=trust, bindings=bound(leaf))
    assert refusal.code is Code.REVOCATION_UNKNOWN


# -- bindings


def test_certificate_bound_to_nobody_is_refused(signed: bytes) -> None:
    assert refusal_of(signed, bindings={}).code is Code.SIGNER_NOT_SENDER


def test_certificate_binding_taken_back_is_refused_from_then_on(signed: bytes) -> None:
    w = world()
    taken = {w.key(SENDER).certificate_sha256: Binding(agency=SENDER, revoked_at=w.at)}
    assert refusal_of(signed, bindings=taken).code is Code.CERTIFICATE_REVOKED
    assert accept(signed, bindings=taken, at=w.at - timedelta(seconds=1)).sender == SENDER


def test_certificate_bound_under_the_old_form_of_the_code_is_the_same_agency(signed: bytes) -> None:
    w = world()
    old = {w.key(SENDER).certificate_sha256: Binding(agency="000.05.31.H48")}
    assert accept(signed, bindings=old).sender == SENDER
    written_old = w.signed("000.05.31.H48", [RECIPIENT])
    assert accept(written_old).sender == SENDER
    assert accept(written_old).package.sender_code == "000.05.31.H48"


def test_certificate_bound_to_an_agency_the_directory_lost_is_refused(signed: bytes) -> None:
    gone = {world().key(SENDER).certificate_sha256: Binding(agency="H99")}
    assert refusal_of(signed, bindings=gone).code is Code.SIGNER_NOT_SENDER


def test_certificate_of_a_sender_outside_the_directory_is_refused() -> None:
    w = world()
    data = w.signed("H99.01", [RECIPIENT], key=w.key(SENDER))
    refusal = refusal_of(data)
    assert refusal.code is Code.SIGNER_NOT_SENDER
    assert "H99.01" in (refusal.detail or "")
