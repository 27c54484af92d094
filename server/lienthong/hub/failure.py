"""The hub's signed word that a delivery ended otherwise than handed over: where it was stopped, how, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.evidence import (
    ContentConsignmentFailure,
    ContentHandoverFailure,
    EvidenceKind,
    SubmissionAcceptance,
)
from lienthong.errors import Refusal
from lienthong.hub.rows import DeliveryRow, DocumentRow, EvidenceRow
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.transit import records


@dataclass(frozen=True, slots=True)
class Failures:
    """Signs failures with the hub's key."""

    key: SigningKey

    def sign_refused(self, acceptance: SubmissionAcceptance, recipient: str, refusal: Refusal) -> bytes:
        """Evidence that `recipient` is not among those the acceptance promises to reach, and why: the signed XML."""
        failure = ContentConsignmentFailure(
            document_id=acceptance.document_id,
            document_sha256=acceptance.document_sha256,
            recipient=recipient,
            node=acceptance.first_node,
            outcome=DeliveryState.REFUSED,
            reason=": ".join(part for part in (refusal.code.value, refusal.detail) if part),
            failed_at=acceptance.accepted_at,
        )
        return sign_record(records.write(failure), self.key, at=acceptance.accepted_at)

    def sign(
        self, document: DocumentRow, delivery: DeliveryRow, outcome: DeliveryState, reason: str, at: datetime
    ) -> EvidenceRow:
        """Evidence for a delivery as it is now, before it moves to `outcome` (WITHDRAWN, REFUSED or EXPIRED).

        A document in the inbox failed to be handed over; one on its way failed to be consigned, at the last node
        that had it. Give the delivery to `Store.move` as `unchanged`, so that what this says is true when it is kept.
        """
        failure: ContentConsignmentFailure | ContentHandoverFailure
        if delivery.state is DeliveryState.CONSIGNED:
            kind = EvidenceKind.CONTENT_HANDOVER_FAILURE
            failure = ContentHandoverFailure(
                document_id=document.id,
                document_sha256=document.sha256,
                recipient=delivery.recipient,
                outcome=outcome,
                reason=reason,
                failed_at=at,
            )
        else:
            kind = EvidenceKind.CONTENT_CONSIGNMENT_FAILURE
            failure = ContentConsignmentFailure(
                document_id=document.id,
                document_sha256=document.sha256,
                recipient=delivery.recipient,
                node=delivery.node or document.first_node,
                outcome=outcome,
                reason=reason,
                failed_at=at,
            )
        xml = sign_record(records.write(failure), self.key, at=at)
        return EvidenceRow(document_id=document.id, kind=kind, recipient=delivery.recipient, at=at, xml=xml)
