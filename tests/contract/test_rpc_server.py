"""The server around the services: health, reflection, its stop, and the metrics it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry

from lienthong.api.v1 import exchange_pb2
from lienthong.errors import HubFault
from lienthong.rpc.access import ACCESS, ENDLESS, roles_for
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.server import RpcServer
from tests.fakes.rpc import WAIT, Client, Refused, Running, chunk_of, header, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


@pytest.fixture
async def client(running: Running) -> AsyncIterator[Client]:
    async with running.connect(running.peers.recipient) as connected:
        yield connected


async def until_refused(stream: Any) -> AsyncIterator[Any]:
    with suppress(grpc.aio.AioRpcError):
        while True:
            yield await stream.read()


def health(client: Client) -> Any:
    return health_pb2_grpc.HealthStub(client.channel)


async def test_health_is_told_per_service(running: Running, client: Client) -> None:
    for service in ("", *ACCESS):
        answer = await health(client).Check(health_pb2.HealthCheckRequest(service=service), timeout=WAIT)
        assert answer.status == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health(client).Check(health_pb2.HealthCheckRequest(service="none"), timeout=WAIT)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    await running.server.set_serving(False)
    answer = await health(client).Check(
        health_pb2.HealthCheckRequest(service=next(iter(ACCESS))), timeout=WAIT
    )
    assert answer.status == NOT_SERVING


async def test_reflection_lists_exactly_the_services_of_the_access_table(client: Client) -> None:
    channel: Any = client.channel  # the stubs of reflection know the synchronous one only
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=WAIT
    )
    (answer,) = [message async for message in call]
    assert {service.name for service in answer.list_services_response.service} == set(ACCESS)


async def test_a_service_nobody_registered_is_unimplemented(client: Client) -> None:
    call: Any = client.channel.unary_unary("/lienthong.api.v1.Other/Do")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(b"", timeout=WAIT)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_access_table_knows_no_unknown_service() -> None:
    assert roles_for("lienthong.api.v2.AdminService/ListQueues") == frozenset()
    assert all(method.partition("/")[0] in ACCESS for method in ENDLESS)


async def test_stop_ends_watchers_and_lets_the_others_finish(running: Running, client: Client) -> None:
    watch = client.exchange.WatchInbox(exchange_pb2.WatchInboxRequest(), timeout=WAIT)
    healthy = health(client).Watch(health_pb2.HealthCheckRequest(service=""), timeout=WAIT)
    assert (await healthy.read()).status == SERVING
    running.hub.gate = asyncio.Event()
    async with asyncio.timeout(WAIT), running.connect(running.peers.sender) as sender:
        await running.hub.until_watching(1)
        submitting = asyncio.ensure_future(sender.submit(b"<edXML/>"))
        await running.hub.entered.wait()
        stopping = asyncio.ensure_future(running.server.stop(grace=WAIT))
        refused = await Refused.by(watch.read())
        assert (refused.reason, refused.info.metadata["detail"]) == ("UNAVAILABLE", "the server is stopping")
        assert refused.retry is not None
        await running.hub.until_watching(0)
        told = [message.status async for message in until_refused(healthy)]
        assert told in ([NOT_SERVING], [])
        assert await healthy.code() is grpc.StatusCode.UNAVAILABLE
        assert not stopping.done()
        running.hub.gate.set()
        assert (await submitting).document_id
        await stopping


async def test_stop_cuts_what_outlives_its_grace(running: Running, client: Client) -> None:
    call = client.exchange.Submit(timeout=WAIT)
    await call.write(header(b"<edXML/>"))
    await call.write(chunk_of(b"<edX"))
    async with asyncio.timeout(WAIT):
        await running.server.stop(grace=0.1)
        assert await call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert not running.hub.documents


async def test_an_address_in_use_is_a_fault_with_the_address_in_it(running: Running) -> None:
    second = RpcServer(
        running.hub,  # type: ignore[arg-type]
        running.administration,  # type: ignore[arg-type]
        address=f"127.0.0.1:{running.port}",
        tls=running.tls,
        registry=CollectorRegistry(),
    )
    with pytest.raises(HubFault, match=f"127.0.0.1:{running.port}"):
        await second.start()


async def test_two_hubs_share_a_port_when_both_want_to() -> None:
    async with serving(RpcLimits(share_port=True)) as first:
        second = RpcServer(
            first.hub,  # type: ignore[arg-type]
            first.administration,  # type: ignore[arg-type]
            address=f"127.0.0.1:{first.port}",
            tls=first.tls,
            limits=RpcLimits(share_port=True),
            registry=(registry := CollectorRegistry()),
        )
        await second.start()
        labels = {"method": "lienthong.api.v1.ExchangeService/ListInbox", "code": "OK"}

        def served() -> list[float]:
            name = "lienthong_rpc_calls_total"
            return [r.get_sample_value(name, labels) or 0.0 for r in (first.registry, registry)]

        own = (("grpc.use_local_subchannel_pool", 1),)
        async with asyncio.timeout(WAIT):
            while 0.0 in served():  # the kernel deals out connections by chance
                async with first.connect(first.peers.recipient, options=own) as client:
                    await client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT)
        before = sum(served())
        await second.stop(grace=0)
        for _ in range(8):  # the port goes on without it
            async with first.connect(first.peers.recipient, options=own) as client:
                await client.exchange.ListInbox(
                    exchange_pb2.ListInboxRequest(), timeout=WAIT, wait_for_ready=True
                )
        assert sum(served()) == before + 8
