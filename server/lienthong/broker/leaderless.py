"""What if a queue has no leader? It is found out, deleted and declared anew; the store sends again what it held.

RabbitMQ killed within moments of a quorum queue's declaration may come back with that queue without a leader (seen on
3.10: 8 of 8 when killed within 0.2 s). It looks well, a passive declaration answers, and yet whatever needs the
leader hangs for ever: publishing, consuming, purging. Nothing but deleting it helps. So a queue that left a publish
unconfirmed or a consumer unregistered is examined, and replaced only on evidence that the fault is its own:

1. it does not answer a `basic.get` in `ANSWER_SECONDS`, and
2. in the same time a new quorum queue is declared, takes a message with a confirm, and is deleted: the broker is well.
3. In a cluster every member of the queue must be online too (asked of the management API): a queue whose majority is
   away waits for its members, which have its messages.

What a queue held when it was replaced is in the store, and the reconciler publishes it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from urllib.parse import quote
from uuid import uuid4

import aio_pika
import httpx
import structlog
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from lienthong.broker.connection import CONNECT_SECONDS, as_hub_faults
from lienthong.broker.declaration import declare_queues
from lienthong.broker.topology import Queue, Topology
from lienthong.errors import HubFault

log = structlog.get_logger(__name__)

NAME = {"connection_name": "lienthong examine"}
ANSWER_SECONDS = 10.0
DELETE_SECONDS = 60.0  #: RabbitMQ 3.10 takes 5 s to give up on the missing leader
AGAIN_SECONDS = 15.0  #: between two examinations of a queue that can neither be used nor replaced yet
PROBE_EXPIRES = 60_000  #: milliseconds a probing queue outlives its maker


class Healer:
    """Examines queues under suspicion, each by one task at a time, on connections of its own.

    A connection of its own, because a channel that asks a leaderless queue is never answered again.
    """

    def __init__(
        self,
        urls: Sequence[str],
        topology: Topology,
        *,
        management_queues: str | None = None,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """`management_queues`: URL of the management API's list of queues of the virtual host, None without one."""
        self._urls = tuple(urls)
        self._topology = topology
        self._management_queues = management_queues
        self._turns = itertools.cycle(self._urls)  # a member that is away is passed over in the next try
        self._seconds = answer_seconds
        self._closed = False
        self._examined: dict[str, asyncio.Task[None]] = {}

    def suspect(self, queue: Queue) -> None:
        """Examine this queue, in the background."""
        _ = self._examination(queue)

    async def until_well(self, queue: Queue) -> None:
        """Return when this queue answers, as it was or made anew."""
        await asyncio.shield(self._examination(queue))

    def _examination(self, queue: Queue) -> asyncio.Task[None]:
        task = self._examined.get(queue.name)
        if task is None:
            task = asyncio.create_task(self._insist(queue), name=f"examine {queue.name}")
            self._examined[queue.name] = task
            task.add_done_callback(lambda _: self._examined.pop(queue.name, None))
        return task

    async def close(self) -> None:
        """End every examination."""
        self._closed = True
        while tasks := tuple(self._examined.values()):
            for task in tasks:  # more than once: aiormq may take a cancellation for a connection's end
                task.cancel()
            await asyncio.wait(tasks, timeout=1.0)

    async def _insist(self, queue: Queue) -> None:
        while not self._closed:
            try:
                await self._examine(queue)
            except HubFault as fault:
                log.warning("broker.queue_not_examined", queue=queue.name, fault=str(fault))
                if not self._closed:
                    await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    async def _examine(self, queue: Queue) -> None:
        """Return when the queue answers, or was made anew; raises `HubFault` when neither can be had now."""
        with as_hub_faults("examining a queue"):
            connection = await aio_pika.connect(
                next(self._turns), timeout=CONNECT_SECONDS, client_properties=dict(NAME)
            )
            try:
                answers, broker_is_well = await asyncio.gather(
                    self._answers(connection, queue), self._broker_is_well(connection)
                )
                if answers:
                    return
                if not broker_is_well:
                    raise HubFault("RabbitMQ itself does not answer in time")
                await self._replace(connection, queue)
            finally:
                await _leave(connection)

    async def _answers(self, connection: AbstractConnection, queue: Queue) -> bool:
        """Whether the queue's leader says anything. A message it gives is handed back."""
        try:
            async with asyncio.timeout(self._seconds):
                channel = await connection.channel(publisher_confirms=False)
                underlay = await channel.get_underlay_channel()
                try:
                    got = await underlay.basic_get(queue.name)
                except ChannelNotFoundEntity:
                    await declare_queues(connection, [queue])
                    return True
                if got.delivery_tag:
                    await underlay.basic_nack(got.delivery_tag, requeue=True)
                await channel.close()
                return True
        except TimeoutError:
            return False

    async def _broker_is_well(self, connection: AbstractConnection) -> bool:
        """Whether a quorum queue can live its whole life now."""
        name = f"{self._topology.prefix}lienthong.probe.{uuid4().hex}"
        arguments: dict[str, str | int] = {"x-queue-type": "quorum", "x-expires": PROBE_EXPIRES}
        try:
            async with asyncio.timeout(self._seconds):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                underlay = await channel.get_underlay_channel()
                await underlay.queue_declare(name, durable=True, arguments=dict(arguments))
                message = Message(b"", delivery_mode=DeliveryMode.PERSISTENT, message_id=name)
                await channel.default_exchange.publish(message, name, mandatory=True)
                await underlay.queue_delete(name)
                return True
        except TimeoutError:
            return False

    async def _replace(self, connection: AbstractConnection, queue: Queue) -> None:
        if not await self._members_online(queue):
            raise HubFault(f"{queue.name} has no leader and members that are away: bring them back")
        log.error("broker.queue_without_leader", queue=queue.name, remedy="deleted and declared anew")
        async with asyncio.timeout(DELETE_SECONDS):
            channel = await connection.channel(publisher_confirms=False)
            underlay = await channel.get_underlay_channel()
            await underlay.queue_delete(queue.name)
            await declare_queues(connection, [queue])
        log.warning("broker.queue_made_anew", queue=queue.name)

    async def _members_online(self, queue: Queue) -> bool:
        """Of one node we have just been answered by it; of a cluster the management API knows."""
        if len(self._urls) == 1:
            return True
        if self._management_queues is None:
            return False
        try:
            async with httpx.AsyncClient(timeout=self._seconds, trust_env=False) as client:
                answer = await client.get(f"{self._management_queues}/{quote(queue.name, safe='')}")
                row = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise HubFault("the RabbitMQ management API does not answer") from error
        members = set(row.get("members") or ())
        return bool(members) and members == set(row.get("online") or ())


async def _leave(connection: AbstractConnection) -> None:
    """Close without waiting for channels that will never answer."""
    with contextlib.suppress(HubFault), as_hub_faults("closing"):
        async with asyncio.timeout(1.0):
            await connection.close()
