"""Where protobuf becomes results: statuses, requests, warnings."""

from __future__ import annotations

from lienthong.api.v1 import common_pb2
from lienthong.domain.request import RequestKind, RequestState
from lienthong.domain.status import StatusCode, Step
from lienthong_client.results_business import DeliveryRequest, StatusEntry, Warning
from lienthong_client.stamps import to_time


def to_warning(warning: common_pb2.Warning) -> Warning:
    """One warning of an answer."""
    return Warning(rule=warning.rule, field=warning.field, message=warning.message)


def to_status(entry: common_pb2.StatusEntry) -> StatusEntry:
    """One line of a delivery's history."""
    return StatusEntry(
        package_id=entry.package_id,
        code=StatusCode(entry.code),
        written=entry.written,
        sender=entry.sender,
        said_at=to_time(entry.said_at),
        accepted_at=to_time(entry.accepted_at),
        step=Step(entry.step),
        description=entry.description or None,
        department=entry.department or None,
        staff=entry.staff or None,
    )


def to_request(request: common_pb2.DeliveryRequest) -> DeliveryRequest:
    """What was asked about a delivery."""
    return DeliveryRequest(
        package_id=request.package_id,
        kind=RequestKind(request.kind),
        state=RequestState(request.state),
        reason=request.reason or None,
        asked_at=to_time(request.asked_at),
        settled_at=to_time(request.settled_at),
        answer_package_id=request.answer_package_id or None,
        answer=request.answer or None,
    )
