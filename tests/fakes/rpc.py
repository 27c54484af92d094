"""A real gRPC server over a fake hub, and clients that open real mutual TLS to it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry

from lienthong.api.v1 import admin_pb2_grpc, directory_pb2_grpc, exchange_pb2, exchange_pb2_grpc
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.server import RpcServer, TlsFiles
from tests.fakes.hub import RECIPIENT, FakeAdministration, FakeHub
from tests.fakes.hub_rows import SENDER
from tests.fakes.transport_pki import Holder, TransportAuthority

WAIT = 20.0  # seconds: the deadline of what must happen


class Peers:
    """The certificates of one test run: made once, they cost time."""

    def __init__(self) -> None:
        self.authority = TransportAuthority()
        self.server = self.authority.issue("hub", server=True)
        self.sender = self.authority.issue(SENDER)
        self.recipient = self.authority.issue(RECIPIENT)
        self.operator = self.authority.issue("operator")
        self.stranger = self.authority.issue("nobody knows me")


@cache
def peers() -> Peers:
    """The same for every test: all they share is that they trust each other."""
    return Peers()


class Running:
    """A started server with its fakes."""

    def __init__(self, peers: Peers, limits: RpcLimits, *, max_package: int) -> None:
        self.peers = peers
        self.hub = FakeHub(max_package=max_package)
        self.hub.bind(peers.sender.der, agency=SENDER)
        self.hub.bind(peers.recipient.der, agency=RECIPIENT)
        self.hub.bind(peers.operator.der, agency=None, role="operator")
        self.administration = FakeAdministration(self.hub)
        self.registry = CollectorRegistry()
        self.tls = TlsFiles(
            certificate=peers.server.certificate, key=peers.server.key, client_authority=peers.authority.pem
        )
        self.server = RpcServer(
            self.hub,  # type: ignore[arg-type]
            self.administration,  # type: ignore[arg-type]
            address="127.0.0.1:0",
            tls=self.tls,
            limits=limits,
            registry=self.registry,
        )
        self.port = 0

    @asynccontextmanager
    async def connect(
        self, holder: Holder | None, *, language: str | None = None, **arguments: Any
    ) -> AsyncIterator[Client]:
        """A connection with the certificate of `holder` (None: without one)."""
        credentials = grpc.ssl_channel_credentials(
            self.peers.authority.pem,
            private_key=holder.key if holder else None,
            certificate_chain=holder.certificate if holder else None,
        )
        target = f"127.0.0.1:{self.port}"
        async with grpc.aio.secure_channel(target, credentials, **arguments) as channel:
            yield Client(channel, language)

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value, 0 where it was never set."""
        return self.registry.get_sample_value(name, labels) or 0.0


class Client:
    """Stubs on one channel."""

    def __init__(self, channel: grpc.aio.Channel, language: str | None) -> None:
        self.channel = channel
        self.metadata = (("accept-language", language),) if language else ()
        self.exchange: Any = exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]
        self.directory: Any = directory_pb2_grpc.DirectoryServiceStub(channel)  # type: ignore[no-untyped-call]
        self.admin: Any = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]

    async def submit(self, data: bytes, *, chunk: int = 200_000) -> Any:
        """Submit `data` as a good client does."""
        return await self.exchange.Submit(upload(data, chunk=chunk), timeout=WAIT, metadata=self.metadata)


def header(data: bytes, *, size: int | None = None, sha256: str | None = None) -> exchange_pb2.SubmitRequest:
    """The first message of an upload, with lies where given."""
    return exchange_pb2.SubmitRequest(
        header=exchange_pb2.SubmitHeader(
            size=len(data) if size is None else size,
            sha256=hashlib.sha256(data).hexdigest() if sha256 is None else sha256,
        )
    )


def chunk_of(data: bytes) -> exchange_pb2.SubmitRequest:
    """One further message."""
    return exchange_pb2.SubmitRequest(chunk=data)


def upload(data: bytes, *, chunk: int = 200_000) -> Iterator[exchange_pb2.SubmitRequest]:
    """All messages of an honest upload."""
    yield header(data)
    for start in range(0, len(data), chunk):
        yield chunk_of(data[start : start + chunk])


@asynccontextmanager
async def serving(limits: RpcLimits | None = None, *, max_package: int = 4_000_000) -> AsyncIterator[Running]:
    """A server for the length of a block."""
    running = Running(peers(), limits or RpcLimits(), max_package=max_package)
    running.port = await running.server.start()
    try:
        yield running
    finally:
        await running.server.stop(grace=0)


class Refused:
    """What came instead of an answer, unpacked."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        trailers = dict(error.trailing_metadata() or ())
        packed = trailers["grpc-status-details-bin"]
        assert isinstance(packed, bytes)
        self.status = status_pb2.Status.FromString(packed)
        self.grpc = error.code()
        assert self.status.code == error.code().value[0]
        assert self.status.message == error.details()
        self.request_id = trailers["x-request-id"]
        self.info = self._detail(error_details_pb2.ErrorInfo())
        self.localized = self._detail(error_details_pb2.LocalizedMessage())
        self.bad_request = self._detail(error_details_pb2.BadRequest())
        self.retry = self._detail(error_details_pb2.RetryInfo())

    @classmethod
    async def by(cls, answer: Awaitable[object]) -> Refused:
        """The refusal that `answer` ends with."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answer
        return cls(caught.value)

    def _detail(self, wanted: Message) -> Any:
        return wanted if any(detail.Unpack(wanted) for detail in self.status.details) else None

    @property
    def reason(self) -> str:
        """The catalogue code."""
        assert self.info.domain == "lienthong"
        return str(self.info.reason)

    @property
    def field(self) -> str:
        """The field at fault, "" for none."""
        return str(self.info.metadata.get("field", ""))
