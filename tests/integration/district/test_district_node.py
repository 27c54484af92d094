"""The district's tier: between communes and province, where what a commune's relay passed on is proved again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import HeldKind
from lienthong.transit.message import TransitMessage, decode
from tests.services.linkage import OPERATOR, Linkage

COMMUNE, DISTRICT, OTHER, DEPARTMENT = "H48.31.05", "H48.31", "H48.33.02", "H48.11"


def flipped(data: bytes, needle: bytes) -> bytes:
    """One bit of one byte inside `needle` changed."""
    position = data.index(needle) + len(needle) // 2
    return data[:position] + bytes([data[position] ^ 0x01]) + data[position + 1 :]


def document_changed(message: TransitMessage) -> TransitMessage:
    assert message.document is not None
    return replace(message, document=flipped(message.document, b"UBND-VX"))


def attachment_changed(message: TransitMessage) -> TransitMessage:
    assert message.document is not None
    return replace(message, document=flipped(message.document, b"UEsDB"))


def hop_record_changed(message: TransitMessage) -> TransitMessage:
    return replace(message, hop_records=(flipped(message.hop_records[0], b"PASSED"),))


def hop_record_time_changed(message: TransitMessage) -> TransitMessage:
    return replace(message, hop_records=(flipped(message.hop_records[0], b"2026-03-02T02:3"),))


def hop_record_taken_out(message: TransitMessage) -> TransitMessage:
    return replace(message, hop_records=())


def acceptance_changed(message: TransitMessage) -> TransitMessage:
    return replace(message, acceptance=flipped(message.acceptance, b"H48.31.05"))


def recipient_changed(message: TransitMessage) -> TransitMessage:
    return replace(message, recipients=("H48.01", *message.recipients[1:]))


def recipient_removed(message: TransitMessage) -> TransitMessage:
    return replace(message, recipients=message.recipients[1:])


def recipient_added(message: TransitMessage) -> TransitMessage:
    return replace(message, recipients=(*message.recipients, "H48.33.03"))


def document_id_changed(message: TransitMessage) -> TransitMessage:
    return replace(message, document_id=message.document_id[:-1] + "x")


TAMPERED: list[tuple[Callable[[TransitMessage], TransitMessage], set[Code]]] = [
    (document_changed, {Code.SIGNATURE_INVALID}),
    (attachment_changed, {Code.SIGNATURE_INVALID}),
    (hop_record_changed, {Code.SIGNATURE_INVALID}),
    (hop_record_time_changed, {Code.SIGNATURE_INVALID}),
    (hop_record_taken_out, {Code.CHAIN_BROKEN}),
    (acceptance_changed, {Code.CHAIN_BROKEN}),
    (recipient_changed, {Code.RECIPIENTS_ALTERED}),
    (recipient_removed, {Code.RECIPIENTS_ALTERED}),
    (recipient_added, {Code.RECIPIENTS_ALTERED}),
    (document_id_changed, {Code.CHAIN_BROKEN}),
]


@pytest.mark.parametrize(("tamper", "codes"), TAMPERED, ids=lambda p: getattr(p, "__name__", ""))
async def test_a_message_altered_in_the_broker_is_quarantined_and_the_sender_sees_it(
    linkage: Linkage, tamper: Callable[[TransitMessage], TransitMessage], codes: set[Code]
) -> None:
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT, OTHER])
    genuine = decode(await linkage.intercept(DISTRICT))
    altered = tamper(genuine)
    assert altered != genuine
    await linkage.relay(DISTRICT)
    await linkage.inject(DISTRICT, altered.encode())
    held = await linkage.until_held(HeldKind.QUARANTINE)
    assert held[0].code in codes
    assert (held[0].node, held[0].message) == (DISTRICT, altered.encode())
    for recipient in (DEPARTMENT, OTHER):
        tracked = await linkage.tracked(COMMUNE, sent.document.id, recipient)
        assert tracked.delivery.state is DeliveryState.QUARANTINED
        assert [hop.node for hop in tracked.hops] == [COMMUNE]


async def test_every_single_flipped_byte_of_a_whole_message_is_caught(linkage: Linkage) -> None:
    """Every 97th byte of a real message, flipped: nothing gets past the district, and the genuine one still does."""
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    genuine = await linkage.intercept(DISTRICT)
    positions = range(1, len(genuine), 97)
    await linkage.relay(DISTRICT)
    for position in positions:
        await linkage.inject(
            DISTRICT, genuine[:position] + bytes([genuine[position] ^ 0x20]) + genuine[position + 1 :]
        )
    held = 0
    async with asyncio.timeout(60):
        while held + len(await linkage.store.hops(sent.document.id)) - 1 < len(positions):
            held = len(await linkage.store.held(HeldKind.QUARANTINE, limit=1_000))
            if len(await linkage.store.hops(sent.document.id)) > 1:
                break
            await asyncio.sleep(0.05)
    assert held == len(positions)
    assert [hop.node for hop in await linkage.store.hops(sent.document.id)] == [COMMUNE]
    await linkage.relay("H48", DEPARTMENT)
    await linkage.inject(DISTRICT, genuine)
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)


async def test_an_operator_releases_the_stored_original(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    altered = document_changed(decode(await linkage.intercept(DISTRICT)))
    await linkage.relay(DISTRICT, "H48", DEPARTMENT)
    await linkage.inject(DISTRICT, altered.encode())
    held = (await linkage.until_held(HeldKind.QUARANTINE))[0]
    view = await linkage.administration.held_one(OPERATOR, held.id)
    assert view.document is not None
    assert view.document.id == sent.document.id
    resolved = await linkage.administration.resolve(OPERATOR, held.id, "released", "checked by telephone")
    assert (resolved.resolution, resolved.reason) == ("released", "checked by telephone")
    await linkage.until(sent.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    assert await linkage.hops(COMMUNE, sent.document.id, DEPARTMENT) == [COMMUNE, DISTRICT, "H48", DEPARTMENT]
    kinds = [event.kind for event in await linkage.store.events(document_id=sent.document.id)]
    assert any("quarantine" in kind for kind in kinds)


async def test_an_operator_rejects_and_the_sender_is_told_the_code(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    altered = document_changed(decode(await linkage.intercept(DISTRICT)))
    await linkage.relay(DISTRICT)
    await linkage.inject(DISTRICT, altered.encode())
    held = (await linkage.until_held(HeldKind.QUARANTINE))[0]
    await linkage.administration.resolve(OPERATOR, held.id, "rejected", "forged on the way")
    row = await linkage.delivery(sent.document.id, DEPARTMENT)
    assert (row.state, row.error, row.error_detail) == (
        DeliveryState.REFUSED,
        Code.SIGNATURE_INVALID,
        "forged on the way",
    )
    with pytest.raises(Refusal) as refused:
        await linkage.administration.resolve(OPERATOR, held.id, "released", "too late")
    assert refused.value.code is Code.STATE_ILLEGAL


async def test_a_message_that_comes_twice_is_one_hop_and_one_delivery(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    body = await linkage.intercept(DISTRICT)
    await linkage.relay(DISTRICT, "H48", DEPARTMENT)
    for _ in range(5):
        await linkage.inject(DISTRICT, body)
    await linkage.receive(DEPARTMENT, sent.document.id)
    await linkage.inject(DISTRICT, body)
    again = await linkage.submit(
        COMMUNE, [DEPARTMENT], code_number="213"
    )  # behind the copies in the same queues
    await linkage.until(again.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
    assert [hop.node for hop in await linkage.store.hops(sent.document.id)] == [
        COMMUNE,
        DISTRICT,
        "H48",
        DEPARTMENT,
    ]
    consigned = [
        e
        for e in await linkage.store.evidence(sent.document.id)
        if e.kind is EvidenceKind.CONTENT_CONSIGNMENT
    ]
    assert len(consigned) == 1
    assert await linkage.store.held(HeldKind.QUARANTINE) == []


async def test_a_relay_killed_between_record_and_publish_repeats_the_recorded_hop(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE)
    sent = await linkage.submit(COMMUNE, [DEPARTMENT])
    body = await linkage.intercept(DISTRICT)
    first = await linkage.relay(DISTRICT)
    await linkage.inject(DISTRICT, body)
    before = decode(
        await linkage.intercept("H48")
    )  # recorded and published; now pretend the publish was lost
    await first.close()
    await linkage.relay(DISTRICT)
    await linkage.inject(DISTRICT, body)  # what the broker redelivers
    after = decode(await linkage.intercept("H48"))
    assert after.hop_records == before.hop_records
    assert len(await linkage.store.hops(sent.document.id)) == 2


async def test_two_relays_share_a_node_without_doubling(linkage: Linkage) -> None:
    await asyncio.gather(*(linkage.relay() for _ in range(2)))
    sent = [await linkage.submit(COMMUNE, [DEPARTMENT], code_number=str(n)) for n in range(300, 320)]
    for one in sent:
        await linkage.until(one.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
        assert len(await linkage.store.hops(one.document.id)) == 4
    inbox = await linkage.hub.inbox(linkage.caller(DEPARTMENT), after=None, limit=100)
    assert sorted(item.document.id for item in inbox) == sorted(one.document.id for one in sent)


async def test_a_district_is_a_recipient_and_a_way_at_once(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit("H48", [DISTRICT, COMMUNE])
    await linkage.until(sent.document.id, DISTRICT, DeliveryState.CONSIGNED)
    await linkage.until(sent.document.id, COMMUNE, DeliveryState.CONSIGNED)
    assert await linkage.hops("H48", sent.document.id, DISTRICT) == ["H48", DISTRICT]
    assert await linkage.hops("H48", sent.document.id, COMMUNE) == ["H48", DISTRICT, COMMUNE]


async def test_a_graceful_stop_in_the_middle_loses_nothing(linkage: Linkage) -> None:
    first = await linkage.relay()
    sent = [await linkage.submit(COMMUNE, [DEPARTMENT], code_number=str(n)) for n in range(400, 430)]
    await first.close()
    await linkage.relay()
    for one in sent:
        await linkage.until(one.document.id, DEPARTMENT, DeliveryState.CONSIGNED)
