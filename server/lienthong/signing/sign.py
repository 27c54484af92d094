"""How is a package or a record signed? Enveloped XMLDSig with XAdES-B-B properties, exclusive C14N everywhere.

The signature is always the same but for its values, so its text stands here, in the canonical form that is digested;
what is written into the file is the same text, shorter. That its shape is the accepted one is proved by `check_shape`
when a key signs for the first time; of each file is checked what could spoil it: comments, ids, another signature.

The signature is written without a prefix (`<Signature xmlns="http://www.w3.org/2000/09/xmldsig#">`), as the deployed
SDK and .NET peers write it; signxml, libxmlsec1 and the JDK agree on it (tests/conformance).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.canonical import digest_document
from lienthong.signing.engine import ECDSA, RSA
from lienthong.signing.keys import PrivateKey, SigningKey
from lienthong.signing.policy import ENVELOPED, EXCLUSIVE_C14N, POLICY
from lienthong.signing.shape import (
    SIGNED_PROPERTIES_TYPE,
    XADES,
    check_outside,
    check_shape,
    package_place,
)

_DEFAULT = Limits()
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_SHA256 = DigestAlgorithm.SHA256.value
_SIGNATURE_ID = "package-signature"
_PROPERTIES_ID = "package-signature-properties"
_REFERENCE_ID = "package-signature-reference"
_MARK = "signature"  # as a comment: no other one stands in a file that is signed


class _Template(NamedTuple):
    """Part of a signature, with {names} for its values."""

    canonical: str
    written: str  #: the same without declarations that its surroundings hold, and with empty tags


def _template(canonical: str) -> _Template:
    written = canonical.replace(f' xmlns="{DSIG}"', "").replace(f' xmlns:xades="{XADES}"', "")
    return _Template(canonical, re.sub(r"<(\w+)([^<>]*)></\1>", r"<\1\2/>", written))


def _algorithm(tag: str, uri: str) -> str:
    return f'<{tag} Algorithm="{uri}"></{tag}>'


def _reference(attributes: str, transforms: tuple[str, ...], value: str) -> str:
    steps = "".join(_algorithm("Transform", uri) for uri in transforms)
    return (
        f"<Reference {attributes}><Transforms>{steps}</Transforms>{_algorithm('DigestMethod', _SHA256)}"
        f"<DigestValue>{value}</DigestValue></Reference>"
    )


_SIGNED_INFO: Final = _template(
    f'<SignedInfo xmlns="{DSIG}">{_algorithm("CanonicalizationMethod", EXCLUSIVE_C14N)}'
    + _algorithm("SignatureMethod", "{method}")
    + _reference(f'Id="{_REFERENCE_ID}" URI=""', (ENVELOPED, EXCLUSIVE_C14N), "{document}")
    + _reference(
        f'Type="{SIGNED_PROPERTIES_TYPE}" URI="#{_PROPERTIES_ID}"', (EXCLUSIVE_C14N,), "{properties}"
    )
    + "</SignedInfo>"
)
#: XAdES-B-B: ETSI EN 319 132-1 clause 6.3
_PROPERTIES: Final = _template(
    f'<xades:SignedProperties xmlns:xades="{XADES}" Id="{_PROPERTIES_ID}"><xades:SignedSignatureProperties>'
    "<xades:SigningTime>{time}</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
    f'<DigestMethod xmlns="{DSIG}" Algorithm="{_SHA256}"></DigestMethod>'
    f'<DigestValue xmlns="{DSIG}">{{certificate}}</DigestValue>'
    "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>"
    f'<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#{_REFERENCE_ID}">'
    "<xades:MimeType>text/xml</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties>"
    "</xades:SignedProperties>"
)
_SIGNATURE: Final = (
    f'<Signature xmlns="{DSIG}" xmlns:xades="{XADES}" Id="{_SIGNATURE_ID}">{{signed_info}}'
    "<SignatureValue>{value}</SignatureValue><KeyInfo><X509Data>{certificates}</X509Data></KeyInfo><Object>"
    f'<xades:QualifyingProperties Target="#{_SIGNATURE_ID}">{{properties}}</xades:QualifyingProperties></Object>'
    "</Signature>"
)


class _Named(NamedTuple):
    """How a key is named in its signatures."""

    digest: str  #: of the certificate, base64
    certificates: str  #: the content of X509Data


@lru_cache(maxsize=256)
def _named(
    certificate: x509.Certificate, chain: tuple[x509.Certificate, ...], method: SignatureMethod
) -> _Named:
    """Once for each key, after the policy accepted it and `check_shape` a signature that names it."""
    POLICY.check_key(certificate.public_key(), method)
    encoded = [_base64(each.public_bytes(Encoding.DER)) for each in (certificate, *chain)]
    named = _Named(
        digest=_base64(certificate.fingerprint(hashes.SHA256())),
        certificates="".join(f"<X509Certificate>{text}</X509Certificate>" for text in encoded),
    )
    trial = _fill(named, certificate.not_valid_before_utc, method, b"document", lambda _octets: b"value")
    root = parse(b"<a>" + trial + b"</a>")
    check_shape(root, root[0])
    return named


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
    named = _named(key.certificate, key.chain, method)
    if next(root.iter("{*}Signature"), None) is not None:
        raise Refusal(Code.SIGNATURE_MULTIPLE, field="Signature", detail="the file is signed already")
    check_outside(root, besides=(_SIGNATURE_ID, _PROPERTIES_ID, _REFERENCE_ID))
    document = hashlib.sha256()
    digest_document(root, document)
    signature = _fill(named, at, method, document.digest(), partial(_value, key.private_key, method))
    place.append(etree.Comment(_MARK))
    before, _, behind = etree.tostring(root, encoding="UTF-8").partition(f"<!--{_MARK}-->".encode())
    return b"".join((_DECLARATION, before, signature, behind))


def _fill(
    named: _Named, at: datetime, method: SignatureMethod, document: bytes, sign: Callable[[bytes], bytes]
) -> bytes:
    """The signature over a file with the digest `document`; `sign` gives the value."""
    about = {"time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "certificate": named.digest}
    properties = hashlib.sha256(_PROPERTIES.canonical.format(**about).encode()).digest()
    digests = {"method": method.value, "document": _base64(document), "properties": _base64(properties)}
    return _SIGNATURE.format(
        signed_info=_SIGNED_INFO.written.format(**digests),
        value=_base64(sign(_SIGNED_INFO.canonical.format(**digests).encode())),
        certificates=named.certificates,
        properties=_PROPERTIES.written.format(**about),
    ).encode()


def _method(key: PrivateKey) -> SignatureMethod:
    """The customary method for the key: SHA-256, and SHA-384 on the larger curve."""
    if isinstance(key, rsa.RSAPrivateKey):
        return SignatureMethod.RSA_SHA256
    return SignatureMethod.ECDSA_SHA256 if key.key_size <= 256 else SignatureMethod.ECDSA_SHA384


def _value(key: PrivateKey, method: SignatureMethod, octets: bytes) -> bytes:
    """The SignatureValue; for ECDSA the two numbers side by side (RFC 4050)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), RSA[method.value])
    size = (key.key_size + 7) // 8
    return b"".join(n.to_bytes(size) for n in decode_dss_signature(key.sign(octets, ECDSA[method.value])))


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
