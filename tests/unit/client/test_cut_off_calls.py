"""gRPC ends some calls at their deadline as if cancelled: that is a hub out of reach, not a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from lienthong_client.channel import Connection
from lienthong_client.errors import Unreachable


class _Ready(Connection):
    address = "127.0.0.1:1"

    def __init__(self) -> None:
        pass

    async def ready(self) -> bool:
        return True


async def test_a_call_that_ends_as_cancelled_is_a_hub_out_of_reach() -> None:
    async def ended() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Unreachable):
        await _Ready().call(ended)


async def test_a_real_cancellation_stays_one() -> None:
    started = asyncio.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(_Ready().call(forever))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
