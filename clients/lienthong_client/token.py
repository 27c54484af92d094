"""How does an agency sign with a key that never leaves its token? Through PKCS#11, with the vendor's module.

The USB tokens and HSMs that agencies are issued keep RSA or EC keys and their certificates. `open_token` gives a
`SigningKey` whose private key is a handle: each signature is computed inside the token. Needs the extra
`lienthong[token]` (python-pkcs11). PKCS #11 v3.0, clauses 2.1 (RSA) and 2.3 (EC).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from lienthong.errors import Code, Refusal
from lienthong.signing.keys import SigningKey

if TYPE_CHECKING:
    import pkcs11


def open_token(
    module: Path, *, token: str | None = None, key: str | None = None, pin: bytes | None = None
) -> SigningKey:
    """The signing key of a token. `module`: the vendor's shared library; `token`, `key`: their labels.

    `token` may be left out where one token is plugged in, `key` where it holds one key with a certificate. The PIN
    is given once, for as long as the process lives. Raises `Refusal` ARGUMENT_INVALID with what is wrong; never tries
    a PIN twice, as tokens lock themselves after a few.
    """
    try:
        import pkcs11
    except ImportError as error:
        raise _refused("signing with a token needs the extra lienthong[token] (python-pkcs11)") from error
    with _as_refusals(pkcs11):
        library = pkcs11.lib(str(module))
        session = _session(_token(library, token), pin)
        handle, certificate = _key(session, key)
        return SigningKey(private_key=_private_key(handle, certificate), certificate=certificate)


def _token(library: Any, label: str | None) -> Any:  # noqa: ANN401 - python-pkcs11's objects
    tokens = [token for token in library.get_tokens() if label in (None, token.label)]
    if len(tokens) != 1:
        labels = ", ".join(sorted(token.label for token in library.get_tokens())) or "none"
        wanted = "one token" if label is None else f"the token {label!r}"
        raise _refused(f"{wanted} is needed; plugged in: {labels}")
    return tokens[0]


def _session(token: Any, pin: bytes | None) -> Any:  # noqa: ANN401
    """Logged in; a process logs in to a token once for all its sessions."""
    import pkcs11

    try:
        return token.open(user_pin=None if pin is None else pin.decode())
    except pkcs11.UserAlreadyLoggedIn:
        return token.open()


def _key(session: Any, label: str | None) -> tuple[Any, x509.Certificate]:  # noqa: ANN401
    """The one private key that has a certificate of the same id."""
    import pkcs11

    private = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    if label is not None:
        private[pkcs11.Attribute.LABEL] = label  # type: ignore[assignment]
    found = []
    for handle in list(session.get_objects(private)):  # one search at a time
        same = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE, pkcs11.Attribute.ID: handle.id}
        for certificate in list(session.get_objects(same)):
            der = certificate[pkcs11.Attribute.VALUE]
            found.append((handle, x509.load_der_x509_certificate(der)))
    if len(found) != 1:
        wanted = "a private key" if label is None else f"a private key {label!r}"
        raise _refused(f"{wanted} with its certificate is needed once in the token; found {len(found)}")
    return found[0]


def _private_key(
    handle: Any,  # noqa: ANN401
    certificate: x509.Certificate,
) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return TokenRSAKey(handle, public)
    if isinstance(public, ec.EllipticCurvePublicKey):
        return TokenECKey(handle, public)
    raise _refused("the token's key is neither RSA nor EC")


class _Handle:
    """A key in a token. One session serves one call at a time."""

    def __init__(self, handle: Any) -> None:  # noqa: ANN401
        self._handle = handle
        self._lock = threading.Lock()

    def compute(self, data: bytes, mechanism: pkcs11.Mechanism) -> bytes:
        import pkcs11

        with self._lock, _as_refusals(pkcs11):
            signature: bytes = self._handle.sign(data, mechanism=mechanism)
        return signature


class _InToken:
    """What both kinds of key in a token share: they sign through a handle, and give nothing away."""

    def __init__(self, handle: Any, public: Any) -> None:  # noqa: ANN401
        self._key = _Handle(handle)
        self._public = public

    def private_numbers(self) -> NoReturn:
        """Refused: the key never leaves the token."""
        raise _refused("a token's key is used for signing only")

    def private_bytes(self, *_: object) -> NoReturn:
        """Refused: the key never leaves the token."""
        raise _refused("a token's key is used for signing only")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class TokenRSAKey(_InToken, rsa.RSAPrivateKey):
    """An RSA key in a token, with cryptography's interface as far as signing goes (PKCS #1 v1.5, as documents use)."""

    _public: rsa.RSAPublicKey

    @property
    def key_size(self) -> int:
        """Bits of the modulus."""
        return self._public.key_size

    def public_key(self) -> rsa.RSAPublicKey:
        """The certificate's key."""
        return self._public

    def sign(
        self, data: bytes | bytearray | memoryview[int], padding: object, algorithm: object, *_: object
    ) -> bytes:
        """Computed inside the token, the digest too."""
        import pkcs11

        mechanisms = {
            "sha256": pkcs11.Mechanism.SHA256_RSA_PKCS,
            "sha384": pkcs11.Mechanism.SHA384_RSA_PKCS,
            "sha512": pkcs11.Mechanism.SHA512_RSA_PKCS,
        }
        name = algorithm.name if isinstance(algorithm, hashes.HashAlgorithm) else ""
        if not isinstance(padding, PKCS1v15) or name not in mechanisms:
            raise _refused("the token signs RSA with PKCS #1 v1.5 and SHA-256, SHA-384 or SHA-512")
        return self._key.compute(bytes(data), mechanisms[name])

    def decrypt(self, *_: object) -> NoReturn:
        """Not what this key is for."""
        raise _refused("a token's key is used for signing only")


class TokenECKey(_InToken, ec.EllipticCurvePrivateKey):
    """An EC key in a token, with cryptography's interface as far as ECDSA goes."""

    _public: ec.EllipticCurvePublicKey

    @property
    def curve(self) -> ec.EllipticCurve:
        """As the certificate says."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The certificate's key."""
        return self._public

    def sign(
        self,
        data: bytes | bytearray | memoryview[int],
        signature_algorithm: ec.EllipticCurveSignatureAlgorithm,
    ) -> bytes:
        """The digest here, the rest inside the token; DER, as cryptography gives it."""
        import pkcs11

        digest = hashes.Hash(signature_algorithm.algorithm)  # type: ignore[arg-type]
        digest.update(bytes(data))
        raw = self._key.compute(digest.finalize(), pkcs11.Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def exchange(self, *_: object) -> NoReturn:
        """Not what this key is for."""
        raise _refused("a token's key is used for signing only")


@contextmanager
def _as_refusals(pkcs11: Any) -> Iterator[None]:  # noqa: ANN401
    try:
        yield
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise _refused("the token refuses this PIN; after a few wrong ones it locks itself") from error
    except pkcs11.PinLocked as error:
        raise _refused("the token is locked: its issuer can unlock it") from error
    except (pkcs11.UserNotLoggedIn, pkcs11.TokenNotPresent, pkcs11.DeviceRemoved) as error:
        raise _refused(f"the token does not sign: {type(error).__name__}; is it plugged in?") from error
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
        raise _refused(f"the token does not answer: {type(error).__name__} {error}".rstrip()) from error


def _refused(detail: str) -> Refusal:
    return Refusal(Code.ARGUMENT_INVALID, field="token", detail=detail)
