"""When is a submitted package ours to deliver? The steps, in this order, each a refusal of its own
(2 to 6a are in `inspection.py`, where a dry run shares them):

 1. size, hardened parse, signature, certificate path and revocation, signer is the sender (`signing.verify`)
 2. the sender is the caller                     CALLER_NOT_SENDER
 3. attachments match and are safe               ATTACHMENT_MISMATCH, ATTACHMENT_BOMB
    external content is here (`content.py`; after 5: what was accepted once needs no second look)
 4. business rules                               RULE_VIOLATED with the rule and the field
 5. duplicate: same bytes get the first answer   DOCUMENT_CONFLICT for other bytes under the same id
 5a. number and notation are free in their year   RULE_VIOLATED (numbers.py)
 6. recipients: a bad one fails alone; if none is left, the first one's refusal is the answer
 6a. what it says or asks about earlier documents    STATUS_ILLEGAL (business.py; judged again in the commit)
 7. ONE commit: document, its bytes, deliveries, evidence, event; a large package is synced as a blob before it
Only then is the signed SubmissionAcceptance given out. Publishing comes after, see `dispatch.py`.

Most packages are new documents that speak of nothing earlier. They take a short cut: the steps that ask the store
nothing are done in one go, as if nothing stood in the store against them, and the commit checks that (5, 5a). Where
that does not hold nothing is written, and every step is done in its order: which refusal is given, and what a repeat
is answered, never depends on the way. A large package synced before a commit that then refuses it stays as a blob.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lienthong.domain.deadline import Deadlines
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import BusinessType, Document, Lane, Package, Priority, StatusPackage
from lienthong.domain.evidence import EvidenceKind, SubmissionAcceptance
from lienthong.domain.ids import new_id
from lienthong.edxml.bounds import Limits
from lienthong.edxml.rules import Finding
from lienthong.errors import Refusal
from lienthong.hub.check import Checker
from lienthong.hub.content import ContentDesk, named_contents
from lienthong.hub.dispatch import Dispatcher
from lienthong.hub.failure import Failures
from lienthong.hub.gate import Gate
from lienthong.hub.identity import Caller
from lienthong.hub.inspection import Case, Inspection, Judged, Notes, check_same
from lienthong.hub.knowledge import Snapshot
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Clock, NumberTaken, Store
from lienthong.hub.recall import Recalls
from lienthong.hub.rows import DeliveryRow, DocumentRow, NewDelivery, NewDocument, accepted_deliveries
from lienthong.hub.turns import Turns
from lienthong.hub.verification import Verification
from lienthong.routing.plan import Recipient
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_record
from lienthong.signing.verify import VerifiedDocument
from lienthong.transit import records

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The hub's answer to a submission."""

    document: DocumentRow
    deliveries: list[DeliveryRow]
    acceptance: bytes = field(repr=False)  #: the signed SubmissionAcceptance
    repeated: bool  #: these bytes were accepted before
    warnings: tuple[Finding, ...] = ()  #: what the sender should know; the package is carried all the same


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A verified package, and what to write of it if nothing in the store stands against it; None: ask the store."""

    document: VerifiedDocument
    case: Case
    new: NewDocument | None
    warnings: tuple[Finding, ...]  #: that go with `new`


class Acceptance:
    """Takes packages in."""

    def __init__(
        self,
        *,
        store: Store,
        payloads: Payloads,
        content: ContentDesk,
        gate: Gate,
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
        self._payloads = payloads
        self.content = content
        self._gate = gate
        self._verification = verification
        self._dispatcher = dispatcher
        self._recalls = recalls
        self._deadlines = deadlines
        self._key = key
        self._clock = clock
        self._turns = Turns()
        self._inspection = Inspection(
            store=store, content=content, clock=clock, limits=limits, redirect=redirect
        )
        self.checker = Checker(
            store=store,
            gate=gate,
            verification=verification,
            inspection=self._inspection,
            clock=clock,
            limits=limits,
        )

    def warm_up(self) -> None:
        """Load the calendar."""
        self._deadlines.expires_at(Priority.NORMAL, self._clock(), None)

    async def submit(self, caller: Caller, data: bytes) -> Submission:
        """Accept `data` for delivery. Raises `Refusal`; when it returns, the document will arrive."""
        async with self._gate.hold(len(data)):
            return await self._submit(caller.require_agency(), data)

    async def _submit(self, agency: str, data: bytes) -> Submission:
        async def in_turn(work: Callable[[], T]) -> T:
            return await self._turns.run(Lane.NORMAL, len(data), work)

        looked, _ = await self._verification.run(lambda now: self._look(agency, data, now), by=in_turn)
        if looked.new is not None:
            await self._turns.together(looked.new.lane)  # documents of a backlog share a commit
            with suppress(Refusal, NumberTaken):  # which refusal is given depends on the steps' order
                return await self._keep(looked, looked.new, looked.warnings)
        notes = Notes(stop=True)
        judged = await self._inspection.run(looked.case, notes)  # (2) to (6a)
        if judged.earlier is not None:
            return await self._repeat(judged.earlier, looked.document)
        new = await in_turn(lambda: self._new_document(looked.document, looked.case.identity, judged))
        submission = await self._keep(looked, new, tuple(notes.warnings))
        if not submission.repeated:
            await self._recalls.follow(new, judged.effects.warnings)
        return submission

    def _look(self, agency: str, data: bytes, now: Snapshot) -> _Looked:
        """Verify the package (1), and judge it as far as that needs no store. Raises `Refusal` of (1) alone."""
        document = self._verification.check_package(data, now)
        case = Case(
            caller=agency,
            sender=document.sender,
            package=document.package,
            root=document.root,
            sha256=document.sha256,
            directory=now.directory,
        )
        notes = Notes(stop=True)
        judged = self._inspection.run_offhand(case, notes)
        new = None if judged is None else self._new_document(document, case.identity, judged, fresh=True)
        return _Looked(document=document, case=case, new=new, warnings=tuple(notes.warnings))

    async def _keep(self, looked: _Looked, new: NewDocument, warnings: tuple[Finding, ...]) -> Submission:
        document = looked.document
        row = await self._payloads.accept(new, document.data)  # (7)
        if row.id != new.id:  # these bytes were accepted before, or another upload of them was quicker
            return await self._repeat(row, document)
        served = tuple(sorted(d.recipient for d in new.deliveries if d.error is None))
        self._dispatcher.enqueue(row, new.acceptance, served, document.data)
        return Submission(
            document=row,
            deliveries=accepted_deliveries(new),
            acceptance=new.acceptance,
            repeated=False,
            warnings=warnings,
        )

    async def _repeat(self, earlier: DocumentRow, document: VerifiedDocument) -> Submission:
        check_same(earlier, document.sha256)
        evidence = await self._store.evidence(earlier.id)
        return Submission(
            document=earlier,
            deliveries=await self._store.deliveries(earlier.id),
            acceptance=next(e.xml for e in evidence if e.kind is EvidenceKind.SUBMISSION_ACCEPTANCE),
            repeated=True,
        )

    def _new_document(
        self, document: VerifiedDocument, identity: str, judged: Judged, *, fresh: bool = False
    ) -> NewDocument:
        now = self._clock()
        document_id = new_id()
        acceptance = SubmissionAcceptance(
            document_id=document_id,
            document_sha256=document.sha256,
            sender=document.sender,
            first_node=document.sender,
            recipients=judged.accepted,
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
            deliveries=tuple(
                self._delivery(recipient, package, acceptance) for recipient in judged.recipients
            ),
            acceptance=sign_record(records.write(acceptance), self._key, at=now),
            contents=named_contents(package),
            status=judged.effects.status,
            requests=judged.effects.requests,
            onward=judged.effects.onward,
            number_is_free=fresh,
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
