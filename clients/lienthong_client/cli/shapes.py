"""Which JSON does each command print? Part of the contract: keys are added, never renamed.

Times are ISO 8601 in UTC; absent values are null.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lienthong.domain.agency import Agency
from lienthong.domain.directory_file import write_changes
from lienthong.domain.document import Document
from lienthong.domain.evidence import ContentConsignmentFailure
from lienthong.errors import Language, Refusal
from lienthong.signing.verdict import Report, Signer
from lienthong_client.cli import shapes_business
from lienthong_client.directory import Group
from lienthong_client.errors import Unreachable
from lienthong_client.proof import Proof
from lienthong_client.results import (
    Accepted,
    Delivery,
    DocumentSummary,
    Figures,
    InboxItem,
    Overdue,
    Received,
    RecipientError,
    Tracking,
)
from lienthong_client.results_business import Change, Notice

Json = dict[str, Any]


def moment(at: datetime | None) -> str | None:
    """`2026-11-22T08:15:30.000000Z`."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def error(problem: Refusal | Unreachable, language: Language) -> Json:
    """The one shape of every failure."""
    return {
        "error": {
            "code": problem.code.value,
            "message": problem.message(language),
            "field": problem.field if isinstance(problem, Refusal) else None,
            "detail": problem.detail,
            "rule": problem.rule if isinstance(problem, Refusal) else None,
            "remedy": problem.remedy(language),
            "retryable": problem.retryable if isinstance(problem, Refusal) else True,
        }
    }


def submission(accepted: Accepted) -> Json:
    """submit and send."""
    recipients = []
    for result in accepted.recipients:
        line: Json = {
            "code": result.code,
            "state": result.state.value,
            "delivery_id": result.delivery_id or None,
        }
        if result.error is not None:
            line["error"] = _recipient_error(result.error)
        recipients.append(line)
    return {
        "document_id": accepted.document_id,
        "sha256": accepted.sha256,
        "recipients": recipients,
        "accepted_at": moment(accepted.acceptance.accepted_at),
        "repeated": accepted.repeated,
        "warnings": [shapes_business.warning(warning) for warning in accepted.warnings],
    }


def inbox_item(item: InboxItem) -> Json:
    """One line of inbox."""
    return {
        "delivery_id": item.delivery_id,
        **summary(item.document),
        "consigned_at": moment(item.consigned_at),
        "notice": None,
    }


def notice(found: Notice) -> Json:
    """One line of inbox about a document that is not to be fetched any more, or that something is asked about."""
    return {
        "delivery_id": found.delivery.delivery_id,
        **summary(found.document),
        "consigned_at": moment(found.delivery.consigned_at),
        "notice": {
            **shapes_business.request(found.request),
            "delivery_state": found.delivery.state.value,
            "by": summary(found.by),
            "onward": [summary(copy) for copy in found.onward],
        },
    }


def change(found: Change) -> Json:
    """One line of watch."""
    return {
        "place": found.place,
        "at": moment(found.at),
        "kind": found.kind,
        "value": found.value,
        "detail": found.detail,
        "recipient": found.delivery.recipient,
        "delivery_id": found.delivery.delivery_id,
        "state": found.delivery.state.value,
        "status": found.delivery.status,
        "document": summary(found.document),
    }


def figures(month: str, found: Figures | None, agency: str) -> Json:
    """The answer of figures."""
    numbers = ("sent", "received", "on_time", "late", "waiting", "withdrawn")
    values = {name: 0 if found is None else getattr(found, name) for name in numbers}
    return {"month": month, "agency": agency, "name": None if found is None else found.name, **values}


def summary(document: DocumentSummary) -> Json:
    """What the hub says of a document."""
    return {
        "document_id": document.document_id,
        "sha256": document.sha256,
        "size": document.size,
        "kind": document.kind,
        "business_type": document.business_type,
        "sender": document.sender,
        "sender_name": document.sender_name,
        "edxml_document_id": document.edxml_document_id or None,
        "code_number": document.code_number or None,
        "code_notation": document.code_notation or None,
        "subject": document.subject,
        "priority": document.priority,
        "lane": document.lane,
        "promulgation_date": document.promulgation_date or None,
        "accepted_at": moment(document.accepted_at),
    }


def received(document: Received, files: Json) -> Json:
    """fetch."""
    package = document.package
    return {
        "delivery_id": document.delivery_id,
        "document_id": document.document_id,
        "sha256": document.sha256,
        "kind": package.kind.value,
        "sender": document.sender,
        "subject": package.subject if isinstance(package, Document) else None,
        "files": files,
        "verified": {
            "signer": signer(document.verified.signer),
            "binding": document.binding,
            **proof(document.proof),
        },
    }


def proof(found: Proof) -> Json:
    """What the evidence proves."""
    accepted = found.acceptance
    return {
        "sender": accepted.sender,
        "recipients": list(accepted.recipients),
        "accepted_at": moment(accepted.accepted_at),
        "hops": [
            {
                "node": hop.node,
                "sequence": hop.sequence,
                "received_at": moment(hop.received_at),
                "verdict": hop.verdict.value,
                "delivered": hop.delivered,
            }
            for hop in found.hops
        ],
        "consignments": [
            {"recipient": record.recipient, "at": moment(record.consigned_at)}
            for record in found.consignments
        ],
        "handovers": [
            {"recipient": record.recipient, "at": moment(record.handed_over_at)} for record in found.handovers
        ],
        "failures": [
            {
                "recipient": record.recipient,
                "at": moment(record.failed_at),
                "outcome": record.outcome,
                "node": record.node if isinstance(record, ContentConsignmentFailure) else None,
                "reason": record.reason,
            }
            for record in found.failures
        ],
    }


def tracking(found: Tracking) -> Json:
    """track."""
    return {
        "document_id": found.document.document_id,
        "document": summary(found.document),
        "deliveries": [
            {
                **_delivery(delivery),
                "hops": [
                    {
                        "node": hop.node,
                        "node_name": hop.node_name,
                        "tier": hop.tier,
                        "sequence": hop.sequence,
                        "received_at": moment(hop.received_at),
                        "verdict": hop.verdict.value,
                    }
                    for hop in delivery.hops
                ],
            }
            for delivery in found.deliveries
        ],
    }


def _delivery(delivery: Delivery) -> Json:
    return {
        "delivery_id": delivery.delivery_id,
        "recipient": delivery.recipient,
        "recipient_name": delivery.recipient_name,
        "state": delivery.state.value,
        "status": delivery.status,
        "error": None if delivery.error is None else _recipient_error(delivery.error),
        "updated_at": moment(delivery.updated_at),
        "consigned_at": moment(delivery.consigned_at),
        "handed_over_at": moment(delivery.handed_over_at),
        "expires_at": moment(delivery.expires_at),
        "receipt_due_at": moment(delivery.receipt_due_at),
        **shapes_business.business(delivery),
    }


def overdue(item: Overdue) -> Json:
    """One line of late."""
    return {"document": summary(item.document), **_delivery(item.delivery)}


def agency(found: Agency) -> Json:
    """One line of agencies find."""
    return {
        "code": found.code,
        "name": found.name,
        "tier": found.tier,
        "parent": found.parent,
        "aliases": list(found.aliases),
        "status": found.status.value,
        "successors": list(found.successors),
        "valid_from": None if found.valid_from is None else found.valid_from.isoformat(),
        "valid_to": None if found.valid_to is None else found.valid_to.isoformat(),
        "changes": write_changes(found.changes),
    }


def group(found: Group) -> Json:
    """One line of agencies groups list."""
    return {
        "name": found.name,
        "owner": found.owner or None,
        "members": list(found.members),
        "updated_at": moment(found.updated_at),
        "updated_by": found.updated_by,
    }


def report(found: Report) -> Json:
    """The steps of one verification."""
    return {
        "verdict": found.verdict.value,
        "signer": None if found.signer is None else signer(found.signer),
        "steps": [
            {
                "number": step.number,
                "name": step.name,
                "verdict": None if step.outcome is None else step.outcome.value,
                "code": None if step.code is None else step.code.value,
                "detail": step.detail,
            }
            for step in found.steps
        ],
    }


def signer(found: Signer) -> Json:
    """Who signed, by the certificate."""
    return {
        "subject": found.subject,
        "certificate_sha256": found.sha256,
        "identity": found.identity,
        "signing_time": moment(found.signing_time),
    }


def _recipient_error(problem: RecipientError) -> Json:
    return {"code": problem.code, "message": problem.message, "field": problem.field}
