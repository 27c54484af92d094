"""Status packages, recalls, updates and replacements for integration tests, made and sent like any package."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lienthong.domain.document import (
    Business,
    BusinessType,
    Organization,
    Receiver,
    Replacement,
    ResponseFor,
    StaffInfo,
    StatusPackage,
)
from lienthong.edxml.writer import write
from lienthong.hub.accept import Submission
from lienthong.signing.sign import sign_package
from tests.services.linkage import Linkage


def status_package(
    linkage: Linkage,
    sender: str,
    to: str,
    code: str,
    document_id: str | None,
    *,
    after: float = 0.0,
    description: str | None = None,
) -> bytes:
    """`sender` says `code` of the document with this edXML id to `to`, `after` seconds after the world's time."""
    said_at: datetime = (linkage.world.at + timedelta(seconds=after)).replace(microsecond=0)
    package = StatusPackage(
        sender=Organization(organ_id=sender, organ_name=sender),
        response_for=ResponseFor(
            organ_id=to, code="212/UBND-VX", promulgation_date="2026/03/02", document_id=document_id
        ),
        status_code=code,
        timestamp=said_at,
        description=description,
        staff=StaffInfo(department="Văn thư", staff="Lê Văn C"),
    )
    return sign_package(write(package), linkage.world.key(sender), at=linkage.world.at)


async def say(
    linkage: Linkage, sender: str, to: str, code: str, document_id: str | None, **options: Any
) -> Submission:
    """Sign and submit a status."""
    return await linkage.submit_bytes(
        sender, status_package(linkage, sender, to, code, document_id, **options)
    )


async def recall(
    linkage: Linkage,
    sent: Submission,
    recipients: list[str],
    *,
    reason: str = "Sai thẩm quyền",
    **fields: Any,
) -> Submission:
    """A package of type 1 that carries the document's own DocumentId, as the public SDK does."""
    business = Business(type=BusinessType.RECALL, reason=reason)
    return await about(
        linkage, sent, recipients, business, document_id=sent.document.edxml_document_id, **fields
    )


async def update(
    linkage: Linkage,
    sent: Submission,
    recipients: list[str],
    *,
    removed: tuple[str, ...] = (),
    added: tuple[str, ...] = (),
) -> Submission:
    """A package of type 2 that names the document in Bussiness/DocumentId."""
    receivers = [Receiver(organ_id=code, added=False) for code in removed]
    receivers += [Receiver(organ_id=code, added=True) for code in added]
    business = Business(
        type=BusinessType.UPDATE,
        reason="Sửa số liệu",
        document_id=sent.document.edxml_document_id,
        document_info_changed=True,
        receivers_changed=bool(receivers),
        receivers=tuple(receivers),
    )
    return await about(linkage, sent, recipients, business)


async def replacement(
    linkage: Linkage, sent: Submission, recipients: list[str], replaced_for: list[str]
) -> Submission:
    """A package of type 3 in whose list the document stands, for some agencies."""
    item = Replacement(document_id=sent.document.edxml_document_id or "", organ_ids=tuple(replaced_for))
    business = Business(type=BusinessType.REPLACE, reason="Thay thế", replacements=(item,))
    return await about(linkage, sent, recipients, business)


async def about(
    linkage: Linkage, sent: Submission, recipients: list[str], business: Business, **fields: Any
) -> Submission:
    """A package of the same sender with this Bussiness block, under a number of its own unless told."""
    fields.setdefault("code_number", "999")
    return await linkage.submit(sent.document.sender, recipients, business=replace(business), **fields)
