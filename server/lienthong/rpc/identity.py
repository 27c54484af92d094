"""Whose certificate opened the connection.

grpcio cuts a common name at NUL and falls back from SAN to CN, so its `peer_identities` are never read. The PEM of
the auth context is parsed and its DER looked up by SHA-256 in the hub's bindings; names in it decide nothing.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.rpc.call import Context


def certificate_of(context: Context) -> tuple[bytes, str]:
    """DER of the certificate the client proved to hold in the TLS handshake, and its SHA-256.

    Raises `Refusal` UNAUTHENTICATED without exactly one.
    """
    pems = context.auth_context().get("x509_pem_cert") or ()
    found = list(pems)
    if len(found) != 1:
        raise Refusal(Code.UNAUTHENTICATED, detail="no client certificate")
    return _read(found[0])


@lru_cache(
    maxsize=4_096
)  # a client calls often with one certificate; what it is bound to is asked every time
def _read(pem: bytes) -> tuple[bytes, str]:
    try:
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    except ValueError as error:
        raise Refusal(Code.UNAUTHENTICATED, detail="the client certificate cannot be read") from error
    return der, sha256_hex(der)
