"""Who issues certificates where there is no outside authority yet? A small one: roots, leaves and CRLs.

Used by `lienthong init` for a development or in-house installation, and by the tests. Pure: it reads no clock and
writes no file; the caller passes times and keeps the PEM texts (the key's at mode 0600).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lienthong.signing.keys import PrivateKey, SigningKey

KeyType = Literal["p256", "p384", "rsa2048", "rsa3072", "rsa1024"]

_BACKDATE = timedelta(minutes=5)  # clocks of peers differ
_CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}
_BITS = {"rsa1024": 1024, "rsa2048": 2048, "rsa3072": 3072}


class Use(Enum):
    """What a leaf certificate is for: its KeyUsage and ExtendedKeyUsage."""

    SIGNING = "signing"  #: signs documents, records or evidence
    SERVER = "server"  #: TLS server
    CLIENT = "client"  #: TLS client
    PEER = "peer"  #: TLS server and client


_EXTENDED = {
    Use.SIGNING: (),
    Use.SERVER: (ExtendedKeyUsageOID.SERVER_AUTH,),
    Use.CLIENT: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    Use.PEER: (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
}


class Issued(NamedTuple):
    """A fresh leaf: `key, certificate = authority.issue(...)`, or `.signing_key` to sign and to write files with."""

    key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def signing_key(self) -> SigningKey:
        """Key, certificate and chain in one; it writes PEM and PKCS#12."""
        return SigningKey(private_key=self.key, certificate=self.certificate, chain=self.chain)


def new_private_key(key_type: KeyType) -> PrivateKey:
    """A fresh private key. rsa1024 exists so that tests can show it is refused."""
    if key_type in _CURVES:
        return ec.generate_private_key(_CURVES[key_type])
    return rsa.generate_private_key(public_exponent=65537, key_size=_BITS[key_type])


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certification authority: its own certificate, its key, and for a subordinate one the chain above it."""

    private_key: PrivateKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()  #: above `certificate`, issuer first, without the root

    @classmethod
    def create(
        cls,
        name: str,
        *,
        at: datetime,
        years: int = 20,
        key_type: KeyType = "p256",
        private_key: PrivateKey | None = None,
    ) -> Authority:
        """A self-signed root valid from `at` (less five minutes) for `years`. Pass `private_key` to choose the key."""
        key = private_key or new_private_key(key_type)
        subject = _name(name)
        builder = _builder(subject, subject, key, at, timedelta(days=365 * years), None)
        return cls(private_key=key, certificate=_sign_ca(builder, key, path_length=None))

    def subordinate(
        self,
        name: str,
        *,
        at: datetime,
        years: int = 10,
        key_type: KeyType = "p256",
        path_length: int | None = 0,
    ) -> Authority:
        """An authority below this one. `path_length`: how many further authorities may follow it."""
        key = new_private_key(key_type)
        builder = _builder(_name(name), self.certificate.subject, key, at, timedelta(days=365 * years), None)
        certificate = _sign_ca(builder, self.private_key, path_length=path_length)
        return Authority(private_key=key, certificate=certificate, chain=self._chain_below())

    def issue(
        self,
        name: str,
        *,
        at: datetime,
        days: int = 825,
        use: Use = Use.SIGNING,
        key_type: KeyType = "p256",
        uris: Iterable[str] = (),
        dns: Iterable[str] = (),
        ips: Iterable[str] = (),
        organization: str | None = None,
        digital_signature: bool = True,
        private_key: PrivateKey | None = None,
        serial: int | None = None,
    ) -> Issued:
        """A leaf certificate, valid from `at` (less five minutes) for `days`.

        `uris` go into SAN URI (`urn:lienthong:agency:H48.31`), `dns` and `ips` are for TLS servers.
        `digital_signature=False` makes a certificate that must not sign (for tests).
        """
        key = private_key or new_private_key(key_type)
        subject = _name(name, organization)
        builder = _builder(subject, self.certificate.subject, key, at, timedelta(days=days), serial)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(digital_signature=digital_signature), critical=True)
        if extended := _EXTENDED[use]:
            builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(host) for host in dns]
        names += [x509.IPAddress(ip_address(ip)) for ip in ips]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(_authority_key(self.private_key), critical=False)
        certificate = builder.sign(self.private_key, hashes.SHA256())
        return Issued(key, certificate, self._chain_below())

    def crl(
        self,
        *,
        at: datetime,
        days: int = 30,
        revoked: Mapping[int, datetime] | None = None,
        number: int = 1,
    ) -> bytes:
        """A revocation list in PEM, issued at `at`, next update after `days`; `revoked`: serial -> since when."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(at)
            .next_update(at + timedelta(days=days))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(_authority_key(self.private_key), critical=False)
        )
        for serial, since in sorted((revoked or {}).items()):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def certificate_pem(self) -> bytes:
        """The authority's own certificate: what others configure as their anchor."""
        return self.certificate.public_bytes(Encoding.PEM)

    def to_pem(self) -> bytes:
        """Key and certificate in one PEM text: keep it at mode 0600."""
        own = SigningKey(private_key=self.private_key, certificate=self.certificate, chain=self.chain)
        return own.to_pem()

    @classmethod
    def from_pem(cls, data: bytes) -> Authority:
        """What `to_pem` wrote. Raises `Refusal` ARGUMENT_INVALID."""
        own = SigningKey.from_pem(data)
        return cls(private_key=own.private_key, certificate=own.certificate, chain=own.chain)

    def _chain_below(self) -> tuple[x509.Certificate, ...]:
        """The chain a leaf of this authority carries: nothing below a root, else this certificate and those above."""
        own = self.certificate
        return () if own.subject == own.issuer else (own, *self.chain)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, _bounded(organization)))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, _bounded(common_name)))
    return x509.Name(attributes)


def _bounded(name: str) -> str:
    """X.520 bounds these names at 64; cryptography counts the bytes of UTF-8, two or three a Vietnamese letter."""
    return name.encode("utf-8")[:64].decode("utf-8", errors="ignore")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, at: datetime, life: timedelta, serial: int | None
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(at - _BACKDATE)
        .not_valid_after(at + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign_ca(
    builder: x509.CertificateBuilder, issuer_key: PrivateKey, *, path_length: int | None
) -> x509.Certificate:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_usage(digital_signature=False, ca=True), critical=True)
        .add_extension(_authority_key(issuer_key), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _authority_key(key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, digital_signature: bool, ca: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=not digital_signature and not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
