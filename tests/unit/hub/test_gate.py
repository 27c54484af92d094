"""Do big packages wait for each other, and do small ones pass by?"""

from __future__ import annotations

import asyncio
import gc
import os
from typing import Any

import pytest
from lxml import etree

from lienthong.errors import Refusal
from lienthong.hub.gate import MIDDLING, ROOM, SMALL, Gate
from lienthong.hub.ports import Outcome
from lienthong.signing.shape import Shape
from tests.unit.hub.bench import COMMUNE, DEPARTMENT, DISTRICT, Bench

MIB = 1 << 20
TOTAL = 100 * MIB
BIG = MIDDLING  # of an attachment: its package is larger


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Visit:
    """A package on its way through the gate."""

    def __init__(self, gate: Gate, size: int) -> None:
        self.inside = False
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._run(gate, size))

    async def _run(self, gate: Gate, size: int) -> None:
        async with gate.hold(size):
            self.inside = True
            await self._leave.wait()
        self.inside = False

    async def leave(self) -> None:
        self._leave.set()
        await self._task

    async def give_up(self) -> None:
        self._task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._task


async def test_two_of_the_largest_are_never_in_work_together() -> None:
    gate = Gate(TOTAL)
    first, second = Visit(gate, TOTAL), Visit(gate, TOTAL)
    await settle()
    assert (first.inside, second.inside) == (True, False)
    await first.leave()
    await settle()
    assert second.inside
    await second.leave()
    assert gate.used == 0


async def test_small_ones_pass_by_a_big_one() -> None:
    gate = Gate(TOTAL)
    big, waiting = Visit(gate, TOTAL), Visit(gate, TOTAL)
    await settle()
    for _ in range(100):
        async with asyncio.timeout(1), gate.hold(SMALL):
            pass
    assert gate.used == TOTAL
    for visit in (big, waiting):
        await visit.leave()


async def test_big_ones_share_their_room_in_the_order_they_came() -> None:
    gate = Gate(TOTAL)
    visits = [Visit(gate, size * MIB) for size in (60, 40, 90, 5)]
    await settle()
    assert [visit.inside for visit in visits] == [True, True, False, False]
    await visits[0].leave()
    await settle()
    # the last would fit, but would keep out the one before it for ever if its like never ended
    assert [visit.inside for visit in visits] == [False, True, False, False]
    await visits[1].leave()
    await settle()
    assert [visit.inside for visit in visits] == [False, False, True, True]
    for visit in visits[2:]:
        await visit.leave()
    assert gate.used == 0


async def test_middling_ones_share_a_room_of_their_own() -> None:
    """A hundred of 1 MB side by side would take as much as one of 100 MB, which none of them has to wait for."""
    gate = Gate(TOTAL)
    big = Visit(gate, TOTAL)
    visits = [Visit(gate, MIB) for _ in range(100)]
    await settle()
    most = ROOM // MIB
    assert [visit.inside for visit in visits] == [True] * most + [False] * (100 - most)
    assert gate.used == TOTAL + ROOM
    async with asyncio.timeout(1), gate.hold(SMALL):
        pass
    for visit in visits:
        await visit.leave()
        assert gate.used <= TOTAL + ROOM
    assert gate.used == TOTAL
    await big.leave()
    assert gate.used == 0


async def test_the_largest_middling_one_fits_and_the_next_is_big() -> None:
    gate = Gate(MIB)  # a hub that takes no package of more than 1 MiB: a larger one is refused soon
    async with asyncio.timeout(1), gate.hold(MIDDLING), gate.hold(MIDDLING + 1):
        assert gate.used == MIDDLING + MIB


async def test_one_that_gives_up_leaves_its_place() -> None:
    gate = Gate(TOTAL)
    first, second, third = (Visit(gate, TOTAL) for _ in range(3))
    await settle()
    await second.give_up()
    await first.leave()
    await settle()
    assert third.inside
    await third.give_up()
    assert gate.used == 0


async def test_one_that_gives_up_as_another_leaves_is_passed_over() -> None:
    gate = Gate(TOTAL)
    first, second, third = (Visit(gate, TOTAL) for _ in range(3))
    await settle()
    second._task.cancel()
    await first.leave()  # before the second has learnt of it
    await settle()
    assert (second.inside, third.inside) == (False, True)
    await third.leave()
    assert gate.used == 0


async def test_one_that_gives_up_as_it_is_let_in_lets_the_next_in() -> None:
    gate = Gate(TOTAL)
    first, second, third = (Visit(gate, TOTAL) for _ in range(3))
    await settle()
    first._leave.set()
    first_done, second_done = first._task, second._task
    await asyncio.sleep(0)  # the first leaves and lets the second in, which has not run yet
    second_done.cancel()
    await asyncio.gather(first_done, second_done, return_exceptions=True)
    await settle()
    assert third.inside
    await third.leave()
    assert gate.used == 0


async def test_what_is_over_the_limit_is_alone() -> None:
    gate = Gate(TOTAL)
    async with asyncio.timeout(1), gate.hold(10 * TOTAL):
        assert gate.used == TOTAL
    assert gate.used == 0


async def passes(work: asyncio.Task[Any]) -> bool:
    """Whether it ends soon."""
    done, _ = await asyncio.wait([work], timeout=0.5)
    return bool(done)


@pytest.mark.parametrize("call", ["submit", "check"])
async def test_a_big_package_waits_at_the_hub_and_a_small_one_does_not(bench: Bench, call: str) -> None:
    caller, method = bench.caller(COMMUNE), getattr(bench.hub, call)
    big = bench.world.signed(COMMUNE, [DEPARTMENT], files={"a.bin": os.urandom(BIG)})
    small = bench.world.signed(COMMUNE, [DEPARTMENT], code_number="7")
    async with bench.gate.hold(TOTAL):
        waiting = asyncio.create_task(method(caller, big))
        async with asyncio.timeout(5):
            await method(caller, small)
        assert not await passes(waiting)
    async with asyncio.timeout(5):
        await waiting
    assert bench.gate.used == 0


async def test_a_refused_package_leaves_the_gate(bench: Bench) -> None:
    for call in (bench.hub.submit, bench.hub.check):
        await asyncio.gather(call(bench.caller(COMMUNE), b"<a>" * BIG), return_exceptions=True)
        assert bench.gate.used == 0


def trees() -> int:
    return sum(isinstance(each, etree._Element | Shape) for each in gc.get_objects())


async def test_nothing_keeps_the_tree_of_a_refused_package(bench: Bench) -> None:
    """A refusal, its traceback and a future make a ring; big trees must not wait for the garbage collector."""
    big = bench.world.signed(COMMUNE, [DEPARTMENT], files={"a.bin": os.urandom(BIG)})
    bad = big.replace("Chủ tịch".encode(), "Chủ tich".encode())
    gc.collect()
    before = trees()  # of other tests of this process
    gc.disable()
    try:
        with pytest.raises(Refusal):
            await bench.hub.submit(bench.caller(COMMUNE), bad)
        await bench.hub.check(bench.caller(COMMUNE), bad)
        async with asyncio.timeout(5):
            while trees() > before:  # a worker thread lets go of its last result when it gets its turn
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_a_big_document_waits_at_the_relay_before_its_bytes_are_read(bench: Bench) -> None:
    await bench.sent(COMMUNE, [DEPARTMENT], files={"a.bin": os.urandom(BIG)})
    big = bench.message(COMMUNE)
    await bench.sent(COMMUNE, [DEPARTMENT], code_number="7")
    small, blobs = bench.message(COMMUNE), bench.blobs.content
    bench.blobs.content = {}  # a hop that read now would be retried
    async with bench.relay.gate.hold(TOTAL):
        waiting = asyncio.create_task(bench.hop(COMMUNE, big))
        assert await bench.hop(COMMUNE, small) is Outcome.DONE
        assert not await passes(waiting)
        bench.blobs.content = blobs
    async with asyncio.timeout(5):
        assert await waiting is Outcome.DONE
    assert bench.relay.gate.used == 0
    assert [node for node, _, _ in bench.broker.published].count(DISTRICT) == 2


async def test_the_files_of_a_big_document_are_looked_at_in_turn(bench: Bench) -> None:
    big = await bench.submit(COMMUNE, [DEPARTMENT], files={"a.bin": os.urandom(BIG)})
    small = await bench.submit(COMMUNE, [DEPARTMENT], code_number="7")
    async with bench.gate.hold(TOTAL):
        waiting = asyncio.create_task(bench.hub.content.reports(big.document))
        async with asyncio.timeout(5):
            assert len(await bench.hub.content.reports(small.document)) == 1
        assert not await passes(waiting)
    async with asyncio.timeout(5):
        assert [report.size for report in await waiting] == [BIG]
