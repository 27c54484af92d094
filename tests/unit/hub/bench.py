"""The hub application on fakes, one message at a time: nothing runs by itself, so every order of events can be made.

    bench = await Bench.open()
    sent = await bench.submit("H48.31.05", ["H48.11"])
    await bench.dispatch()                       # what the hub's background does
    await bench.walk("H48.31.05", "H48.31")      # these nodes' hops, each on the newest message for it
    bench.store.fail_next("record_hop", HubFault("disk")); assert isinstance(await bench.hop("H48"), Retry)

Time stands still at the world's time until `bench.pass_time`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lienthong.blobs import open_contents
from lienthong.domain.agency import Agency, Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.domain.evidence import ContentHandover
from lienthong.edxml.bounds import Limits
from lienthong.hub.accept import Submission
from lienthong.hub.assembly import Policy, Surroundings, assemble
from lienthong.hub.certificates import read_certificate
from lienthong.hub.identity import Caller, Role
from lienthong.hub.knowledge import Knowledge, Trusts
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT, Payloads
from lienthong.hub.ports import Outcome, Retry, TransitDelivery
from lienthong.hub.reconcile import Patience
from lienthong.hub.relay import Relay
from lienthong.hub.rows import DeliveryRow, EventRow, HeldKind, HeldRow
from lienthong.hub.verification import Verification
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from lienthong.transit.message import TransitMessage, decode
from tests.fakes.blobs import FakeBlobs
from tests.fakes.broker import FakeBroker
from tests.fakes.store import FakeStore
from tests.pki.world import World, world

COMMUNE, NEIGHBOUR, DISTRICT, PROVINCE, DEPARTMENT = "H48.31.05", "H48.31.06", "H48.31", "H48", "H48.11"
OTHER_DISTRICT, OTHER_COMMUNE = "H48.33", "H48.33.02"
ROAD = (COMMUNE, DISTRICT, PROVINCE, DEPARTMENT)
OPERATOR = Caller(agency=None, role=Role.OPERATOR, subject="CN=operator", certificate_sha256="0" * 64)
PATIENCE = Patience(every=0.01, unpublished_after=10.0, stalled_after=600.0)


class Bench:
    """See the module. `watch_poll`: seconds between a watcher's looks at the store."""

    def __init__(
        self,
        *,
        the_world: World | None = None,
        inline_limit: int = 262_144,
        payload_limit: int = DEFAULT_PAYLOAD_LIMIT,
        limits: Limits | None = None,
        watch_poll: float = 60.0,
    ) -> None:
        self.world = the_world or world()
        self.at = self.world.at
        self.store, self.blobs, self.broker = FakeStore(), FakeBlobs(), FakeBroker()
        self.trusts = Trusts(agencies=self.world.trust, infrastructure=self.world.infrastructure_trust)
        self.keys: Callable[[str], SigningKey] = self.world.node_key
        self.knowledge = Knowledge(self.store, lambda: self.trusts, self.now)
        limits = limits or Limits()
        self.verification = Verification(self.knowledge, self.now, limits)
        around = Surroundings(
            store=self.store,
            blobs=self.blobs,
            contents=open_contents("memory://"),
            broker=self.broker,
            knowledge=self.knowledge,
            key=self.world.hub_key,
            clock=self.now,
        )
        policy = Policy(
            limits=limits, patience=PATIENCE, inline_limit=inline_limit, payload_limit=payload_limit
        )
        parts = assemble(around, policy)
        self.hub, self.administration, self.inbox = parts.hub, parts.administration, parts.inbox
        self.gate = parts.gate
        self.dispatcher, self.reconciler = parts.dispatcher, parts.reconciler
        self.dead_letters = parts.dead_letters
        self.inbox._poll_every = watch_poll
        self.payloads = Payloads(self.store, self.blobs)
        self.relay = Relay(
            store=self.store,
            payloads=self.payloads,
            broker=self.broker,
            verification=self.verification,
            keys=lambda node: self.keys(node),
            clock=self.now,
            inline_limit=inline_limit,
        )

    @classmethod
    async def open(cls, *, directory: Directory | None = None, **options: Any) -> Bench:
        """With the world's agencies (or `directory`) and the bindings of their signing keys."""
        bench = cls(**options)
        await bench.put_agencies(*(directory or bench.world.directory))
        for code in (directory or bench.world.directory).agencies:
            await bench.bind(bench.world.key(code), code)
        await bench.knowledge.refresh()
        await bench.broker.declare(list(bench.knowledge.now.directory.agencies))
        await bench.broker.subscribe(bench.inbox.notified)
        return bench

    def now(self) -> datetime:
        """The bench's clock."""
        return self.at

    def pass_time(self, seconds: float) -> None:
        """Move the clock on."""
        self.at += timedelta(seconds=seconds)

    def event(self, kind: str = "test") -> EventRow:
        """Something for the log."""
        return EventRow(at=self.at, actor="test", kind=kind)

    async def put_agencies(self, *agencies: Agency) -> None:
        """Change the directory behind the processes' backs."""
        await self.store.put_agencies(list(agencies), event=self.event())

    async def change_agency(self, code: str, **values: Any) -> None:
        """Replace values of one agency."""
        directory = await self.store.directory()
        await self.put_agencies(replace(directory.agencies[code], **values))

    async def bind(self, key: SigningKey, agency: str) -> None:
        """Bind a signing certificate behind the processes' backs."""
        pem = key.certificate_pem()
        row = read_certificate(pem, agency=agency, purpose="signature", role="agency", at=self.at)
        await self.store.bind_certificate(row, event=self.event())

    async def revoke(self, key: SigningKey) -> None:
        """Revoke a binding behind the processes' backs."""
        await self.store.revoke_certificate(key.certificate_sha256, "lost", self.at, event=self.event())

    # --- acting -----------------------------------------------------------------------------------------

    def caller(self, code: str) -> Caller:
        """As the gRPC layer would name the agency."""
        return Caller(agency=code, role=Role.AGENCY, subject=f"CN={code}", certificate_sha256="1" * 64)

    async def submit(self, sender: str, recipients: Sequence[str], **fields: Any) -> Submission:
        """Sign and submit a package of the world's making."""
        return await self.hub.submit(self.caller(sender), self.world.signed(sender, recipients, **fields))

    async def dispatch(self) -> None:
        """Publish what is enqueued."""
        stop = asyncio.Event()
        stop.set()
        await self.dispatcher.run(stop)

    async def sent(self, sender: str, recipients: Sequence[str], **fields: Any) -> Submission:
        """Submit and dispatch."""
        submission = await self.submit(sender, recipients, **fields)
        await self.dispatch()
        return submission

    def message(self, node: str) -> bytes:
        """The newest message published for the node."""
        return next(body for place, _, body in reversed(self.broker.published) if place == node)

    def decoded(self, node: str) -> TransitMessage:
        """The same, read."""
        return decode(self.message(node))

    async def hop(
        self, node: str, body: bytes | None = None, *, redelivered: bool = False, attempt: int = 0
    ) -> Outcome | Retry:
        """One handling of a message (by default the newest for the node) by the node's relay."""
        delivery = TransitDelivery(
            node=node,
            lane=Lane.NORMAL,
            body=self.message(node) if body is None else body,
            attempt=attempt,
            redelivered=redelivered,
        )
        return await self.relay.handle(delivery)

    async def walk(self, *nodes: str) -> None:
        """A hop at each node, which must end well."""
        for node in nodes:
            assert await self.hop(node) is Outcome.DONE
        assert await self.store.held(HeldKind.QUARANTINE) == []

    async def arrived(self, sender: str = COMMUNE, recipient: str = DEPARTMENT, **fields: Any) -> Submission:
        """A document that went all the way."""
        submission = await self.sent(sender, [recipient], **fields)
        await self.walk(*self.knowledge.now.directory.route(sender, recipient))
        return submission

    def handover(self, sent: Submission, recipient: str, /, **values: Any) -> bytes:
        """The recipient's signed receipt; `values` replace any of its fields, `key` its signer."""
        key = values.pop("key", None) or self.world.key(recipient)
        fields: dict[str, Any] = {
            "document_id": sent.document.id,
            "document_sha256": sent.document.sha256,
            "recipient": recipient,
            "handed_over_at": self.at,
        }
        return sign_record(records.write(ContentHandover(**(fields | values))), key, at=self.at)

    # --- seeing -----------------------------------------------------------------------------------------

    async def delivery(self, sent: Submission, recipient: str = DEPARTMENT) -> DeliveryRow:
        """The delivery as the store has it."""
        rows = await self.store.deliveries(sent.document.id)
        return next(row for row in rows if row.recipient == recipient)

    async def state(self, sent: Submission, recipient: str = DEPARTMENT) -> DeliveryState:
        """Its state."""
        return (await self.delivery(sent, recipient)).state

    async def quarantined(self) -> HeldRow:
        """The one message in quarantine."""
        return await self.held(HeldKind.QUARANTINE)

    async def held(self, kind: HeldKind) -> HeldRow:
        """The one message that is held, with its bytes, which lists leave out."""
        (listed,) = await self.store.held(kind)
        held = await self.store.held_one(listed.id)
        assert held is not None
        return held

    async def kinds(self, document_id: str | None = None) -> list[str]:
        """The events' kinds, oldest first."""
        events = await self.store.events(document_id=document_id, limit=1_000)
        return [event.kind for event in (events if document_id else events[::-1])]


def altered(body: bytes, **values: Any) -> bytes:
    """A transit message with some fields replaced, as somebody with the broker in hand could."""
    return replace(decode(body), **values).encode()
