"""Trust: reading it from files, and remembering no more than it may."""

from __future__ import annotations

import pytest

from lienthong.errors import Code, Refusal
from lienthong.signing import trust as module
from lienthong.signing.trust import Revocation, Trust
from tests.pki.world import world


def test_from_pem_reads_several_certificates_and_lists_from_one_text() -> None:
    w = world()
    anchors = w.agency_ca.certificate_pem() + w.transport_ca.certificate_pem()
    crls = w.agency_ca.crl(at=w.at) + w.transport_ca.crl(at=w.at)
    below = w.agency_ca.subordinate("below", at=w.at)
    trust = Trust.from_pem(anchors=[anchors], crls=[crls], intermediates=[below.certificate_pem()])
    assert trust.anchors == (w.agency_ca.certificate, w.transport_ca.certificate)
    assert len(trust.crls) == 2
    assert trust.intermediates == (below.certificate,)
    assert trust.revocation is Revocation.REQUIRED


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("anchors", b"rubbish"),
        ("crls", b"rubbish"),
        ("crls", b"-----BEGIN X509 CRL-----\nAA\n-----END X509 CRL-----"),
    ],
)
def test_from_pem_refuses_what_is_no_pem(part: str, text: bytes) -> None:
    parts = {"anchors": [world().agency_ca.certificate_pem()], part: [text]}
    with pytest.raises(Refusal) as caught:
        Trust.from_pem(**parts)  # type: ignore[arg-type]
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert caught.value.field == part


def test_trust_in_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="no anchor"):
        Trust.from_pem(anchors=[])


def test_paths_are_remembered_and_forgotten_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world()
    trust = Trust(anchors=(w.agency_ca.certificate,))
    first = trust.verify_path(w.key("H48").certificate, at=w.at)
    assert trust.verify_path(w.key("H48").certificate, at=w.at) is first
    assert first.certificates == (w.key("H48").certificate, w.agency_ca.certificate)
    monkeypatch.setattr(module, "_MAX_REMEMBERED", 1)
    trust.verify_path(w.key("H48.31").certificate, at=w.at)
    assert trust.verify_path(w.key("H48").certificate, at=w.at) is not first
    assert len(trust._paths) == 1


def test_equal_trusts_are_equal_whatever_they_remember() -> None:
    w = world()
    used, fresh = (Trust(anchors=(w.agency_ca.certificate,)) for _ in range(2))
    used.verify_path(w.key("H48").certificate, at=w.at)
    assert used == fresh
