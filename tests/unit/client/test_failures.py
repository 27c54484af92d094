"""Is a hub's word that a delivery failed believed only when a hub said it, about this document, and once?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienthong.domain.evidence import (
    ContentConsignmentFailure,
    ContentHandover,
    ContentHandoverFailure,
    Evidence,
    SubmissionAcceptance,
    Verdict,
)
from lienthong.errors import Code, Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from lienthong_client.offline import examine
from lienthong_client.proof import Proof, RecordTrust, verify_evidence
from tests.pki.world import World

SENDER, RECIPIENT = "H48.31.05", "H48.11"
SHA = "ab" * 32


def signed(world: World, record: Evidence, key: SigningKey) -> bytes:
    return sign_record(records.write(record), key, at=world.at)


def acceptance(world: World) -> bytes:
    record = SubmissionAcceptance(
        document_id="d1",
        document_sha256=SHA,
        sender=SENDER,
        first_node=SENDER,
        recipients=(RECIPIENT,),
        accepted_at=world.at,
    )
    return signed(world, record, world.hub_key)


def failure(world: World) -> ContentConsignmentFailure:
    return ContentConsignmentFailure(
        document_id="d1",
        document_sha256=SHA,
        recipient=RECIPIENT,
        node="H48",
        outcome="EXPIRED",
        reason="not handed over by then",
        failed_at=world.at,
    )


def proved(world: World, *xmls: bytes) -> Proof:
    trust = RecordTrust(infrastructure=world.infrastructure_trust, agencies=world.trust)
    return verify_evidence([acceptance(world), *xmls], document_sha256=SHA, trust=trust, at=world.at)


def test_a_failure_signed_by_a_hub_is_part_of_the_proof(now_world: World) -> None:
    refused = ContentHandoverFailure(
        document_id="d1",
        document_sha256=SHA,
        recipient="H99",
        outcome="WITHDRAWN",
        reason="gửi nhầm",
        failed_at=now_world.at,
    )
    made = [signed(now_world, record, now_world.hub_key) for record in (failure(now_world), refused)]
    assert proved(now_world, *made).failures == (failure(now_world), refused)


def test_a_node_cannot_say_that_a_delivery_failed(now_world: World) -> None:
    xml = signed(now_world, failure(now_world), now_world.node_key("H48"))
    with pytest.raises(Refusal) as refused:
        proved(now_world, xml)
    assert refused.value.code is Code.CERTIFICATE_UNTRUSTED
    trust = RecordTrust(infrastructure=now_world.infrastructure_trust, agencies=now_world.trust)
    examined = examine([("failure.xml", xml)], trust=trust, at=now_world.at)
    assert examined.verdict is not Verdict.PASSED


def test_a_failure_alone_is_examined_as_a_hubs(now_world: World) -> None:
    trust = RecordTrust(infrastructure=now_world.infrastructure_trust, agencies=now_world.trust)
    xml = signed(now_world, failure(now_world), now_world.hub_key)
    assert examine([("failure.xml", xml)], trust=trust, at=now_world.at).verdict is Verdict.PASSED


@pytest.mark.parametrize(("document_id", "sha256"), [("d2", SHA), ("d1", "cd" * 32)])
def test_a_failure_of_another_document_is_found_out(now_world: World, document_id: str, sha256: str) -> None:
    other = replace(failure(now_world), document_id=document_id, document_sha256=sha256)
    xml = signed(now_world, other, now_world.hub_key)
    with pytest.raises(Refusal) as refused:
        proved(now_world, xml)
    assert refused.value.code is Code.CHAIN_BROKEN


def test_nobody_both_received_a_document_and_failed_to(now_world: World) -> None:
    handover = ContentHandover(
        document_id="d1", document_sha256=SHA, recipient=RECIPIENT, handed_over_at=now_world.at
    )
    xmls = (
        signed(now_world, failure(now_world), now_world.hub_key),
        signed(now_world, handover, now_world.key(RECIPIENT)),
    )
    with pytest.raises(Refusal, match="both received") as refused:
        proved(now_world, *xmls)
    assert refused.value.code is Code.CHAIN_BROKEN
