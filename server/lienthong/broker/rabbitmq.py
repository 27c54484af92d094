"""The broker on RabbitMQ: one object that ties topology, publishing, consuming and notifications to the hub's port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Self
from urllib.parse import unquote, urlsplit

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from lienthong.broker.connection import LINK_ERRORS, Link, lost_not_cancelled
from lienthong.broker.consumer import Intake, Source
from lienthong.broker.declaration import declare_base, declare_queues
from lienthong.broker.depths import depths_by_declaration, depths_by_management, rows
from lienthong.broker.publisher import Publisher
from lienthong.broker.topology import Topology, read_routing_key
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Notification, QueueRow, TransitDelivery, TransitHandler

log = structlog.get_logger(__name__)

NotificationHandler = Callable[[Notification], Awaitable[None]]


class RabbitBroker:
    """Implements `lienthong.hub.ports.Broker`. Make it with `await RabbitBroker.connect(...)`.

    Links (connections) of a process: control (declarations, questions), publish, and as needed one per lane, one
    for dead letters, one for notifications. An alarm stops only publish.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        topology: Topology,
        management_url: str | None,
        express_concurrency: int,
        normal_concurrency: int,
        confirm_seconds: float,
        dead_pause: float,
    ) -> None:
        self._urls = tuple(urls)
        self._topology = topology
        self._management_url = management_url
        self._concurrency = {Lane.EXPRESS: express_concurrency, Lane.NORMAL: normal_concurrency}
        self._seconds = confirm_seconds
        self._dead_pause = dead_pause
        self._nodes: dict[str, None] = {}  # in order, without repeats
        self._control = Link(urls, name="lienthong control", set_up=self._declare_all)
        self._publisher = Publisher(urls, confirm_seconds=confirm_seconds)
        self._intakes: list[Intake] = []
        self._dead: Intake | None = None
        self._events: Link | None = None
        self._subscribers: list[NotificationHandler] = []
        self._notified: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls,
        urls: Sequence[str],
        *,
        topology: Topology | None = None,
        management_url: str | None = None,
        express_concurrency: int = 4,
        normal_concurrency: int = 4,
        connect_seconds: float = 30.0,
        confirm_seconds: float = 15.0,
        dead_pause: float = 5.0,
    ) -> Self:
        """Connect and declare what does not depend on the nodes.

        `urls`: AMQP URLs of the members of one cluster. `management_url`: with user and password, see
        `PrivateNode.management_url`. Concurrencies: handlers at work per lane. `confirm_seconds`: after this a
        publish is taken for lost. `dead_pause`: seconds before a dead letter that could not be stored is tried again.
        Raises `HubFault` when no URL answers within `connect_seconds`.
        """
        broker = cls(
            urls,
            topology=topology or Topology(),
            management_url=management_url,
            express_concurrency=express_concurrency,
            normal_concurrency=normal_concurrency,
            confirm_seconds=confirm_seconds,
            dead_pause=dead_pause,
        )
        try:
            await broker._control.open(connect_seconds)  # noqa: SLF001 - our own object
            await broker._publisher.link.open(connect_seconds)  # noqa: SLF001
        except BaseException:
            await broker.close()
            raise
        return broker

    # --- topology ---------------------------------------------------------------------------------------

    async def _declare_all(self, connection: AbstractConnection) -> None:
        await declare_base(connection, self._topology)
        await self._declare_nodes(connection, tuple(self._nodes))

    async def _declare_nodes(self, connection: AbstractConnection, nodes: Sequence[str]) -> None:
        await declare_queues(connection, [queue for node in nodes for queue in self._topology.of_node(node)])

    async def declare(self, nodes: Sequence[str]) -> None:
        """Declare the lanes of `nodes`; they are declared again after every reconnection."""
        connection = await self._control.ready(self._seconds)
        self._nodes.update(dict.fromkeys(nodes))
        try:
            await self._declare_nodes(connection, nodes)
        except* LINK_ERRORS as errors:
            raise HubFault("RabbitMQ did not take the declaration of queues") from errors
        except* asyncio.CancelledError as errors:
            if not lost_not_cancelled():
                raise
            raise HubFault("the connection broke while queues were declared") from errors

    # --- publishing -------------------------------------------------------------------------------------

    async def publish(self, node: str, lane: Lane, body: bytes) -> None:
        """Return when the message is on disk in the node's queue; `HubFault` when it is not known to be."""
        await self._publisher.publish(self._topology.transit, self._topology.routing_key(node, lane), body)

    async def _pass_on(self, delivery: TransitDelivery) -> None:
        """To the next delay, or to the dead letters after the last."""
        exchange = self._topology.retry(delivery.attempt)
        attempt = delivery.attempt + 1
        if exchange is None:
            exchange, attempt = self._topology.dead, delivery.attempt
            log.error("broker.dead_lettered", node=delivery.node, lane=delivery.lane.value, attempt=attempt)
        key = self._topology.routing_key(delivery.node, delivery.lane)
        await self._publisher.publish(exchange, key, delivery.body, attempt=attempt)

    async def _pass_on_dead(self, delivery: TransitDelivery) -> None:
        """A dead letter that could not be stored goes to the end of its queue, after a pause."""
        await asyncio.sleep(self._dead_pause)
        key = self._topology.routing_key(delivery.node, delivery.lane)
        await self._publisher.publish(self._topology.dead, key, delivery.body, attempt=delivery.attempt)

    def blocked(self) -> bool:
        """Whether RabbitMQ holds our publishers back. It says so only once we publish under the alarm."""
        return self._publisher.link.blocked

    # --- consuming --------------------------------------------------------------------------------------

    async def consume(self, nodes: Sequence[str], handler: TransitHandler) -> None:
        """Consume both lanes of `nodes`, each over its own link, until `stop_consuming`."""
        await self.declare(nodes)
        for lane in Lane:
            intake = Intake(
                self._urls,
                name=lane.value,
                sources=[
                    Source(queue=self._topology.queue(node, lane), place=(node, lane)) for node in nodes
                ],
                handler=handler,
                pass_on=self._pass_on,
                locate=locate,
                concurrency=self._concurrency[lane],
            )
            self._intakes.append(intake)
            await intake.link.open(self._seconds)

    async def stop_consuming(self) -> None:
        """Return when the handlers at work have finished and everything else went back to its queue."""
        intakes, self._intakes = self._intakes, []
        await asyncio.gather(*(intake.stop() for intake in intakes))

    async def collect_dead(self, handler: TransitHandler) -> None:
        """Consume the dead letters, two at a time."""
        if self._dead is not None:
            raise HubFault("dead letters are collected already")
        self._dead = Intake(
            self._urls,
            name="dead",
            sources=[Source(queue=self._topology.dead_queue, place=None)],
            handler=handler,
            pass_on=self._pass_on_dead,
            locate=locate,
            concurrency=2,
        )
        await self._dead.link.open(self._seconds)

    # --- notifications ----------------------------------------------------------------------------------

    async def notify(self, notification: Notification) -> None:
        """Tell every subscriber now connected; never raises for the broker's sake."""
        await self._publisher.announce(self._topology.events, json.dumps(dict(notification)).encode())

    async def subscribe(self, handler: NotificationHandler) -> None:
        """Call `handler` with each notification from now on, one at a time per notification."""
        self._subscribers.append(handler)
        if self._events is None:
            self._events = Link(self._urls, name="lienthong events", set_up=self._listen)
            await self._events.open(self._seconds)

    async def _listen(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        if self._events is not None:
            self._events.drop_with(channel)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(self._topology.events)
        await queue.consume(self._on_notification, no_ack=True)

    async def _on_notification(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._tell(message.body))
        self._notified.add(task)
        task.add_done_callback(self._notified.discard)

    async def _tell(self, body: bytes) -> None:
        try:
            notification = {str(k): str(v) for k, v in json.loads(body).items()}
        except (ValueError, AttributeError):
            log.warning("broker.notification_unreadable", size=len(body))
            return
        for handler in tuple(self._subscribers):
            try:
                await handler(notification)
            except Exception:  # a subscriber's fault must not silence the others
                log.exception("broker.subscriber_failed")

    # --- questions, end ---------------------------------------------------------------------------------

    async def queues(self, nodes: Sequence[str]) -> list[QueueRow]:
        """Both lanes of each node, zeros where there is no queue."""
        if self._management_url is not None:
            vhost = unquote(urlsplit(self._urls[0]).path[1:]) or "/"
            return rows(self._topology, nodes, await depths_by_management(self._management_url, vhost))
        connection = await self._control.ready(self._seconds)
        names = [self._topology.queue(node, lane) for node in nodes for lane in Lane]
        try:
            return rows(self._topology, nodes, await depths_by_declaration(connection, names))
        except LINK_ERRORS as error:
            raise HubFault("RabbitMQ did not tell its queues") from error

    async def close(self) -> None:
        """Stop consuming as `stop_consuming` does, then close every link."""
        await self.stop_consuming()
        if self._dead is not None:
            await self._dead.stop()
            self._dead = None
        if self._events is not None:
            await self._events.close()
            self._events = None
        for task in tuple(self._notified):
            task.cancel()
        await self._publisher.close()
        await self._control.close()


def locate(routing_key: str) -> tuple[str, Lane]:
    """Where a dead letter died; a message that is not ours is shown under its whole routing key."""
    return read_routing_key(routing_key) or (routing_key, Lane.NORMAL)
