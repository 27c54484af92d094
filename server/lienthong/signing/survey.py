"""What is wrong with a signed package: everything that can be judged, not only the first step that fails.

For people who mend a file (`check`). A verification stops at its first refusal (`verify.py`), and nothing here is a
proof: a survey answers with what it found and never with a document. The steps and their numbers are those of
`verify.py`. A step is left out where it stands on one that failed: no certificate is read out of a signature whose
shape is not understood, no value is computed with an algorithm the policy refuses, no revocation looked up on a path
that does not lead to an anchor. The rest is judged: who the certificate is bound to, whether the bytes fit it, whether
XAdES names it and whether the package can be read do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from lxml import etree

from lienthong.domain.agency import Directory
from lienthong.edxml.bounds import Limits
from lienthong.errors import Refusal, let_go
from lienthong.signing.engine import verify_signature
from lienthong.signing.policy import POLICY
from lienthong.signing.shape import Shape, check_shape, find_signature, package_place
from lienthong.signing.stated import check_algorithms, read_stated
from lienthong.signing.steps import _certificates, _check_signing_certificate, _parse, _signer
from lienthong.signing.trust import Binding, Trust
from lienthong.signing.verdict import Report, Signer, Trail
from lienthong.signing.verify import _check_bound, _check_named, _read, _written_sender

_DEFAULT: Final = Limits()
_STEPS: Final = tuple(range(12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Every step that could be judged. `refusals` in the order of the steps, none twice."""

    report: Report
    refusals: tuple[Refusal, ...]
    signer: Signer | None  #: whose certificate it is, as far as it could be read; it proves nothing


def survey_package(
    data: bytes,
    *,
    trust: Trust,
    at: datetime,
    directory: Directory | None = None,
    bindings: Mapping[str, Binding] | None = None,
    limits: Limits = _DEFAULT,
) -> Survey:
    """As `examine_package`, but goes on after a step that failed. Never raises for a bad file."""
    return _Surveyor(trust, at, directory, bindings).run(data, limits)


class _Surveyor:
    def __init__(
        self,
        trust: Trust,
        at: datetime,
        directory: Directory | None,
        bindings: Mapping[str, Binding] | None,
    ) -> None:
        self._trust = trust
        self._at = at
        self._directory = directory
        self._bindings = bindings
        self._trail = Trail(_STEPS)
        self._found: dict[tuple[object, ...], Refusal] = {}

    def run(self, data: bytes, limits: Limits) -> Survey:
        try:
            self._examine(_parse(data, limits, self._trail)[0])  # (0) (1)
        except Refusal as refusal:
            self._note(refusal)
        for found in self._found.values():
            let_go(found)
        signer = self._trail.signer
        return Survey(report=self._trail.report(), refusals=tuple(self._found.values()), signer=signer)

    @contextmanager
    def _step(self, number: int) -> Iterator[None]:
        """Run one step; a refusal is noted and ends the step alone."""
        try:
            with self._trail.step(number):
                yield
        except Refusal as refusal:
            self._note(refusal)

    def _note(self, refusal: Refusal) -> None:
        self._found.setdefault((refusal.code, refusal.field, refusal.detail), refusal)

    def _examine(self, root: etree._Element) -> None:
        parent = signature = shape = written = None
        with self._step(2):
            parent = package_place(root)
        if parent is None:
            return
        with self._step(3):
            signature = find_signature(root, parent, last=False)
        if signature is not None:
            with self._step(4):
                shape = check_shape(root, signature)
        if shape is not None:
            self._examine_signature(shape)
        with self._step(10):
            written = _written_sender(root)
            self._check_sender(written)
        if written is not None:
            with self._step(11):
                _read(root, written)

    def _examine_signature(self, shape: Shape) -> None:
        method = certificate = path = None
        supplied: list[x509.Certificate] = []
        with self._step(5):
            check_algorithms(shape)
            method = POLICY.check_signature_method(shape.signature_method)
        with self._step(6):
            certificate, supplied = _certificates(shape.certificates)
            self._trail.signer = _signer(certificate, None)
        if certificate is None:
            return
        with self._step(6):
            path = self._trust.verify_path(certificate, supplied=supplied, at=self._at)
        if method is not None:
            with self._step(6):
                POLICY.check_key(certificate.public_key(), method)
        if path is not None:
            with self._step(7):
                self._trust.verify_revocation(path, at=self._at)
        if method is not None:
            with self._step(8):
                verify_signature(read_stated(shape), shape.root, certificate)
        with self._step(9):
            self._trail.signer = _signer(
                certificate, _check_signing_certificate(read_stated(shape), certificate)
            )

    def _check_sender(self, written: str) -> None:
        signer = self._trail.signer
        if signer is None:
            self._trail.leave_open(10, "there is no certificate to ask")
            return
        if self._bindings is not None and self._directory is not None:
            _check_bound(written, signer, self._bindings, self._directory, self._at)
        else:
            _check_named(written, signer, self._directory, self._trail)
