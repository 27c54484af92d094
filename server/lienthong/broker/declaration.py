"""How are exchanges and queues brought into being, quickly and again after every reconnection?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel

from lienthong.broker.connection import as_hub_faults
from lienthong.broker.topology import Queue, Topology

#: Declaring a quorum queue is mostly waiting for its log on disk, so a few channels at once pay.
CHANNELS = 8


async def declare_base(connection: AbstractConnection, topology: Topology) -> None:
    """Exchanges, retry queues and the dead queue."""
    exchanges, queues = topology.base()
    async with connection.channel(publisher_confirms=False) as channel:
        underlay = await channel.get_underlay_channel()
        for exchange in exchanges:
            await underlay.exchange_declare(
                exchange.name, exchange_type=exchange.kind, durable=exchange.durable
            )
    await declare_queues(connection, queues)


async def declare_queues(connection: AbstractConnection, queues: Sequence[Queue]) -> None:
    """Queues and their bindings, over several channels at once."""
    waiting = list(reversed(queues))

    async def work() -> None:
        with as_hub_faults("declaring queues"):
            async with connection.channel(publisher_confirms=False) as channel:
                underlay = await channel.get_underlay_channel()
                while waiting:
                    await _declare_queue(underlay, waiting.pop())

    await asyncio.gather(*(work() for _ in range(min(CHANNELS, len(queues)))))


async def _declare_queue(channel: AbstractChannel, queue: Queue) -> None:
    await channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    await channel.queue_bind(queue.name, queue.exchange, queue.routing_key)
