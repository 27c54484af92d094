"""Which part is made of which: the composition root, a straight line for each program.

settings -> telemetry -> trust -> store -> blobs -> broker -> hub or relay -> rpc -> serve -> stop in reverse.
SIGTERM or SIGINT end a program: health says NOT_SERVING, nothing new is taken, what is in hand is finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import structlog

from lienthong import telemetry
from lienthong.app.background import declare_nodes, gauge, measured, serve_nodes
from lienthong.app.deadlines import deadlines_of
from lienthong.app.interpreter import settle, share_memory
from lienthong.app.readiness import notify, stop_on_signals
from lienthong.app.trust_files import NodeKeys, TrustFiles
from lienthong.blobs import open_blobs, open_contents
from lienthong.broker import RabbitBroker
from lienthong.edxml.bounds import Limits
from lienthong.errors import HubFault
from lienthong.hub.administration import Administration
from lienthong.hub.application import Hub
from lienthong.hub.assembly import HubParts, Policy, Surroundings, assemble
from lienthong.hub.content import ContentLimits
from lienthong.hub.files import PdfPolicy
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Blobs, Broker, Store
from lienthong.hub.reconcile import Patience
from lienthong.hub.relay import Relay
from lienthong.hub.verification import Verification
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.server import RpcServer, TlsFiles
from lienthong.settings import Settings, SettingsError
from lienthong.signing.keys import SigningKey
from lienthong.store import open_store

log = structlog.get_logger(__name__)

FINISH_SECONDS = 5.0  # for background work at the end


#: threads that verify and read files: more than all handlers at work, so that express never waits for one
THREADS = 32


def now() -> datetime:
    """The clock of every part."""
    return datetime.now(UTC)


def _assemble(
    settings: Settings, store: Store, blobs: Blobs, broker: Broker, knowledge: Knowledge
) -> HubParts:
    around = Surroundings(
        store=store,
        blobs=blobs,
        contents=open_contents(settings.blobs.url),
        broker=broker,
        knowledge=knowledge,
        key=SigningKey.from_pem(_read(settings.hub.signing_key)),
        clock=now,
    )
    policy = Policy(
        limits=Limits(max_bytes=settings.limits.max_package),
        patience=Patience(
            every=settings.reconcile.every,
            unpublished_after=settings.reconcile.unpublished_after,
            stalled_after=settings.reconcile.stalled_after,
        ),
        inline_limit=settings.limits.inline_bytes,
        payload_limit=settings.store.payload_bytes,
        redirect_closed=settings.directory.redirect_closed,
        content=ContentLimits(
            max_size=settings.content.max_size,
            max_pending=settings.content.max_pending,
            abandoned_after=settings.content.abandoned_after,
        ),
        pdf=PdfPolicy(settings.content.pdf_signatures),
        deadlines=deadlines_of(settings),
        expire_every=settings.deadlines.every,
    )
    return assemble(around, policy)


async def run_hub(settings: Settings, *, beside: bool = False) -> None:
    """The gRPC server and its background work, until a signal. Serves while the broker is away, too.

    `beside` another hub process on the same port it serves calls and publishes what it accepts; what is done for all
    documents (reconciling, recalls, closures, deadlines, abandoned content, dead letters) is left to the other. That
    is only thrift: all of it may be done by several at once.
    """
    _check(settings)
    share_memory()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "work"))
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        trusts = TrustFiles(settings.trust)
        store, blobs, broker = await _open(settings, stack)
        knowledge = Knowledge(store, trusts.load, now)
        await knowledge.refresh()
        parts = _assemble(settings, store, blobs, broker, knowledge)
        server = _server(settings, parts.hub, parts.administration, beside=beside)
        attach = [lambda: broker.subscribe(parts.notified)]
        if not beside:
            attach.append(lambda: broker.collect_dead(parts.dead_letters.handle))
        _serve_metrics(settings.hub.metrics_listen, stack)
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            works = (
                knowledge.run(ending, every=settings.trust.refresh_every),
                parts.dispatcher.run(ending),
                *([] if beside else _for_all(parts, ending)),
                declare_nodes(broker, knowledge, attach, ending),
                gauge(store, broker, server, ending),
            )
            tasks = [group.create_task(work) for work in works]
            parts.hub.warm_up()
            settle()
            port = await server.start()
            log.info("hub.serving", address=settings.hub.listen, port=port, agencies=len(parts.hub.directory))
            notify("READY=1")
            await stop.wait()
            notify("STOPPING=1")
            log.info("hub.stopping")
            await server.stop(settings.hub.stop_grace)
            await _end(tasks, ending)
    log.info("hub.stopped")


def _for_all(parts: HubParts, ending: asyncio.Event) -> list[Coroutine[None, None, None]]:
    """The background work that looks after every document, whichever process accepted it."""
    workers = (parts.reconciler, parts.recalls, parts.closures, parts.expirer, parts.content)
    return [worker.run(ending) for worker in workers]


async def run_relay(settings: Settings, patterns: Sequence[str] = ("*",)) -> None:
    """The hops of every node whose code matches a pattern and whose key is here, until a signal."""
    _check(settings)
    share_memory()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "work"))
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        trusts = TrustFiles(settings.trust)
        store, blobs, broker = await _open(settings, stack)
        knowledge = Knowledge(store, trusts.load, now)
        await knowledge.refresh()
        keys = NodeKeys(settings.relay.keys)
        verification = Verification(knowledge, now, Limits(max_bytes=settings.limits.max_package))
        relay = Relay(
            store=store,
            payloads=Payloads(store, blobs),
            broker=broker,
            verification=verification,
            keys=keys.key,
            clock=now,
            inline_limit=settings.limits.inline_bytes,
            deadlines=deadlines_of(settings),
            max_package=settings.limits.max_package,
        )
        _serve_metrics(settings.relay.metrics_listen, stack)
        handler = measured(relay.handle)
        ending = asyncio.Event()
        relay.prepare()
        settle()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(knowledge.run(ending, every=settings.trust.refresh_every)),
                group.create_task(serve_nodes(broker, knowledge, keys, patterns, handler, ending)),
            ]
            await stop.wait()
            notify("STOPPING=1")
            log.info("relay.stopping")
            await _end(tasks, ending)
            await broker.stop_consuming()
    log.info("relay.stopped")


# --- what both share ------------------------------------------------------------------------------------


async def _end(tasks: Sequence[asyncio.Task[None]], ending: asyncio.Event) -> None:
    """Let background work finish; what a broker that is away holds up is cut, the store has it."""
    ending.set()
    _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
    for task in late:
        task.cancel()


def _check(settings: Settings) -> None:
    if not settings.broker.urls:
        raise SettingsError(
            "broker.urls is empty: give AMQP URLs, or let `lienthong up` start a private node"
        )


async def _open(settings: Settings, stack: AsyncExitStack) -> tuple[Store, Blobs, Broker]:
    store = open_store(settings.store.url)
    stack.push_async_callback(store.close)
    blobs = open_blobs(settings.blobs.url)
    broker = RabbitBroker(
        settings.broker.urls,
        management_url=settings.broker.management_url or None,
        retry_delays=settings.broker.retry_delays,
        express_concurrency=settings.relay.express_concurrency,
        normal_concurrency=settings.relay.normal_concurrency,
        confirm_seconds=settings.broker.confirm_seconds,
        on_demand=True,
    )
    stack.push_async_callback(broker.close)
    return store, blobs, broker


def _server(settings: Settings, hub: Hub, administration: Administration, *, beside: bool) -> RpcServer:
    tls = TlsFiles(
        certificate=_read(settings.hub.certificate),
        key=_read(settings.hub.key),
        client_authority=_read(settings.hub.client_ca),
    )
    limits = RpcLimits(
        calls_per_second=settings.limits.rate,
        calls_burst=settings.limits.burst,
        share_port=beside or settings.hub.processes > 1,
    )
    return RpcServer(hub, administration, address=settings.hub.listen, tls=tls, limits=limits)


def _serve_metrics(listen: str, stack: AsyncExitStack) -> None:
    if listen:
        host, _, port = listen.rpartition(":")
        try:
            stack.callback(telemetry.serve_metrics(host.strip("[]"), int(port)))
        except OSError as error:
            raise HubFault(f"cannot serve metrics on {listen}: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
