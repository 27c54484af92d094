"""The connection to the hub: one grpc.aio channel over mutual TLS, its limits and its two stubs.

Generated gRPC code is used here and nowhere else in the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc

from lienthong.api.v1 import (
    business_pb2_grpc,
    check_pb2_grpc,
    content_pb2_grpc,
    directory_pb2_grpc,
    exchange_pb2_grpc,
    receipts_pb2_grpc,
)
from lienthong_client.errors import Unreachable, from_rpc_error
from lienthong_client.profile import Profile

T = TypeVar("T")

_MAX_MESSAGE = 64 * 1024 * 1024  # bytes; documents come in chunks, only evidence lists are long

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 60_000),  # a watched inbox notices a dead network within 80 s
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own: hubs that share a port share them out
    ("grpc.enable_retries", 0),  # repeating is `retry.Retry`'s business alone
)


class Connection:
    """Opens on first use, inside the running event loop. `close` ends it."""

    def __init__(self, profile: Profile, *, language: str, connect_timeout: float) -> None:
        self.address = profile.hub.address
        self.metadata = (("accept-language", language),)
        self._profile = profile
        self._connect_timeout = connect_timeout
        self._channel: grpc.aio.Channel | None = None
        self._exchange: Any = None
        self._directory: Any = None
        self._content: Any = None
        self._receipts: Any = None
        self._check: Any = None
        self._business: Any = None

    @property
    def exchange(self) -> Any:  # noqa: ANN401 - generated stubs are untyped
        """The ExchangeService stub."""
        self._open()
        return self._exchange

    @property
    def directory(self) -> Any:  # noqa: ANN401
        """The DirectoryService stub."""
        self._open()
        return self._directory

    @property
    def content(self) -> Any:  # noqa: ANN401
        """The ContentService stub."""
        self._open()
        return self._content

    @property
    def receipts(self) -> Any:  # noqa: ANN401
        """The ReceiptService stub."""
        self._open()
        return self._receipts

    @property
    def business(self) -> Any:  # noqa: ANN401
        """The BusinessService stub."""
        self._open()
        return self._business

    @property
    def check(self) -> Any:  # noqa: ANN401
        """The CheckService stub."""
        self._open()
        return self._check

    async def close(self) -> None:
        """Close the channel; running calls are cancelled."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def ready(self) -> bool:
        """Wait until a call can be tried; True when connected. Raises `Unreachable` when the network stays silent.

        A refused connection is left to the call itself, which then fails at once and says why.
        """
        channel = self._open()
        settled = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE)
        try:
            async with asyncio.timeout(self._connect_timeout):
                while (state := channel.get_state(try_to_connect=True)) not in settled:
                    await channel.wait_for_state_change(state)
                return state is grpc.ChannelConnectivity.READY
        except TimeoutError:
            raise Unreachable(
                self.address, f"no answer within {self._connect_timeout:g} s", timed_out=True
            ) from None

    async def call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run one call that answers once; gRPC errors become `Refusal` or `Unreachable`."""
        await self.ready()
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.address) from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # somebody cancelled us; otherwise the call ended so, as gRPC does at some deadlines
            raise Unreachable(self.address, "the call was cut off") from None

    async def stream(self, call: Any, *, idle_timeout: float | None) -> AsyncGenerator[Any, None]:  # noqa: ANN401
        """The messages of a streaming call. `idle_timeout`: seconds between two messages, None for ever.

        The call is cancelled when the iterator is closed.
        """
        try:
            while True:
                async with asyncio.timeout(idle_timeout):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    return
                yield message
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, self.address) from error
        except TimeoutError:
            raise Unreachable(self.address, f"nothing came for {idle_timeout:g} s") from None
        finally:
            call.cancel()

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = secure_channel(self._profile)
            self._check = check_pb2_grpc.CheckServiceStub(self._channel)  # type: ignore[no-untyped-call]
            self._content = content_pb2_grpc.ContentServiceStub(self._channel)  # type: ignore[no-untyped-call]
            self._exchange = exchange_pb2_grpc.ExchangeServiceStub(self._channel)  # type: ignore[no-untyped-call]
            self._directory = directory_pb2_grpc.DirectoryServiceStub(self._channel)  # type: ignore[no-untyped-call]
            self._business = business_pb2_grpc.BusinessServiceStub(self._channel)  # type: ignore[no-untyped-call]
            self._receipts = receipts_pb2_grpc.ReceiptServiceStub(self._channel)  # type: ignore[no-untyped-call]
        return self._channel


def secure_channel(profile: Profile) -> grpc.aio.Channel:
    """A channel of its own to the profile's hub."""
    hub = profile.hub
    credentials = grpc.ssl_channel_credentials(
        root_certificates=profile.read(hub.ca, "[hub] ca"),
        private_key=profile.read(hub.key, "[hub] key"),
        certificate_chain=profile.read(hub.certificate, "[hub] certificate"),
    )
    options: list[tuple[str, Any]] = list(_OPTIONS)
    if hub.name:
        options.append(("grpc.ssl_target_name_override", hub.name))
    return grpc.aio.secure_channel(hub.address, credentials, options=options)
