"""Which parts make a hub? One place that puts them together, for the program and for the tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from lienthong.domain.deadline import Deadlines
from lienthong.edxml.bounds import Limits
from lienthong.hub.accept import Acceptance
from lienthong.hub.administration import Administration
from lienthong.hub.application import Hub
from lienthong.hub.changes import Changes
from lienthong.hub.closures import Closures
from lienthong.hub.content import DEFAULT_CONTENT_LIMITS, ContentDesk, ContentLimits
from lienthong.hub.content_port import Contents
from lienthong.hub.deadletters import DeadLetters
from lienthong.hub.dispatch import DEFAULT_INLINE_LIMIT, Dispatcher
from lienthong.hub.expirer import Expirer
from lienthong.hub.failure import Failures
from lienthong.hub.files import PackageFiles, PdfPolicy
from lienthong.hub.gate import Gate
from lienthong.hub.held import HeldMessages
from lienthong.hub.inbox import Inbox
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.payloads import DEFAULT_PAYLOAD_LIMIT, Payloads
from lienthong.hub.ports import Blobs, Broker, Clock, Notification, Store
from lienthong.hub.recall import Recalls
from lienthong.hub.receipts import Receipts
from lienthong.hub.reconcile import Patience, Reconciler
from lienthong.hub.register import Register
from lienthong.hub.verification import Verification
from lienthong.signing.keys import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class HubParts:
    """What serves callers (`hub`, `administration`), and what runs beside them."""

    hub: Hub
    administration: Administration
    gate: Gate  #: what every big package passes
    content: ContentDesk  #: `content.run` collects what was abandoned
    inbox: Inbox
    changes: Changes
    recalls: Recalls
    expirer: Expirer
    closures: Closures
    dispatcher: Dispatcher
    reconciler: Reconciler
    dead_letters: DeadLetters

    async def notified(self, notification: Notification) -> None:
        """Takes the notifications of relays and other hubs: subscribe it to the broker."""
        await self.inbox.notified(notification)
        await self.changes.notified(notification)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a hub stands on. `key` signs its evidence."""

    store: Store
    blobs: Blobs
    contents: Contents
    broker: Broker
    knowledge: Knowledge
    key: SigningKey
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an installation decides; the defaults are the settings' own."""

    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    inline_limit: int = DEFAULT_INLINE_LIMIT
    payload_limit: int = DEFAULT_PAYLOAD_LIMIT
    redirect_closed: bool = False  #: send on to a closed agency's single successor
    content: ContentLimits = DEFAULT_CONTENT_LIMITS
    pdf: PdfPolicy = PdfPolicy.REPORT
    deadlines: Deadlines = field(default_factory=Deadlines)
    expire_every: float = 30.0  #: seconds between two looks for deadlines that have passed


def assemble(around: Surroundings, policy: Policy) -> HubParts:
    """A hub; nothing runs yet."""
    store, broker, knowledge, clock = around.store, around.broker, around.knowledge, around.clock
    verification = Verification(knowledge, clock, policy.limits)
    payloads = Payloads(store, around.blobs, limit=policy.payload_limit)
    dispatcher = Dispatcher(store, payloads, broker, clock, inline_limit=policy.inline_limit)
    reconciler = Reconciler(store, dispatcher, clock, policy.patience)
    inbox = Inbox(store=store, payloads=payloads, verification=verification, clock=clock, broker=broker)
    failures = Failures(around.key)
    recalls = Recalls(store, broker, failures, clock)
    gate = Gate(policy.limits.max_bytes)
    content = _content(around, payloads, policy, inbox, gate)
    changes = Changes(store)
    acceptance = Acceptance(
        store=store,
        payloads=payloads,
        content=content,
        gate=gate,
        verification=verification,
        dispatcher=dispatcher,
        key=around.key,
        clock=clock,
        limits=policy.limits,
        recalls=recalls,
        deadlines=policy.deadlines,
        redirect=policy.redirect_closed,
    )
    hub = Hub(
        store=store,
        knowledge=knowledge,
        acceptance=acceptance,
        inbox=inbox,
        changes=changes,
        receipts=Receipts(store, knowledge, clock),
        register=Register(store, knowledge, clock),
        max_package=policy.limits.max_bytes,
    )
    return HubParts(
        hub=hub,
        gate=gate,
        administration=_administration(around, payloads, reconciler, dispatcher, failures),
        content=content,
        inbox=inbox,
        changes=changes,
        recalls=recalls,
        expirer=Expirer(store, broker, failures, clock, every=policy.expire_every),
        closures=_closures(around, policy, dispatcher, failures),
        dispatcher=dispatcher,
        reconciler=reconciler,
        dead_letters=DeadLetters(store, knowledge, clock),
    )


def _administration(
    around: Surroundings,
    payloads: Payloads,
    reconciler: Reconciler,
    dispatcher: Dispatcher,
    failures: Failures,
) -> Administration:
    return Administration(
        store=around.store,
        payloads=payloads,
        broker=around.broker,
        knowledge=around.knowledge,
        held=HeldMessages(around.store, around.broker, dispatcher, around.clock, failures),
        reconciler=reconciler,
        clock=around.clock,
    )


def _closures(around: Surroundings, policy: Policy, dispatcher: Dispatcher, failures: Failures) -> Closures:
    return Closures(
        store=around.store,
        broker=around.broker,
        dispatcher=dispatcher,
        knowledge=around.knowledge,
        failures=failures,
        clock=around.clock,
        redirect=policy.redirect_closed,
    )


def _content(
    around: Surroundings, payloads: Payloads, policy: Policy, inbox: Inbox, gate: Gate
) -> ContentDesk:
    files = PackageFiles(
        payloads=payloads,
        contents=around.contents,
        gate=gate,
        trust=lambda: around.knowledge.now.trusts.agencies,
        clock=around.clock,
        limits=policy.limits,
        policy=policy.pdf,
    )
    return ContentDesk(
        store=around.store,
        contents=around.contents,
        files=files,
        inbox=inbox,
        clock=around.clock,
        limits=policy.content,
    )
