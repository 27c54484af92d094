"""Which parts make a hub? One place that puts them together, for the program and for the tests."""

from __future__ import annotations

from dataclasses import dataclass

from lienthong.edxml.bounds import Limits
from lienthong.hub.accept import Acceptance
from lienthong.hub.administration import Administration
from lienthong.hub.application import Hub
from lienthong.hub.deadletters import DeadLetters
from lienthong.hub.dispatch import DEFAULT_INLINE_LIMIT, Dispatcher
from lienthong.hub.held import HeldMessages
from lienthong.hub.inbox import Inbox
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Blobs, Broker, Clock, Store
from lienthong.hub.reconcile import Patience, Reconciler
from lienthong.hub.verification import Verification
from lienthong.signing.keys import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class HubParts:
    """What serves callers (`hub`, `administration`), and what runs beside them."""

    hub: Hub
    administration: Administration
    inbox: Inbox  #: `inbox.notified` takes the relays' notifications
    dispatcher: Dispatcher
    reconciler: Reconciler
    dead_letters: DeadLetters


def assemble(
    *,
    store: Store,
    blobs: Blobs,
    broker: Broker,
    knowledge: Knowledge,
    key: SigningKey,
    clock: Clock,
    limits: Limits,
    patience: Patience,
    inline_limit: int = DEFAULT_INLINE_LIMIT,
) -> HubParts:
    """A hub on these ports. `key` signs its evidence; nothing runs yet."""
    verification = Verification(knowledge, clock, limits)
    dispatcher = Dispatcher(store, blobs, broker, clock, inline_limit=inline_limit)
    reconciler = Reconciler(store, dispatcher, clock, patience)
    inbox = Inbox(store=store, blobs=blobs, verification=verification, clock=clock)
    acceptance = Acceptance(
        store=store,
        blobs=blobs,
        verification=verification,
        dispatcher=dispatcher,
        key=key,
        clock=clock,
        limits=limits,
    )
    hub = Hub(
        store=store, knowledge=knowledge, acceptance=acceptance, inbox=inbox, max_package=limits.max_bytes
    )
    administration = Administration(
        store=store,
        blobs=blobs,
        broker=broker,
        knowledge=knowledge,
        held=HeldMessages(store, broker, dispatcher, clock),
        reconciler=reconciler,
        clock=clock,
    )
    return HubParts(
        hub=hub,
        administration=administration,
        inbox=inbox,
        dispatcher=dispatcher,
        reconciler=reconciler,
        dead_letters=DeadLetters(store, knowledge, clock),
    )
