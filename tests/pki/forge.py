"""A hand-made XML signer for shapes that no honest signer makes. What it makes is cryptographically sound.

`forge(package, key)` alone gives a plain enveloped signature that is accepted; each option bends one thing, so a test
shows that the shape or the policy refuses it, not a broken digest.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from lienthong.edxml.names import DSIG
from lienthong.signing.keys import SigningKey

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA1 = "http://www.w3.org/2000/09/xmldsig#sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
HEADER_END = b"</edXML:edXMLHeader>"

_HASHES = {SHA1: "sha1", SHA256: "sha256", f"{MORE}md5": "md5", f"{MORE}sha384": "sha384"}


def canonical(xml: bytes, *, exclusive: bool = True) -> bytes:
    """The file without its signature, canonical."""
    root = etree.fromstring(xml, etree.XMLParser(huge_tree=True))  # noqa: TID251  tests look at hostile files raw
    for signature in list(root.iter(f"{{{DSIG}}}Signature")):
        before, parent = signature.getprevious(), signature.getparent()
        if before is not None:
            before.tail = (before.tail or "") + (signature.tail or "")
        else:
            parent.text = (parent.text or "") + (signature.tail or "")
        parent.remove(signature)
    return etree.tostring(root, method="c14n", exclusive=exclusive, with_comments=False)


def certificate_base64(key: SigningKey) -> str:
    """The certificate's DER in base64."""
    return base64.b64encode(key.certificate.public_bytes(Encoding.DER)).decode()


def forge(
    package: bytes,
    key: SigningKey,
    *,
    private: object | None = None,
    transforms: tuple[str, ...] = (ENVELOPED, EXCLUSIVE),
    transform_content: str = "",
    canonicalization: str = EXCLUSIVE,
    method: str | None = None,
    digest: str = SHA256,
    uri: str = "",
    covered: bytes | None = None,
    references: str = "",
    key_info: str | None = None,
    inside: str = "",
    before: str = "",
    attributes: str = "",
    place: bytes = HEADER_END,
) -> bytes:
    """`package` with a signature before `place`. `covered`: what the digest is over, else the whole file.
    `private`: what signs, when it is not `key`'s own.
    """
    inclusive = canonicalization.startswith(INCLUSIVE)
    content = canonical(package, exclusive=EXCLUSIVE in transforms) if covered is None else covered
    value = base64.b64encode(hashlib.new(_HASHES.get(digest, "sha256"), content).digest()).decode()
    steps = "".join(f'<Transform Algorithm="{step}">{transform_content}</Transform>' for step in transforms)
    private = private or key.private_key
    method = method or _method(private)
    signed_info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{canonicalization}"/><SignatureMethod Algorithm="{method}"/>'
        f'<Reference URI="{uri}"><Transforms>{steps}</Transforms><DigestMethod Algorithm="{digest}"/>'
        f"<DigestValue>{value}</DigestValue></Reference>{references}</SignedInfo>"
    )
    if key_info is None:
        certificate = f"<X509Certificate>{certificate_base64(key)}</X509Certificate>"
        key_info = f"<KeyInfo><X509Data>{certificate}</X509Data></KeyInfo>"
    shell = f'<Signature xmlns="{DSIG}"{attributes}>{before}{signed_info}'
    head, _, tail = package.rpartition(place)
    draft = etree.fromstring(head + f"{shell}</Signature>".encode() + place + tail)  # noqa: TID251
    (element,) = draft.iter(f"{{{DSIG}}}SignedInfo")
    octets = etree.tostring(element, method="c14n", exclusive=not inclusive, with_comments=False)
    signature = base64.b64encode(_raw_signature(private, octets, method)).decode()
    block = f"{shell}<SignatureValue>{signature}</SignatureValue>{key_info}{inside}</Signature>"
    return head + block.encode() + place + tail


def _method(private: object) -> str:
    return MORE + ("rsa-sha256" if isinstance(private, rsa.RSAPrivateKey) else "ecdsa-sha256")


def _raw_signature(private: object, octets: bytes, method: str) -> bytes:
    algorithm: hashes.HashAlgorithm = hashes.SHA1() if method.endswith("sha1") else hashes.SHA256()  # noqa: S303
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(octets, padding.PKCS1v15(), algorithm)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(octets, ec.ECDSA(algorithm)))
        size = (private.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    return private.sign(octets)
