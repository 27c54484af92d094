"""What one client can cost the server is bounded: headers, streams, compression, calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import pytest

from lienthong.api.v1 import exchange_pb2
from lienthong.rpc.limits import MIB, RpcLimits, core_options
from tests.fakes.rpc import WAIT, Client, Refused, Running, chunk_of, header, serving


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


async def inbox(client: Client, **arguments: object) -> None:
    await client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT, **arguments)


async def test_a_metadata_flood_is_refused_and_the_server_stays(running: Running) -> None:
    flood = tuple((f"x-{number}", "v" * 1_000) for number in range(64))
    async with running.connect(running.peers.sender) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await inbox(client, metadata=flood)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not running.hub.calls
        await inbox(client)


async def test_a_compression_bomb_is_not_unpacked(running: Running) -> None:
    """1 MiB of zeros travels as 1 KB; unpacked it would pass the message limit a thousand times in one packet."""
    zeros = bytes(MIB)
    async with running.connect(running.peers.sender, compression=grpc.Compression.Gzip) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.exchange.Submit(iter([header(zeros), chunk_of(zeros)]), timeout=WAIT)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "submit" not in running.hub.calls


async def test_calls_beyond_the_limit_of_the_server_are_refused() -> None:
    async with serving(RpcLimits(max_calls=3)) as running, AsyncExitStack() as stack:
        client = await stack.enter_async_context(running.connect(running.peers.recipient))
        for _ in range(3):
            client.exchange.WatchInbox(exchange_pb2.WatchInboxRequest(), timeout=WAIT)
        async with asyncio.timeout(WAIT):
            await running.hub.until_watching(3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await inbox(client)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_streams_beyond_the_limit_of_a_connection_wait_at_the_client() -> None:
    limits = RpcLimits(max_calls_per_connection=2)
    async with serving(limits) as running, running.connect(running.peers.recipient) as client:
        request = exchange_pb2.WatchInboxRequest()
        watches = [client.exchange.WatchInbox(request, timeout=WAIT) for _ in range(2)]
        async with asyncio.timeout(WAIT):
            await running.hub.until_watching(2)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert "inbox" not in running.hub.calls
        watches[0].cancel()
        await inbox(client)


async def test_many_refused_strangers_run_into_their_own_limit() -> None:
    """A certificate nobody bound makes the hub ask the store: its bucket is emptied before that."""
    async with serving(RpcLimits(calls_burst=2, calls_per_second=0.01)) as running:
        async with running.connect(running.peers.stranger) as client:
            reasons = [(await Refused.by(inbox(client))).reason for _ in range(5)]
        assert reasons == ["UNAUTHENTICATED"] * 2 + ["RATE_LIMITED"] * 3
        assert running.hub.calls == ["identify"] * 2


def test_every_limit_is_given_to_the_core() -> None:
    """grpcio's own defaults leave these open; a renamed option would be ignored in silence."""
    options = dict(core_options(RpcLimits()))
    assert options["grpc.max_receive_message_length"] < 2 * MIB
    assert options["grpc.max_metadata_size"] < options["grpc.absolute_max_metadata_size"] <= 16_384
    assert options["grpc.compression_enabled_algorithms_bitset"] == 1
    assert options["grpc.so_reuseport"] == 0
    assert {
        "grpc.max_concurrent_streams",
        "grpc.keepalive_time_ms",
        "grpc.keepalive_timeout_ms",
        "grpc.max_connection_idle_ms",
        "grpc.max_connection_age_ms",
        "grpc.max_connection_age_grace_ms",
        "grpc.server_handshake_timeout_ms",
    } <= options.keys()
