"""With what does somebody sign? A private key, its certificate and the chain above it, loaded once.

Private keys may be soft (PKCS#12, PEM) or any object with the interface of cryptography's RSA and EC private keys,
such as a PKCS#11 token's.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from lienthong.errors import Code, Refusal

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_PEM_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----\s*", re.DOTALL)


def certificate_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER, lower-case hex: the name a certificate is bound and revoked by."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key that matches its certificate. Load it once and keep it: loading costs more than signing."""

    private_key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()  #: intermediates, issuer first; self-signed anchors are left out

    def __post_init__(self) -> None:
        """Refuse a key of another kind (RSA and EC only) or of another certificate."""
        if not isinstance(self.private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise _refused("the private key is neither RSA nor EC")
        if _public(self.private_key.public_key()) != _public(self.certificate.public_key()):
            raise _refused("the private key does not belong to the certificate")
        object.__setattr__(self, "chain", tuple(c for c in self.chain if c.subject != c.issuer))

    @property
    def certificate_sha256(self) -> str:
        """SHA-256 of the certificate's DER, lower-case hex."""
        return certificate_sha256(self.certificate)

    @classmethod
    def from_pkcs12(cls, data: bytes, password: bytes | None) -> SigningKey:
        """A PKCS#12 file (.p12, .pfx). Raises `Refusal` ARGUMENT_INVALID (wrong password, no key, damaged)."""
        try:
            key, certificate, chain = pkcs12.load_key_and_certificates(data, password)
        except (ValueError, TypeError) as error:
            raise _refused("the PKCS#12 file cannot be opened: wrong password or damaged file") from error
        if key is None or certificate is None:
            raise _refused("the PKCS#12 file must hold a private key and its certificate")
        return cls(private_key=key, certificate=certificate, chain=tuple(chain))  # type: ignore[arg-type]

    @classmethod
    def from_pem(cls, data: bytes, password: bytes | None = None) -> SigningKey:
        """One private key and its certificate (first), then the chain, in one PEM text. Raises ARGUMENT_INVALID."""
        found = _PEM_KEY.search(data)
        if found is None:
            raise _refused("the PEM file holds no private key")
        try:
            key = load_pem_private_key(found.group(0), password)
            certificates = x509.load_pem_x509_certificates(data)
        except (ValueError, TypeError) as error:
            raise _refused(
                "the PEM file cannot be read: wrong password, no certificate or damaged"
            ) from error
        return cls(private_key=key, certificate=certificates[0], chain=tuple(certificates[1:]))  # type: ignore[arg-type]

    def to_pem(self) -> bytes:
        """Key (PKCS#8, unencrypted), certificate and chain in one PEM text. Keep the file at mode 0600."""
        certificates = (self.certificate, *self.chain)
        return self.key_pem() + b"".join(c.public_bytes(Encoding.PEM) for c in certificates)

    def key_pem(self) -> bytes:
        """The private key alone (PKCS#8 PEM, unencrypted)."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def certificate_pem(self) -> bytes:
        """The certificate and its chain in PEM, as a TLS server or client wants them."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self.certificate, *self.chain))

    def to_pkcs12(self, name: str, password: bytes | None) -> bytes:
        """A PKCS#12 file with `name` as the friendly name."""
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        return pkcs12.serialize_key_and_certificates(
            name.encode(), self.private_key, self.certificate, self.chain or None, encryption
        )


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]


def _refused(detail: str) -> Refusal:
    return Refusal(Code.ARGUMENT_INVALID, field="key", detail=detail)
