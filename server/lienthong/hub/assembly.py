"""Which parts make a hub? One place that puts them together, for the program and for the tests."""

from __future__ import annotations

from dataclasses import dataclass

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
from lienthong.hub.held import HeldMessages
from lienthong.hub.inbox import Inbox
from lienthong.hub.knowledge import Knowledge
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


def assemble(
    *,
    store: Store,
    blobs: Blobs,
    contents: Contents,
    broker: Broker,
    knowledge: Knowledge,
    key: SigningKey,
    clock: Clock,
    limits: Limits,
    patience: Patience,
    inline_limit: int = DEFAULT_INLINE_LIMIT,
    redirect_closed: bool = False,
    content_limits: ContentLimits = DEFAULT_CONTENT_LIMITS,
    pdf_policy: PdfPolicy = PdfPolicy.REPORT,
    deadlines: Deadlines | None = None,
    expire_every: float = 30.0,
) -> HubParts:
    """A hub on these ports. `key` signs its evidence; nothing runs yet."""
    verification = Verification(knowledge, clock, limits)
    dispatcher = Dispatcher(store, blobs, broker, clock, inline_limit=inline_limit)
    reconciler = Reconciler(store, dispatcher, clock, patience)
    inbox = Inbox(store=store, blobs=blobs, verification=verification, clock=clock, broker=broker)
    failures = Failures(key)
    recalls = Recalls(store, broker, failures, clock)
    content = _content(store, blobs, contents, knowledge, inbox, clock, limits, content_limits, pdf_policy)
    acceptance = Acceptance(
        store=store,
        blobs=blobs,
        content=content,
        verification=verification,
        dispatcher=dispatcher,
        key=key,
        clock=clock,
        limits=limits,
        recalls=recalls,
        deadlines=deadlines or Deadlines(),
        redirect=redirect_closed,
    )
    closures = Closures(
        store=store,
        broker=broker,
        dispatcher=dispatcher,
        knowledge=knowledge,
        failures=Failures(key),
        clock=clock,
        redirect=redirect_closed,
    )
    changes = Changes(store)
    hub = Hub(
        store=store,
        knowledge=knowledge,
        acceptance=acceptance,
        inbox=inbox,
        changes=changes,
        receipts=Receipts(store, knowledge, clock),
        register=Register(store, knowledge, clock),
        max_package=limits.max_bytes,
    )
    administration = Administration(
        store=store,
        blobs=blobs,
        broker=broker,
        knowledge=knowledge,
        held=HeldMessages(store, broker, dispatcher, clock, failures),
        reconciler=reconciler,
        clock=clock,
    )
    return HubParts(
        hub=hub,
        administration=administration,
        content=content,
        inbox=inbox,
        changes=changes,
        recalls=recalls,
        expirer=Expirer(store, broker, failures, clock, every=expire_every),
        closures=closures,
        dispatcher=dispatcher,
        reconciler=reconciler,
        dead_letters=DeadLetters(store, knowledge, clock),
    )


def _content(
    store: Store,
    blobs: Blobs,
    contents: Contents,
    knowledge: Knowledge,
    inbox: Inbox,
    clock: Clock,
    limits: Limits,
    content_limits: ContentLimits,
    pdf_policy: PdfPolicy,
) -> ContentDesk:
    files = PackageFiles(
        blobs=blobs,
        contents=contents,
        trust=lambda: knowledge.now.trusts.agencies,
        clock=clock,
        limits=limits,
        policy=pdf_policy,
    )
    return ContentDesk(
        store=store, contents=contents, files=files, inbox=inbox, clock=clock, limits=content_limits
    )
