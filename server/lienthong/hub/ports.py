"""What the hub needs from outside: a store, blobs, a broker. Implementations live in store/, blobs/, broker/.

Every port has one contract suite in tests/contract, run on the fake and on each real backend. Each store
method is one transaction: when it returns, its writes are durable (fsync), and calling it again with the
same arguments changes nothing. Methods raise `Refusal` for the caller's mistakes and `HubFault` for our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Lane
from lienthong.errors import Code, HubFault
from lienthong.hub.content_port import ContentStore
from lienthong.hub.directory_port import DirectoryLifeStore
from lienthong.hub.number_port import NumberStore
from lienthong.hub.receipt_port import ReceiptStore
from lienthong.hub.rows import (
    CertificateRow,
    Consignment,
    DeliveryRow,
    DocumentQuery,
    DocumentRow,
    EventRow,
    EvidenceRow,
    HeldKind,
    HeldRow,
    HopRow,
    InboxItem,
    NewDocument,
    Position,
    Recorded,
)
from lienthong.hub.status_port import StatusStore

Clock = Callable[[], datetime]


class NumberTaken(HubFault):
    """A document judged as if its number were free came upon another one under the number."""


class DocumentStore(Protocol):
    """Documents, deliveries, hops and evidence."""

    async def accept(self, document: NewDocument, payload: bytes | None = None) -> DocumentRow:
        """Write document, its bytes where given, deliveries, acceptance evidence and event in one commit.

        If `identity` is taken: the same sha256 returns the stored row (nothing changes), another raises
        `Refusal` DOCUMENT_CONFLICT. With `number_is_free`, raises `NumberTaken` and writes nothing when the sender
        has another new document (type 0) under its number and notation of its year.
        """
        ...

    async def payload(self, sha256: str) -> bytes | None:
        """The bytes that were given with a document; None where they lie elsewhere. Read through `Payloads`."""
        ...

    async def find_identity(self, identity: str) -> DocumentRow | None:
        """The document accepted under this identity."""
        ...

    async def document(self, reference: str) -> DocumentRow | None:
        """By hub id, SHA-256, or edXML DocumentId (the newest where several senders or types share it)."""
        ...

    async def documents(self, query: DocumentQuery) -> list[DocumentRow]:
        """Newest first."""
        ...

    async def deliveries(self, document_id: str) -> list[DeliveryRow]:
        """In the order the sender wrote the recipients."""
        ...

    async def delivery(self, delivery_id: str) -> DeliveryRow | None:
        """By id."""
        ...

    async def inbox_item(self, delivery_id: str) -> InboxItem | None:
        """A delivery by its id, whatever its state, with its document."""
        ...

    async def hops(self, document_id: str) -> list[HopRow]:
        """Ordered by (sequence, node)."""
        ...

    async def evidence(self, document_id: str) -> list[EvidenceRow]:
        """SubmissionAcceptance, ContentConsignment and ContentHandover rows in order of time (hops apart)."""
        ...

    async def mark_published(self, document_ids: Sequence[str], at: datetime) -> None:
        """Note the first confirmation of each; later ones change nothing."""
        ...

    async def unpublished(self, older_than: datetime, limit: int) -> list[DocumentRow]:
        """Documents no broker has confirmed yet, accepted before `older_than`, oldest first."""
        ...

    async def stalled(self, at: datetime, wait: timedelta, limit: int) -> list[DocumentRow]:
        """Published documents with a delivery ACCEPTED or IN_TRANSIT unchanged for `wait` before `at`, longest first.

        One that was published again must have waited since: twice as long after the first time, and so on, up to
        64 times.
        """
        ...

    async def touch(self, document_id: str, at: datetime) -> None:
        """Note a publication again: counted for `stalled`, and `updated_at` of undelivered deliveries is set."""
        ...

    async def republished(self, since: datetime) -> tuple[int, int]:
        """How many documents were touched since then, and how many of them have a delivery that has not moved."""
        ...

    async def record_hop(
        self,
        hop: HopRow,
        *,
        recipients: Sequence[str],
        consignment: Consignment | None,
    ) -> Recorded:
        """Write a hop once per (document, node, record before); an earlier record stands.

        Nothing is written when one of `recipients` must not get the document any more: its delivery ended, or a
        request about it is PENDING. They are named, and the hop is to be planned without them.
        In the same commit: deliveries of `recipients` that are ACCEPTED, QUARANTINED or DEAD move to IN_TRANSIT;
        with `consignment` that recipient's delivery moves to CONSIGNED with its evidence. Deliveries already
        CONSIGNED or final are left alone. Events are appended for what changed only.
        Raises `Refusal` NOT_FOUND when the document is not in the store.
        """
        ...

    async def replace_hop(self, hop: HopRow) -> HopRow:
        """Add a later revision of the hop of (document, node): the directory changed and so the route. Logs it."""
        ...

    async def hand_over(self, delivery_id: str, evidence: bytes, at: datetime) -> DeliveryRow:
        """CONSIGNED -> HANDED_OVER with the recipient's signed evidence. A repeat changes nothing."""
        ...

    async def inbox(self, recipient: str, *, after: str | None, limit: int) -> list[InboxItem]:
        """CONSIGNED deliveries, oldest consignment first; `after` is the last delivery id of the page before."""
        ...

    async def move(
        self,
        document_id: str,
        recipients: Sequence[str] | None,
        state: DeliveryState,
        *,
        event: EventRow,
        error: Code | None = None,
        error_detail: str | None = None,
        evidence: Sequence[EvidenceRow] = (),
        unchanged: Sequence[DeliveryRow] | None = None,
    ) -> list[str]:
        """Move the deliveries (all with None) that may legally move to `state`; returns the recipients moved.

        `evidence` of recipients that really moved is kept in the same commit. With `unchanged`, only deliveries that
        still have the state and `updated_at` they had when these rows were read are moved: what the evidence says
        of them is then true when it is kept.
        """
        ...

    async def positions(self) -> list[Position]:
        """Per node and lane: undelivered deliveries whose newest hop (or first node) is that node."""
        ...


class DirectoryStore(Protocol):
    """Agencies and their certificates."""

    async def directory(self) -> Directory:
        """A whole snapshot."""
        ...

    async def directory_version(self) -> int:
        """Rises with every change of an agency or a certificate."""
        ...

    async def put_agencies(self, agencies: Sequence[Agency], *, event: EventRow) -> int:
        """Add or replace by canonical code; the whole resulting directory must be sound. Returns the new version."""
        ...

    async def search_agencies(self, text: str, *, limit: int) -> list[Agency]:
        """By code prefix or words of the name, diacritics ignored ("binh son" finds "Bình Sơn"); no test agencies."""
        ...

    async def certificates(self, agency: str | None = None) -> list[CertificateRow]:
        """Bound certificates of one agency, or all; revoked ones too."""
        ...

    async def bind_certificate(self, certificate: CertificateRow, *, event: EventRow) -> None:
        """Idempotent; raises `Refusal` STATE_ILLEGAL when it is bound to another agency or revoked."""
        ...

    async def revoke_certificate(self, sha256: str, reason: str, at: datetime, *, event: EventRow) -> None:
        """Idempotent; `Refusal` NOT_FOUND for an unknown certificate."""
        ...


class HeldStore(Protocol):
    """Quarantine and dead letters."""

    async def hold(self, held: HeldRow, *, recipients: Sequence[str]) -> HeldRow:
        """Keep the message and move the deliveries of `recipients` to QUARANTINED or DEAD where legal, one commit.

        Idempotent on (kind, node, SHA-256 of message) while unresolved: returns the row held earlier.
        """
        ...

    async def held(
        self, kind: HeldKind, *, include_resolved: bool = False, limit: int = 100
    ) -> list[HeldRow]:
        """Newest first, `message` empty: a list of large ones would not fit into memory."""
        ...

    async def held_one(self, held_id: str) -> HeldRow | None:
        """By id."""
        ...

    async def resolve(self, held_id: str, resolution: str, reason: str, by: str, at: datetime) -> HeldRow:
        """Close a held message; raises STATE_ILLEGAL if it is closed already, NOT_FOUND if there is none."""
        ...


class EventStore(Protocol):
    """The append-only event log."""

    async def append(self, event: EventRow) -> None:
        """Add one line."""
        ...

    async def events(self, *, document_id: str | None = None, limit: int = 100) -> list[EventRow]:
        """Oldest first for a document; the newest `limit`, newest first, without one."""
        ...


class Store(
    DocumentStore,
    DirectoryStore,
    DirectoryLifeStore,
    HeldStore,
    EventStore,
    StatusStore,
    ContentStore,
    ReceiptStore,
    NumberStore,
    Protocol,
):
    """All of it, on one database."""

    async def close(self) -> None:
        """Let go of every connection; a second call does nothing."""
        ...


class Blobs(Protocol):
    """Content-addressed bytes: the key is the SHA-256 of the content."""

    async def put(self, sha256: str, data: bytes) -> None:
        """Durable (synced) when it returns; storing the same content again is free."""
        ...

    async def get(self, sha256: str) -> bytes:
        """Whole content, its digest checked; `Refusal` NOT_FOUND, `HubFault` when the bytes are damaged."""
        ...

    def stream(self, sha256: str, *, offset: int = 0, chunk: int = 262_144) -> AsyncIterator[bytes]:
        """From `offset` in pieces of about `chunk` bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One transit queue as an administrator sees it. None where the broker cannot tell."""

    node: str
    lane: Lane
    ready: int
    unacked: int | None
    consumers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitDelivery:
    """A message taken from a node's queue. The consumer acknowledges it by what the handler returns."""

    node: str
    lane: Lane
    body: bytes
    attempt: int  #: 0 at first, +1 per retry through the delay queues
    redelivered: bool
    reason: str | None = None  #: why the last attempt failed, as its handler said


class Outcome(StrEnum):
    """What becomes of a transit message after its handler."""

    DONE = "done"  # ack
    RETRY = "retry"  # publish to the next delay queue with confirm, then ack; dead letter after the last
    REQUEUE = "requeue"  # nack with requeue: only on shutdown


@dataclass(frozen=True, slots=True)
class Retry:
    """`Outcome.RETRY` with the reason, which travels with the message to the next attempt or the dead letter."""

    reason: str


TransitHandler = Callable[[TransitDelivery], Awaitable[Outcome | Retry]]
Notification = Mapping[str, str]


class Broker(Protocol):
    """Movement between nodes. The store is the truth; losing the broker loses no document."""

    async def declare(self, nodes: Sequence[str]) -> None:
        """Declare exchanges, retry and dead queues and each node's lanes. Idempotent, safe to repeat at start."""
        ...

    async def publish(self, node: str, lane: Lane, body: bytes) -> None:
        """Persistent, mandatory, confirmed. Raises `HubFault` when not confirmed or not routable."""
        ...

    async def consume(self, nodes: Sequence[str], handler: TransitHandler) -> None:
        """Consume both lanes of `nodes` until `stop_consuming`; express never waits behind normal."""
        ...

    async def stop_consuming(self) -> None:
        """Take no new messages, let those in hand finish, requeue none that finished."""
        ...

    async def collect_dead(self, handler: TransitHandler) -> None:
        """Consume the dead queue; `node` and `lane` are those the message died at, `attempt` its last."""
        ...

    async def notify(self, notification: Notification) -> None:
        """Best effort, to every subscriber now connected."""
        ...

    async def subscribe(self, handler: Callable[[Notification], Awaitable[None]]) -> None:
        """Call `handler` for each notification from now on."""
        ...

    async def queues(self, nodes: Sequence[str]) -> list[QueueRow]:
        """Both lanes of each node; a queue that does not exist counts as empty."""
        ...

    def blocked(self) -> bool:
        """True while the broker holds publishers back (memory or disk alarm)."""
        ...

    async def close(self) -> None:
        """Let go of every connection; a second call does nothing."""
        ...
