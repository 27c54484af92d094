"""Do the SignatureValue and every digest hold? signxml computes; this file takes its copies away.

Per Reference signxml serialises and parses the whole file twice, and parses the canonical form once more, with a
parser that refuses texts over 10 MB: for a document of 1 MB most of the time of a hop. After `shape.check_shape` the
transforms are known to be the two allowed ones, so one copy of the tree without the signature is canonicalised
straight into the digest (`canonical.py`), and SignedProperties where they stand. SignedInfo and the SignatureValue go
through signxml unchanged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm
from signxml.exceptions import InvalidDigest, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from lienthong.errors import Code, Refusal
from lienthong.signing.canonical import digest_document
from lienthong.signing.policy import EXCLUSIVE_C14N, POLICY
from lienthong.signing.shape import Shape

_EXCLUSIVE: Final = CanonicalizationMethod(EXCLUSIVE_C14N)
_HASHES: Final = {
    DigestAlgorithm.SHA256: hashlib.sha256,
    DigestAlgorithm.SHA384: hashlib.sha384,
    DigestAlgorithm.SHA512: hashlib.sha512,
}


def verify_signature(shape: Shape, certificate: x509.Certificate) -> None:
    """Check the value with the certificate's key, then every digest. Raises `Refusal` SIGNATURE_INVALID.

    `shape` must come from `check_shape` and its algorithms must have passed the policy. The certificate's validity
    is not looked at here (`Trust.verify_path` did, at the time that matters).
    """
    config = SignatureConfiguration(
        expect_references=False,  # counted by the shape; False makes signxml answer with a list
        signature_methods=POLICY.signature_methods,
        digest_algorithms=POLICY.digests,
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        _Engine(shape).verify(shape.root, x509_cert=certificate, validate_schema=False, expect_config=config)
    except InvalidDigest as error:
        raise Refusal(
            Code.SIGNATURE_INVALID, field="Signature/SignedInfo/Reference", detail=str(error)
        ) from error
    except SignXMLException as error:
        raise Refusal(
            Code.SIGNATURE_INVALID, field="Signature/SignatureValue", detail=_reason(error)
        ) from error


class _Engine(XMLVerifier):
    """signxml's verifier on a tree that is ours alone and whose shape is known."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def get_root(self, data: etree._Element) -> etree._Element:
        return data

    def _get_signature(self, root: etree._Element) -> etree._Element:
        return self._shape.signature

    def _verify_reference(self, reference: etree._Element, index: int, *_: object) -> None:
        """`reference` comes from the verified SignedInfo; what it covers is the whole file or SignedProperties."""
        uri = reference.get("URI")
        algorithm = DigestAlgorithm(reference[1].get("Algorithm"))
        sink = _HASHES[algorithm]()
        if uri == "":
            digest_document(self._shape.root, sink)
        else:  # by the shape, the Reference to SignedProperties
            sink.update(self._c14n(self._shape.signed_properties, algorithm=_EXCLUSIVE))
        stated = base64.b64decode(reference[2].text or "")
        if not hmac.compare_digest(stated, sink.digest()):
            raise InvalidDigest(f"digest {index + 1} does not match what it covers")


def _reason(error: SignXMLException) -> str:
    return "the SignatureValue does not fit" if "verification failed" in str(error).lower() else str(error)
