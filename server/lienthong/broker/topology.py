"""Which exchanges and queues are there, and with which arguments? The topology as data.

The way of a message: `lienthong.transit` routes it by `transit.<node>.<lane>` to that node's queue. A message to be
tried again is published to the fanout exchange `retry.30s`, waits in the queue of the same name, expires, and is
dead-lettered back to `lienthong.transit`: a fanout ignores the routing key and so keeps it. What no relay could
process goes to the fanout `lienthong.dead` and its one queue, also with its routing key.

Measures against silent loss (each has a test):

- every queue is a durable quorum queue, and dead-letters **at least once** (RabbitMQ 3.10+): a message leaves its
  queue only when the target has confirmed it. This needs `overflow: reject-publish`; `drop-head`, the default,
  loses confirmed messages;
- every transit queue has a delivery limit *and* a dead-letter exchange with a queue bound to it. Without the second
  the first deletes; without the first RabbitMQ 3.10 redelivers a message that kills its consumer for ever;
- RabbitMQ 4 gives a queue without a limit one of 20 and then deletes, so the dead queue has a limit nobody reaches
  (-1, unlimited, is refused by 3.10).

Nothing here is mirrored, transient or subject to global QoS, so the same declarations stand on 3.10 and 4.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lienthong.domain.document import Lane

RETRY_DELAYS = (30, 60, 120, 240, 480)  #: seconds
UNREACHED = 1_000_000_000  #: a delivery limit meaning none, valid on 3.10 and 4.x


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An exchange to declare. `kind` is direct or fanout."""

    name: str
    kind: str
    durable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A durable quorum queue to declare, bound to one exchange."""

    name: str
    exchange: str
    routing_key: str
    arguments: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Names and arguments of everything declared.

    `retry_delays` are seconds, one queue each. `prefix` stands before every name, so that tests (or a second
    installation) can share a broker; routing keys never carry it.
    """

    prefix: str = ""
    retry_delays: Sequence[float] = RETRY_DELAYS
    delivery_limit: int = 20

    @property
    def transit(self) -> str:
        """The exchange every transit message enters by."""
        return f"{self.prefix}lienthong.transit"

    @property
    def dead(self) -> str:
        """The exchange of what no relay could process."""
        return f"{self.prefix}lienthong.dead"

    @property
    def dead_queue(self) -> str:
        """The queue behind `dead`."""
        return f"{self.prefix}dead"

    @property
    def events(self) -> str:
        """The exchange of notifications, best effort."""
        return f"{self.prefix}lienthong.events"

    def retry(self, attempt: int) -> str | None:
        """The exchange for a message whose try number `attempt` (from 0) failed; None after the last delay."""
        return self._retry_name(self.retry_delays[attempt]) if attempt < len(self.retry_delays) else None

    def routing_key(self, node: str, lane: Lane) -> str:
        """What a message for `node` in `lane` is published with."""
        return f"transit.{node}.{lane.value}"

    def queue(self, node: str, lane: Lane) -> str:
        """The name of the queue of `node` and `lane`."""
        return f"{self.prefix}{self.routing_key(node, lane)}"

    def base(self) -> tuple[tuple[Exchange, ...], tuple[Queue, ...]]:
        """Everything that does not depend on the nodes, exchanges first."""
        delays = {self._retry_name(delay): round(delay * 1000) for delay in self.retry_delays}
        exchanges = (
            Exchange(name=self.transit, kind="direct"),
            Exchange(name=self.dead, kind="fanout"),
            Exchange(name=self.events, kind="fanout", durable=False),
            *(Exchange(name=name, kind="fanout") for name in delays),
        )
        queues = (
            Queue(
                name=self.dead_queue,
                exchange=self.dead,
                routing_key="",
                arguments=_quorum({"x-delivery-limit": UNREACHED}),
            ),
            *(
                Queue(
                    name=name,
                    exchange=name,
                    routing_key="",
                    arguments=_quorum(
                        {"x-message-ttl": ms, "x-delivery-limit": UNREACHED, **_to(self.transit)}
                    ),
                )
                for name, ms in delays.items()
            ),
        )
        return exchanges, queues

    def of_node(self, node: str) -> tuple[Queue, ...]:
        """The two lanes of `node`."""
        arguments = _quorum({"x-delivery-limit": self.delivery_limit, **_to(self.dead)})
        return tuple(
            Queue(
                name=self.queue(node, lane),
                exchange=self.transit,
                routing_key=self.routing_key(node, lane),
                arguments=arguments,
            )
            for lane in Lane
        )

    def find(self, name: str) -> Queue:
        """The queue of this name. Raises KeyError when it is none of ours."""
        _, base = self.base()
        place = read_routing_key(name.removeprefix(self.prefix))
        of_node = () if place is None else self.of_node(place[0])
        return {queue.name: queue for queue in (*base, *of_node)}[name]

    def _retry_name(self, delay: float) -> str:
        return f"{self.prefix}retry.{delay:g}s"


def read_routing_key(key: str) -> tuple[str, Lane] | None:
    """Node and lane of a routing key; None when it is not one of ours."""
    kind, _, rest = key.partition(".")
    node, _, lane = rest.rpartition(".")
    if kind != "transit" or not node or lane not in set(Lane):
        return None
    return node, Lane(lane)


def _quorum(arguments: dict[str, str | int]) -> Mapping[str, str | int]:
    # "balanced" spreads the queues' leaders over a cluster; on one node it changes nothing.
    return MappingProxyType({"x-queue-type": "quorum", "x-queue-leader-locator": "balanced", **arguments})


def _to(exchange: str) -> dict[str, str | int]:
    return {
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
