"""The commune's tier: where most documents begin and end."""

from __future__ import annotations

import asyncio

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.edxml.reader import parse
from lienthong.errors import Code, HubFault, Refusal
from lienthong.hub.rows import HeldKind
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong.transit.message import decode
from tests.services.linkage import Linkage

COMMUNE, SISTER, DISTRICT = "H48.31.05", "H48.31.06", "H48.31"


async def test_a_document_enters_at_its_senders_own_node(linkage: Linkage) -> None:
    sent = await linkage.submit(COMMUNE, ["H48.11"])
    message = decode(await linkage.intercept(COMMUNE))
    assert message.document_id == sent.document.id
    assert message.hop_records == ()
    assert message.recipients == ("H48.11",)
    assert message.acceptance == sent.acceptance


async def test_the_acceptance_is_signed_and_durable_before_anything_moves(linkage: Linkage) -> None:
    data = linkage.world.signed(COMMUNE, ["H48.11"])
    sent = await linkage.submit_bytes(COMMUNE, data)
    verified = verify_record(
        sent.acceptance,
        trust=linkage.world.infrastructure_trust,
        at=linkage.now(),
        root=records.root_name(EvidenceKind.SUBMISSION_ACCEPTANCE),
    )
    assert verified.signer.identity == "urn:lienthong:hub:test"
    assert await linkage.payloads.get(sent.document.sha256) == data
    assert (await linkage.delivery(sent.document.id, "H48.11")).state is DeliveryState.ACCEPTED


async def test_two_communes_of_one_district_exchange_a_document(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [SISTER])
    item, data = await linkage.receive(SISTER, sent.document.id)
    assert await linkage.hops(COMMUNE, sent.document.id, SISTER) == [COMMUNE, DISTRICT, SISTER]
    assert item.document.sha256 == sent.document.sha256
    assert data == await linkage.payloads.get(sent.document.sha256)
    row = await linkage.delivery(sent.document.id, SISTER)
    assert (row.state, row.handed_over_at is None) == (DeliveryState.HANDED_OVER, False)


async def test_the_old_form_of_a_code_reaches_the_same_agency(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, ["000.06.31.H48"])
    await linkage.until(sent.document.id, SISTER, DeliveryState.CONSIGNED)


async def test_the_same_bytes_again_are_the_same_document(linkage: Linkage) -> None:
    await linkage.relay()
    data = linkage.world.signed(COMMUNE, [SISTER])
    first = await linkage.submit_bytes(COMMUNE, data)
    again = await linkage.submit_bytes(COMMUNE, data)
    assert (again.repeated, again.document.id, again.acceptance) == (
        True,
        first.document.id,
        first.acceptance,
    )
    await linkage.until(first.document.id, SISTER, DeliveryState.CONSIGNED)
    inbox = await linkage.hub.inbox(linkage.caller(SISTER), after=None, limit=10)
    assert [item.document.id for item in inbox] == [first.document.id]


async def test_many_uploads_of_the_same_bytes_at_once_are_one_document(linkage: Linkage) -> None:
    data = linkage.world.signed(COMMUNE, [SISTER])
    sent = await asyncio.gather(*(linkage.submit_bytes(COMMUNE, data) for _ in range(8)))
    assert len({s.document.id for s in sent}) == 1
    assert len({s.acceptance for s in sent}) == 1


async def test_other_bytes_under_the_same_document_id_conflict(linkage: Linkage) -> None:
    first = await linkage.submit(COMMUNE, [SISTER])
    with pytest.raises(Refusal) as refused:
        await linkage.submit(COMMUNE, [SISTER], subject="Nội dung khác")
    assert refused.value.code is Code.DOCUMENT_CONFLICT
    assert refused.value.detail == first.document.edxml_document_id


async def test_an_agency_cannot_send_in_anothers_name(linkage: Linkage) -> None:
    with pytest.raises(Refusal) as refused:
        await linkage.submit_bytes(SISTER, linkage.world.signed(COMMUNE, ["H48.11"]))
    assert (refused.value.code, refused.value.field) == (
        Code.CALLER_NOT_SENDER,
        "MessageHeader/From/OrganId",
    )


async def test_a_bad_recipient_fails_alone(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, ["X99", SISTER])
    assert [(d.recipient, d.state, d.error) for d in sent.deliveries] == [
        ("X99", DeliveryState.REFUSED, Code.RECIPIENT_UNKNOWN),
        (SISTER, DeliveryState.ACCEPTED, None),
    ]
    await linkage.until(sent.document.id, SISTER, DeliveryState.CONSIGNED)


async def test_a_document_for_nobody_known_is_refused_whole(linkage: Linkage) -> None:
    with pytest.raises(Refusal) as refused:
        await linkage.submit(COMMUNE, ["X98", "X99"])
    assert (refused.value.code, refused.value.detail) == (Code.RECIPIENT_UNKNOWN, "X98")


async def test_a_watching_clerk_is_told_the_moment_a_document_arrives(linkage: Linkage) -> None:
    await linkage.relay()
    first = await linkage.submit(COMMUNE, [SISTER])
    await linkage.until(first.document.id, SISTER, DeliveryState.CONSIGNED)
    watch = linkage.hub.watch_inbox(linkage.caller(SISTER), only_new=False)
    assert (await anext(watch)).document.id == first.document.id
    second = await linkage.submit(COMMUNE, [SISTER], code_number="213")
    async with asyncio.timeout(4.0):  # the store is polled every 5 s only: this was a push
        assert (await anext(watch)).document.id == second.document.id


async def test_a_receipt_must_be_the_recipients_own(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [SISTER])
    row = await linkage.until(sent.document.id, SISTER, DeliveryState.CONSIGNED)
    evidence = (await linkage.store.evidence(sent.document.id))[0].xml
    with pytest.raises(Refusal):  # the hub's own evidence is no hand-over
        await linkage.hub.acknowledge(linkage.caller(SISTER), row.id, evidence)
    with pytest.raises(Refusal) as refused:  # somebody else's delivery does not exist for us
        await linkage.hub.acknowledge(linkage.caller("H48.11"), row.id, evidence)
    assert refused.value.code is Code.NOT_FOUND
    assert (await linkage.delivery(sent.document.id, SISTER)).state is DeliveryState.CONSIGNED


async def test_a_message_put_into_another_communes_queue_is_quarantined(linkage: Linkage) -> None:
    await linkage.relay(DISTRICT)
    sent = await linkage.submit(COMMUNE, [SISTER])
    body = await linkage.intercept(COMMUNE)
    await linkage.relay("H48.33.02")
    await linkage.inject("H48.33.02", body)
    held = await linkage.until_held(HeldKind.QUARANTINE)
    assert (held[0].node, held[0].code, held[0].document_id) == (
        "H48.33.02",
        Code.CHAIN_BROKEN,
        sent.document.id,
    )
    assert (await linkage.delivery(sent.document.id, SISTER)).state is DeliveryState.ACCEPTED
    assert await linkage.store.hops(sent.document.id) == []


async def test_a_hub_killed_after_the_acceptance_loses_nothing(linkage: Linkage) -> None:
    """The broker never got the message: the reconciler of the next process publishes from the store."""
    sent = await linkage.submit(COMMUNE, [SISTER])
    await linkage.intercept(COMMUNE)  # gone with the broker's disk
    await linkage.relay()
    assert await linkage.reconciler.reconcile(everything=True) == 1
    await linkage.until(sent.document.id, SISTER, DeliveryState.CONSIGNED)


async def test_a_consigned_document_is_not_published_again(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(COMMUNE, [SISTER])
    await linkage.receive(SISTER, sent.document.id)
    await linkage.until_published(sent.document.id)
    assert await linkage.reconciler.reconcile(everything=True) == 0


async def test_a_document_is_accepted_while_the_broker_refuses(linkage: Linkage) -> None:
    sent = await linkage.submit(COMMUNE, [SISTER])
    await linkage.intercept(COMMUNE)
    with pytest.raises(HubFault):
        await linkage.broker.publish("H48.99", sent.document.lane, b"no such queue")
    assert parse(sent.acceptance).tag == records.root_name(EvidenceKind.SUBMISSION_ACCEPTANCE)
