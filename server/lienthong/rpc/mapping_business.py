"""Statuses, requests and warnings as protobuf."""

from __future__ import annotations

from lienthong.api.v1 import common_pb2
from lienthong.edxml.rules import Finding
from lienthong.errors import Language
from lienthong.hub.status_port import RequestRow, StatusRow
from lienthong.rpc.stamps import timestamp


def status(row: StatusRow) -> common_pb2.StatusEntry:
    """One line of a delivery's history."""
    return common_pb2.StatusEntry(
        package_id=row.package_id,
        code=row.code,
        written=row.written,
        sender=row.sender,
        said_at=timestamp(row.said_at),
        accepted_at=timestamp(row.accepted_at),
        step=row.step,
        description=row.description or "",
        department=row.department or "",
        staff=row.staff or "",
    )


def request(row: RequestRow) -> common_pb2.DeliveryRequest:
    """What the sender asked about a delivery."""
    return common_pb2.DeliveryRequest(
        package_id=row.package_id,
        kind=row.kind,
        state=row.state,
        reason=row.reason or "",
        asked_at=timestamp(row.asked_at),
        settled_at=timestamp(row.settled_at),
        answer_package_id=row.answer_package_id or "",
        answer=row.answer or "",
    )


def warning(finding: Finding, language: Language) -> common_pb2.Warning:
    """What the sender should know."""
    message = finding.detail_vi if language == "vi" else finding.detail_en
    return common_pb2.Warning(rule=finding.rule, field=finding.field, message=message)
