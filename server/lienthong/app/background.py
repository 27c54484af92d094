"""What hub and relay do beside their work: queues for every node, consumers for those served, and the counting."""

from __future__ import annotations

import asyncio
import fnmatch
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from lienthong import telemetry
from lienthong.app.readiness import notify
from lienthong.app.trust_files import NodeKeys
from lienthong.errors import HubFault
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Broker, Outcome, Retry, Store, TransitDelivery, TransitHandler
from lienthong.hub.rows import HeldKind
from lienthong.rpc.server import RpcServer

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0  # seconds between looks for new agencies and at the broker
GAUGES_EVERY = 15.0  # seconds between two counts of what waits


async def declare_nodes(
    broker: Broker,
    knowledge: Knowledge,
    attach: Sequence[Callable[[], Awaitable[None]]],
    ending: asyncio.Event,
) -> None:
    """Declare every node's queues, those of agencies added later too; run `attach` once the broker is there."""
    declared: set[str] = set()
    to_attach = list(attach)
    while not ending.is_set():
        nodes = {agency.code for agency in knowledge.now.directory}
        try:
            await broker.declare(
                sorted(nodes - declared)
            )  # with nothing new it asks whether the broker is there
            if fresh := nodes - declared:
                log.info("broker.declared", nodes=len(fresh))
            declared |= nodes
            while to_attach:
                await to_attach[0]()
                to_attach.pop(0)
            telemetry.BROKER_CONNECTED.set(1)
        except HubFault as fault:
            telemetry.BROKER_CONNECTED.set(0)
            log.warning("broker.away", reason=str(fault))
        await pause(ending, LOOK_EVERY)


async def serve_nodes(
    broker: Broker,
    knowledge: Knowledge,
    keys: NodeKeys,
    patterns: Sequence[str],
    handler: TransitHandler,
    ending: asyncio.Event,
) -> None:
    """Consume the nodes that are ours to serve, also those that are added later."""
    served: set[str] = set()
    without_key: set[str] = set()
    while not ending.is_set():
        codes = (agency.code for agency in knowledge.now.directory)
        ours = {code for code in codes if any(fnmatch.fnmatchcase(code, pattern) for pattern in patterns)}
        ready = {code for code in ours if keys.has(code)}
        if ours - ready != without_key:
            without_key = ours - ready
            log.warning("relay.keys_missing", nodes=sorted(without_key), note="their documents wait")
        try:
            if fresh := sorted(ready - served):
                await broker.consume(fresh, handler)
                served |= ready
                log.info("relay.serving", nodes=len(served))
                notify("READY=1")
        except HubFault as fault:
            log.warning("broker.away", reason=str(fault))
        await pause(ending, LOOK_EVERY)


def measured(handler: TransitHandler) -> TransitHandler:
    """`handler`, counted and timed."""

    async def handle(delivery: TransitDelivery) -> Outcome | Retry:
        began = time.perf_counter()
        outcome = await handler(delivery)
        telemetry.HOP_SECONDS.labels(delivery.lane.value).observe(time.perf_counter() - began)
        kind = Outcome.RETRY if isinstance(outcome, Retry) else outcome
        telemetry.HOPS.labels(delivery.lane.value, kind.value).inc()
        return outcome

    return handle


async def gauge(store: Store, broker: Broker, server: RpcServer, ending: asyncio.Event) -> None:
    """Count what waits, and tell balancers when the store is out of reach."""
    serving = True
    while not ending.is_set():
        try:
            await count(store)
            reachable = True
        except HubFault as fault:
            reachable = False
            log.error("store.away", reason=str(fault))  # noqa: TRY400 - the text says all
        telemetry.BROKER_BLOCKED.set(broker.blocked())
        if reachable != serving:
            serving = reachable
            await server.set_serving(serving)
        await pause(ending, GAUGES_EVERY)


async def count(store: Store) -> None:
    """Set the gauges of what waits from the store."""
    waiting: dict[str, list[tuple[int, datetime]]] = {"express": [], "normal": []}
    for position in await store.positions():
        waiting[position.lane.value].append((position.documents, position.oldest))
    at = datetime.now(UTC)
    for lane, rows in waiting.items():
        telemetry.WAITING.labels(lane).set(sum(documents for documents, _ in rows))
        oldest = min((since for _, since in rows), default=at)
        telemetry.OLDEST_SECONDS.labels(lane).set((at - oldest).total_seconds())
    for kind in HeldKind:
        telemetry.HELD.labels(kind.value).set(len(await store.held(kind, limit=100)))
    telemetry.UNPUBLISHED.set(len(await store.unpublished(at, 100)))


async def pause(ending: asyncio.Event, seconds: float) -> None:
    """Wait `seconds`, or less when the end comes."""
    try:
        await asyncio.wait_for(ending.wait(), seconds)
    except TimeoutError:
        return
