"""The broker on RabbitMQ: one object that ties topology, publishing, consuming and notifications to the hub's port."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from urllib.parse import quote, unquote, urlsplit

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from lienthong.broker.connection import Link, as_hub_faults
from lienthong.broker.consumer import CONSUME_SECONDS, Intake, Source
from lienthong.broker.declaration import declare_base, declare_queues
from lienthong.broker.depths import depths_by_declaration, depths_by_management, rows
from lienthong.broker.leaderless import ANSWER_SECONDS, Healer
from lienthong.broker.publisher import Publisher, Unconfirmed, Unroutable
from lienthong.broker.topology import RETRY_DELAYS, Topology
from lienthong.domain.document import Lane
from lienthong.hub.ports import Notification, QueueRow, TransitDelivery, TransitHandler

log = structlog.get_logger(__name__)

NotificationHandler = Callable[[Notification], Awaitable[None]]


class RabbitBroker:
    """Implements `lienthong.hub.ports.Broker`. Connects when first used, and again whenever a connection breaks.

    `urls`: AMQP URLs of the members of one cluster. `management_url`: of the management API, with user and password,
    as `PrivateNode.management_url`. `retry_delays`: seconds. `prefix`: before every exchange's and queue's name.
    `express_concurrency`, `normal_concurrency`: handlers at work at once, per process. `connect_seconds`: how long
    a call waits for a broker that is away. `confirm_seconds`: after this a publish is taken for lost. `dead_pause`:
    seconds until a dead letter that could not be handled is tried again. `answer_seconds`: a queue under suspicion
    that says nothing for so long, while the broker is well, has no leader and is made anew. `consume_seconds`: a
    consumer that could not be registered for so long puts its queue under suspicion. `on_demand`: the queues of a
    node that has none are declared when the first message for it is published; else that message is refused.

    Links (connections) of a process: control (declarations, questions), publish, and as needed one per lane, one
    for dead letters, one for notifications. An alarm stops only publish.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        management_url: str | None = None,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        prefix: str = "",
        express_concurrency: int = 8,
        normal_concurrency: int = 8,
        connect_seconds: float = 15.0,
        confirm_seconds: float = 15.0,
        dead_pause: float = 5.0,
        answer_seconds: float = ANSWER_SECONDS,
        consume_seconds: float = CONSUME_SECONDS,
        on_demand: bool = False,
    ) -> None:
        self._urls = tuple(urls)
        self._topology = Topology(prefix=prefix, retry_delays=tuple(retry_delays))
        vhost = quote(unquote(urlsplit(urls[0]).path[1:]) or "/", safe="") if urls else ""
        self._management_queues = management_url and f"{management_url}/api/queues/{vhost}"
        self._concurrency = {Lane.EXPRESS: express_concurrency, Lane.NORMAL: normal_concurrency}
        self._seconds = connect_seconds
        self._on_demand = on_demand
        self._dead_pause = dead_pause
        self._consume_seconds = consume_seconds
        self._nodes: dict[str, None] = {}  # in order, without repeats
        self._control = Link(urls, name="lienthong control", set_up=self._declare_all)
        self._publisher = Publisher(urls, declared=self._connected, confirm_seconds=confirm_seconds)
        self._healer = Healer(
            urls, self._topology, management_queues=self._management_queues, answer_seconds=answer_seconds
        )
        self._events = Link(urls, name="lienthong events", set_up=self._listen)
        self._lanes: dict[Lane, Intake] = {}
        self._dead: Intake | None = None
        self._subscribers: list[NotificationHandler] = []
        self._notified: set[asyncio.Task[None]] = set()
        self._to_tell: list[dict[str, str]] = []

    # --- topology ---------------------------------------------------------------------------------------

    async def _connected(self) -> AbstractConnection:
        return await self._control.ready(self._seconds)

    async def _declare_all(self, connection: AbstractConnection) -> None:
        await declare_base(connection, self._topology)
        await self._declare_nodes(connection, tuple(self._nodes))

    async def _declare_nodes(self, connection: AbstractConnection, nodes: Sequence[str]) -> None:
        await declare_queues(connection, [queue for node in nodes for queue in self._topology.of_node(node)])

    async def _declare_again(self) -> None:
        with as_hub_faults("declaring"):
            await self._declare_all(await self._connected())

    async def declare(self, nodes: Sequence[str]) -> None:
        """Declare the lanes of `nodes`; they are declared again after every reconnection."""
        connection = await self._connected()
        with as_hub_faults("declaring"):
            await self._declare_nodes(connection, nodes)
        self._nodes.update(dict.fromkeys(nodes))

    # --- publishing -------------------------------------------------------------------------------------

    async def publish(self, node: str, lane: Lane, body: bytes) -> None:
        """Return when the message is on disk in the node's queue; `HubFault` when it is not known to be."""
        try:
            await self._publish(node, lane, body)
        except Unroutable:
            if not self._on_demand:
                raise
            await self.declare([node])
            await self._publish(node, lane, body)

    async def _publish(self, node: str, lane: Lane, body: bytes) -> None:
        with self._suspecting(self._topology.queue(node, lane)):
            await self._publisher.publish(
                self._topology.transit, self._topology.routing_key(node, lane), body
            )

    @contextlib.contextmanager
    def _suspecting(self, queue: str) -> Iterator[None]:
        """A publish to `queue` that stays unconfirmed has the queue examined."""
        try:
            yield
        except Unconfirmed:
            self._healer.suspect(self._topology.find(queue))
            raise

    async def _until_well(self, queue: str) -> None:
        await self._healer.until_well(self._topology.find(queue))

    async def _pass_on(self, delivery: TransitDelivery, reason: str) -> None:
        """To the next delay, or to the dead letters after the last."""
        exchange = self._topology.retry(delivery.attempt)
        attempt = delivery.attempt + 1
        if exchange is None:
            exchange, attempt = self._topology.dead, delivery.attempt
            log.error("broker.dead_lettered", node=delivery.node, lane=delivery.lane.value, reason=reason)
        key = self._topology.routing_key(delivery.node, delivery.lane)
        queue = self._topology.dead_queue if exchange == self._topology.dead else exchange
        with self._suspecting(queue):
            await self._publisher.publish(exchange, key, delivery.body, attempt=attempt, reason=reason)

    async def _pass_on_dead(self, delivery: TransitDelivery, _: str) -> None:
        """A dead letter that could not be handled goes to the end of its queue, after a pause, as it was."""
        await asyncio.sleep(self._dead_pause)
        key = self._topology.routing_key(delivery.node, delivery.lane)
        await self._publisher.publish(
            self._topology.dead, key, delivery.body, attempt=delivery.attempt, reason=delivery.reason
        )

    def blocked(self) -> bool:
        """Whether RabbitMQ holds our publishers back. It says so only once we publish under the alarm."""
        return self._publisher.link.blocked

    # --- consuming --------------------------------------------------------------------------------------

    async def consume(self, nodes: Sequence[str], handler: TransitHandler) -> None:
        """Consume both lanes of `nodes`, each lane over its own link, until `stop_consuming`.

        Further calls add nodes; all nodes share the handler of the first call.
        """
        await self.declare(nodes)
        for lane in Lane:
            if lane not in self._lanes:
                self._lanes[lane] = self._intake(lane.value, handler, self._pass_on, self._concurrency[lane])
        await asyncio.gather(
            *(
                intake.add(
                    [Source(queue=self._topology.queue(n, lane), place=(n, lane)) for n in nodes],
                    self._seconds,
                )
                for lane, intake in self._lanes.items()
            )
        )

    async def stop_consuming(self) -> None:
        """Return when the handlers at work have finished and everything else went back to its queue."""
        intakes, self._lanes = self._lanes, {}
        await asyncio.gather(*(intake.stop() for intake in intakes.values()))

    async def collect_dead(self, handler: TransitHandler) -> None:
        """Consume the dead letters, two at a time, until `close`."""
        if self._dead is None:
            self._dead = self._intake("dead", handler, self._pass_on_dead, 2)
        await self._connected()
        await self._dead.add([Source(queue=self._topology.dead_queue, place=None)], self._seconds)

    def _intake(
        self,
        name: str,
        handler: TransitHandler,
        pass_on: Callable[[TransitDelivery, str], Awaitable[None]],
        concurrency: int,
    ) -> Intake:
        return Intake(
            self._urls,
            name=name,
            handler=handler,
            pass_on=pass_on,
            declare=self._declare_again,
            heal=self._until_well,
            consume_seconds=self._consume_seconds,
            concurrency=concurrency,
        )

    # --- notifications ----------------------------------------------------------------------------------

    async def notify(self, notification: Notification) -> None:
        """Tell every subscriber now connected; never raises for the broker's sake.

        What several have to tell at once, as hops that shared a commit, is one message: the first one's.
        """
        self._to_tell.append(dict(notification))
        if len(self._to_tell) > 1:
            return
        try:
            await asyncio.sleep(0)
        finally:
            told, self._to_tell = self._to_tell, []
        await self._publisher.announce(self._topology.events, json.dumps(told).encode())

    async def subscribe(self, handler: NotificationHandler) -> None:
        """Call `handler` with each notification from now on. Subscribing twice is subscribing once."""
        if handler not in self._subscribers:
            self._subscribers.append(handler)
        await self._connected()
        await self._events.ready(self._seconds)

    async def _listen(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        self._events.watch(channel)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(self._topology.events)
        await queue.consume(self._on_notification, no_ack=True)

    async def _on_notification(self, message: AbstractIncomingMessage) -> None:
        task = asyncio.create_task(self._tell(message.body))
        self._notified.add(task)
        task.add_done_callback(self._notified.discard)

    async def _tell(self, body: bytes) -> None:
        try:
            notifications = [{str(k): str(v) for k, v in told.items()} for told in json.loads(body)]
        except (ValueError, AttributeError, TypeError):
            log.warning("broker.notification_unreadable", size=len(body))
            return
        for notification in notifications:
            for handler in tuple(self._subscribers):
                try:
                    await handler(notification)
                except Exception:  # a subscriber's fault must not silence the others
                    log.exception("broker.subscriber_failed")

    # --- questions, end ---------------------------------------------------------------------------------

    async def queues(self, nodes: Sequence[str]) -> list[QueueRow]:
        """Both lanes of each node, zeros where there is no queue. With a management API one call, seconds old."""
        if self._management_queues is not None:
            return rows(self._topology, nodes, await depths_by_management(self._management_queues))
        names = [self._topology.queue(node, lane) for node in nodes for lane in Lane]
        connection = await self._connected()
        with as_hub_faults("asking for queues"):
            return rows(self._topology, nodes, await depths_by_declaration(connection, names))

    async def close(self) -> None:
        """Stop consuming as `stop_consuming` does, then close every link."""
        await self.stop_consuming()
        if self._dead is not None:
            await self._dead.stop()
            self._dead = None
        await self._events.close()
        for task in tuple(self._notified):
            task.cancel()
        await self._healer.close()
        await self._publisher.link.close()
        await self._control.close()
