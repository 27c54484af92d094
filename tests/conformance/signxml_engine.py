"""signxml as it comes, as a second opinion: does it call this signature valid, with this certificate?"""

from __future__ import annotations

from cryptography import x509
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from lienthong.signing.policy import POLICY


def signxml_accepts(data: bytes, certificate: x509.Certificate) -> bool:
    """Every Reference and the SignatureValue; nothing of shape, path or sender. The file must be under 10 MB."""
    config = SignatureConfiguration(
        expect_references=False,
        signature_methods=POLICY.signature_methods,
        digest_algorithms=POLICY.digests,
        verification_time=certificate.not_valid_before_utc,
    )
    root = etree.fromstring(data)  # noqa: TID251  as another program would read it
    try:
        XMLVerifier().verify(root, x509_cert=certificate, validate_schema=False, expect_config=config)
    except SignXMLException:
        return False
    return True
