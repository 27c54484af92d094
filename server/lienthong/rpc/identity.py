"""Whose certificate opened the connection.

grpcio cuts a common name at NUL and falls back from SAN to CN, so its `peer_identities` are never read. The PEM of
the auth context is parsed and its DER looked up by SHA-256 in the hub's bindings; names in it decide nothing.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Code, Refusal
from lienthong.rpc.call import Context


def certificate_of(context: Context) -> bytes:
    """DER of the certificate the client proved to hold in the TLS handshake; UNAUTHENTICATED without exactly one."""
    pems = list(context.auth_context().get("x509_pem_cert") or ())
    if len(pems) != 1:
        raise Refusal(Code.UNAUTHENTICATED, detail="no client certificate")
    try:
        return x509.load_pem_x509_certificate(pems[0]).public_bytes(Encoding.DER)
    except ValueError as error:
        raise Refusal(Code.UNAUTHENTICATED, detail="the client certificate cannot be read") from error
