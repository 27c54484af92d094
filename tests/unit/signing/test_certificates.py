"""What is remembered of certificates and paths saves reading, and never a decision."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from lienthong.errors import Code, Refusal
from lienthong.signing.authority import Authority
from lienthong.signing.certificates import facts_of, is_authority, read_certificate
from lienthong.signing.sign import sign_record
from lienthong.signing.trust import Trust
from lienthong.signing.verify import verify_record
from tests.pki.world import World

ROOT = "{urn:lienthong:transit:1}RelayAcceptance"
RECORD = b'<RelayAcceptance xmlns="urn:lienthong:transit:1"><Node>H48</Node></RelayAcceptance>'
DAY = timedelta(days=1)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_a_certificate_is_read_once_and_another_one_is_another() -> None:
    w = World()
    one, other = _der(w.node_key("H48").certificate), _der(w.node_key("H48.31").certificate)
    assert read_certificate(one) is read_certificate(bytes(bytearray(one)))
    assert read_certificate(one) != read_certificate(other)
    assert facts_of(read_certificate(one)).identity == "urn:lienthong:node:H48"
    assert facts_of(read_certificate(other)).identity == "urn:lienthong:node:H48.31"
    assert facts_of(w.node_key("H48").certificate).sha256 == w.node_key("H48").certificate_sha256
    assert not is_authority(read_certificate(one))
    assert is_authority(w.infrastructure_ca.certificate)


def test_what_cannot_be_read_is_not_remembered() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="parsing"):
            read_certificate(b"0\x80garbage")


def test_two_identities_in_one_certificate_say_nothing() -> None:
    uris = ["urn:lienthong:node:H48", "urn:lienthong:node:H48.31"]
    assert facts_of(World().issue("two", uris=uris).certificate).identity is None
    assert facts_of(World().issue("other", uris=["urn:x:node:H48"]).certificate).identity is None


def test_memories_are_bounded() -> None:
    for remembered in (read_certificate, facts_of, is_authority):
        assert 0 < (remembered.cache_info().maxsize or 0) <= 10_000


class TestAVerificationBeforeDoesNotHelp:
    """Each record was verified a moment before, with the same Trust where it is the same."""

    def setup_method(self) -> None:
        self.world = World()
        self.key = self.world.node_key("H48")
        self.record = sign_record(RECORD, self.key, at=self.world.at)
        self.trust = self.world.infrastructure_trust
        self.verify(self.trust)
        self.verify(self.trust)

    def verify(self, trust: Trust, *, days: float = 0) -> None:
        verify_record(self.record, trust=trust, at=self.world.at + days * DAY, root=ROOT)

    def refused(self, trust: Trust, *, days: float = 0) -> Code:
        with pytest.raises(Refusal) as caught:
            self.verify(trust, days=days)
        return caught.value.code

    def test_past_the_certificates_end(self) -> None:
        end = self.key.certificate.not_valid_after_utc - self.world.at
        assert self.refused(self.trust, days=end / DAY + 0.001) is Code.CERTIFICATE_EXPIRED
        begin = self.key.certificate.not_valid_before_utc - self.world.at
        assert self.refused(self.trust, days=begin / DAY - 0.001) is Code.CERTIFICATE_EXPIRED
        self.verify(self.trust)

    def test_past_the_authoritys_end(self) -> None:
        at = self.world.at
        short = Authority.create("short", at=at - DAY, years=1)
        key = self.world.issue("long", ca=short, at=at, days=3000).signing_key
        self.record = sign_record(RECORD, key, at=at)
        trust = Trust.from_pem(anchors=[short.certificate_pem()], crls=[short.crl(at=at, days=4000)])
        self.verify(trust)
        assert self.refused(trust, days=400) is Code.CERTIFICATE_EXPIRED

    def test_past_the_lists_next_update(self) -> None:
        update = self.trust.crls[0].next_update_utc
        assert update is not None
        days = (update - self.world.at) / DAY
        self.verify(self.trust, days=days)
        assert self.refused(self.trust, days=days + 0.001) is Code.REVOCATION_UNKNOWN

    def test_when_a_newer_list_names_it(self) -> None:
        newer = self.world.trust_in(self.world.infrastructure_ca, revoked=[self.key])
        assert self.refused(newer) is Code.CERTIFICATE_REVOKED

    def test_under_other_anchors(self) -> None:
        assert self.refused(self.world.trust) is Code.CERTIFICATE_UNTRUSTED

    def test_when_the_record_was_changed(self) -> None:
        self.record = self.record.replace(b"<Node>H48<", b"<Node>H49<")
        assert self.refused(self.trust) is Code.SIGNATURE_INVALID
