"""When is a submitted package ours to deliver? The steps, in this order, each a refusal of its own:

 1. size, hardened parse, signature, certificate path and revocation, signer is the sender (`signing.verify`)
 2. the sender is the caller                     CALLER_NOT_SENDER
 3. attachments match and are safe               ATTACHMENT_MISMATCH, ATTACHMENT_BOMB
    external content is here (`content.py`; after 5: what was accepted once needs no second look)
 4. business rules                               RULE_VIOLATED with the rule and the field
 5. duplicate: same bytes get the first answer   DOCUMENT_CONFLICT for other bytes under the same id
 6. recipients: a bad one fails alone; if none is left, the first one's refusal is the answer
 6a. what it says or asks about earlier documents    STATUS_ILLEGAL (business.py; judged again in the commit)
 7. payload synced to the blob store, then ONE commit: document, deliveries, evidence, event
Only then is the signed SubmissionAcceptance given out. Publishing comes after, see `dispatch.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong.domain.agency import AgencyStatus, Directory
from lienthong.domain.day import day_of
from lienthong.domain.deadline import Deadlines
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import BusinessType, Document, Package, Priority, StatusPackage
from lienthong.domain.evidence import EvidenceKind, SubmissionAcceptance
from lienthong.domain.ids import new_id
from lienthong.edxml.attachments import check_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.rules import Finding, check_rules
from lienthong.errors import Code, Refusal
from lienthong.hub.business import Business
from lienthong.hub.content import ContentDesk, named_contents
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.failure import Failures
from lienthong.hub.identity import Caller
from lienthong.hub.ports import Blobs, Clock, Store
from lienthong.hub.recall import Recalls
from lienthong.hub.rows import DeliveryRow, DocumentRow, NewDelivery, NewDocument
from lienthong.hub.verification import Verification
from lienthong.routing.plan import Recipient, resolve_recipients
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import VerifiedDocument
from lienthong.transit import records


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The hub's answer to a submission."""

    document: DocumentRow
    deliveries: list[DeliveryRow]
    acceptance: bytes = field(repr=False)  #: the signed SubmissionAcceptance
    repeated: bool  #: these bytes were accepted before
    warnings: tuple[Finding, ...] = ()  #: what the sender should know; the package is carried all the same


def identity_of(document: VerifiedDocument) -> str:
    """What makes two packages the same one.

    A new document is its sender's DocumentId: other bytes under it are a conflict. Recalls, updates,
    replacements and statuses may speak of one document many times, so each is known by its own bytes.
    """
    package = document.package
    if isinstance(package, Document) and package.business.type is BusinessType.NEW:
        return f"new|{document.sender}|{package.document_id}"
    return f"{package.kind.value}|{document.sender}|{document.sha256}"


class Acceptance:
    """Takes packages in."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        content: ContentDesk,
        verification: Verification,
        dispatcher: Dispatcher,
        key: SigningKey,
        clock: Clock,
        limits: Limits,
        recalls: Recalls,
        deadlines: Deadlines,
        redirect: bool = False,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self.content = content
        self._verification = verification
        self._dispatcher = dispatcher
        self._business = Business(store)
        self._recalls = recalls
        self._redirect = redirect  # to the single successor of a closed recipient
        self._deadlines = deadlines
        self._key = key
        self._clock = clock
        self._limits = limits

    async def submit(self, caller: Caller, data: bytes) -> Submission:
        """Accept `data` for delivery. Raises `Refusal`; when it returns, the document will arrive."""
        agency = caller.require_agency()
        document, snapshot = await self._verification.package(data)  # (1)
        if document.sender != agency:  # (2)
            raise Refusal(Code.CALLER_NOT_SENDER, field="MessageHeader/From/OrganId", detail=document.sender)
        warnings = await asyncio.to_thread(self._check_content, document)  # (3) (4)
        identity = identity_of(document)
        earlier = await self._store.find_identity(identity)  # (5)
        if earlier is not None:
            return await self._repeat(earlier, document)
        _check_open(snapshot.directory, agency)  # (2)
        await self.content.require(document.sender, document.package)  # (3)
        recipients = resolve_recipients(document, snapshot.directory, redirect=self._redirect)  # (6)
        served = [r.code for r in recipients if r.refusal is None]
        effects = await self._business.effects(document, served, snapshot.directory)
        recipients = [replace(r, refusal=r.refusal or effects.refused.get(r.code)) for r in recipients]
        accepted = tuple(sorted(r.code for r in recipients if r.refusal is None))
        if not accepted:
            raise recipients[0].refusal or Refusal(Code.RECIPIENT_UNKNOWN, field="MessageHeader/To")
        new = await asyncio.to_thread(self._new_document, document, identity, recipients, accepted)
        new = replace(new, status=effects.status, requests=effects.requests)
        await self._blobs.put(document.sha256, data)  # (7)
        row = await self._store.accept(new)
        if row.id != new.id:  # another upload of the same bytes was quicker
            return await self._repeat(row, document)
        self._dispatcher.enqueue(row, new.acceptance, data)
        await self._recalls.follow(new, effects.warnings)
        return Submission(
            document=row,
            deliveries=await self._store.deliveries(row.id),
            acceptance=new.acceptance,
            repeated=False,
            warnings=(*warnings, *effects.warnings),
        )

    def _check_content(self, document: VerifiedDocument) -> tuple[Finding, ...]:
        check_attachments(document.root, document.package, self._limits)
        today = day_of(self._clock())
        findings = check_rules(document.package, document.root, today=today, limits=self._limits)
        for finding in findings:
            if finding.blocking:
                detail = f"{finding.rule}: {finding.detail_vi} / {finding.detail_en}"
                raise Refusal(Code.RULE_VIOLATED, field=finding.field, detail=detail)
        return tuple(findings)

    async def _repeat(self, earlier: DocumentRow, document: VerifiedDocument) -> Submission:
        if earlier.sha256 != document.sha256:
            raise Refusal(
                Code.DOCUMENT_CONFLICT, field="MessageHeader/DocumentId", detail=earlier.edxml_document_id
            )
        evidence = await self._store.evidence(earlier.id)
        return Submission(
            document=earlier,
            deliveries=await self._store.deliveries(earlier.id),
            acceptance=next(e.xml for e in evidence if e.kind is EvidenceKind.SUBMISSION_ACCEPTANCE),
            repeated=True,
        )

    def _new_document(
        self,
        document: VerifiedDocument,
        identity: str,
        recipients: list[Recipient],
        accepted: tuple[str, ...],
    ) -> NewDocument:
        now = self._clock()
        document_id = new_id()
        acceptance = SubmissionAcceptance(
            document_id=document_id,
            document_sha256=document.sha256,
            sender=document.sender,
            first_node=document.sender,
            recipients=accepted,
            accepted_at=now,
        )
        package = document.package
        return NewDocument(
            id=document_id,
            identity=identity,
            sha256=document.sha256,
            size=len(document.data),
            kind=package.kind,
            sender=document.sender,
            first_node=document.sender,
            lane=package.lane,
            signer_sha256=document.signer.sha256,
            accepted_at=now,
            deliveries=tuple(self._delivery(recipient, package, acceptance) for recipient in recipients),
            acceptance=sign_record(records.write(acceptance), self._key, at=now),
            contents=named_contents(package),
            **_described(package),
        )

    def _delivery(
        self, recipient: Recipient, package: Package, acceptance: SubmissionAcceptance
    ) -> NewDelivery:
        refusal = recipient.refusal
        if refusal is not None:
            return NewDelivery(
                id=new_id(),
                recipient=recipient.code,
                state=DeliveryState.REFUSED,
                error=refusal.code,
                error_detail=refusal.detail,
                failure=Failures(self._key).sign_refused(acceptance, recipient.code, refusal),
            )
        priority, due_date = Priority.NORMAL, None
        if isinstance(package, Document):
            priority, due_date = package.other.priority or priority, package.due_date
        return NewDelivery(
            id=new_id(),
            recipient=recipient.code,
            state=DeliveryState.ACCEPTED,
            expires_at=self._deadlines.expires_at(priority, acceptance.accepted_at, due_date),
        )


def _check_open(directory: Directory, sender: str) -> None:
    """An agency that is closed, or not yet in being, sends nothing."""
    agency = directory.find(sender)
    if agency is not None and agency.status in (AgencyStatus.CLOSED, AgencyStatus.PLANNED):
        detail = f"{sender}: {agency.status}"
        raise Refusal(Code.NOT_PERMITTED, field="MessageHeader/From/OrganId", detail=detail)


def _described(package: Package) -> dict[str, Any]:
    if isinstance(package, StatusPackage):
        subject = package.response_for
        return {
            "business_type": int(BusinessType.NEW),
            "edxml_document_id": None,
            "code_number": None,
            "code_notation": None,
            "subject": f"{package.status_code} {subject.document_id or subject.code or ''}".strip(),
            "priority": 0,
            "promulgation_date": None,
        }
    return {
        "business_type": int(package.business.type),
        "edxml_document_id": package.document_id,
        "code_number": package.code_number,
        "code_notation": package.code_notation,
        "subject": package.subject,
        "priority": int(package.other.priority or 0),
        "promulgation_date": package.promulgation_date.isoformat(),
    }
