"""What `FakeExchange` does with statuses and recalls, and its BusinessService and ReceiptService.

A status package is taken in for the document it names: 13 withdraws what is not handed over and asks for the rest, 15
and 16 settle what was asked, all others become the delivery's status. Each leaves a change for WatchChanges, whose
places are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lienthong.api.v1 import business_pb2, common_pb2, exchange_pb2, receipts_pb2
from lienthong.api.v1 import business_pb2_grpc as business_grpc
from lienthong.api.v1 import receipts_pb2_grpc as receipts_grpc
from lienthong.domain.document import StatusPackage
from lienthong.domain.evidence import SubmissionAcceptance
from lienthong.domain.ids import new_id, sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.signing.sign import sign_record
from lienthong.transit import records
from tests.fakes.exchange_services import Broken, answering, delivery_of, stamp, streaming

if TYPE_CHECKING:
    from tests.fakes.exchange import FakeExchange, Stored


@dataclass(kw_only=True)
class Said:
    """What was said and asked of one document, by recipient."""

    statuses: dict[str, list[common_pb2.StatusEntry]] = field(default_factory=dict)
    requests: dict[str, common_pb2.DeliveryRequest] = field(default_factory=dict)


def say(hub: FakeExchange, data: bytes, package: StatusPackage, sender: str) -> exchange_pb2.SubmitResponse:
    """Take in a status package; a step back of the delivery's status is refused as the hub does."""
    stored, _ = hub.find(package.response_for.document_id or "")
    code, (to,) = package.status_code, package.recipient_codes
    about = to if code == "13" else sender
    package_id, now = new_id(), datetime.now(UTC)
    if code == "13":
        change = _ask(stored, about, package, package_id, now)
    else:
        change = _tell(stored, about, package, package_id, now)
    accepted = SubmissionAcceptance(
        document_id=package_id,
        document_sha256=sha256_hex(data),
        sender=sender,
        first_node=sender,
        recipients=(to,),
        accepted_at=now,
    )
    hub.change(stored, about, *change, detail=package.description or "")
    return exchange_pb2.SubmitResponse(
        document_id=package_id,
        sha256=accepted.document_sha256,
        recipients=[exchange_pb2.RecipientResult(code=to, delivery_id=new_id(), state="ACCEPTED")],
        submission_acceptance=sign_record(records.write(accepted), hub.world.hub_key, at=now),
    )


def _ask(
    stored: Stored, recipient: str, package: StatusPackage, package_id: str, now: datetime
) -> tuple[str, str]:
    state = "ASKED" if recipient in stored.handovers else "WITHDRAWN"
    stored.said.requests[recipient] = common_pb2.DeliveryRequest(
        package_id=package_id, kind="RECALL", state=state, reason=package.description, asked_at=stamp(now)
    )
    return "request", f"RECALL {state}"


def _tell(
    stored: Stored, recipient: str, package: StatusPackage, package_id: str, now: datetime
) -> tuple[str, str]:
    code = package.status_code
    if code in {"15", "16"}:
        request = stored.said.requests.get(recipient)
        if request is None or request.state != "ASKED":
            raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail="nothing was asked")
        request.state = "AGREED" if code == "15" else "DECLINED"
        request.answer, request.answer_package_id = package.description or "", package_id
        return "request", f"RECALL {request.state}"
    told = stored.said.statuses.setdefault(recipient, [])
    if told and code < told[-1].code:
        raise Refusal(
            Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=f"{told[-1].code} → {code}"
        )
    entry = common_pb2.StatusEntry(
        package_id=package_id,
        code=code,
        written=code,
        sender=recipient,
        said_at=stamp(package.timestamp),
        accepted_at=stamp(now),
        step="APPLIED",
        description=package.description or "",
    )
    if package.staff is not None:
        entry.staff, entry.department = package.staff.staff or "", package.staff.department or ""
    told.append(entry)
    return "status", code


class BusinessServicer(business_grpc.BusinessServiceServicer):
    """The changes of the documents the caller sent or receives."""

    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub

    @streaming
    def WatchChanges(self, request: Any, context: Any) -> Iterator[business_pb2.WatchChangesResponse]:
        caller = self.hub.enter("WatchChanges", context)
        epoch = self.hub.epoch
        after = "0" if request.after == "0.0" else request.after or str(len(self.hub.changes))
        if not after.isdigit() or int(after) > len(self.hub.changes):
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail=request.after)
        given = int(after)
        yield business_pb2.WatchChangesResponse(place=str(given))
        while context.is_active():
            for stored, change in self.hub.changes[given:]:
                given += 1
                if caller in (stored.sender, change.delivery.recipient):
                    yield business_pb2.WatchChangesResponse(place=str(given), change=change)
            if self.hub.watch_ends:
                raise Refusal(Code.NOT_PERMITTED, detail="the certificate was revoked")
            if not self.hub.wait_for_changes(epoch, given):
                raise Broken("the stream was cut")

    @answering
    def ListNotices(self, request: Any, context: Any) -> business_pb2.ListNoticesResponse:
        caller = self.hub.enter("ListNotices", context)
        notices = [
            business_pb2.Notice(
                document=self.hub.summary(stored),
                delivery=delivery_of(self.hub, stored, caller),
                request=stored.said.requests[caller],
                by=self.hub.summary(stored),
            )
            for stored in self.hub.documents.values()
            if caller in stored.said.requests
            and stored.said.requests[caller].state in ("WITHDRAWN", "SUPERSEDED", "ASKED")
            and stored.deliveries[caller] not in self.hub.seen
        ]
        start = int(request.page_token or 0)
        end = start + min(request.page_size, self.hub.page_size)
        more = str(end) if end < len(notices) else ""
        return business_pb2.ListNoticesResponse(notices=notices[start:end], next_page_token=more)

    @answering
    def AcknowledgeNotice(self, request: Any, context: Any) -> business_pb2.AcknowledgeNoticeResponse:
        caller = self.hub.enter("AcknowledgeNotice", context)
        stored, _ = self.hub.find(request.delivery_id)
        if stored.said.requests[caller].state != "ASKED":
            self.hub.seen.add(stored.deliveries[caller])
        return business_pb2.AcknowledgeNoticeResponse(delivery_id=stored.deliveries[caller])


class ReceiptServicer(receipts_grpc.ReceiptServiceServicer):
    """Every delivery that lies in an inbox is over its time here; all of one side's, in pages of one."""

    def __init__(self, hub: FakeExchange) -> None:
        self.hub = hub

    @answering
    def GetFigures(self, request: Any, context: Any) -> receipts_pb2.GetFiguresResponse:
        caller = self.hub.enter("GetFigures", context)
        if len(request.month) != len("2026-03"):
            raise Refusal(Code.ARGUMENT_INVALID, field="month", detail="not a month as yyyy-MM")
        return receipts_pb2.GetFiguresResponse(figures=[f for f in self.hub.figures if f.agency == caller])

    @answering
    def ListOverdue(self, request: Any, context: Any) -> receipts_pb2.ListOverdueResponse:
        caller = self.hub.enter("ListOverdue", context)
        self.hub.asked_overdue.append(request)
        found = [
            (stored, recipient)
            for stored in self.hub.documents.values()
            for recipient in stored.consignments
            if recipient not in stored.handovers
            and caller == (stored.sender if request.side == "sender" else recipient)
        ]
        first = int(request.page_token or 0)
        items = []
        for stored, recipient in found[first : first + 1]:
            delivery = delivery_of(self.hub, stored, recipient)
            delivery.receipt_due_at.CopyFrom(stamp(stored.accepted.accepted_at))
            items.append(receipts_pb2.OverdueItem(document=self.hub.summary(stored), delivery=delivery))
        more = str(first + 1) if first + 1 < len(found) else ""
        return receipts_pb2.ListOverdueResponse(items=items, next_page_token=more)
