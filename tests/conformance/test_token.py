"""Does an agency's key in a PKCS#11 token sign what everybody verifies? Against SoftHSM, through the profile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11.util.ec import decode_ec_private_key
from pkcs11.util.rsa import decode_rsa_private_key

from lienthong.errors import Refusal
from lienthong.signing.authority import KeyType
from lienthong.signing.keys import SigningKey
from lienthong.signing.trust import Binding
from lienthong.signing.verify import verify_package
from lienthong_client import Profile, ProfileError
from lienthong_client.token import open_token
from tests.pki.world import World

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PIN = "246810"
SENDER = "H48.31.05"


def softhsm() -> Path:
    for module in MODULES:
        if Path(module).exists():
            return Path(module)
    pytest.fail("SoftHSM is missing: scripts/system-packages.sh test installs it")


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a key and its certificate into a new token of this label."""
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))

    def plug(label: str, *keys: SigningKey, certificates: bool = True) -> None:
        words = ["--init-token", "--free", "--label", label, "--so-pin", "13579", "--pin", PIN]
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)
        library = pkcs11.lib(str(softhsm()))
        library.reinitialize()
        with library.get_token(token_label=label).open(rw=True, user_pin=PIN) as session:
            for number, key in enumerate(keys):
                _store(session, key, f"key {number}", bytes([number + 1]), certificates)

    return plug


def _store(session: pkcs11.Session, key: SigningKey, label: str, ident: bytes, certificate: bool) -> None:
    is_rsa = isinstance(key.private_key, rsa.RSAPrivateKey)
    form = PrivateFormat.TraditionalOpenSSL
    der = key.private_key.private_bytes(Encoding.DER, form, NoEncryption())
    attributes = decode_rsa_private_key(der) if is_rsa else decode_ec_private_key(der)
    attributes |= {
        pkcs11.Attribute.TOKEN: True,
        pkcs11.Attribute.LABEL: label,
        pkcs11.Attribute.ID: ident,
        pkcs11.Attribute.SIGN: True,
        pkcs11.Attribute.SENSITIVE: True,
    }
    session.create_object(attributes)
    if certificate:
        session.create_object(
            {
                pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                pkcs11.Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                pkcs11.Attribute.TOKEN: True,
                pkcs11.Attribute.LABEL: label,
                pkcs11.Attribute.ID: ident,
                pkcs11.Attribute.SUBJECT: key.certificate.subject.public_bytes(),
                pkcs11.Attribute.VALUE: key.certificate.public_bytes(Encoding.DER),
            }
        )


def key_of(world: World, kind: KeyType = "p256") -> SigningKey:
    uris = [f"urn:lienthong:agency:{SENDER}"]
    return world.issue("UBND xã Bình Chánh", key_type=kind, uris=uris).signing_key


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_a_document_signed_inside_the_token_verifies(plug_in: Callable[..., None], kind: KeyType) -> None:
    world = World(at=datetime.now(UTC))
    plug_in("clerk", key_of(world, kind))
    key = open_token(softhsm(), token="clerk", pin=PIN.encode())
    data = world.signed(SENDER, ["H48.33.02"], key=key)
    bindings = {key.certificate_sha256: Binding(agency=SENDER)}
    document = verify_package(
        data, trust=world.trust, bindings=bindings, directory=world.directory, at=world.at
    )
    assert document.sender == SENDER
    assert document.signer.sha256 == key.certificate_sha256
    with pytest.raises(Refusal, match="signing only"):
        key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_profile_names_the_token(plug_in: Callable[..., None], tmp_path: Path) -> None:
    world = World(at=datetime.now(UTC))
    first, second = key_of(world), key_of(world, "rsa2048")
    plug_in("clerk", first, second)
    text = f'''
        agency = "{SENDER}"
        [hub]
        address = "127.0.0.1:1"
        ca = "ca.pem"
        certificate = "tls.pem"
        key = "tls.key"
        [signing]
        module = "{softhsm()}"
        token = "clerk"
        key = "key 1"
        password = "{PIN}"
    '''
    file = tmp_path / "profile.toml"
    file.write_text(text, "utf-8")
    assert Profile.load(file).signing_key().certificate == second.certificate
    pkcs11.lib(str(softhsm())).reinitialize()  # as if pulled out and plugged in again
    file.write_text(text.replace(PIN, "000000"), "utf-8")
    with pytest.raises(ProfileError, match="refuses this PIN"):
        Profile.load(file).signing_key()
    file.write_text(text.replace('key = "key 1"', ""), "utf-8")
    with pytest.raises(ProfileError, match="found 2"):
        Profile.load(file).signing_key()
    file.write_text(text + 'pkcs12 = "signing.p12"', "utf-8")
    with pytest.raises(ProfileError, match="not both"):
        Profile.load(file)


def test_what_is_not_there_is_said(plug_in: Callable[..., None], tmp_path: Path) -> None:
    world = World(at=datetime.now(UTC))
    plug_in("bare", key_of(world), certificates=False)
    with pytest.raises(Refusal, match="found 0"):
        open_token(softhsm(), token="bare", pin=PIN.encode())
    with pytest.raises(Refusal, match=r"plugged in: .*bare"):
        open_token(softhsm(), token="other", pin=PIN.encode())
    with pytest.raises(Refusal, match="does not answer"):
        open_token(tmp_path / "no-module.so", pin=b"")


def test_algorithms_that_documents_do_not_use_are_refused(plug_in: Callable[..., None]) -> None:
    plug_in("clerk", key_of(World(at=datetime.now(UTC)), "rsa2048"))
    key = open_token(softhsm(), token="clerk", pin=PIN.encode()).private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    with pytest.raises(Refusal, match="SHA-256"):
        key.sign(b"data", padding.PKCS1v15(), SHA1())  # noqa: S303 - that is what is refused
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)
    with pytest.raises(Refusal, match=r"v1\.5"):
        key.sign(b"data", pss, SHA256())
