"""Do the SignatureValue and every digest hold? One key operation and three canonicalisations.

`shape.check_shape` has shown what the signature is made of and the policy allowed its algorithms, so nothing is left to
interpret: no key to look for, no transform to choose. The tree holds no comment, no entity and no processing
instruction; its canonical form says the same as the tree.

An engine for any signature, like signxml, serialises and parses the whole file twice per Reference, with a parser that
refuses texts over 10 MB. It is the yardstick: tests/conformance runs both over the same good and tampered files.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from lienthong.errors import Code, Refusal
from lienthong.signing.canonical import digest_document
from lienthong.signing.stated import Digest, Stated

_DIGESTS: Final = {
    DigestAlgorithm.SHA256.value: hashlib.sha256,
    DigestAlgorithm.SHA384.value: hashlib.sha384,
    DigestAlgorithm.SHA512.value: hashlib.sha512,
}


RSA: Final = {
    SignatureMethod.RSA_SHA256.value: hashes.SHA256(),
    SignatureMethod.RSA_SHA384.value: hashes.SHA384(),
    SignatureMethod.RSA_SHA512.value: hashes.SHA512(),
}
ECDSA: Final = {
    SignatureMethod.ECDSA_SHA256.value: ec.ECDSA(hashes.SHA256()),
    SignatureMethod.ECDSA_SHA384.value: ec.ECDSA(hashes.SHA384()),
}


def verify_signature(stated: Stated, root: etree._Element, certificate: x509.Certificate) -> None:
    """Check the value with the certificate's key, then every digest. Raises `Refusal` SIGNATURE_INVALID.

    `stated` is of the signature in `root`, whose shape and algorithms were accepted. The certificate's validity is
    not looked at here (`Trust.verify_path` did, at the time that matters).
    """
    raw = base64.b64decode(stated.value)
    _check_value(certificate.public_key(), stated.method, raw, stated.signed_info)
    document = _DIGESTS[stated.document.algorithm]()
    digest_document(root, document)  # big attachments are not copied
    _check_digest(stated.document, document, "the file")
    if stated.properties is not None and stated.signed_properties is not None:
        properties = _DIGESTS[stated.properties.algorithm](stated.signed_properties)
        _check_digest(stated.properties, properties, "SignedProperties")


def _check_value(key: object, method: str, raw: bytes, octets: bytes) -> None:
    try:
        if isinstance(key, rsa.RSAPublicKey) and method in RSA:
            key.verify(raw, octets, padding.PKCS1v15(), RSA[method])
        elif isinstance(key, ec.EllipticCurvePublicKey) and method in ECDSA:
            key.verify(_der(raw, (key.key_size + 7) // 8), octets, ECDSA[method])
        else:
            raise _invalid("SignatureValue", f"{method} is no method for the certificate's key")
    except InvalidSignature as error:
        raise _invalid("SignatureValue", "the SignatureValue does not fit") from error


def _der(raw: bytes, size: int) -> bytes:
    """XMLDSig writes ECDSA values as two numbers of `size` bytes side by side (RFC 4050), cryptography wants DER."""
    if len(raw) != 2 * size:
        raise _invalid("SignatureValue", f"the SignatureValue has {len(raw)} bytes, not {2 * size}")
    return encode_dss_signature(int.from_bytes(raw[:size]), int.from_bytes(raw[size:]))


def _check_digest(stated: Digest, digest: hashlib._Hash, covered: str) -> None:
    if not hmac.compare_digest(base64.b64decode(stated.value), digest.digest()):
        raise _invalid("SignedInfo/Reference", f"the digest does not match {covered}")


def _invalid(field: str, detail: str) -> Refusal:
    return Refusal(Code.SIGNATURE_INVALID, field=f"Signature/{field}", detail=detail)
