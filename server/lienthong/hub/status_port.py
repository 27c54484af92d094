"""What the hub needs of the store for statuses, requests and changes: rows and the port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lienthong.domain.request import RequestKind, RequestState
from lienthong.domain.status import StatusCode, Step
from lienthong.hub.rows import DeliveryRow, DocumentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStatus:
    """A status that comes with the package being accepted: about one delivery of an earlier document."""

    document_id: str  #: of the document it speaks of
    delivery_id: str
    recipient: str  #: of that delivery
    sender: str  #: who says it: the recipient, for 13 the document's sender
    code: StatusCode
    written: str  #: as the package has it
    said_at: datetime
    description: str | None = None
    department: str | None = None
    staff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """One line of a delivery's history."""

    package_id: str  #: the status package, whose signature proves it
    document_id: str
    delivery_id: str
    recipient: str
    sender: str
    code: StatusCode
    written: str
    said_at: datetime
    accepted_at: datetime
    step: Step
    description: str | None = None
    department: str | None = None
    staff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A recall, update or replacement of one delivery that comes with the package being accepted."""

    id: str
    kind: RequestKind
    document_id: str
    delivery_id: str
    recipient: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """A stored request."""

    id: str
    kind: RequestKind
    state: RequestState
    package_id: str  #: the package that asks
    document_id: str
    delivery_id: str
    recipient: str
    reason: str | None
    asked_at: datetime
    settled_at: datetime | None  #: when it left PENDING or ASKED for its end
    answer_package_id: str | None  #: the status package 15 or 16
    answer: str | None  #: its description


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """What the recipient of a delivery has to hear of it: taken back, asked back or to be updated, replaced."""

    request: RequestRow
    document: DocumentRow
    delivery: DeliveryRow
    by: DocumentRow  #: the package that asks
    onward: tuple[DocumentRow, ...] = ()  #: documents with which the recipient passed it on, oldest first


class ChangeKind(StrEnum):
    """What changed of a delivery."""

    STATE = "state"  #: value: a DeliveryState
    STATUS = "status"  #: value: a status code 01 to 06
    REQUEST = "request"  #: value: "<RequestKind> <RequestState>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """One change, with the document and the delivery as they are now."""

    id: str  #: where to go on from; opaque, in the order of the stream
    at: datetime
    kind: ChangeKind
    value: str
    detail: str | None  #: the reason, where there is one
    document: DocumentRow
    delivery: DeliveryRow


class StatusStore(Protocol):
    """Statuses, requests and changes. They are written by `DocumentStore.accept`, in the package's own commit:

    a status that is no legal step raises `Refusal` STATUS_ILLEGAL there, and nothing is written. Every move of a
    delivery of a document (not of a status package) leaves a change in its own commit too.
    """

    async def sent(self, sender: str, edxml_document_id: str) -> list[DocumentRow]:
        """Documents this sender sent under this id: the new one first, then those about it, newest first."""
        ...

    async def statuses(self, document_id: str) -> list[StatusRow]:
        """In the order they were accepted."""
        ...

    async def requests(self, document_id: str) -> list[RequestRow]:
        """About this document or asked by this package, in the order they were accepted."""
        ...

    async def pending_requests(self, limit: int) -> list[RequestRow]:
        """Recalls and replacements nobody has acted on yet, oldest first."""
        ...

    async def settle_requests(self, ids: Sequence[str], state: RequestState, at: datetime) -> list[str]:
        """Move requests that may move to `state`; the ids moved. A repeat changes nothing."""
        ...

    async def onward(self, document_id: str, sender: str) -> list[DocumentRow]:
        """Documents of `sender` that pass this one on (`NewDocument.onward`), oldest first, at most 100."""
        ...

    async def notices(self, agency: str, *, after: str | None, limit: int) -> list[NoticeRow]:
        """Requests in a `TOLD` state about what `agency` receives that it has not seen, oldest first.

        `after`: the request's id of the last one of the page before.
        """
        ...

    async def see_notices(self, delivery_id: str, at: datetime) -> list[str]:
        """Note that the recipient saw what ended its delivery (not what it still has to answer); the requests' ids."""
        ...

    async def changes(self, agency: str, *, after: str | None, limit: int) -> list[ChangeRow]:
        """Changes of documents the agency sent or receives, after the change `after`, in order.

        `after`: a change's id; "0.0" or None for the beginning. ARGUMENT_INVALID for the id of another store's change.
        """
        ...

    async def newest_change(self, agency: str) -> str:
        """The id to give as `after` to hear only what comes from now on."""
        ...
