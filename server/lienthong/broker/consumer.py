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
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.abc import DeliveredMessage

from lienthong.broker.connection import Link, as_hub_faults
from lienthong.broker.publisher import ATTEMPT, REASON
from lienthong.broker.topology import read_routing_key
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Outcome, Retry, TransitDelivery, TransitHandler

log = structlog.get_logger(__name__)

#: Messages an intake may hold unhandled, over all its queues: bounds memory (each up to some 256 KiB, mostly 20).
HELD_MESSAGES = 1024
#: Fewer per queue would make one busy queue wait for the broker after each of them.
LEAST_PREFETCH = 4
#: Registering a consumer with a quorum queue waits for its log on disk, so several channels at once pay.
CHANNELS = 8
CONSUME_SECONDS = 20.0  #: one registration; a queue without a leader never answers
CLOSE_SECONDS = 10.0
LONGEST_HOLD_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A queue to consume, and whose it is; None where the message's routing key must tell (dead letters)."""

    queue: str
    place: tuple[str, Lane] | None


#: Returns when a queue that does not answer is well again, made anew where it had no leader.
Heal = Callable[[str], Awaitable[object]]
#: Publishes a message that is to be tried again, or is dead, with the reason; raises `HubFault` when not confirmed.
PassOn = Callable[[TransitDelivery, str], Awaitable[None]]


class Intake:
    """Consumes its sources with at most `concurrency` handlers at work.

    `declare` brings queues that are not there into being: at first, or after somebody deleted one.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        handler: TransitHandler,
        pass_on: PassOn,
        declare: Callable[[], Awaitable[None]],
        heal: Heal,
        concurrency: int,
        consume_seconds: float = CONSUME_SECONDS,
    ) -> None:
        self.link = Link(urls, name=f"lienthong {name}", set_up=self._set_up)
        self._sources: dict[str, Source] = {}
        self._handler = handler
        self._pass_on = pass_on
        self._declare = declare
        self._heal = heal
        self._consume_seconds = consume_seconds
        self._ailing: dict[str, asyncio.Task[None]] = {}  # queues that did not answer, and who waits for them
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._stopping = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        self._channels: list[AbstractChannel] = []
        self._consumed: dict[str, tuple[AbstractChannel, str]] = {}  # queue: its channel and consumer tag

    async def add(self, sources: Sequence[Source], seconds: float) -> None:
        """Consume these queues too, now and after every reconnection.

        Raises `HubFault` when RabbitMQ is away for `seconds`; they are consumed all the same once it is back.
        """
        self._sources.update((source.queue, source) for source in sources)
        await self.link.ready(seconds)
        async with self._changing:
            try:
                with as_hub_faults("consuming"):
                    await self._consume()
            except HubFault:
                self.link.drop("a queue could not be consumed")
                raise

    async def _set_up(self, connection: AbstractConnection) -> None:
        async with self._changing:
            self._consumed = {}
            self._channels = []
            for _ in range(max(1, min(CHANNELS, len(self._sources)))):
                channel = await connection.channel(publisher_confirms=False)
                self.link.watch(channel)
                underlay = await channel.get_underlay_channel()
                underlay.on_consumer_cancel_callbacks.add(
                    lambda frame: self.link.drop(f"the broker cancelled consumer {frame.consumer_tag}")
                )
                self._channels.append(channel)
            try:
                await self._consume()
            except ChannelNotFoundEntity:
                await self._declare()
                raise

    async def _consume(self) -> None:
        """Consume every source that is not yet, each channel its share; those that ail when they are well."""
        consumed = self._consumed  # of this connection
        waiting = [
            source
            for source in self._sources.values()
            if source.queue not in consumed and source.queue not in self._ailing
        ]
        share = HELD_MESSAGES // max(1, len(self._sources))
        prefetch = min(self._concurrency, max(LEAST_PREFETCH, share))

        async def work(channel: AbstractChannel) -> None:
            await channel.set_qos(prefetch_count=prefetch)  # of each consumer from now on, not global
            # below aio-pika: its own message and task cost as much as ours
            wire = await channel.get_underlay_channel()
            while waiting and not self._stopping.is_set():
                source = waiting.pop()
                try:
                    async with asyncio.timeout(self._consume_seconds):
                        answer = await wire.basic_consume(source.queue, self._receiver(source))
                except (
                    TimeoutError
                ):  # this channel is never answered again; the others go on without the queue
                    self._nurse(source.queue)
                    raise
                consumed[source.queue] = (channel, answer.consumer_tag or "")

        if waiting:
            await asyncio.gather(*(work(channel) for channel in self._channels))

    def _nurse(self, queue: str) -> None:
        """Leave the queue out until it is well; then connect anew, with it."""

        async def until_well() -> None:
            try:
                await self._heal(queue)
            finally:
                del self._ailing[queue]
            self.link.drop(f"{queue} answers again")

        if queue not in self._ailing:
            self._ailing[queue] = asyncio.create_task(until_well(), name=f"until {queue} is well")

    def _receiver(self, source: Source) -> Callable[[DeliveredMessage], Coroutine[None, None, None]]:
        async def receive(message: DeliveredMessage) -> None:
            # A task of ours: aiormq cancels its own tasks when the connection breaks, handlers are to finish.
            task = asyncio.create_task(self._take(source, message))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

        return receive

    async def _take(self, source: Source, message: DeliveredMessage) -> None:
        async with self._slots:
            if self._stopping.is_set() or message.channel.is_closed:
                return  # it goes back to its queue with the channel
            delivery = read_delivery(source, message)
            outcome = await self._handle(delivery)
            try:
                with as_hub_faults("settling"):
                    await self._settle(message, delivery, outcome)
            except HubFault as fault:
                # RabbitMQ delivers it again, and handling it again changes nothing.
                log.info(
                    "broker.settled_too_late", node=delivery.node, lane=delivery.lane.value, fault=str(fault)
                )

    async def _handle(self, delivery: TransitDelivery) -> Outcome | Retry:
        try:
            return await self._handler(delivery)
        except Exception as error:  # any fault of the handler: never lost, never spun on
            log.exception(
                "broker.handler_failed",
                node=delivery.node,
                lane=delivery.lane.value,
                attempt=delivery.attempt,
            )
            return Retry(f"{type(error).__name__}: {error}")

    async def _settle(
        self, message: DeliveredMessage, delivery: TransitDelivery, outcome: Outcome | Retry
    ) -> None:
        if outcome is Outcome.RETRY:
            outcome = Retry("")
        if isinstance(outcome, Retry):
            passed_on = await self._passed_on(message, delivery, outcome.reason)
            outcome = Outcome.DONE if passed_on else Outcome.REQUEUE
        # without waiting for the socket: the channel's close comes after it
        if outcome is Outcome.REQUEUE:
            await message.channel.basic_nack(message.delivery_tag or 0, requeue=True, wait=False)
        else:
            await message.channel.basic_ack(message.delivery_tag or 0, wait=False)

    async def _passed_on(self, message: DeliveredMessage, delivery: TransitDelivery, reason: str) -> bool:
        """Whether the message now stands in another queue. False: we stop, or it will be redelivered anyway."""
        wait = 0.5
        while not message.channel.is_closed:
            try:
                await self._pass_on(delivery, reason)
            except HubFault as fault:
                log.warning("broker.retry_not_published", node=delivery.node, fault=str(fault), again_in=wait)
            else:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stopping.wait()
                return False
            wait = min(wait * 2, LONGEST_HOLD_SECONDS)
        return False

    async def stop(self) -> None:
        """Take nothing new, let the handlers at work finish and settle, hand everything else back."""
        self._stopping.set()
        for task in tuple(self._ailing.values()):
            task.cancel()
        for channel, tag in tuple(self._consumed.values()):
            with contextlib.suppress(HubFault), as_hub_faults("cancelling"):
                async with asyncio.timeout(CLOSE_SECONDS):
                    underlay = await channel.get_underlay_channel()
                    await underlay.basic_cancel(tag, nowait=True)
        while self._at_work:
            await asyncio.wait(self._at_work)
        for channel in self._channels:
            self.link.unwatch(channel)
            with contextlib.suppress(HubFault), as_hub_faults("closing"):
                # Answered only after every acknowledgement sent before it was taken in.
                async with asyncio.timeout(CLOSE_SECONDS):
                    await channel.close()
        await self.link.close()


def read_delivery(source: Source, message: DeliveredMessage) -> TransitDelivery:
    """A message as its handler sees it. A dead letter that is not ours is shown under its whole routing key."""
    key = message.routing_key or ""
    node, lane = source.place or read_routing_key(key) or (key, Lane.NORMAL)
    headers = message.header.properties.headers or {}
    return TransitDelivery(
        node=node,
        lane=lane,
        body=message.body,
        attempt=read_attempt(headers),
        redelivered=bool(message.redelivered),
        reason=read_reason(headers),
    )


def read_attempt(headers: Mapping[str, object]) -> int:
    """The number of tries before this one, 0 where the header is missing or nonsense."""
    value = headers.get(ATTEMPT)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def read_reason(headers: Mapping[str, object]) -> str | None:
    """Why the last try failed, as its handler said; of a dead letter nobody handled, RabbitMQ's reason."""
    value = headers.get(REASON)
    if not value and headers.get("x-first-death-reason") == "delivery_limit":
        value = "delivered too often without an answer: its consumer died each time"
    return value if isinstance(value, str) and value else None
