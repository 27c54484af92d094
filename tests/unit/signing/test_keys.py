"""Keys: what PKCS#12 and PEM files give, and which are refused."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from lienthong.errors import Code, Refusal
from lienthong.signing.authority import Authority
from lienthong.signing.keys import SigningKey, certificate_sha256
from tests.pki.world import world


@pytest.fixture(scope="module")
def key() -> SigningKey:
    w = world()
    below = w.agency_ca.subordinate("below", at=w.at)
    return w.issue("UBND huyện Bình Sơn", ca=below, at=w.at).signing_key


@pytest.mark.parametrize("password", ["mật khẩu".encode(), None], ids=["password", "open"])
def test_pkcs12_gives_back_key_certificate_and_chain(key: SigningKey, password: bytes | None) -> None:
    again = SigningKey.from_pkcs12(key.to_pkcs12("Bình Sơn", password), password)
    assert again.certificate == key.certificate
    assert again.chain == key.chain
    assert again.key_pem() == key.key_pem()
    assert again.certificate_sha256 == certificate_sha256(key.certificate)
    assert len(again.certificate_sha256) == 64


def test_pem_gives_back_key_certificate_and_chain(key: SigningKey) -> None:
    again = SigningKey.from_pem(key.to_pem())
    assert (again.certificate, again.chain) == (key.certificate, key.chain)
    assert key.to_pem() == key.key_pem() + key.certificate_pem()


def test_pem_with_a_password(key: SigningKey) -> None:
    locked = key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert SigningKey.from_pem(key.certificate_pem() + locked, b"x").certificate == key.certificate
    with pytest.raises(Refusal, match="wrong password"):
        SigningKey.from_pem(key.certificate_pem() + locked)


def test_anchors_are_left_out_of_the_chain() -> None:
    w = world()
    own = w.key("H48")
    with_root = SigningKey(
        private_key=own.private_key, certificate=own.certificate, chain=(w.agency_ca.certificate,)
    )
    assert with_root.chain == ()


@pytest.mark.parametrize("data", [b"", b"no PKCS#12", b"\x30\x80"], ids=["empty", "text", "cut"])
def test_pkcs12_that_cannot_be_opened_is_refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        SigningKey.from_pkcs12(data, b"x")
    assert caught.value.code is Code.ARGUMENT_INVALID


def test_pkcs12_with_a_wrong_password_is_refused(key: SigningKey) -> None:
    with pytest.raises(Refusal, match="wrong password"):
        SigningKey.from_pkcs12(key.to_pkcs12("x", b"right"), b"wrong")


def test_pkcs12_without_a_key_is_refused(key: SigningKey) -> None:
    data = pkcs12.serialize_key_and_certificates(b"x", None, None, [key.certificate], NoEncryption())
    with pytest.raises(Refusal, match="must hold"):
        SigningKey.from_pkcs12(data, None)


def test_pem_without_a_key_or_a_certificate_is_refused(key: SigningKey) -> None:
    with pytest.raises(Refusal, match="no private key"):
        SigningKey.from_pem(key.certificate_pem())
    with pytest.raises(Refusal, match="no certificate"):
        SigningKey.from_pem(key.key_pem())


def test_key_of_another_certificate_is_refused(key: SigningKey) -> None:
    with pytest.raises(Refusal, match="does not belong"):
        SigningKey(private_key=key.private_key, certificate=world().key("H48").certificate)


def test_key_of_another_kind_is_refused(key: SigningKey) -> None:
    with pytest.raises(Refusal, match="neither RSA nor EC"):
        SigningKey(
            private_key=ed25519.Ed25519PrivateKey.generate(),  # type: ignore[arg-type]
            certificate=key.certificate,
        )


def test_private_key_is_not_shown(key: SigningKey) -> None:
    assert "private_key" not in repr(key)


def test_authority_saves_and_loads_itself() -> None:
    w = world()
    below = w.agency_ca.subordinate("below", at=w.at)
    for authority in (w.agency_ca, below):
        again = Authority.from_pem(authority.to_pem())
        assert again.certificate == authority.certificate
        assert again.chain == authority.chain
        key, certificate, chain = again.issue("x", at=w.at)
        certificate.verify_directly_issued_by(authority.certificate)
        assert SigningKey(private_key=key, certificate=certificate, chain=chain).chain == chain
