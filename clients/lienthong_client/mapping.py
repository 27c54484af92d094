"""Where protobuf becomes results: the one place of the client that reads message fields."""

from __future__ import annotations

from datetime import date

from lienthong.api.v1 import business_pb2, common_pb2, exchange_pb2, receipts_pb2
from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Environment
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import EvidenceKind, Verdict
from lienthong_client.mapping_business import to_request, to_status
from lienthong_client.results import (
    Delivery,
    DocumentSummary,
    EvidenceItem,
    Figures,
    Hop,
    InboxItem,
    Overdue,
    RecipientError,
    RecipientResult,
    Tracking,
)
from lienthong_client.results_business import Change, Notice
from lienthong_client.stamps import to_time as to_time


def to_error(error: common_pb2.RecipientError) -> RecipientError | None:
    """None where no error is set."""
    if not error.code:
        return None
    return RecipientError(code=error.code, message=error.message, field=error.field or None)


def to_recipient_result(result: exchange_pb2.RecipientResult) -> RecipientResult:
    """One line of a submission's answer."""
    return RecipientResult(
        code=result.code,
        state=DeliveryState(result.state),
        delivery_id=result.delivery_id,
        error=to_error(result.error),
    )


def to_summary(document: common_pb2.DocumentSummary) -> DocumentSummary:
    """What the hub says of a document."""
    return DocumentSummary(
        document_id=document.document_id,
        sha256=document.sha256,
        size=document.size,
        kind=document.kind,
        business_type=document.business_type,
        sender=document.sender,
        sender_name=document.sender_name,
        edxml_document_id=document.edxml_document_id,
        code_number=document.code_number,
        code_notation=document.code_notation,
        subject=document.subject,
        lane=document.lane,
        priority=document.priority,
        promulgation_date=document.promulgation_date,
        accepted_at=to_time(document.accepted_at),
    )


def to_inbox_item(item: exchange_pb2.InboxItem) -> InboxItem:
    """A waiting delivery."""
    return InboxItem(
        delivery_id=item.delivery_id,
        document=to_summary(item.document),
        consigned_at=to_time(item.consigned_at),
    )


def to_tracking(response: exchange_pb2.TrackResponse) -> Tracking:
    """The answer to Track."""
    return Tracking(
        document=to_summary(response.document),
        deliveries=tuple(_to_delivery(delivery) for delivery in response.deliveries),
    )


def _to_delivery(delivery: common_pb2.Delivery) -> Delivery:
    return Delivery(
        delivery_id=delivery.delivery_id,
        recipient=delivery.recipient,
        recipient_name=delivery.recipient_name,
        state=DeliveryState(delivery.state),
        status=delivery.status or None,
        error=to_error(delivery.error),
        hops=tuple(_to_hop(hop) for hop in delivery.hops),
        updated_at=to_time(delivery.updated_at),
        consigned_at=to_time(delivery.consigned_at),
        handed_over_at=to_time(delivery.handed_over_at),
        expires_at=to_time(delivery.expires_at),
        receipt_due_at=to_time(delivery.receipt_due_at),
        statuses=tuple(to_status(entry) for entry in delivery.statuses),
        requests=tuple(to_request(request) for request in delivery.requests),
        reason=delivery.reason or None,
        node=delivery.node or None,
    )


def to_change(response: business_pb2.WatchChangesResponse) -> Change:
    """One change of the stream."""
    change = response.change
    return Change(
        place=response.place,
        at=to_time(change.at),
        kind=change.kind,
        value=change.value,
        detail=change.detail or None,
        document=to_summary(change.document),
        delivery=_to_delivery(change.delivery),
    )


def to_overdue(item: receipts_pb2.OverdueItem) -> Overdue:
    """One line of ListOverdue."""
    return Overdue(document=to_summary(item.document), delivery=_to_delivery(item.delivery))


def to_figures(figures: receipts_pb2.Figures) -> Figures:
    """One line of GetFigures."""
    return Figures(
        agency=figures.agency,
        name=figures.name,
        sent=figures.sent,
        received=figures.received,
        on_time=figures.on_time,
        late=figures.late,
        waiting=figures.waiting,
        withdrawn=figures.withdrawn,
    )


def to_notice(notice: business_pb2.Notice) -> Notice:
    """One line of ListNotices."""
    return Notice(
        document=to_summary(notice.document),
        delivery=_to_delivery(notice.delivery),
        request=to_request(notice.request),
        by=to_summary(notice.by),
        onward=tuple(to_summary(copy) for copy in notice.onward),
    )


def _to_hop(hop: common_pb2.Hop) -> Hop:
    return Hop(
        node=hop.node,
        node_name=hop.node_name,
        tier=hop.tier,
        sequence=hop.sequence,
        received_at=to_time(hop.received_at),
        verdict=Verdict(hop.verdict),
    )


def to_evidence(evidence: common_pb2.Evidence) -> EvidenceItem:
    """One signed record, unverified."""
    return EvidenceItem(
        kind=EvidenceKind(evidence.kind),
        recipient=evidence.recipient or None,
        node=evidence.node or None,
        at=to_time(evidence.at),
        xml=evidence.xml,
    )


def to_agency(agency: common_pb2.Agency) -> Agency:
    """An agency of the directory."""
    return Agency(
        code=agency.code,
        name=agency.name,
        tier=agency.tier,
        parent=agency.parent or None,
        aliases=tuple(agency.aliases),
        status=AgencyStatus(agency.status or AgencyStatus.ACTIVE),
        successors=tuple(agency.successors),
        valid_from=_to_date(agency.valid_from),
        valid_to=_to_date(agency.valid_to),
        environment=Environment(agency.environment or Environment.PRODUCTION),
        changes=tuple(
            DatedChange(
                on=date.fromisoformat(change.on),
                name=change.name or None,
                tier=change.tier or None,
                parent=change.parent or None,
                root=change.root,
                status=AgencyStatus(change.status) if change.status else None,
            )
            for change in agency.changes
        ),
    )


def _to_date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
