"""The department's tier: the end of the four-hop road, where the whole chain is proved and evidence is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lienthong.domain.agency import AgencyStatus
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import ContentConsignment, EvidenceKind, Verdict
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import HeldKind
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong.transit.chain import verify_chain
from lienthong.transit.message import decode
from tests.services.linkage import OPERATOR, Linkage

COMMUNE, DISTRICT, PROVINCE, DEPARTMENT = "H48.31.05", "H48.31", "H48", "H48.11"
ROAD = [COMMUNE, DISTRICT, PROVINCE, DEPARTMENT]


async def test_four_hops_each_passed_and_the_record_verifies_without_the_hub(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    await linkage.receive(DEPARTMENT, sent.document.id)
    tracked = await linkage.tracked(COMMUNE, sent.document.id, DEPARTMENT)
    assert [(hop.node, hop.verdict) for hop in tracked.hops] == [(node, Verdict.PASSED) for node in ROAD]
    chain = verify_chain(
        sent.acceptance,
        [hop.record for hop in tracked.hops],
        document_sha256=sent.document.sha256,
        trust=linkage.world.infrastructure_trust,
        at=linkage.now(),
    )
    assert [hop.node for hop in chain.hops] == ROAD


async def test_the_consignment_names_the_hop_that_proved_it(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    rows = await linkage.store.evidence(sent.document.id)
    consignment = next(row for row in rows if row.kind is EvidenceKind.CONTENT_CONSIGNMENT)
    verified = verify_record(
        consignment.xml,
        trust=linkage.world.infrastructure_trust,
        at=linkage.now(),
        root=records.root_name(EvidenceKind.CONTENT_CONSIGNMENT),
    )
    record = records.read(verified.root)
    hop = (await linkage.store.hops(sent.document.id))[-1]
    assert isinstance(record, ContentConsignment)
    assert (record.recipient, record.hop_digest) == (DEPARTMENT, hop.digest)
    assert verified.signer.identity == f"urn:lienthong:node:{DEPARTMENT}"


async def test_a_forged_early_record_is_caught_here_though_only_the_newest_was_checked_on_the_way(
    linkage: Linkage,
) -> None:
    """The acceptance is signed by nobody we trust, but the hops after it are genuine in form."""
    await linkage.relay(COMMUNE, DISTRICT, PROVINCE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    message = decode(await linkage.intercept(DEPARTMENT))
    await linkage.relay(DEPARTMENT)
    for position in range(3):
        hops = list(message.hop_records)
        hops[position] = hops[position].replace(b"</", b"\n</", 1)
        await linkage.inject(DEPARTMENT, replace(message, hop_records=tuple(hops)).encode())
    held = await linkage.until_held(HeldKind.QUARANTINE, 3)
    assert {row.code for row in held} <= {Code.SIGNATURE_INVALID, Code.CHAIN_BROKEN, Code.SCHEMA_INVALID}
    assert (await linkage.delivery(sent.document.id, DEPARTMENT)).state is DeliveryState.QUARANTINED


async def test_what_is_missing_for_a_while_is_retried_then_a_dead_letter_then_requeued(
    linkage: Linkage,
) -> None:
    """A big document travels by reference; its bytes are away, come back, and an operator requeues."""
    sent = await linkage.submit(COMMUNE, [DEPARTMENT], files={"big.pdf": b"%PDF" + bytes(range(256)) * 4_000})
    message = decode(await linkage.intercept(COMMUNE))
    lost = replace(message, document=None, blob="0" * 64)
    await linkage.relay()
    await linkage.inject(COMMUNE, lost.encode())
    held = await linkage.until_held(HeldKind.DEAD_LETTER)
    assert (held[0].node, held[0].document_id) == (COMMUNE, sent.document.id)
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.DEAD)
    assert await linkage.reconciler.reconcile(everything=True) == 0  # an operator decides about the dead
    with pytest.raises(Refusal) as refused:
        await linkage.administration.resolve(OPERATOR, held[0].id, "released", "wrong word")
    assert refused.value.code is Code.ARGUMENT_INVALID
    await linkage.dispatcher.publish_again(sent.document)
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    resolved = await linkage.administration.resolve(OPERATOR, held[0].id, "discarded", "arrived after all")
    assert resolved.resolution == "discarded"
    assert (await linkage.delivery(sent.document.id, DEPARTMENT)).state is DeliveryState.CONSIGNED


async def test_a_big_document_travels_by_reference_and_arrives_whole(linkage: Linkage) -> None:
    await linkage.relay()
    noise = b"%PDF" + bytes((i * i * 7 + i // 255) % 251 for i in range(600_000))
    data = linkage.world.signed(COMMUNE, [DEPARTMENT], files={"big.pdf": noise})
    sent = await linkage.submit_bytes(COMMUNE, data)
    _, received = await linkage.receive(DEPARTMENT, sent.document.id)
    assert received == data


async def test_a_closed_department_is_refused_with_its_successor(linkage: Linkage) -> None:
    await linkage.administration.close_agency(OPERATOR, DEPARTMENT, [PROVINCE], "merged")
    sent = await linkage.submit(COMMUNE, [DEPARTMENT, DISTRICT])
    refused = next(row for row in sent.deliveries if row.recipient == DEPARTMENT)
    assert (refused.state, refused.error) == (DeliveryState.REFUSED, Code.RECIPIENT_CLOSED)
    assert refused.error_detail == f"{DEPARTMENT} → {PROVINCE}"
    closed = linkage.hub.directory.find(DEPARTMENT)
    assert closed is not None
    assert closed.status is AgencyStatus.CLOSED


async def test_a_revoked_certificate_stops_documents_at_once(linkage: Linkage) -> None:
    await linkage.submit(COMMUNE, [DEPARTMENT])
    sha256 = linkage.world.key(COMMUNE).certificate_sha256
    await linkage.administration.revoke_certificate(OPERATOR, sha256, "key lost")
    with pytest.raises(Refusal) as refused:
        await linkage.submit(COMMUNE, [DEPARTMENT], code_number="2")
    assert refused.value.code is Code.CERTIFICATE_REVOKED


async def test_only_sender_and_recipient_see_a_document(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [DEPARTMENT, DISTRICT])
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    own = await linkage.hub.track(linkage.caller(DEPARTMENT), sent.document.id)
    assert [t.delivery.recipient for t in own.deliveries] == [DEPARTMENT]
    with pytest.raises(Refusal) as refused:
        await linkage.hub.track(linkage.caller("H48.33"), sent.document.id)
    assert refused.value.code is Code.NOT_FOUND
