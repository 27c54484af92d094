"""Would the hub take this package, and whom would it reach? A dry run: nothing is kept, nothing is sent.

The steps are those of a submission (`inspection.py`), but all of them are run and everything found is told. A file
that is not signed yet is judged as `lienthong-agency sign` would make it (`edxml/repair.py`), and told so. The answer
holds for this moment: a directory changes, a number is taken, a revocation list is renewed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from lxml import etree

from lienthong.domain.agency import Directory
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Package
from lienthong.domain.ids import sha256_hex
from lienthong.domain.request import RequestState
from lienthong.domain.status import ANSWERS, PROGRESS, StatusCode, step
from lienthong.edxml.bounds import Limits
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse, read_package
from lienthong.edxml.repair import repair
from lienthong.errors import Code, Refusal, let_go
from lienthong.hub.gate import Gate
from lienthong.hub.identity import Caller
from lienthong.hub.inspection import Case, Inspection, Judged, Notes, Problem
from lienthong.hub.knowledge import Snapshot
from lienthong.hub.ports import Clock, Store
from lienthong.hub.rows import DocumentRow
from lienthong.hub.status_port import NewStatus
from lienthong.hub.verification import Verification
from lienthong.routing.plan import Recipient
from lienthong.signing.pdf import PdfReport
from lienthong.signing.survey import survey_package
from lienthong.signing.verdict import Signer
from lienthong.signing.verify import VerifiedDocument

_EXPIRES_SOON = timedelta(days=30)
_HAS_IT = frozenset({DeliveryState.CONSIGNED, DeliveryState.HANDED_OVER})
_ANSWERABLE = frozenset(
    {RequestState.ASKED, RequestState.AGREED, RequestState.DECLINED}
)  # the last two: repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRecipient:
    """A recipient, and the road there where there is one."""

    recipient: Recipient
    name: str  #: "" for an unknown agency
    road: tuple[str, ...]  #: nodes from the sender's to the recipient's


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found."""

    sha256: str  #: of the bytes given
    signed: bool
    signer: Signer | None  #: whose signature holds
    package: Package | None  #: None when it cannot be read
    problems: tuple[Problem, ...]
    recipients: tuple[CheckedRecipient, ...]
    earlier: DocumentRow | None = field(repr=False)  #: these bytes were accepted before
    pdfs: tuple[PdfReport, ...] = ()  #: the PDFs, and who signed each of them

    @property
    def acceptable(self) -> bool:
        """Whether the hub would take it for at least one recipient (once signed, if it is not)."""
        return not any(problem.blocking for problem in self.problems)


class Checker:
    """Runs checks."""

    def __init__(
        self,
        *,
        store: Store,
        gate: Gate,
        verification: Verification,
        inspection: Inspection,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._gate = gate
        self._verification = verification
        self._inspection = inspection
        self._clock = clock
        self._limits = limits

    async def check(self, caller: Caller, data: bytes) -> Checked:
        """Everything that stands against `data`. Raises `Refusal` for operators alone."""
        async with self._gate.hold(len(data)):
            return await self._check(caller.require_agency(), data)

    async def _check(self, agency: str, data: bytes) -> Checked:
        notes = Notes(stop=False)
        signed, signer, case = await self._read(agency, data, notes)
        judged = Judged()
        if case is not None:
            judged = await self._inspection.run(case, notes)
            if judged.effects.status is not None:
                with notes.step("business"):
                    await self._check_status(judged.effects.status)
        return Checked(
            sha256=sha256_hex(data),
            signed=signed,
            signer=signer,
            package=case.package if case else None,
            problems=tuple(sorted(notes.problems, key=lambda problem: not problem.blocking)),
            recipients=tuple(_road(case.sender, r, case.directory) for r in judged.recipients)
            if case
            else (),
            earlier=judged.earlier,
            pdfs=notes.pdfs,
        )

    async def _read(self, agency: str, data: bytes, notes: Notes) -> tuple[bool, Signer | None, Case | None]:
        """Whether it is signed, by whom if that holds, and the package as far as it can be read."""
        try:
            document, snapshot = await self._verification.package(data)
        except Refusal as refused:
            let_go(refused)  # the tree is built once more, below
            refusal = refused
        else:
            return True, document.signer, self._case(agency, document, snapshot, notes)
        signed = DSIG.encode() in data
        return signed, None, await self._read_anyway(agency, data, notes, refusal, signed=signed)

    def _case(self, agency: str, document: VerifiedDocument, snapshot: Snapshot, notes: Notes) -> Case:
        self._note_expiry(document.signer, notes)
        return Case(
            caller=agency,
            sender=document.sender,
            package=document.package,
            root=document.root,
            sha256=document.sha256,
            directory=snapshot.directory,
        )

    async def _read_anyway(
        self, agency: str, data: bytes, notes: Notes, refusal: Refusal, *, signed: bool
    ) -> Case | None:
        """A package without a signature that holds: a signed one as it stands, any other as it would be signed."""
        if not signed and refusal.code is not Code.SIGNATURE_MISSING:
            notes.problems.append(Problem.of_refusal("signature", refusal, blocking=False))
            refusal = Refusal(Code.SIGNATURE_MISSING)
        notes.problems.append(Problem.of_refusal("signature", refusal, blocking=signed))
        if signed:
            for other in await asyncio.to_thread(self._survey, data):
                if (other.code, other.detail) != (refusal.code, refusal.detail):
                    notes.problems.append(Problem.of_refusal("signature", other))
        try:
            data, root, package = await asyncio.to_thread(self._parse, data, signed)
        except Refusal as unread:
            if unread.code is not refusal.code:
                told = [p for p in notes.problems if p.code is not unread.code]
                notes.problems[:] = [*told, Problem.of_refusal("signature", unread)]
            return None
        directory = self._verification.now.directory
        sender = directory.find(package.sender_code)
        if sender is None and not signed:
            detail = f"{package.sender_code} is not in the directory"
            unknown = Refusal(Code.SIGNER_NOT_SENDER, field="MessageHeader/From/OrganId", detail=detail)
            notes.problems.append(Problem.of_refusal("sender", unknown))
        return Case(
            caller=agency,
            sender=package.sender_code if sender is None else sender.code,
            package=package,
            root=root,
            sha256=sha256_hex(data),
            directory=directory,
        )

    def _survey(self, data: bytes) -> tuple[Refusal, ...]:
        """What else is wrong with the signature: a submission names the first thing alone."""
        now = self._verification.now
        return survey_package(
            data,
            trust=now.trusts.agencies,
            bindings=now.bindings,
            directory=now.directory,
            at=self._clock(),
            limits=self._limits,
        ).refusals

    def _parse(self, data: bytes, signed: bool) -> tuple[bytes, etree._Element, Package]:
        if not signed:
            data = repair(data, self._limits)
        root = parse(data, self._limits)
        return data, root, read_package(root)

    def _note_expiry(self, signer: Signer, notes: Notes) -> None:
        ends = signer.certificate.not_valid_after_utc
        if ends - self._clock() < _EXPIRES_SOON:
            notes.problems.append(
                Problem(
                    step="signature",
                    code=Code.CERTIFICATE_EXPIRED,
                    field="Signature/KeyInfo",
                    rule=None,
                    vi=f"Chứng thư số hết hạn ngày {ends:%d/%m/%Y}",
                    en=f"the signing certificate expires on {ends:%Y-%m-%d}",
                    blocking=False,
                )
            )

    async def _check_status(self, status: NewStatus) -> None:
        """What the store decides in the commit of a submission, asked beforehand. Raises `Refusal` STATUS_ILLEGAL."""
        delivery = await self._store.delivery(status.delivery_id)
        if delivery is not None and status.code in PROGRESS:
            if delivery.state not in _HAS_IT:
                raise _illegal(delivery.state)
            current = None if delivery.status is None else StatusCode(delivery.status)
            step(current, delivery.status_at, status.code, status.said_at)
        elif status.code in ANSWERS:
            requests = await self._store.requests(status.document_id)
            if not any(r.delivery_id == status.delivery_id and r.state in _ANSWERABLE for r in requests):
                raise _illegal(f"no open request: {status.code}")


def _illegal(detail: str) -> Refusal:
    return Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=detail)


def _road(sender: str, recipient: Recipient, directory: Directory) -> CheckedRecipient:
    agency = directory.find(recipient.code)
    road = directory.route(sender, recipient.code) if recipient.refusal is None else ()
    return CheckedRecipient(recipient=recipient, name=agency.name if agency else "", road=tuple(road))
