"""A whole linkage in one process for integration tests: real RabbitMQ, SQLite, folder blobs; hub and relays as tasks.

    async with Linkage.open(rabbitmq_urls, tmp_path) as linkage:       # the fixture `linkage` does this
        await linkage.relay("H48.31.05", "H48.31")                      # a relay for these nodes (none: every node)
        sent = await linkage.submit("H48.31.05", ["H48.11"])
        body = await linkage.intercept("H48")                           # takes the real message out of the real queue
        await linkage.inject("H48", body)                               # puts (altered) bytes into it
        await linkage.until(sent.document.id, "H48.11", DeliveryState.CONSIGNED)

The agencies, keys and trust are those of `tests.pki.world`; time runs from `world().at` on.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import aio_pika

from lienthong import blobs, store
from lienthong.broker.rabbit import RabbitBroker
from lienthong.broker.topology import Topology
from lienthong.domain.agency import Directory
from lienthong.domain.day import VIETNAM
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.evidence import ContentHandover
from lienthong.edxml.bounds import Limits
from lienthong.hub.accept import Submission
from lienthong.hub.assembly import Policy, Surroundings, assemble
from lienthong.hub.certificates import read_certificate
from lienthong.hub.identity import Caller, Role
from lienthong.hub.knowledge import Knowledge, Trusts
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Store
from lienthong.hub.reconcile import Patience
from lienthong.hub.relay import Relay
from lienthong.hub.rows import DeliveryRow, EventRow, HeldKind, HeldRow, InboxItem
from lienthong.hub.tracking import TrackedDelivery
from lienthong.hub.verification import Verification
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from tests.pki.world import World, world

DEADLINE = 20.0  # seconds; a wait longer than this is a failure
POLL = 0.02  # seconds between two looks at the store

OPERATOR = Caller(agency=None, role=Role.OPERATOR, subject="CN=operator", certificate_sha256="0" * 64)


class Linkage:
    """See the module. Made by `open`; everything is stopped when its block ends."""

    def __init__(self, the_world: World, the_store: Store, folder: Path, urls: Sequence[str]) -> None:
        self.world = the_world
        self.store = the_store
        self.blobs = blobs.open_blobs(folder.joinpath("blobs").as_uri())
        self.payloads = Payloads(self.store, self.blobs)
        self.contents = blobs.open_contents(folder.joinpath("blobs").as_uri())
        self.topology = Topology(prefix=f"t{uuid.uuid4().hex[:8]}.", retry_delays=(0.2, 0.4))
        self._urls = urls
        self._began = time.monotonic()
        self._stop = asyncio.Event()
        self._brokers: list[RabbitBroker] = []
        self._passed = timedelta()
        self._redirect_closed = False
        self._known: list[Knowledge] = []

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        urls: Sequence[str],
        folder: Path,
        *,
        store_url: str | None = None,
        directory: Directory | None = None,
        redirect_closed: bool = False,
    ) -> AsyncIterator[Linkage]:
        """Everything but the relays, running. `directory` replaces the world's own."""
        url = store_url or f"sqlite:///{folder / 'store.sqlite'}"
        store.migrate(url)
        linkage = cls(world(), store.open_store(url), folder, urls)
        linkage._redirect_closed = redirect_closed
        try:
            async with asyncio.TaskGroup() as group:
                await linkage._start_hub(group, directory or linkage.world.directory)
                try:
                    yield linkage
                finally:
                    linkage._stop.set()
        finally:
            for broker in linkage._brokers:
                await broker.close()
            await linkage.store.close()

    def now(self) -> datetime:
        """The linkage's clock: the world's time, running on."""
        return self.world.at + self._passed + timedelta(seconds=time.monotonic() - self._began)

    async def begin(self, day: date) -> None:
        """Let it become this day in Vietnam for every part, as midnight does."""
        self._passed += datetime.combine(day, datetime.min.time(), VIETNAM) - self.now()
        for knowledge in (self.knowledge, *self._known):
            await knowledge.refresh()

    async def _start_hub(self, group: asyncio.TaskGroup, directory: Directory) -> None:
        await self._fill_directory(directory)
        self.knowledge = Knowledge(self.store, self._trusts(), self.now)
        await self.knowledge.refresh()
        self.broker = await self._connect()
        await self.broker.declare([agency.code for agency in directory])
        around = Surroundings(
            store=self.store,
            blobs=self.blobs,
            contents=self.contents,
            broker=self.broker,
            knowledge=self.knowledge,
            key=self.world.hub_key,
            clock=self.now,
        )
        patience = Patience(unpublished_after=5.0, stalled_after=3600.0)
        parts = assemble(around, Policy(patience=patience, redirect_closed=self._redirect_closed))
        self.parts = parts
        self.hub, self.administration = parts.hub, parts.administration
        self.dispatcher, self.reconciler = parts.dispatcher, parts.reconciler
        await self.broker.subscribe(parts.notified)
        await self.broker.collect_dead(parts.dead_letters.handle)
        group.create_task(self.dispatcher.run(self._stop))

    async def _fill_directory(self, directory: Directory) -> None:
        event = EventRow(at=self.now(), actor="test", kind="directory.changed")
        await self.store.put_agencies(list(directory), event=event)
        for code in self.world.directory.agencies:
            if directory.find(code) is not None:
                pem = self.world.key(code).certificate_pem()
                row = read_certificate(pem, agency=code, purpose="signature", role="agency", at=self.now())
                await self.store.bind_certificate(row, event=event)

    def _trusts(self) -> Callable[[], Trusts]:
        trusts = Trusts(agencies=self.world.trust, infrastructure=self.world.infrastructure_trust)
        return lambda: trusts

    async def _connect(self) -> RabbitBroker:
        broker = RabbitBroker(
            self._urls, prefix=self.topology.prefix, retry_delays=self.topology.retry_delays, dead_pause=0.2
        )
        self._brokers.append(broker)
        return broker

    # --- acting -----------------------------------------------------------------------------------------

    async def relay(self, *nodes: str) -> RabbitBroker:
        """Start a relay with a broker connection of its own; `close()` of what is returned stops it."""
        broker = await self._connect()
        knowledge = Knowledge(self.store, self._trusts(), self.now)
        await knowledge.refresh()
        self._known.append(knowledge)
        relay = Relay(
            store=self.store,
            payloads=self.payloads,
            broker=broker,
            verification=Verification(knowledge, self.now, Limits()),
            keys=self.world.node_key,
            clock=self.now,
        )
        await broker.consume(nodes or tuple(knowledge.now.directory.agencies), relay.handle)
        return broker

    def caller(self, code: str) -> Caller:
        """As the gRPC layer would name the agency."""
        return Caller(agency=code, role=Role.AGENCY, subject=f"CN={code}", certificate_sha256="1" * 64)

    async def submit(self, sender: str, recipients: Sequence[str], **fields: Any) -> Submission:
        """Sign and submit a package of the world's making."""
        return await self.submit_bytes(sender, self.world.signed(sender, recipients, **fields))

    async def submit_bytes(self, sender: str, data: bytes) -> Submission:
        """Submit these very bytes as `sender`."""
        return await self.hub.submit(self.caller(sender), data)

    async def receive(self, recipient: str, document_id: str) -> tuple[InboxItem, bytes]:
        """Wait for the document at the recipient, fetch it whole and acknowledge it."""
        await self.until(document_id, recipient, DeliveryState.CONSIGNED)
        item, chunks = await self.hub.fetch(self.caller(recipient), document_id, offset=0)
        data = b"".join([chunk async for chunk in chunks])
        handover = ContentHandover(
            document_id=item.document.id,
            document_sha256=item.document.sha256,
            recipient=recipient,
            handed_over_at=self.now(),
        )
        evidence = sign_record(records.write(handover), self.world.key(recipient), at=self.now())
        await self.hub.acknowledge(self.caller(recipient), item.delivery.id, evidence)
        return item, data

    async def intercept(self, node: str, lane: Lane = Lane.NORMAL) -> bytes:
        """Take the next message out of a node's queue, waiting for it. No relay may consume that node."""
        connection = await aio_pika.connect(self._urls[0])
        async with connection:
            channel = await connection.channel()
            queue = await channel.get_queue(self.topology.queue(node, lane), ensure=False)
            async with asyncio.timeout(DEADLINE):
                while (message := await queue.get(fail=False)) is None:
                    await asyncio.sleep(POLL)
            await message.ack()
            return message.body

    async def inject(self, node: str, body: bytes, lane: Lane = Lane.NORMAL) -> None:
        """Publish bytes into a node's queue, as somebody with the broker in hand could."""
        await self.broker.publish(node, lane, body)

    # --- seeing -----------------------------------------------------------------------------------------

    async def delivery(self, document_id: str, recipient: str) -> DeliveryRow:
        """The delivery as the store has it."""
        rows = await self.store.deliveries(document_id)
        return next(row for row in rows if row.recipient == recipient)

    async def until(self, document_id: str, recipient: str, state: DeliveryState) -> DeliveryRow:
        """Wait until the delivery is in `state`."""
        row = await self.delivery(document_id, recipient)
        try:
            async with asyncio.timeout(DEADLINE):
                while (row := await self.delivery(document_id, recipient)).state is not state:
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise AssertionError(f"{recipient} is {row.state}, not {state}") from None
        return row

    async def until_published(self, document_id: str) -> None:
        """Wait until the broker's confirmation is noted: that comes a moment after it, for many at once."""
        async with asyncio.timeout(DEADLINE):
            while (row := await self.store.document(document_id)) is None or row.published_at is None:
                await asyncio.sleep(POLL)

    async def until_held(self, kind: HeldKind, count: int = 1) -> list[HeldRow]:
        """Wait until so many messages are held; each with its bytes, which lists leave out."""
        held: list[HeldRow] = []
        try:
            async with asyncio.timeout(DEADLINE):
                while len(held := await self.store.held(kind)) < count:
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise AssertionError(f"{len(held)} {kind} held, not {count}") from None
        return [whole for row in held if (whole := await self.store.held_one(row.id)) is not None]

    async def hops(self, sender: str, document_id: str, recipient: str) -> list[str]:
        """The nodes the delivery passed, as its sender sees it."""
        tracked = await self.tracked(sender, document_id, recipient)
        return [hop.node for hop in tracked.hops]

    async def tracked(self, sender: str, document_id: str, recipient: str) -> TrackedDelivery:
        """One delivery of the sender's own view."""
        tracking = await self.hub.track(self.caller(sender), document_id)
        return next(t for t in tracking.deliveries if t.delivery.recipient == recipient)
