"""What hub and relay do beside their work: queues for every node, consumers for those served, and the counting."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import structlog

from lienthong import telemetry
from lienthong.app.readiness import notify
from lienthong.app.trust_files import NodeKeys
from lienthong.domain.agency import Directory
from lienthong.errors import HubFault
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Broker, Outcome, Retry, Store, TransitDelivery, TransitHandler
from lienthong.hub.rows import HeldKind
from lienthong.rpc.server import RpcServer

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0  # seconds between looks for new agencies and at the broker
#: with more agencies than this a queue comes into being when a relay serves its node or the first message goes there:
#: two quorum queues for each of a nation's agencies would be more than a broker bears
DECLARED_AHEAD = 2_000
DECLARED_AT_ONCE = 100  # nodes between two looks at whether the end has come
MOST_NAMED = 20  # nodes of one line in the log
GAUGES_EVERY = 15.0  # seconds between two counts of what waits


async def declare_nodes(
    broker: Broker,
    knowledge: Knowledge,
    attach: Sequence[Callable[[], Awaitable[None]]],
    ending: asyncio.Event,
) -> None:
    """Declare every node's queues, those of agencies added later too; run `attach` once the broker is there."""
    declared: set[str] = set()
    seen: Directory | None = None
    to_attach = list(attach)
    while not ending.is_set():
        directory = knowledge.now.directory
        fresh = [] if directory is seen else sorted(directory.agencies.keys() - declared)
        if len(directory) > DECLARED_AHEAD:
            fresh = []
        try:
            await broker.declare([])  # asks whether the broker is there
            for start in range(0, len(fresh), DECLARED_AT_ONCE):
                if ending.is_set():
                    return
                await broker.declare(part := fresh[start : start + DECLARED_AT_ONCE])
                declared.update(part)
            if directory is not seen and (fresh or not declared):
                log.info("broker.declared", nodes=len(fresh), on_demand=len(directory) > DECLARED_AHEAD)
            seen = directory
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
    ours: set[str] = set()
    seen: Directory | None = None
    matches = re.compile("|".join(map(fnmatch.translate, patterns))).match
    while not ending.is_set():
        directory = knowledge.now.directory
        if directory is not seen:
            ours = {code for code in directory.agencies if matches(code)}
            seen = directory
        ready = ours & await asyncio.to_thread(keys.nodes)
        if ours - ready != without_key:
            without_key = ours - ready
            note = {"note": "their documents wait", "number": len(without_key)}
            log.warning("relay.keys_missing", nodes=sorted(without_key)[:MOST_NAMED], **note)
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
