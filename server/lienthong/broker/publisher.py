"""How is a message handed to RabbitMQ so that it is either confirmed or known not to be?

Persistent, mandatory, confirmed, with any number in flight at once. A publish ends in one of two ways: it returns,
and the message is on disk in a queue (in a cluster on a majority), or it raises `HubFault` and the caller must take
it for not sent, though it may have been: consumers are idempotent, so publishing again does no harm.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import structlog
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError
from aiormq.channel import Channel as Wire
from pamqp.commands import Basic
from pamqp.common import FieldValue

from lienthong.broker.connection import Link, as_hub_faults
from lienthong.errors import HubFault

log = structlog.get_logger(__name__)

ATTEMPT = "attempt"  #: the header that counts tries, from 0
REASON = "reason"  #: the header that says why the last try failed
LONGEST_REASON = 500
LINK_SECONDS = 5.0  #: how long a publish waits for a connection that is away
ANNOUNCE_SECONDS = 1.0
#: RabbitMQ 4 closes the channel over 16 MiB, 3.10 over 128 MiB, and every publish in flight fails with it.
MAX_BODY = 16 * 1024 * 1024


class Unconfirmed(HubFault):
    """The broker took the message and said nothing in the time set. Its queue may have no leader."""


class Unroutable(HubFault):
    """No queue takes messages with this routing key."""


class Publisher:
    """Publishing over one link of its own, so that an alarm that blocks it never blocks consuming."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        declared: Callable[[], Awaitable[object]],
        confirm_seconds: float,
        max_body: int = MAX_BODY,
    ) -> None:
        self._declared = declared
        self.link = Link(urls, name="lienthong publish", set_up=self._set_up)
        self._confirm_seconds = confirm_seconds
        self._max_body = max_body
        self._numbers = itertools.count(1)
        self._confirmed: Wire | None = None
        self._unconfirmed: Wire | None = None

    async def _set_up(self, connection: AbstractConnection) -> None:
        await self._declared()  # publishing to an exchange that is not there closes the channel
        confirmed = await connection.channel(publisher_confirms=True, on_return_raises=True)
        unconfirmed = await connection.channel(publisher_confirms=False)
        self.link.watch(confirmed)
        self.link.watch(unconfirmed)
        self._channels = confirmed, unconfirmed  # kept: they keep the channels below open
        self._confirmed = cast("Wire", await confirmed.get_underlay_channel())
        self._unconfirmed = cast("Wire", await unconfirmed.get_underlay_channel())

    async def publish(
        self, exchange: str, routing_key: str, body: bytes, *, attempt: int = 0, reason: str | None = None
    ) -> None:
        """Return when the broker has confirmed the message; raise `HubFault` otherwise, always within the time set."""
        if len(body) > self._max_body:
            raise HubFault(
                f"a transit message of {len(body)} bytes exceeds {self._max_body}: documents travel as blobs"
            )
        if self.link.blocked:
            raise HubFault("RabbitMQ holds publishers back (memory or disk alarm)")
        headers: dict[str, FieldValue] = {}
        if attempt:
            headers[ATTEMPT] = attempt
        if reason:
            headers[REASON] = reason[:LONGEST_REASON]
        properties = Basic.Properties(
            message_id=str(next(self._numbers)),  # ties a returned message to its publish
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=headers or None,
        )
        await self.link.ready(min(LINK_SECONDS, self._confirm_seconds))
        with as_hub_faults(f"publishing to {routing_key}"):
            try:
                async with asyncio.timeout(self._confirm_seconds):
                    await self._send(exchange, routing_key, body, properties)
            except TimeoutError as error:
                raise Unconfirmed(
                    f"publishing to {routing_key}: no confirm in {self._confirm_seconds:g} s"
                ) from error
            except PublishError as error:
                raise Unroutable(f"no queue takes messages for {routing_key}") from error
            except DeliveryError as error:
                raise HubFault(f"RabbitMQ refused a message for {routing_key}") from error

    async def _send(self, exchange: str, routing_key: str, body: bytes, properties: Basic.Properties) -> None:
        """Straight on the channel below aio-pika's: its Message and Exchange cost as much again as the publish."""
        if self._confirmed is None:
            raise HubFault("the link to RabbitMQ is closed")
        await self._confirmed.basic_publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=properties,
            mandatory=True,
            wait=False,  # for the socket: the confirm, which is waited for, comes after it
        )

    async def announce(self, exchange: str, body: bytes) -> None:
        """Tell whoever listens now; lost without an error when nobody does or the broker is away."""
        if self.link.blocked:
            return
        try:
            with as_hub_faults("notifying"):
                async with asyncio.timeout(ANNOUNCE_SECONDS):
                    await self.link.ready(ANNOUNCE_SECONDS)
                    if self._unconfirmed is None:
                        return
                    await self._unconfirmed.basic_publish(body, exchange=exchange, wait=False)
        except HubFault as fault:
            log.debug("broker.notification_lost", fault=str(fault))

    async def close(self) -> None:
        """Close the link; publishes in flight raise `HubFault`."""
        await self.link.close()
