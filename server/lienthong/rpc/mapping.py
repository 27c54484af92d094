"""Rows and domain values as protobuf: what agencies see. `mapping_admin.py` has what operators see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lienthong.api.v1 import common_pb2, exchange_pb2
from lienthong.domain.agency import Agency, DatedChange, Directory
from lienthong.errors import Language, Refusal
from lienthong.hub.rows import DeliveryRow, DocumentRow, HopRow, InboxItem
from lienthong.rpc import mapping_business as business
from lienthong.rpc.stamps import timestamp as timestamp

if TYPE_CHECKING:
    from lienthong.hub.application import Submission, Tracking
    from lienthong.hub.tracking import EvidenceItem, TrackedDelivery


def name_of(directory: Directory, code: str) -> str:
    """The agency's name; "" for a code the directory does not know."""
    agency = directory.find(code)
    return agency.name if agency else ""


def agency(value: Agency) -> common_pb2.Agency:
    """One organisation."""
    return common_pb2.Agency(
        code=value.code,
        name=value.name,
        tier=value.tier,
        parent=value.parent or "",
        aliases=value.aliases,
        status=value.status,
        successors=value.successors,
        valid_from=value.valid_from.isoformat() if value.valid_from else "",
        valid_to=value.valid_to.isoformat() if value.valid_to else "",
        environment=value.environment,
        changes=[agency_change(change) for change in value.changes],
    )


def agency_change(change: DatedChange) -> common_pb2.AgencyChange:
    """What is otherwise from a day on."""
    return common_pb2.AgencyChange(
        on=change.on.isoformat(),
        name=change.name or "",
        tier=change.tier or "",
        parent=change.parent or "",
        root=change.root,
        status=change.status or "",
    )


def document(row: DocumentRow, directory: Directory) -> common_pb2.DocumentSummary:
    """What is known of a document without its bytes."""
    return common_pb2.DocumentSummary(
        document_id=row.id,
        sha256=row.sha256,
        size=row.size,
        kind=row.kind,
        business_type=row.business_type,
        sender=row.sender,
        sender_name=name_of(directory, row.sender),
        edxml_document_id=row.edxml_document_id or "",
        code_number=row.code_number or "",
        code_notation=row.code_notation or "",
        subject=row.subject,
        lane=row.lane,
        priority=row.priority,
        promulgation_date=row.promulgation_date or "",
        accepted_at=timestamp(row.accepted_at),
    )


def recipient_error(row: DeliveryRow, language: Language) -> common_pb2.RecipientError | None:
    """Why this recipient is not served, or None."""
    if row.error is None:
        return None
    refusal = Refusal(row.error, detail=row.error_detail)
    return common_pb2.RecipientError(code=row.error, message=refusal.message(language))


def hop(row: HopRow, directory: Directory) -> common_pb2.Hop:
    """One node the document passed."""
    node = directory.find(row.node)
    return common_pb2.Hop(
        node=row.node,
        tier=node.tier if node else "",
        received_at=timestamp(row.received_at),
        verdict=row.verdict,
        node_name=node.name if node else "",
        sequence=row.sequence,
    )


def delivery(
    row: DeliveryRow, hops: Iterable[HopRow], directory: Directory, language: Language
) -> common_pb2.Delivery:
    """One delivery with the nodes it passed, in the order the hub gives."""
    return common_pb2.Delivery(
        delivery_id=row.id,
        recipient=row.recipient,
        recipient_name=name_of(directory, row.recipient),
        state=row.state,
        status=row.status or "",
        error=recipient_error(row, language),
        hops=[hop(each, directory) for each in hops],
        updated_at=timestamp(row.updated_at),
        consigned_at=timestamp(row.consigned_at),
        handed_over_at=timestamp(row.handed_over_at),
        expires_at=timestamp(row.expires_at),
        receipt_due_at=timestamp(row.receipt_due_at),
        reason=row.error_detail or "",
        node=row.node,
    )


def deliveries(tracking: Tracking, directory: Directory, language: Language) -> list[common_pb2.Delivery]:
    """Every delivery of a document, in the order its sender wrote the recipients."""
    return [_tracked(each, directory, language) for each in tracking.deliveries]


def _tracked(each: TrackedDelivery, directory: Directory, language: Language) -> common_pb2.Delivery:
    made = delivery(each.delivery, each.hops, directory, language)
    made.statuses.extend(business.status(row) for row in each.statuses)
    made.requests.extend(business.request(row) for row in each.requests)
    return made


def submission(value: Submission, language: Language) -> exchange_pb2.SubmitResponse:
    """The answer to a submission."""
    return exchange_pb2.SubmitResponse(
        document_id=value.document.id,
        sha256=value.document.sha256,
        recipients=[
            exchange_pb2.RecipientResult(
                code=row.recipient, state=row.state, error=recipient_error(row, language), delivery_id=row.id
            )
            for row in value.deliveries
        ],
        submission_acceptance=value.acceptance,
        repeated_submission=value.repeated,
        warnings=[business.warning(finding, language) for finding in value.warnings],
    )


def inbox_item(item: InboxItem, directory: Directory) -> exchange_pb2.InboxItem:
    """One document that waits."""
    return exchange_pb2.InboxItem(
        delivery_id=item.delivery.id,
        document=document(item.document, directory),
        consigned_at=timestamp(item.delivery.consigned_at),
    )


def evidence(item: EvidenceItem) -> common_pb2.Evidence:
    """One piece of signed evidence."""
    return common_pb2.Evidence(
        kind=item.kind,
        recipient=item.recipient or "",
        node=item.node or "",
        at=timestamp(item.at),
        xml=item.xml,
    )
