"""Do the SignatureValue and every digest hold? One key operation and three canonicalisations.

`shape.check_shape` has shown what the signature is made of and the policy allowed its algorithms, so nothing is left to
interpret: no key to look for, no transform to choose. The tree holds no comment, no entity and no processing
instruction; its canonical form says the same as the tree, and the References are read where they stand.

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
from lienthong.signing.shape import Shape

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


def verify_signature(shape: Shape, certificate: x509.Certificate) -> None:
    """Check the value with the certificate's key, then every digest. Raises `Refusal` SIGNATURE_INVALID.

    `shape` must come from `check_shape` and its algorithms must have passed the policy. The certificate's validity
    is not looked at here (`Trust.verify_path` did, at the time that matters).
    """
    signed_info, value = shape.signature[0], shape.signature[1]
    raw = base64.b64decode(value.text or "")
    _check_value(certificate.public_key(), shape.signature_method, raw, canonical(signed_info))
    _check_digest(shape.document_reference, _document_digest(shape))
    if shape.properties_reference is not None and shape.signed_properties is not None:
        digest = _digest_of(shape.properties_reference)
        digest.update(canonical(shape.signed_properties))
        _check_digest(shape.properties_reference, digest)


def canonical(element: etree._Element) -> bytes:
    """Exclusive C14N without comments of an element, as it stands in its tree."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


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


def _document_digest(shape: Shape) -> hashlib._Hash:
    digest = _digest_of(shape.document_reference)
    digest_document(shape.root, digest)  # big attachments are not copied
    return digest


def _digest_of(reference: etree._Element) -> hashlib._Hash:
    return _DIGESTS[reference[1].get("Algorithm", "")]()


def _check_digest(reference: etree._Element, digest: hashlib._Hash) -> None:
    stated = base64.b64decode(reference[2].text or "")
    if not hmac.compare_digest(stated, digest.digest()):
        covered = "SignedProperties" if reference.get("URI") else "the file"
        raise _invalid("SignedInfo/Reference", f"the digest does not match {covered}")


def _invalid(field: str, detail: str) -> Refusal:
    return Refusal(Code.SIGNATURE_INVALID, field=f"Signature/{field}", detail=detail)
