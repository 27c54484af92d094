"""How many messages wait where? Through the management API where there is one, else by passive declarations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import httpx
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from lienthong.broker.topology import Topology
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import QueueRow

MANAGEMENT_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """One queue's numbers."""

    ready: int
    unacked: int | None
    consumers: int


MISSING = Depth(ready=0, unacked=None, consumers=0)


async def depths_by_management(url: str) -> dict[str, Depth]:
    """All queues of a virtual host (`url` is of their list) in one call. The numbers may be seconds old."""
    columns = "name,messages_ready,messages_unacknowledged,consumers"
    try:
        async with httpx.AsyncClient(timeout=MANAGEMENT_SECONDS, trust_env=False) as client:
            answer = await client.get(url, params={"columns": columns})
            answer.raise_for_status()
            rows = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise HubFault("the RabbitMQ management API does not answer") from error
    return {
        row["name"]: Depth(
            ready=row.get("messages_ready", 0),
            unacked=row.get("messages_unacknowledged", 0),
            consumers=row.get("consumers", 0),
        )
        for row in rows
    }


async def depths_by_declaration(connection: AbstractConnection, queues: Sequence[str]) -> dict[str, Depth]:
    """Exact numbers, one round trip per queue. A missing queue closes the channel, so it costs a new one."""
    found: dict[str, Depth] = {}
    waiting = list(reversed(queues))
    while waiting:
        channel = await connection.channel(publisher_confirms=False)
        underlay = await channel.get_underlay_channel()
        try:
            while waiting:
                answer = await underlay.queue_declare(waiting[-1], passive=True)
                name = waiting.pop()
                found[name] = Depth(
                    ready=answer.message_count or 0, unacked=None, consumers=answer.consumer_count or 0
                )
        except ChannelNotFoundEntity:
            waiting.pop()
        else:
            await channel.close()
    return found


def rows(topology: Topology, nodes: Sequence[str], depths: dict[str, Depth]) -> list[QueueRow]:
    """Per node and lane, zero where there is no such queue."""
    result = []
    for node in nodes:
        for lane in Lane:
            depth = depths.get(topology.queue(node, lane), MISSING)
            result.append(
                QueueRow(
                    node=node, lane=lane, ready=depth.ready, unacked=depth.unacked, consumers=depth.consumers
                )
            )
    return result
