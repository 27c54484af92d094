"""How is a message taken from a queue, handled, and settled, without losing it or spinning on it?

An intake consumes some queues over a link of its own, with its own prefetch and its own number of handlers at work:
one intake per lane is what keeps express from ever waiting behind normal. What becomes of a message:

- DONE: acknowledged.
- RETRY, or the handler raised: published to the next delay queue with its attempt counted up and, once that is
  confirmed, acknowledged; after the last delay it goes to the dead letters the same way. So a message is always in
  at least one queue. While the broker refuses that publish, the message and its place among the handlers at work
  are held and the publish is tried ever more slowly.
- REQUEUE: handed back at once, for shutdown.
- Anything unsettled when the connection breaks or the process dies is delivered again by RabbitMQ, at most
  `delivery_limit` times before it is dead-lettered: a message that kills its consumer does not do so for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from lienthong.broker.connection import LINK_ERRORS, Link, lost_not_cancelled
from lienthong.broker.publisher import ATTEMPT
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Outcome, TransitDelivery, TransitHandler

log = structlog.get_logger(__name__)

#: Messages an intake may hold unhandled, over all its queues: bounds memory (each up to some 256 KiB).
HELD_MESSAGES = 512
CLOSE_SECONDS = 10.0
LONGEST_HOLD_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A queue to consume, and whose it is; None where the message's routing key must tell (dead letters)."""

    queue: str
    place: tuple[str, Lane] | None


Locate = Callable[[str], tuple[str, Lane]]
#: Publishes a message that is to be tried again, or is dead; raises `HubFault` when not confirmed.
PassOn = Callable[[TransitDelivery], Awaitable[None]]


class Intake:
    """Consumes `sources` with at most `concurrency` handlers at work."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        sources: Sequence[Source],
        handler: TransitHandler,
        pass_on: PassOn,
        locate: Locate,
        concurrency: int,
    ) -> None:
        self.link = Link(urls, name=f"lienthong {name}", set_up=self._set_up)
        self._sources = tuple(sources)
        self._handler = handler
        self._pass_on = pass_on
        self._locate = locate
        self._prefetch = max(1, min(concurrency, HELD_MESSAGES // max(1, len(self._sources))))
        self._slots = asyncio.Semaphore(concurrency)
        self._stopping = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self._channel: AbstractChannel | None = None
        self._tags: list[str] = []

    async def _set_up(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._prefetch)  # per consumer, not global
        self.link.drop_with(channel)
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(
            lambda frame: self.link.drop(f"broker cancelled {frame.consumer_tag}")
        )
        self._tags = []
        for source in self._sources:
            queue = await channel.get_queue(source.queue, ensure=False)
            self._tags.append(await queue.consume(self._receiver(source)))
        self._channel = channel

    def _receiver(self, source: Source) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
        async def receive(message: AbstractIncomingMessage) -> None:
            # A task of ours: aiormq cancels its own tasks when the connection breaks, handlers are to finish.
            task = asyncio.create_task(self._take(source, message))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

        return receive

    async def _take(self, source: Source, message: AbstractIncomingMessage) -> None:
        async with self._slots:
            if self._stopping.is_set() or message.channel.is_closed:
                return  # it goes back to its queue with the channel
            node, lane = source.place or self._locate(message.routing_key or "")
            delivery = TransitDelivery(
                node=node,
                lane=lane,
                body=message.body,
                attempt=read_attempt(message.headers),
                redelivered=bool(message.redelivered),
            )
            try:
                outcome = await self._handler(delivery)
            except Exception:
                log.exception("broker.handler_failed", node=node, lane=lane.value, attempt=delivery.attempt)
                outcome = Outcome.RETRY
            await self._settle(message, delivery, outcome)

    async def _settle(
        self, message: AbstractIncomingMessage, delivery: TransitDelivery, outcome: Outcome
    ) -> None:
        try:
            if outcome is Outcome.RETRY and not await self._passed_on(message, delivery):
                outcome = Outcome.REQUEUE
            if outcome is Outcome.REQUEUE:
                await message.nack(requeue=True)
            else:
                await message.ack()
        except LINK_ERRORS as error:
            self._not_settled(delivery, error)
        except asyncio.CancelledError as error:
            if not lost_not_cancelled():
                raise
            self._not_settled(delivery, error)

    async def _passed_on(self, message: AbstractIncomingMessage, delivery: TransitDelivery) -> bool:
        """Whether the message now stands in another queue. False: we stop, or it will be redelivered anyway."""
        wait = 0.5
        while not message.channel.is_closed:
            try:
                await self._pass_on(delivery)
            except HubFault as fault:
                log.warning("broker.retry_not_published", node=delivery.node, fault=str(fault), again_in=wait)
            else:
                return True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
                return False
            wait = min(wait * 2, LONGEST_HOLD_SECONDS)
        return False

    def _not_settled(self, delivery: TransitDelivery, error: BaseException) -> None:
        # RabbitMQ delivers it again, and handling it again changes nothing.
        log.info("broker.settled_too_late", node=delivery.node, lane=delivery.lane.value, failure=repr(error))

    async def stop(self) -> None:
        """Take nothing new, let the handlers at work finish and settle, hand everything else back."""
        self._stopping.set()
        if self._channel is not None and not self._channel.is_closed:
            with contextlib.suppress(*LINK_ERRORS, asyncio.CancelledError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    underlay = await self._channel.get_underlay_channel()
                    for tag in self._tags:
                        await underlay.basic_cancel(tag, nowait=True)
        while self._at_work:
            await asyncio.wait(self._at_work)
        if self._channel is not None and not self._channel.is_closed:
            with contextlib.suppress(*LINK_ERRORS, asyncio.CancelledError):
                # Answered only after every acknowledgement sent before it was taken in.
                await asyncio.wait_for(self._channel.close(), CLOSE_SECONDS)
        await self.link.close()


def read_attempt(headers: Mapping[str, object]) -> int:
    """The number of tries before this one, 0 where the header is missing or nonsense."""
    value = headers.get(ATTEMPT)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
