"""Does a client believe only what is proven, resume what broke, and sign receipts only for what it verified?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lienthong.api.v1 import common_pb2
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import ContentHandover, EvidenceKind, HopRecord
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.reader import parse
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_package, sign_record
from lienthong.signing.verify import verify_record
from lienthong.transit import records
from lienthong_client import AgencyClient, Unreachable
from tests.fakes.exchange import FakeExchange
from tests.fakes.exchange_services import Broken
from tests.pki.world import World

SENDER, RECIPIENT, OTHER = "H48.31.05", "H48.33.02", "H48.33.03"
Connect = Callable[[str], AgencyClient]


async def test_inbox_reads_every_page(hub: FakeExchange, connect: Connect, now_world: World) -> None:
    hub.page_size = 2
    stored = [hub.put(now_world.signed(SENDER, [RECIPIENT], code_number=str(n))) for n in range(5)]
    items = await connect(RECIPIENT).inbox()
    assert [item.document.document_id for item in items] == [one.id for one in stored]
    assert hub.calls["ListInbox"] == 3


async def test_fetch_verifies_document_way_and_consignment(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    client = connect(RECIPIENT)
    received = await client.fetch(stored.deliveries[RECIPIENT])
    assert received.data == signed
    assert received.sender == SENDER
    assert received.document_id == stored.id
    assert received.binding == "certificate"
    assert [hop.node for hop in received.proof.way_to(RECIPIENT)] == [
        "H48.31.05",
        "H48.31",
        "H48",
        "H48.33",
        "H48.33.02",
    ]
    assert [file.attachment_name for file in client.attachments(received)] == ["212_UBND-VX.pdf"]


async def test_fetch_by_the_documents_id_and_from_an_inbox_item(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    client = connect(RECIPIENT)
    (item,) = await client.inbox()
    assert (await client.fetch(stored.id)).delivery_id == item.delivery_id
    assert (await client.fetch(item)).sha256 == item.document.sha256


async def test_sender_by_its_other_code_is_the_same_sender(
    hub: FakeExchange, connect: Connect, now_world: World
) -> None:
    stored = hub.put(now_world.signed("000.05.31.H48", [RECIPIENT], key=now_world.key(SENDER)))
    received = await connect(RECIPIENT).fetch(stored.id)
    assert received.sender == SENDER


async def test_certificate_without_a_name_is_bound_by_the_relays(hub: FakeExchange, connect: Connect) -> None:
    key = hub.world.issue("Không tên").signing_key
    hub.world._issued["urn:lienthong:agency:H48.31.06"] = key
    try:
        stored = hub.put(hub.world.signed("H48.31.06", [RECIPIENT]))
        received = await connect(RECIPIENT).fetch(stored.id)
    finally:
        del hub.world._issued["urn:lienthong:agency:H48.31.06"]
    assert (received.sender, received.binding) == ("H48.31.06", "relays")


async def test_cut_stream_is_resumed_where_it_stopped(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.cut_fetch_after = [1000, 1000, 2300, 4000]
    seen: list[int] = []
    received = await connect(RECIPIENT).fetch(stored.id, on_progress=lambda done, total: seen.append(done))
    assert received.data == signed
    assert hub.fetch_offsets == [0, 1000, 1000, 2300, 4000]
    assert seen == sorted(seen)


async def test_stream_that_never_gives_another_byte_ends_as_unreachable(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.cut_fetch_after = [1000] * 50
    with pytest.raises(Unreachable):
        await connect(RECIPIENT).fetch(stored.id)
    assert len(hub.fetch_offsets) < 10


# --- lying hubs ------------------------------------------------------------------------------------------


async def _refused(client: AgencyClient, reference: str) -> Code:
    with pytest.raises(Refusal) as caught:
        await client.fetch(reference)
    return caught.value.code


async def test_lying_hub_tampered_bytes(hub: FakeExchange, connect: Connect, signed: bytes) -> None:
    stored = hub.put(signed)
    hub.tamper = lambda data: data.replace("triển khai".encode(), "hoãn ngay!".encode())
    assert await _refused(connect(RECIPIENT), stored.id) is Code.SIGNATURE_INVALID


async def test_lying_hub_tampered_sender(hub: FakeExchange, connect: Connect, signed: bytes) -> None:
    stored = hub.put(signed)
    hub.tamper = lambda data: data.replace(b">H48.31.05<", b">H48.31.06<")
    assert await _refused(connect(RECIPIENT), stored.id) is Code.SIGNATURE_INVALID


async def test_damaged_transfer_does_not_match_the_announced_digest(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.announce = lambda data: sha256_hex(b"something else")
    assert await _refused(connect(RECIPIENT), stored.id) is Code.SIGNATURE_INVALID


async def test_lying_hub_endless_stream(hub: FakeExchange, connect: Connect, signed: bytes) -> None:
    stored = hub.put(signed)
    client = connect(RECIPIENT)
    client._limits = replace(client._limits, max_bytes=1000)
    assert await _refused(client, stored.id) is Code.XML_TOO_LARGE


async def test_lying_hub_another_genuine_document(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    """Genuinely signed bytes, but not those the evidence is about."""
    stored = hub.put(signed)
    other = now_world.signed(SENDER, [RECIPIENT], code_number="7")
    hub.tamper = lambda data: other
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CHAIN_BROKEN


async def test_lying_hub_document_of_another_agency_signed_by_its_own_key(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    """A certificate of the right authority, but another agency's: From and the certificate's name differ."""
    stored = hub.put(signed)
    forged = sign_package(
        now_world.package(SENDER, [RECIPIENT]), now_world.key("H48.31.06"), at=datetime.now(UTC)
    )
    hub.tamper = lambda data: forged
    assert await _refused(connect(RECIPIENT), stored.id) in (Code.SIGNER_NOT_SENDER, Code.CHAIN_BROKEN)


Evidence = list[common_pb2.Evidence]


async def test_lying_hub_no_evidence(hub: FakeExchange, connect: Connect, signed: bytes) -> None:
    stored = hub.put(signed)
    hub.evidence = lambda items: []
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CHAIN_BROKEN


@pytest.mark.parametrize("position", range(1, 6))
async def test_stripped_hop(hub: FakeExchange, connect: Connect, signed: bytes, position: int) -> None:
    stored = hub.put(signed)
    hub.evidence = lambda items: [*items[:position], *items[position + 1 :]]
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CHAIN_BROKEN


async def test_missing_consignment(hub: FakeExchange, connect: Connect, signed: bytes) -> None:
    stored = hub.put(signed)
    hub.evidence = lambda items: [item for item in items if item.kind != "ContentConsignment"]
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CHAIN_BROKEN


async def test_hop_signed_by_another_node(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    stored = hub.put(signed)

    def forge(items: Evidence) -> Evidence:
        hop = records.read(parse(items[1].xml))
        assert isinstance(hop, HopRecord)
        items[1].xml = sign_record(records.write(hop), now_world.node_key("H48"), at=datetime.now(UTC))
        return items[:2]

    hub.evidence = forge
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CERTIFICATE_UNTRUSTED


async def test_evidence_of_another_document(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    stored = hub.put(signed)
    other = hub.put(now_world.signed(SENDER, [RECIPIENT], code_number="7"))
    hub.evidence = lambda items: [
        common_pb2.Evidence(kind="SubmissionAcceptance", xml=other.acceptance),
        *(common_pb2.Evidence(kind="RelayAcceptance", xml=xml) for _, xml in other.way(RECIPIENT)),
        common_pb2.Evidence(kind="ContentConsignment", xml=other.consignments[RECIPIENT][1]),
    ]
    assert await _refused(connect(RECIPIENT), stored.id) is Code.CHAIN_BROKEN


# --- receipts and looking --------------------------------------------------------------------------------


async def test_receipt_is_signed_with_our_key_over_the_bytes_we_verified(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    stored = hub.put(signed)
    client = connect(RECIPIENT)
    received = await client.fetch(stored.deliveries[RECIPIENT])
    done = await client.acknowledge(received)
    assert done.state is DeliveryState.HANDED_OVER
    assert stored.handovers[RECIPIENT] == done.handover_xml
    verified = verify_record(
        done.handover_xml,
        trust=now_world.trust,
        at=datetime.now(UTC),
        root=records.root_name(EvidenceKind.CONTENT_HANDOVER),
    )
    handover = records.read(verified.root)
    assert isinstance(handover, ContentHandover)
    assert (handover.document_id, handover.document_sha256, handover.recipient) == (
        stored.id,
        sha256_hex(signed),
        RECIPIENT,
    )
    assert verified.signer.sha256 == now_world.key(RECIPIENT).certificate_sha256
    assert await client.inbox() == []


async def test_track_shows_each_delivery_with_its_hops(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    found = await connect(SENDER).track(stored.package.document_id)
    assert found.document.document_id == stored.id
    assert [delivery.recipient for delivery in found.deliveries] == [RECIPIENT, OTHER]
    hops = found.deliveries[1].hops
    assert [hop.tier for hop in hops] == ["commune", "district", "province", "district", "commune"]
    assert [hop.sequence for hop in hops] == [1, 2, 3, 4, 5]


async def test_sender_gets_the_whole_tree_of_evidence(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    client = connect(RECIPIENT)
    await client.acknowledge(await client.fetch(stored.id))
    found = await connect(SENDER).evidence(stored.id, sha256=sha256_hex(signed))
    assert len(found.proof.chains) == 2
    assert {record.recipient for record in found.proof.consignments} == {RECIPIENT, OTHER}
    assert [record.recipient for record in found.proof.handovers] == [RECIPIENT]
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).evidence(stored.id, sha256="0" * 64)
    assert caught.value.code is Code.CHAIN_BROKEN


async def test_handover_signed_by_another_agency_is_no_evidence(
    hub: FakeExchange, connect: Connect, signed: bytes, now_world: World
) -> None:
    stored = hub.put(signed)
    handover = ContentHandover(
        document_id=stored.id,
        document_sha256=sha256_hex(signed),
        recipient=RECIPIENT,
        handed_over_at=datetime.now(UTC),
    )
    stored.handovers[RECIPIENT] = sign_record(
        records.write(handover), now_world.key(OTHER), at=datetime.now(UTC)
    )
    with pytest.raises(Refusal) as caught:
        await connect(SENDER).evidence(stored.id)
    assert caught.value.code is Code.CERTIFICATE_UNTRUSTED


async def test_agencies_are_found_and_looked_up_by_any_code(connect: Connect) -> None:
    client = connect(SENDER)
    assert [agency.code for agency in await client.find_agencies("tịnh")] == [
        "H48.33",
        "H48.33.02",
        "H48.33.03",
    ]
    assert (await client.agency("000.05.31.H48")).code == SENDER


async def test_calls_that_look_are_repeated_when_the_connection_breaks(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.failures["Track"] = [Broken("once"), Refusal(Code.UNAVAILABLE)]
    assert (await connect(SENDER).track(stored.id)).document.document_id == stored.id
    assert hub.calls["Track"] == 3


async def test_passing_refusals_in_mid_stream_are_lived_through(
    hub: FakeExchange, connect: Connect, signed: bytes
) -> None:
    stored = hub.put(signed)
    hub.cut_fetch_after = [1000]
    client = connect(RECIPIENT)
    hub.failures["Fetch"] = [Refusal(Code.RATE_LIMITED)]
    assert (await client.fetch(stored.id)).data == signed
    assert hub.fetch_offsets == [0, 1000]
