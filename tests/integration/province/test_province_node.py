"""The province's tier: every way that leaves a district runs through it, and directives fan out from it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane, OtherInfo, Priority
from lienthong.domain.evidence import Branch, HopRecord
from lienthong.edxml.reader import parse
from lienthong.errors import Code
from lienthong.hub.rows import HeldKind
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from lienthong.transit.message import decode
from tests.services.linkage import Linkage

PROVINCE, COMMUNE = "H48", "H48.31.05"
EVERYBODY = ["H48.11", "H48.31", "H48.33", "H48.31.05", "H48.31.06", "H48.33.02", "H48.33.03"]


async def test_a_directive_to_everybody_is_one_copy_per_next_node(linkage: Linkage) -> None:
    await linkage.relay(PROVINCE)
    sent = await linkage.submit(PROVINCE, EVERYBODY)
    copies = {node: decode(await linkage.intercept(node)) for node in ("H48.11", "H48.31", "H48.33")}
    assert {node: copy.recipients for node, copy in copies.items()} == {
        "H48.11": ("H48.11",),
        "H48.31": ("H48.31", "H48.31.05", "H48.31.06"),
        "H48.33": ("H48.33", "H48.33.02", "H48.33.03"),
    }
    rows = {row.node: row.ready for row in await linkage.broker.queues(list(copies))}
    assert all(ready == 0 for ready in rows.values())
    assert [hop.node for hop in await linkage.store.hops(sent.document.id)] == [PROVINCE]


async def test_a_directive_reaches_everybody_with_one_hop_per_node(linkage: Linkage) -> None:
    await linkage.relay()
    sent = await linkage.submit(PROVINCE, EVERYBODY)
    for recipient in EVERYBODY:
        _, data = await linkage.receive(recipient, sent.document.id)
        assert data == await linkage.payloads.get(sent.document.sha256)
    hops = await linkage.store.hops(sent.document.id)
    assert sorted(hop.node for hop in hops) == sorted([PROVINCE, *EVERYBODY])
    states = {row.state for row in await linkage.store.deliveries(sent.document.id)}
    assert states == {DeliveryState.HANDED_OVER}


async def test_hoa_toc_passes_a_backlog_of_a_thousand_at_once(linkage: Linkage) -> None:
    """A thousand normal messages wait at the province; the express one is through before they are."""
    await linkage.relay(COMMUNE, "H48.31")
    normal = await linkage.submit(COMMUNE, ["H48.11"])
    body = await linkage.intercept(PROVINCE)
    await asyncio.gather(*(linkage.inject(PROVINCE, body) for _ in range(1_000)))
    express = await linkage.submit(
        COMMUNE, ["H48.11"], code_number="1", other=OtherInfo(priority=Priority.EXPRESS)
    )
    assert (normal.document.lane, express.document.lane) == (Lane.NORMAL, Lane.EXPRESS)
    await linkage.relay(PROVINCE, "H48.11")
    await linkage.until(express.document.id, "H48.11", DeliveryState.CONSIGNED)
    waiting = await linkage.broker.queues([PROVINCE])
    left = sum(row.ready for row in waiting if row.lane is Lane.NORMAL)
    assert left > 500, f"only {left} of the backlog still wait: the express document waited with them"


async def test_a_hop_record_taken_out_of_the_middle_is_caught_at_the_province(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE, "H48.31")
    sent = await linkage.submit(COMMUNE, ["H48.11"])
    message = decode(await linkage.intercept(PROVINCE))
    assert len(message.hop_records) == 2
    await linkage.relay(PROVINCE)
    for records_left in (message.hop_records[:1], message.hop_records[1:], message.hop_records[::-1]):
        altered = type(message)(
            document_id=message.document_id,
            document=message.document,
            blob=message.blob,
            acceptance=message.acceptance,
            hop_records=records_left,
            recipients=message.recipients,
        )
        await linkage.inject(PROVINCE, altered.encode())
    held = await linkage.until_held(HeldKind.QUARANTINE, 3)
    assert {row.code for row in held} == {Code.CHAIN_BROKEN}
    assert (await linkage.delivery(sent.document.id, "H48.11")).state is DeliveryState.QUARANTINED


async def test_a_genuine_message_of_a_later_node_is_refused_at_an_earlier_one(linkage: Linkage) -> None:
    await linkage.relay(COMMUNE, "H48.31", PROVINCE)
    sent = await linkage.submit(COMMUNE, ["H48.11"])
    body = await linkage.intercept("H48.11")
    await linkage.inject("H48.31", body)
    held = await linkage.until_held(HeldKind.QUARANTINE)
    assert held[0].code is Code.CHAIN_BROKEN
    assert len(await linkage.store.hops(sent.document.id)) == 3


async def test_a_road_that_leads_back_is_a_loop(linkage: Linkage) -> None:
    """A province's relay that went mad signs the way back down: whole signatures, whole chain, still a loop."""
    await linkage.relay(COMMUNE, "H48.31", PROVINCE)
    await linkage.submit(COMMUNE, ["H48.11"])
    message = decode(await linkage.intercept("H48.11"))
    honest = records.read(parse(message.hop_records[-1]))
    assert isinstance(honest, HopRecord)
    mad = replace(honest, next=(Branch(node="H48.31", recipients=("H48.11",)),))
    signed = sign_record(records.write(mad), linkage.world.node_key(PROVINCE), at=linkage.now())
    looping = replace(message, hop_records=(*message.hop_records[:-1], signed))
    await linkage.inject("H48.31", looping.encode())
    held = await linkage.until_held(HeldKind.QUARANTINE)
    assert held[0].code is Code.CHAIN_BROKEN
    assert "loop" in (held[0].detail or "")


async def test_a_message_nobody_can_read_is_quarantined_whole(linkage: Linkage) -> None:
    await linkage.relay(PROVINCE)
    await linkage.inject(PROVINCE, b"\xff not a transit message")
    held = await linkage.until_held(HeldKind.QUARANTINE)
    assert (held[0].document_id, held[0].message) == (None, b"\xff not a transit message")
