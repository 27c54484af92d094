"""Calls and upload memory are shared as promised."""

from __future__ import annotations

import asyncio

import pytest

from lienthong.errors import Code
from lienthong.rpc.errors import SlowDown
from lienthong.rpc.quota import ByteBudget, TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def buckets(clock: Clock, **changes: int) -> TokenBuckets:
    return TokenBuckets(**{"rate": 2, "burst": 3, **changes}, clock=clock)


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    bucket = buckets(clock)
    for _ in range(3):
        bucket.take("a")
    with pytest.raises(SlowDown) as caught:
        bucket.take("a")
    assert (caught.value.code, caught.value.retry_after) == (Code.RATE_LIMITED, 0.5)
    bucket.take("b")
    clock.now += 0.5
    bucket.take("a")
    with pytest.raises(SlowDown):
        bucket.take("a")


def test_rest_never_fills_a_bucket_beyond_its_burst() -> None:
    clock = Clock()
    bucket = buckets(clock)
    bucket.take("a")
    clock.now += 3_600
    for _ in range(3):
        bucket.take("a")
    with pytest.raises(SlowDown):
        bucket.take("a")


def test_buckets_are_bounded_and_the_longest_unused_goes() -> None:
    clock = Clock()
    bucket = buckets(clock, burst=1, clients=2)
    bucket.take("a")
    bucket.take("b")
    with pytest.raises(SlowDown):
        bucket.take("a")  # used again: b is the oldest now
    bucket.take("c")
    with pytest.raises(SlowDown):
        bucket.take("a")
    bucket.take("b")  # forgotten, so full


async def test_the_budget_is_never_exceeded_and_waiters_get_what_is_freed() -> None:
    budget = ByteBudget(100)
    release = asyncio.Event()
    entered: list[str] = []

    async def upload(client: str, size: int) -> None:
        async with budget.reserve(client, size, wait=10):
            entered.append(client)
            await release.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(upload("a", 60))
        group.create_task(upload("b", 40))
        waiting = group.create_task(upload("c", 50))
        while len(entered) < 2:
            await asyncio.sleep(0)
        assert (budget.used, entered, waiting.done()) == (100, ["a", "b"], False)
        release.set()
    assert (budget.used, entered) == (0, ["a", "b", "c"])


async def test_one_client_gets_half_but_a_single_large_upload_always_fits() -> None:
    budget = ByteBudget(100)
    async with budget.reserve("a", 90, wait=0):
        pass
    async with budget.reserve("a", 40, wait=0):
        with pytest.raises(SlowDown):
            async with budget.reserve("a", 20, wait=0.01):
                pass
        async with budget.reserve("b", 60, wait=0):
            assert budget.used == 100
    assert budget.used == 0


async def test_bytes_come_back_whatever_happens() -> None:
    budget = ByteBudget(100)
    with pytest.raises(RuntimeError):
        async with budget.reserve("a", 100, wait=0):
            raise RuntimeError
    holding = asyncio.Event()

    async def cancelled() -> None:
        async with budget.reserve("a", 100, wait=0):
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(cancelled())
    await holding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with budget.reserve("b", 100, wait=0):
        assert budget.used == 100
