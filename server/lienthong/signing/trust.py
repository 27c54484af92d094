"""Does a certificate lead to an anchor we chose, at a given time, and is it not revoked?

Path building is cryptography's (RFC 5280: signatures, names, BasicConstraints, path length, name constraints), with a
profile for document signatures instead of the web's. Revocation is by CRL only: the lists are configured, never
fetched, so a verdict depends on nothing but its inputs and can be repeated years later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import ExtensionOID

from lienthong.errors import Code, Refusal

#: authorities between an anchor and a leaf
_MAX_CHAIN_DEPTH = 4
#: paths remembered per Trust; a province has a few thousand signing certificates
_MAX_REMEMBERED = 20_000

_PEM_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class Revocation(StrEnum):
    """How much must be known about revocation."""

    REQUIRED = "required"  #: a fresh list of every issuer on the path, or REVOCATION_UNKNOWN
    WHEN_PRESENT = "when-present"  #: lists that are there are honoured; a missing or old one is no obstacle


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose certificate it is, by decision of the directory's keeper. `revoked_at` takes it back from then on."""

    agency: str  #: code, in any of its forms
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A certificate, the authorities above it and the anchor, in this order, and when all of them are valid."""

    certificates: tuple[x509.Certificate, ...]
    valid_from: datetime
    valid_to: datetime

    def holds(self, at: datetime) -> bool:
        """Whether every certificate of the path is valid at `at`."""
        return self.valid_from <= at <= self.valid_to


class _Standing(NamedTuple):
    """What the lists of its issuer say of a certificate."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    revoked: tuple[datetime, ...]  #: since when, by each list that names it
    known_until: datetime | None  #: the latest next update


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the verifier believes before it sees a document. Immutable; load it once and keep it.

    Found paths are remembered (their time window is checked again each time); signatures of documents never are.
    """

    anchors: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    revocation: Revocation = Revocation.REQUIRED
    _paths: dict[tuple[int, ...], tuple[Path, tuple[x509.Certificate, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _standings: dict[int, tuple[Path, tuple[_Standing, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _lists: dict[x509.Certificate, tuple[x509.CertificateRevocationList, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        """Refuse to trust nothing: every verification would fail, one by one."""
        if not self.anchors:
            raise Refusal(Code.ARGUMENT_INVALID, field="anchors", detail="no anchor is configured")

    @classmethod
    def from_pem(
        cls,
        *,
        anchors: Iterable[bytes],
        crls: Iterable[bytes] = (),
        intermediates: Iterable[bytes] = (),
        revocation: Revocation = Revocation.REQUIRED,
    ) -> Trust:
        """Read PEM texts; each may hold several certificates or lists. Raises `Refusal` ARGUMENT_INVALID."""
        return cls(
            anchors=_certificates(anchors, "anchors"),
            intermediates=_certificates(intermediates, "intermediates"),
            crls=_crls(crls),
            revocation=revocation,
        )

    def verify_path(
        self, certificate: x509.Certificate, *, supplied: Iterable[x509.Certificate] = (), at: datetime
    ) -> Path:
        """The path from `certificate` to an anchor at `at`; `supplied` are intermediates the peer sent along.

        The leaf must allow digitalSignature, every authority keyCertSign. Raises `Refusal` CERTIFICATE_EXPIRED
        (the leaf or an authority above it is outside its time) or CERTIFICATE_UNTRUSTED.
        """
        supplied = tuple(supplied)
        presented = (certificate, *supplied)
        key = tuple(map(id, presented))  # hashing certificates costs more than all the rest
        known = self._paths.get(key)
        if known is not None and known[0].holds(at):
            return known[0]
        _check_time(certificate, at)
        intermediates = [*self.intermediates, *supplied]
        try:
            chain = self._verifier(at).verify(certificate, intermediates).chain
        except verification.VerificationError as error:
            for above in _named_above(certificate, (*intermediates, *self.anchors)):
                _check_time(above, at)
            detail = f"issuer {certificate.issuer.rfc4514_string()}: {_reason(error)}"
            raise Refusal(Code.CERTIFICATE_UNTRUSTED, field="Signature/KeyInfo", detail=detail) from error
        path = Path(
            certificates=tuple(chain),
            valid_from=max(c.not_valid_before_utc for c in chain),
            valid_to=min(c.not_valid_after_utc for c in chain),
        )
        if len(self._paths) >= _MAX_REMEMBERED:
            self._paths.clear()
        self._paths[key] = path, presented  # kept, so that the ids remain theirs
        return path

    def verify_revocation(self, path: Path, *, at: datetime) -> None:
        """No certificate below the anchor is revoked at `at`.

        A list counts when the issuer signed it and its next update is not before `at`; a list issued after `at`
        counts too (it knows more), but only revocations from before `at`. Raises `Refusal` CERTIFICATE_REVOKED or
        REVOCATION_UNKNOWN (retryable: a newer list may come).
        """
        for standing in self._standings_of(path):
            for since in standing.revoked:
                if since <= at:
                    detail = f"{standing.certificate.subject.rfc4514_string()} since {since.isoformat()}"
                    raise Refusal(Code.CERTIFICATE_REVOKED, field="Signature/KeyInfo", detail=detail)
            fresh = standing.known_until is not None and standing.known_until >= at
            if not fresh and self.revocation is Revocation.REQUIRED:
                detail = f"no current revocation list of {standing.issuer.subject.rfc4514_string()}"
                raise Refusal(Code.REVOCATION_UNKNOWN, field="Signature/KeyInfo", detail=detail)

    def _verifier(self, at: datetime) -> verification.ClientVerifier:
        agnostic = verification.Criticality.AGNOSTIC
        leaf = verification.ExtensionPolicy.permit_all().require_present(
            x509.KeyUsage, agnostic, _check_digital_signature
        )
        authority = (
            verification.ExtensionPolicy.permit_all()
            .require_present(x509.BasicConstraints, agnostic, None)
            .require_present(x509.KeyUsage, agnostic, _check_key_cert_sign)
        )
        return (
            verification.PolicyBuilder()
            .store(verification.Store(list(self.anchors)))
            .time(at)
            .max_chain_depth(_MAX_CHAIN_DEPTH)
            .extension_policies(ee_policy=leaf, ca_policy=authority)
            .build_client_verifier()
        )

    def _standings_of(self, path: Path) -> tuple[_Standing, ...]:
        """Of each certificate below the anchor. Remembered: lists do not change, only the time they are asked for."""
        known = self._standings.get(id(path))
        if known is not None:
            return known[1]
        standings = tuple(
            self._standing(certificate, issuer)
            for certificate, issuer in zip(path.certificates, path.certificates[1:], strict=False)
        )
        if len(self._standings) >= _MAX_REMEMBERED:
            self._standings.clear()
        self._standings[id(path)] = path, standings  # the path is kept, so that the id remains its
        return standings

    def _standing(self, certificate: x509.Certificate, issuer: x509.Certificate) -> _Standing:
        lists = self._lists_of(issuer)
        entries = [crl.get_revoked_certificate_by_serial_number(certificate.serial_number) for crl in lists]
        updates = [crl.next_update_utc for crl in lists if crl.next_update_utc is not None]
        revoked = tuple(entry.revocation_date_utc for entry in entries if entry is not None)
        return _Standing(certificate, issuer, revoked, max(updates, default=None))

    def _lists_of(self, issuer: x509.Certificate) -> tuple[x509.CertificateRevocationList, ...]:
        """The configured lists that `issuer` really signed. Remembered: the answer cannot change."""
        found = self._lists.get(issuer)
        if found is None:
            found = self._lists[issuer] = tuple(crl for crl in self.crls if _is_list_of(crl, issuer))
        return found


def _is_list_of(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    """A complete list of `issuer`. Lists with critical extensions (delta, indirect, partial) are left aside."""
    if crl.issuer != issuer.subject or any(extension.critical for extension in crl.extensions):
        return False
    usage = issuer.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).value
    if not (isinstance(usage, x509.KeyUsage) and usage.crl_sign):
        return False
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]


def _check_digital_signature(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        raise ValueError("KeyUsage does not allow digitalSignature")


def _check_key_cert_sign(policy: object, certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.key_cert_sign:
        raise ValueError("an authority's KeyUsage does not allow keyCertSign")


def _check_time(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        detail = (
            f"{certificate.subject.rfc4514_string()} is valid from {certificate.not_valid_before_utc.isoformat()}"
            f" to {certificate.not_valid_after_utc.isoformat()}, not at {at.isoformat()}"
        )
        raise Refusal(Code.CERTIFICATE_EXPIRED, field="Signature/KeyInfo", detail=detail)


def _named_above(leaf: x509.Certificate, pool: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Certificates of `pool` that could stand above `leaf`, by name alone: to tell expired from untrusted."""
    rest = list(pool)
    above: list[x509.Certificate] = []
    wanted = {leaf.issuer}
    while found := [c for c in rest if c.subject in wanted]:
        above += found
        rest = [c for c in rest if c not in found]
        wanted = {c.issuer for c in found}
    return above


def _reason(error: verification.VerificationError) -> str:
    """The library's reason without its wrapping, for the peer to read."""
    text = str(error).removeprefix("validation failed: ").removeprefix("candidates exhausted: ")
    text = text.split(" (encountered processing")[0]
    return text.removeprefix("Python extension validator failed: ValueError: ")


def _certificates(texts: Iterable[bytes], what: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(c for text in texts for c in x509.load_pem_x509_certificates(text))
    except ValueError as error:
        raise Refusal(Code.ARGUMENT_INVALID, field=what, detail="not a certificate in PEM") from error


def _crls(texts: Iterable[bytes]) -> tuple[x509.CertificateRevocationList, ...]:
    found = []
    for text in texts:
        blocks = _PEM_CRL.findall(text)
        try:
            found += [x509.load_pem_x509_crl(block) for block in blocks or [text]]
        except ValueError as error:
            raise Refusal(
                Code.ARGUMENT_INVALID, field="crls", detail="not a revocation list in PEM"
            ) from error
    return tuple(found)
