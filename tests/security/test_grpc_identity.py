"""Nobody gets in as somebody else: what connects, and what a connection may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lienthong.api.v1 import admin_pb2, directory_pb2, exchange_pb2
from lienthong.rpc.access import ADMIN
from tests.fakes.hub import RECIPIENT
from tests.fakes.hub_rows import SENDER
from tests.fakes.rpc import WAIT, Client, Refused, Running, serving
from tests.fakes.transport_pki import Holder, TransportAuthority

SUBMIT = b"<edXML/>"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving() as server:
        yield server


async def inbox(client: Client) -> Any:
    return await client.exchange.ListInbox(exchange_pb2.ListInboxRequest(), timeout=WAIT)


async def handshake_fails(running: Running, holder: Holder | None) -> None:
    async with running.connect(holder) as client:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await inbox(client)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not running.hub.calls


async def test_without_a_certificate_there_is_no_connection(running: Running) -> None:
    await handshake_fails(running, None)


async def test_a_certificate_of_another_authority_is_refused_in_the_handshake(running: Running) -> None:
    await handshake_fails(running, TransportAuthority().issue(SENDER))


async def test_plain_text_is_not_answered(running: Running) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await inbox(Client(channel, None))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_unbound_certificate_of_our_own_authority_is_nobody(running: Running) -> None:
    async with running.connect(running.peers.stranger) as client:
        refused = await Refused.by(inbox(client))
        assert (refused.reason, refused.grpc) == ("UNAUTHENTICATED", grpc.StatusCode.UNAUTHENTICATED)
        health: Any = health_pb2_grpc.HealthStub(client.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=WAIT)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_second_certificate_with_the_same_name_is_nobody(running: Running) -> None:
    """The authority (or a mistake of it) issues the sender's name again: the binding is by fingerprint."""
    async with running.connect(running.peers.authority.issue(SENDER)) as client:
        assert (await Refused.by(inbox(client))).reason == "UNAUTHENTICATED"


async def test_a_common_name_cut_at_nul_does_not_become_another_agency(running: Running) -> None:
    """grpcio reads `H48.31.05\\0.evil` as `H48.31.05`: the name is never looked at."""
    trap = running.peers.authority.issue(f"{SENDER}\0.evil")
    (name,) = x509.load_pem_x509_certificate(trap.certificate).subject
    assert name.value == f"{SENDER}\0.evil"
    async with running.connect(trap) as client:
        assert (await Refused.by(inbox(client))).reason == "UNAUTHENTICATED"
    running.hub.bind(trap.der, agency=RECIPIENT)
    delivery = running.hub.put(SUBMIT).deliveries[0].id
    async with running.connect(trap) as client:  # what it is bound to counts, not what it says
        assert [item.delivery_id for item in (await inbox(client)).items] == [delivery]


async def test_a_revoked_binding_ends_at_once_on_an_open_connection(running: Running) -> None:
    caller = running.hub.bind(running.peers.sender.der, agency=SENDER)
    async with running.connect(running.peers.sender) as client:
        await inbox(client)
        running.hub.revoked.add(caller.certificate_sha256)
        refused = await Refused.by(inbox(client))
        assert (refused.reason, refused.grpc) == ("NOT_PERMITTED", grpc.StatusCode.PERMISSION_DENIED)


async def test_a_watcher_revoked_meanwhile_gets_nothing_more(running: Running) -> None:
    caller = running.hub.bind(running.peers.recipient.der, agency=RECIPIENT)
    async with running.connect(running.peers.recipient) as client, asyncio.timeout(WAIT):
        watch = client.exchange.WatchInbox(exchange_pb2.WatchInboxRequest(), timeout=WAIT)
        await running.hub.until_watching(1)
        running.hub.revoked.add(caller.certificate_sha256)
        running.hub.put(SUBMIT)
        await running.hub.tell_watchers()
        assert (await Refused.by(watch.read())).reason == "NOT_PERMITTED"
        await running.hub.until_watching(0)


@pytest.mark.parametrize(
    "method", [m.name for m in admin_pb2.DESCRIPTOR.services_by_name["AdminService"].methods]
)
async def test_an_agency_may_not_administrate(running: Running, method: str) -> None:
    async with running.connect(running.peers.sender) as client:
        # Not even a well-formed request is needed: the caller is judged before it is read.
        raw: Any = client.channel.unary_unary(f"/{ADMIN}/{method}")
        refused = await Refused.by(raw(b"\xff", timeout=WAIT))
    assert (refused.reason, refused.grpc) == ("NOT_PERMITTED", grpc.StatusCode.PERMISSION_DENIED)
    assert not running.administration.calls


async def test_an_operator_is_no_agency(running: Running) -> None:
    async with running.connect(running.peers.operator) as client:
        assert (await Refused.by(client.submit(SUBMIT))).reason == "NOT_PERMITTED"
        assert (await Refused.by(inbox(client))).reason == "NOT_PERMITTED"
        found = await client.directory.GetAgency(directory_pb2.GetAgencyRequest(code=SENDER), timeout=WAIT)
        assert found.agency.code == SENDER
    assert not running.hub.documents


async def test_identity_claimed_in_metadata_is_ignored(running: Running) -> None:
    async with running.connect(running.peers.sender) as client:
        claims = (
            ("x-agency", RECIPIENT),
            ("x-forwarded-client-cert", "Hash=0"),
            ("authorization", "Bearer op"),
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.admin.ListQueues(admin_pb2.ListQueuesRequest(), metadata=claims, timeout=WAIT)
        assert Refused(caught.value).reason == "NOT_PERMITTED"
