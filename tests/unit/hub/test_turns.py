"""Short work on the event loop: one piece per turn, express first, the loop looked at in between."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise

import pytest

from lienthong.domain.document import Lane
from lienthong.hub.turns import COMPANY, LONG, SHORT, Turns

NORMAL, EXPRESS = Lane.NORMAL, Lane.EXPRESS


async def test_short_work_runs_here_and_long_work_in_a_thread() -> None:
    turns = Turns()
    here = threading.get_ident()
    assert await turns.run(NORMAL, SHORT, threading.get_ident) == here
    assert await turns.run(NORMAL, SHORT + 1, threading.get_ident) != here


async def test_few_long_pieces_are_in_work_at_once_and_express_waits_for_none_of_another_lane() -> None:
    turns, started, go_on = Turns(), list[Lane](), threading.Event()

    def piece(lane: Lane) -> None:
        started.append(lane)
        assert go_on.wait(5)

    work = [asyncio.create_task(turns.run(NORMAL, SHORT + 1, lambda: piece(NORMAL))) for _ in range(2 * LONG)]
    work += [asyncio.create_task(turns.run(EXPRESS, SHORT + 1, lambda: piece(EXPRESS)))]
    async with asyncio.timeout(5):
        while len(started) <= LONG:
            await asyncio.sleep(0.001)
    assert started.count(NORMAL) == LONG
    work[-2].cancel()  # one that waits
    go_on.set()
    await asyncio.gather(*work, return_exceptions=True)
    assert (started.count(NORMAL), started.count(EXPRESS)) == (2 * LONG - 1, 1)


async def test_express_that_comes_during_a_backlog_is_next() -> None:
    turns, done = Turns(), list[str]()

    async def normal(number: int) -> None:
        await turns.run(NORMAL, 1, lambda: done.append(f"normal {number}"))
        if number == 3:
            await turns.run(EXPRESS, 1, lambda: done.append("express"))

    await asyncio.gather(*(normal(number) for number in range(100)))
    assert done.index("express") <= 5
    assert [line for line in done if line != "express"] == [f"normal {number}" for number in range(100)]


async def test_the_loop_goes_round_between_two_pieces_of_a_backlog() -> None:
    turns, order = Turns(), list[str]()
    loop = asyncio.get_running_loop()

    def piece() -> None:
        order.append("work")
        loop.call_soon(order.append, "loop")

    await asyncio.gather(*(turns.run(NORMAL, 1, piece) for _ in range(5)))
    await asyncio.sleep(0)
    assert order == ["work", "loop"] * 5


async def test_work_that_raises_and_waiters_that_are_cancelled_hold_nobody_up() -> None:
    turns, done = Turns(), list[str]()

    def fault() -> None:
        raise ValueError("no")

    async def cancelled_in_its_turn() -> None:
        await turns.run(NORMAL, 1, lambda: done.append("never"))

    async def first() -> None:
        await turns.run(NORMAL, 1, fault)

    failing = asyncio.create_task(first())
    waiting = [asyncio.create_task(cancelled_in_its_turn()) for _ in range(2)]
    last = asyncio.create_task(turns.run(NORMAL, 1, lambda: done.append("last")))
    await asyncio.sleep(0)
    waiting[0].cancel()  # while it waits
    while not turns._waiting[NORMAL] or len(turns._waiting[NORMAL]) > 1:
        await asyncio.sleep(0)
    waiting[1].cancel()  # when its turn has just been given to it
    with pytest.raises(ValueError, match="no"):
        await failing
    await asyncio.wait_for(last, 5)
    assert done == ["last"]
    assert await turns.run(NORMAL, 1, lambda: "free again") == "free again"


async def in_company(turns: Turns, lane: Lane, number: int, log: list[str]) -> None:
    await turns.run(lane, 1, lambda: log.append(f"proved {number}"))
    await turns.together(lane)
    log.append(f"went on {number}")


async def test_a_backlog_goes_on_in_companies() -> None:
    turns, log = Turns(), list[str]()
    number = 2 * COMPANY + 3
    await asyncio.gather(*(in_company(turns, NORMAL, n, log) for n in range(number)))
    sizes, proved = [], 0
    for before, after in pairwise([*log, "proved"]):
        proved += before.startswith("proved")
        if before.startswith("went on") and after.startswith("proved"):
            sizes.append(proved)
    assert sizes == [COMPANY, COMPANY + COMPANY, number]


async def test_alone_and_express_wait_for_nobody() -> None:
    turns, log = Turns(), list[str]()
    await asyncio.wait_for(in_company(turns, NORMAL, 1, log), 1)
    await asyncio.gather(
        *(in_company(turns, NORMAL, n, log) for n in range(2, 6)), in_company(turns, EXPRESS, 0, log)
    )
    assert log.index("went on 0") == log.index("proved 0") + 1


async def test_who_fails_or_leaves_keeps_nobody_waiting() -> None:
    turns, log = Turns(), list[str]()

    def fault() -> None:
        raise ValueError("no")

    leaving = asyncio.create_task(in_company(turns, NORMAL, 1, log))
    staying = asyncio.create_task(in_company(turns, NORMAL, 2, log))
    failing = asyncio.create_task(turns.run(NORMAL, 1, fault))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(staying, 1)
    with pytest.raises(ValueError, match="no"):
        await failing
    assert "went on 2" in log
    assert "went on 1" not in log
