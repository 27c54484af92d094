"""Which algorithms may a signature use? One policy, for documents, hop records and evidence alike.

Everything else (SHA-1, MD5, HMAC, DSA, inclusive C14N, XSLT, XPath, base64) is refused with a detail that says what
to use instead. Exclusive C14N without comments is the only canonicalisation: with inclusive C14N the engines in the
field disagree about valid signatures, and comments would have to be covered to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)

from lienthong.errors import Code, Refusal

#: http://www.w3.org/2001/10/xml-exc-c14n# (without comments)
EXCLUSIVE_C14N: str = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0.value
ENVELOPED: str = SignatureConstructionMethod.enveloped.value

_METHODS = {method.value: method for method in SignatureMethod}
_DIGESTS = {digest.value: digest for digest in DigestAlgorithm}
_INCLUSIVE_C14N = (
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2010/xml-c14n2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmPolicy:
    """Allow-lists. To widen one is to trust more; nothing here is a matter of taste.

    Each `check_*` returns the accepted value or raises `Refusal` SIGNATURE_ALGORITHM_REFUSED.
    """

    #: RSA is PKCS#1 v1.5, the only padding every engine in the field verifies; Ed25519 is not offered by signxml
    signature_methods: frozenset[SignatureMethod] = frozenset(
        {
            SignatureMethod.RSA_SHA256,
            SignatureMethod.RSA_SHA384,
            SignatureMethod.RSA_SHA512,
            SignatureMethod.ECDSA_SHA256,
            SignatureMethod.ECDSA_SHA384,
        }
    )
    digests: frozenset[DigestAlgorithm] = frozenset(
        {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
    )
    #: smaller RSA keys can be factored
    minimum_rsa_bits: int = 2048
    #: larger ones make every hop pay: an 16384-bit verification costs more than the rest of it
    maximum_rsa_bits: int = 8192
    curves: frozenset[str] = field(default=frozenset({"secp256r1", "secp384r1"}))

    def check_canonicalization(self, uri: str) -> str:
        """Exclusive C14N without comments, and nothing else."""
        if uri == EXCLUSIVE_C14N:
            return uri
        if uri.startswith(_INCLUSIVE_C14N):
            raise _refused(
                f"inclusive canonicalisation {uri}; sign again with exclusive C14N {EXCLUSIVE_C14N}"
            )
        raise _refused(f"canonicalisation {uri}; sign again with exclusive C14N {EXCLUSIVE_C14N}")

    def check_signature_method(self, uri: str) -> SignatureMethod:
        """The signature method named by `uri`."""
        method = _METHODS.get(uri)
        if method in self.signature_methods:
            return method
        raise _refused(f"signature method {uri}; use rsa-sha256 or ecdsa-sha256, or stronger")

    def check_digest(self, uri: str) -> DigestAlgorithm:
        """The digest named by `uri`."""
        digest = _DIGESTS.get(uri)
        if digest in self.digests:
            return digest
        raise _refused(f"digest {uri}; use sha256, sha384 or sha512")

    def check_transforms(self, uris: list[str], *, enveloped: bool) -> None:
        """Exactly enveloped-signature and exclusive C14N, in this order; without the former for SignedProperties."""
        expected = [ENVELOPED, EXCLUSIVE_C14N] if enveloped else [EXCLUSIVE_C14N]
        if uris == expected:
            return
        for uri in uris:
            if uri != ENVELOPED:
                self.check_canonicalization_transform(uri)
        raise Refusal(
            Code.SIGNATURE_COVERAGE,
            field="Signature/SignedInfo/Reference/Transforms",
            detail=f"transforms are {', '.join(uris)}; exactly {', '.join(expected)} are accepted",
        )

    def check_canonicalization_transform(self, uri: str) -> None:
        """A transform that is neither enveloped-signature nor exclusive C14N is refused: some readers skip it."""
        if uri != EXCLUSIVE_C14N and not uri.startswith(_INCLUSIVE_C14N):
            raise _refused(f"transform {uri}; only enveloped-signature and exclusive C14N are accepted")
        self.check_canonicalization(uri)

    def check_key(self, key: object, method: SignatureMethod) -> None:
        """The certificate's public key: strong enough, and of the kind the signature method names."""
        if isinstance(key, rsa.RSAPublicKey):
            if not self.minimum_rsa_bits <= key.key_size <= self.maximum_rsa_bits:
                raise _refused(f"RSA key of {key.key_size} bits; {self.minimum_rsa_bits} or more are needed")
            fits = method.name.startswith("RSA_")
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if key.curve.name not in self.curves:
                raise _refused(f"elliptic curve {key.curve.name}; use P-256 or P-384")
            fits = method.name.startswith("ECDSA_")
        else:
            raise _refused("the certificate's key is neither RSA nor ECDSA")
        if not fits:
            raise _refused(f"signature method {method.value} does not fit the certificate's key")


def _refused(detail: str) -> Refusal:
    return Refusal(Code.SIGNATURE_ALGORITHM_REFUSED, field="Signature", detail=detail)


#: the policy in force
POLICY = AlgorithmPolicy()
