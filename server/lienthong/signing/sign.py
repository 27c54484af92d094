"""How is a package or a record signed? Enveloped XMLDSig with XAdES-B-B properties, exclusive C14N everywhere.

The engine is signxml. Its `XAdESSigner` is mended where it would make signatures that others call invalid: it writes
no transform on the Reference to SignedProperties, so a verifier canonicalises inclusively what was digested
exclusively. It would also add a KeyValue, a third Reference to KeyInfo, random ids and the time of its own clock.

The signature is written without a prefix (`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">`), as the deployed
SDK and .NET peers write it; signxml, libxmlsec1 and the JDK agree on it (tests/conformance).
"""

from __future__ import annotations

import copy
from base64 import b64encode
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.util import SigningSettings
from signxml.xades.xades import XAdESSigner

from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.keys import PrivateKey, SigningKey
from lienthong.signing.policy import EXCLUSIVE_C14N, POLICY
from lienthong.signing.shape import (
    SIGNED_PROPERTIES_TYPE,
    XADES,
    check_shape,
    package_place,
)

_DEFAULT = Limits()
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACES: dict[str, str] = {None: DSIG, "xades": XADES}  # type: ignore[dict-item]
_SIGNATURE_ID = "package-signature"
_PROPERTIES_ID = "package-signature-properties"
_REFERENCE_ID = "package-signature-reference"


def sign_package(xml: bytes, key: SigningKey, *, at: datetime, limits: Limits = _DEFAULT) -> bytes:
    """A strict, unsigned edXML package with a ds:Signature as the last child of edXMLHeader.

    `at` is the claimed signing time (aware). Raises `Refusal`: the XML_* codes, SIGNATURE_MULTIPLE (already signed),
    SIGNATURE_COVERAGE (comments, double ids), SIGNATURE_ALGORITHM_REFUSED (a key that verifiers would refuse).
    """
    root = parse(xml, limits)
    return _sign(root, package_place(root), key, at)


def sign_record(xml: bytes, key: SigningKey, *, at: datetime) -> bytes:
    """A record (hop record, evidence) with a ds:Signature as the last child of its root. Raises as `sign_package`."""
    root = parse(xml)
    return _sign(root, root, key, at)


def _sign(root: etree._Element, place: etree._Element, key: SigningKey, at: datetime) -> bytes:
    if at.tzinfo is None:
        raise ValueError("at must carry its time zone")
    method = _method(key.private_key)
    POLICY.check_key(key.certificate.public_key(), method)
    if root.xpath("//*[local-name()='Signature']"):
        raise Refusal(Code.SIGNATURE_MULTIPLE, field="Signature", detail="the file is signed already")
    etree.SubElement(place, f"{{{DSIG}}}Signature", nsmap=_NAMESPACES, Id="placeholder")
    chain = [key.certificate, *key.chain]
    signed = _Signer(method, at).sign(root, key=key.private_key, cert=chain, always_add_key_value=False)
    check_shape(signed, next(signed.iter(f"{{{DSIG}}}Signature")))
    return _DECLARATION + etree.tostring(signed, encoding="UTF-8")


def _method(key: PrivateKey) -> SignatureMethod:
    """The customary method for the key: SHA-256, and SHA-384 on the larger curve."""
    if isinstance(key, rsa.RSAPrivateKey):
        return SignatureMethod.RSA_SHA256
    return SignatureMethod.ECDSA_SHA256 if key.key_size <= 256 else SignatureMethod.ECDSA_SHA384


class _Signer(XAdESSigner):
    """signxml's XAdES signer, mended; one per signature."""

    def __init__(self, method: SignatureMethod, at: datetime) -> None:
        super().__init__(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=method,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        self._at = at
        self.namespaces = _NAMESPACES

    def get_root(self, data: etree._Element) -> etree._Element:
        """A copy that keeps long texts: signxml would parse again, with libxml2's limit of 10 MB per text."""
        return copy.deepcopy(data)

    def _ds_tag(self, tag: str) -> etree.QName:
        return etree.QName(DSIG, tag)

    def _build_xades_ds_object(self, sig_root: etree._Element, signing_settings: SigningSettings) -> None:
        """SignedProperties (XAdES-B-B: ETSI EN 319 132-1 clause 6.3) and the Reference that covers them."""
        sig_root.set("Id", _SIGNATURE_ID)
        sig_root[0][2].set("Id", _REFERENCE_ID)
        holder = etree.SubElement(sig_root, self._ds_tag("Object"))
        qualifying = etree.SubElement(holder, _xades("QualifyingProperties"), Target=f"#{_SIGNATURE_ID}")
        properties = etree.SubElement(qualifying, _xades("SignedProperties"), Id=_PROPERTIES_ID)
        of_signature = etree.SubElement(properties, _xades("SignedSignatureProperties"))
        etree.SubElement(of_signature, _xades("SigningTime")).text = self._at.astimezone(UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        self.add_signing_certificate(of_signature, sig_root=sig_root, signing_settings=signing_settings)
        of_data = etree.SubElement(properties, _xades("SignedDataObjectProperties"))
        data_format = etree.SubElement(
            of_data, _xades("DataObjectFormat"), ObjectReference=f"#{_REFERENCE_ID}"
        )
        etree.SubElement(data_format, _xades("MimeType")).text = "text/xml"
        self._refer_to(sig_root, properties)

    def _refer_to(self, sig_root: etree._Element, properties: etree._Element) -> None:
        """The Reference to SignedProperties, with the transform signxml leaves out."""
        signed_info = sig_root[0]
        attributes = {"URI": f"#{_PROPERTIES_ID}", "Type": SIGNED_PROPERTIES_TYPE}
        reference = etree.SubElement(signed_info, self._ds_tag("Reference"), attributes)
        steps = etree.SubElement(reference, self._ds_tag("Transforms"))
        etree.SubElement(steps, self._ds_tag("Transform"), Algorithm=EXCLUSIVE_C14N)
        etree.SubElement(reference, self._ds_tag("DigestMethod"), Algorithm=self.digest_alg.value)
        digest = self._get_digest(self._c14n(properties, algorithm=self.c14n_alg), algorithm=self.digest_alg)
        etree.SubElement(reference, self._ds_tag("DigestValue")).text = b64encode(digest).decode()


def _xades(tag: str) -> etree.QName:
    return etree.QName(XADES, tag)
