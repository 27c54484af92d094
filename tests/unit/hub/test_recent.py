"""A document on its way to many travels by reference, is read once, and is proved at every hop all the same."""

from __future__ import annotations

import asyncio

import pytest

from lienthong.domain.delivery import DeliveryState
from lienthong.errors import Code, HubFault
from lienthong.hub.ports import Outcome, Retry
from lienthong.hub.recent import ENTRIES, Recent
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, NEIGHBOUR, OTHER_DISTRICT, PROVINCE, Bench


async def at_the_province(bench: Bench) -> str:
    """A document from a commune to three, at the node where it parts; its SHA-256."""
    sent = await bench.sent(NEIGHBOUR, [COMMUNE, DEPARTMENT, OTHER_DISTRICT])
    await bench.walk(NEIGHBOUR, DISTRICT, PROVINCE)
    return sent.document.sha256


async def open_bench() -> Bench:
    """One copy of a document fits into a message, two do not fit into a hop's messages."""
    return await Bench.open(inline_limit=10_000)


async def test_copies_for_many_name_the_document_instead_of_carrying_it() -> None:
    bench = await open_bench()
    sha256 = await at_the_province(bench)
    assert bench.decoded(NEIGHBOUR).blob is None
    for node in (DEPARTMENT, OTHER_DISTRICT):
        assert (bench.decoded(node).document, bench.decoded(node).blob) == (None, sha256)
    await bench.walk(DEPARTMENT, OTHER_DISTRICT, COMMUNE)
    document = await bench.store.document(sha256)
    assert document is not None
    states = [row.state for row in await bench.store.deliveries(document.id)]
    assert states == [DeliveryState.CONSIGNED] * 3


async def test_a_document_read_a_moment_ago_is_proved_again_at_the_next_hop() -> None:
    bench = await open_bench()
    await at_the_province(bench)
    await bench.walk(DEPARTMENT)
    bench.store.payloads.clear()  # whoever comes now finds it in memory
    await bench.revoke(bench.world.key(NEIGHBOUR))
    await bench.knowledge.refresh()
    assert await bench.hop(OTHER_DISTRICT) is Outcome.DONE
    held = await bench.quarantined()
    assert (held.node, held.code) == (OTHER_DISTRICT, Code.CERTIFICATE_REVOKED)
    assert [hop.node for hop in await bench.store.hops(held.document_id or "")].count(OTHER_DISTRICT) == 0


async def test_another_document_under_the_digest_is_refused_though_it_is_kept() -> None:
    bench = await open_bench()
    sha256 = await at_the_province(bench)
    bench.relay._recent._kept[sha256] = bench.world.signed(NEIGHBOUR, [DEPARTMENT], subject="Khác")
    assert await bench.hop(DEPARTMENT) is Outcome.DONE
    assert (await bench.quarantined()).code is Code.CHAIN_BROKEN


async def test_bytes_that_cannot_be_read_are_a_retry_and_not_remembered() -> None:
    bench = await open_bench()
    await at_the_province(bench)
    bench.relay._recent._kept.clear()
    bench.store.fail_next("payload", HubFault("the database is away"))
    assert isinstance(await bench.hop(DEPARTMENT), Retry)
    await bench.walk(DEPARTMENT)


class _Reading:
    """A store that is slow."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()
        self.fault: Exception | None = None

    async def read(self, sha256: str) -> bytes | None:
        self.asked.append(sha256)
        await self.go.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return None if sha256 == "large" else sha256.encode()


async def test_two_hundred_that_ask_at_once_are_one_reading() -> None:
    reading = _Reading()
    recent = Recent(reading.read)
    hops = [asyncio.create_task(recent.get("a")) for _ in range(200)]
    await asyncio.sleep(0)
    reading.go.set()
    assert set(await asyncio.gather(*hops)) == {b"a"}
    assert reading.asked == ["a"]


async def test_who_waits_for_a_reading_that_fails_reads_for_itself() -> None:
    reading = _Reading()
    reading.fault = HubFault("away")
    recent = Recent(reading.read)
    first, second = asyncio.create_task(recent.get("a")), asyncio.create_task(recent.get("a"))
    await asyncio.sleep(0)
    reading.go.set()
    with pytest.raises(HubFault):
        await first
    assert await second == b"a"


async def test_large_documents_are_not_kept_and_of_small_ones_a_few() -> None:
    reading = _Reading()
    reading.go.set()
    recent = Recent(reading.read)
    assert await recent.get("large") is None
    for number in range(100):
        assert await recent.get(str(number)) == str(number).encode()
    assert len(recent._kept) == ENTRIES
