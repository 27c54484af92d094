"""What does a certificate say? Read once per certificate and remembered: facts of bytes, never a verdict about them.

A relay sees the same few hundred certificates all day; reading names and extensions anew for each record costs more
than checking its digests. Both memories are bounded and keyed by the whole certificate, so nothing in them can be
wrong for another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509

from lienthong.signing.keys import certificate_sha256

#: certificates remembered; one with all its facts is about 4 KB
_REMEMBERED: Final = 2048
_IDENTITY: Final = "urn:lienthong:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How a signer is named, as far as the certificate tells."""

    sha256: str  #: of the DER, lower-case hex
    subject: str
    identity: str | None  #: the SAN URI urn:lienthong:…


@lru_cache(maxsize=_REMEMBERED)
def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate, the same object for the same bytes. Raises ValueError."""
    return x509.load_der_x509_certificate(der)


@lru_cache(maxsize=_REMEMBERED)
def is_authority(certificate: x509.Certificate) -> bool:
    """Whether BasicConstraints make it an authority's. Raises ValueError for extensions that cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


@lru_cache(maxsize=_REMEMBERED)
def facts_of(certificate: x509.Certificate) -> Facts:
    """Raises ValueError for names or extensions that cannot be read."""
    return Facts(
        sha256=certificate_sha256(certificate),
        subject=certificate.subject.rfc4514_string(),
        identity=_identity(certificate),
    )


def _identity(certificate: x509.Certificate) -> str | None:
    """The one SAN URI of our own kind; two of them say nothing."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = [
        uri for uri in names.get_values_for_type(x509.UniformResourceIdentifier) if uri.startswith(_IDENTITY)
    ]
    return uris[0] if len(uris) == 1 else None
