"""What the client gives back about statuses, requests and changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lienthong.domain.request import RequestKind, RequestState
from lienthong.domain.status import StatusCode, Step

if TYPE_CHECKING:
    from lienthong.errors import Refusal
    from lienthong_client.results import Delivery, DocumentSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """Something to know of a package that is carried all the same."""

    rule: str
    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """What somebody said of a delivery; `package_id` is the signed package that proves it."""

    package_id: str
    code: StatusCode
    written: str
    sender: str
    said_at: datetime | None
    accepted_at: datetime | None
    step: Step
    description: str | None
    department: str | None
    staff: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRequest:
    """What the sender asked about a delivery, and how it ended."""

    package_id: str
    kind: RequestKind
    state: RequestState
    reason: str | None
    asked_at: datetime | None
    settled_at: datetime | None
    answer_package_id: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, with document and delivery as they are now. Give `place` to `watch_changes` to go on behind it."""

    place: str
    at: datetime | None
    kind: str  #: state, status or request
    value: str
    detail: str | None
    document: DocumentSummary
    delivery: Delivery


FIRST_PLACE = "0.0"  #: of `AgencyClient.watch_changes`: before all changes of the hub


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What became of a document we received or were to receive: taken back, replaced, or asked about; no bytes."""

    document: DocumentSummary
    delivery: Delivery
    request: DeliveryRequest  #: WITHDRAWN or SUPERSEDED; ASKED: to be answered with status 15 or 16
    by: DocumentSummary  #: the package that asks; of a replacement, the document in this one's place
    onward: tuple[DocumentSummary, ...] = ()  #: our documents that passed it on: ours to recall


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What became of a recall for one recipient: `request` says it, `refusal` why it could not even be asked."""

    recipient: str
    delivery: Delivery
    request: DeliveryRequest | None
    refusal: Refusal | None = None
    warnings: tuple[Warning, ...] = ()  #: copies the recipient passed on, which are not withdrawn
