"""Which JSON do statuses, requests and changes make? Part of the contract: keys are added, never renamed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lienthong_client.results import Delivery
from lienthong_client.results_business import DeliveryRequest, Recalled, StatusEntry, Warning

Json = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """`2026-11-22T08:15:30.000000Z`."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def warning(value: Warning) -> Json:
    """One warning of a submission."""
    return {"rule": value.rule, "field": value.field, "message": value.message}


def business(delivery: Delivery) -> Json:
    """What was said and asked about a delivery."""
    return {
        "reason": delivery.reason,
        "node": delivery.node,
        "statuses": [status(entry) for entry in delivery.statuses],
        "requests": [request(asked) for asked in delivery.requests],
    }


def status(entry: StatusEntry) -> Json:
    """One line of the history."""
    return {
        "code": entry.code.value,
        "written": entry.written,
        "sender": entry.sender,
        "said_at": moment(entry.said_at),
        "accepted_at": moment(entry.accepted_at),
        "step": entry.step.value,
        "description": entry.description,
        "department": entry.department,
        "staff": entry.staff,
        "package_id": entry.package_id,
    }


def request(asked: DeliveryRequest) -> Json:
    """A recall, update or replacement."""
    return {
        "kind": asked.kind.value,
        "state": asked.state.value,
        "reason": asked.reason,
        "asked_at": moment(asked.asked_at),
        "settled_at": moment(asked.settled_at),
        "answer": asked.answer,
        "answer_package_id": asked.answer_package_id,
        "package_id": asked.package_id,
    }


def recalled(result: Recalled) -> Json:
    """One recipient of a recall; a refusal of its request is put over `error` by `shapes.error`."""
    return {
        "recipient": result.recipient,
        "state": result.delivery.state.value,
        "node": result.delivery.node,
        "handed_over_at": moment(result.delivery.handed_over_at),
        "request": None if result.request is None else request(result.request),
        "warnings": [warning(each) for each in result.warnings],
        "error": None,
    }
