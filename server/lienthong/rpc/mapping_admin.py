"""Rows as operators see them, and agencies as operators send them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lienthong.api.v1 import admin_pb2, common_pb2
from lienthong.domain.agency import Agency, AgencyStatus, DatedChange, Directory, Environment
from lienthong.domain.lifecycle import Plan, PlanKind
from lienthong.errors import Code, Language, Refusal
from lienthong.hub.rows import CertificateRow, EventRow, HeldRow
from lienthong.rpc import arguments
from lienthong.rpc.mapping import agency_change, timestamp

if TYPE_CHECKING:
    from lienthong.hub.administration import Queues, QueueView


def queues(found: Queues, directory: Directory, language: Language) -> admin_pb2.ListQueuesResponse:
    """All of them. `broker` says it where they are what the store knows alone."""
    away = Refusal(Code.UNAVAILABLE, detail="RabbitMQ")
    error = common_pb2.RecipientError(code=away.code.value, message=away.message(language))
    return admin_pb2.ListQueuesResponse(
        queues=[_queue(view, directory) for view in found.views],
        publishing_blocked=found.blocked,
        broker=error if found.away else None,
    )


def _queue(view: QueueView, directory: Directory) -> admin_pb2.Queue:
    """One transit queue. The broker's numbers stay absent where it cannot tell."""
    row, node = view.row, directory.find(view.node)
    return admin_pb2.Queue(
        node=view.node,
        node_name=node.name if node else "",
        tier=node.tier if node else "",
        lane=view.lane,
        ready=row.ready if row else None,
        unacked=row.unacked if row else None,
        consumers=row.consumers if row else None,
        oldest=timestamp(view.oldest),
        documents=view.documents,
    )


def held(row: HeldRow, language: Language) -> admin_pb2.Held:
    """A held message without its bytes, with the reason in the operator's language."""
    why = Refusal(row.code, detail=row.detail)
    return admin_pb2.Held(
        id=row.id,
        kind=row.kind,
        at=timestamp(row.at),
        node=row.node,
        lane=row.lane,
        document_id=row.document_id or "",
        code=row.code,
        detail=row.detail or "",
        message=why.message(language),
        remedy=why.remedy(language),
        resolved_at=timestamp(row.resolved_at),
        resolution=row.resolution or "",
        reason=row.reason or "",
        resolved_by=row.resolved_by or "",
    )


def event(row: EventRow) -> admin_pb2.Event:
    """One line of the event log; details that are no text are written as JSON, absent ones left out."""
    return admin_pb2.Event(
        at=timestamp(row.at),
        actor=row.actor,
        kind=row.kind,
        document_id=row.document_id or "",
        subject=row.subject or "",
        detail={key: _told(value) for key, value in row.detail.items() if value is not None},
    )


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def certificate(row: CertificateRow) -> admin_pb2.Certificate:
    """A bound certificate."""
    return admin_pb2.Certificate(
        sha256=row.sha256,
        agency=row.agency,
        purpose=row.purpose,
        role=row.role,
        subject=row.subject,
        not_before=timestamp(row.not_before),
        not_after=timestamp(row.not_after),
        bound_at=timestamp(row.bound_at),
        revoked_at=timestamp(row.revoked_at),
        revoke_reason=row.revoke_reason or "",
    )


def plan(value: Plan) -> admin_pb2.Plan:
    """What is to happen to an agency on a day to come."""
    return admin_pb2.Plan(
        on=value.on.isoformat(),
        code=value.agency.code,
        name=value.agency.name,
        kind=value.kind,
        change=None if value.change is None else agency_change(value.change),
        successors=value.agency.successors if value.kind is PlanKind.END else (),
    )


def agencies_from(messages: Iterable[common_pb2.Agency], *, first: int = 0) -> list[Agency]:
    """Agencies as sent; ARGUMENT_INVALID names the one at fault as `agencies[n].field`, counted from `first`."""
    found = []
    for number, message in enumerate(messages, start=first):
        try:
            found.append(_agency(message))
        except Refusal as refusal:  # a path for each of a nation's fields would cost more than the check
            path = f"agencies[{number}].{refusal.field}"
            raise Refusal(refusal.code, field=path, detail=refusal.detail) from None
    return found


def _agency(message: common_pb2.Agency) -> Agency:
    def codes(values: Iterable[str], field: str) -> tuple[str, ...]:
        return tuple(arguments.required(value, field, longest=100) for value in values)

    return Agency(
        code=arguments.required(message.code, "code", longest=100),
        name=arguments.required(message.name, "name"),
        tier=arguments.required(message.tier, "tier", longest=50),
        parent=arguments.optional(message.parent, "parent"),
        aliases=codes(message.aliases, "aliases"),
        status=arguments.choice(message.status, "status", AgencyStatus, default=AgencyStatus.ACTIVE),
        successors=codes(message.successors, "successors"),
        valid_from=arguments.day(message.valid_from, "valid_from"),
        valid_to=arguments.day(message.valid_to, "valid_to"),
        environment=arguments.choice(
            message.environment, "environment", Environment, default=Environment.PRODUCTION
        ),
        changes=tuple(_change(change, f"changes[{number}]") for number, change in enumerate(message.changes)),
    )


def _change(message: common_pb2.AgencyChange, path: str) -> DatedChange:
    day = arguments.day(message.on, f"{path}.on")
    if day is None:
        raise arguments.invalid(f"{path}.on", "missing")
    status = None
    if message.status:
        status = arguments.choice(message.status, f"{path}.status", AgencyStatus)
    return DatedChange(
        on=day,
        name=arguments.optional(message.name, f"{path}.name"),
        tier=arguments.optional(message.tier, f"{path}.tier"),
        parent=arguments.optional(message.parent, f"{path}.parent"),
        root=message.root,
        status=status,
    )
