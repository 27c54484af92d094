"""The part of the fake store about statuses, requests and changes: see tests/fakes/store.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import PackageKind
from lienthong.domain.evidence import EvidenceKind
from lienthong.domain.ids import sha256_hex
from lienthong.domain.request import ENDED, FIRST, TOLD, RequestState, sources
from lienthong.domain.status import ANSWERS, PROGRESS, StatusCode, Step, step
from lienthong.errors import Code, Refusal
from lienthong.hub.rows import DeliveryRow, DocumentRow, EvidenceRow, HopRow, NewDocument
from lienthong.hub.status_port import ChangeKind, ChangeRow, NewStatus, NoticeRow, RequestRow, StatusRow
from tests.fakes.failing import may_fail
from tests.fakes.store_directory import FakeDirectoryStore


@dataclass
class Kept:
    """One document with all that hangs on it."""

    row: DocumentRow
    deliveries: dict[str, DeliveryRow] = field(default_factory=dict)  # by recipient, in the sender's order
    hops: dict[tuple[str, str], list[HopRow]] = field(default_factory=dict)  # by node and record before
    evidence: list[EvidenceRow] = field(default_factory=list)

    def keep(self, kind: EvidenceKind, recipient: str, at: datetime, xml: bytes) -> None:
        """Evidence of one delivery, once."""
        if not any((e.kind, e.recipient) == (kind, recipient) for e in self.evidence):
            row = EvidenceRow(document_id=self.row.id, kind=kind, recipient=recipient, at=at, xml=xml)
            self.evidence.append(row)


@dataclass(frozen=True)
class _Change:
    at: datetime
    kind: ChangeKind
    value: str
    detail: str | None
    document_id: str
    recipient: str


class FakeStatusStore(FakeDirectoryStore):
    """The `StatusStore` port."""

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[str, Kept] = {}
        self._statuses: list[StatusRow] = []
        self._requests: list[RequestRow] = []
        self._changes: list[_Change] = []
        self._seen: set[str] = set()  # requests
        self._onward: list[tuple[str, str]] = []  # (document, what passes it on)

    def _note(
        self,
        document_id: str,
        recipients: Iterable[str],
        kind: ChangeKind,
        value: str,
        detail: str | None,
        at: datetime,
    ) -> None:
        if self._documents[document_id].row.kind is PackageKind.DOCUMENT:
            self._changes.extend(_Change(at, kind, value, detail, document_id, code) for code in recipients)

    def _check_business(self, document: NewDocument) -> Step:
        """Judge the status that comes with the package; nothing is written."""
        status = document.status
        if status is None or status.code not in PROGRESS | ANSWERS:
            return Step.APPLIED
        if status.code in ANSWERS:
            return self._judge_answer(status)
        row = self._documents[status.document_id].deliveries[status.recipient]
        if row.state not in {DeliveryState.CONSIGNED, DeliveryState.HANDED_OVER}:
            raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=f"{row.state}")
        current = None if row.status is None else StatusCode(row.status)
        return step(current, row.status_at, status.code, status.said_at)

    def _judge_answer(self, status: NewStatus) -> Step:
        states = [row.state for row in self._requests if row.delivery_id == status.delivery_id]
        states = [state for state in states if state is not RequestState.PENDING]
        if RequestState.ASKED in states:
            return Step.APPLIED
        if states and states[-1] is _answered(status.code):
            return Step.REPEATED
        raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail="no open request")

    def _apply_business(self, document: NewDocument, done: Step) -> None:
        at = document.accepted_at
        self._onward += [(source, document.id) for source in document.onward]
        for new in document.requests:
            ended = self._documents[new.document_id].deliveries[new.recipient].state in ENDED
            row = RequestRow(
                **{name: getattr(new, name) for name in new.__slots__},
                state=RequestState.MOOT if ended else FIRST[new.kind],
                package_id=document.id,
                asked_at=at,
                settled_at=None,
                answer_package_id=None,
                answer=None,
            )
            self._requests.append(row)
            self._tell_request(row, row.reason, at)
        status = document.status
        if status is None:
            return
        if done is Step.APPLIED and status.code in PROGRESS:
            known = self._documents[status.document_id]
            row_ = known.deliveries[status.recipient]
            known.deliveries[status.recipient] = replace(row_, status=status.code, status_at=status.said_at)
            self._note(
                status.document_id, [status.recipient], ChangeKind.STATUS, status.code, status.description, at
            )
        elif done is Step.APPLIED and status.code in ANSWERS:
            self._answer(document, status)
        values = {name: getattr(status, name) for name in status.__slots__}
        self._statuses.append(StatusRow(package_id=document.id, accepted_at=at, step=done, **values))

    def _answer(self, document: NewDocument, status: NewStatus) -> None:
        for place, row in enumerate(self._requests):
            if row.delivery_id == status.delivery_id and row.state is RequestState.ASKED:
                closed = replace(
                    row,
                    state=_answered(status.code),
                    settled_at=document.accepted_at,
                    answer_package_id=document.id,
                    answer=status.description,
                )
                self._requests[place] = closed
                self._tell_request(closed, status.description, document.accepted_at)

    def _tell_request(self, row: RequestRow, detail: str | None, at: datetime) -> None:
        value = f"{row.kind} {row.state}"
        self._note(row.document_id, [row.recipient], ChangeKind.REQUEST, value, detail, at)

    @may_fail
    async def sent(self, sender: str, edxml_document_id: str) -> list[DocumentRow]:
        found = [
            known.row
            for known in self._documents.values()
            if (known.row.sender, known.row.edxml_document_id) == (sender, edxml_document_id)
        ]
        found.sort(key=lambda row: (row.accepted_at, row.id), reverse=True)
        return sorted(found, key=lambda row: row.business_type != 0)

    @may_fail
    async def statuses(self, document_id: str) -> list[StatusRow]:
        found = [row for row in self._statuses if row.document_id == document_id]
        return sorted(found, key=lambda row: (row.accepted_at, row.package_id))

    @may_fail
    async def requests(self, document_id: str) -> list[RequestRow]:
        found = [row for row in self._requests if document_id in (row.document_id, row.package_id)]
        return sorted(found, key=lambda row: (row.asked_at, row.id))

    @may_fail
    async def pending_requests(self, limit: int) -> list[RequestRow]:
        found = [row for row in self._requests if row.state is RequestState.PENDING]
        return sorted(found, key=lambda row: (row.asked_at, row.id))[:limit]

    @may_fail
    async def settle_requests(self, ids: Sequence[str], state: RequestState, at: datetime) -> list[str]:
        moved = []
        for place, row in enumerate(self._requests):
            if row.id in ids and row.state in sources(state):
                end = None if state is RequestState.ASKED else at
                self._requests[place] = replace(row, state=state, settled_at=end)
                self._tell_request(self._requests[place], row.reason, at)
                moved.append(row.id)
        return sorted(moved)

    def _stopped(self, document_id: str, recipients: Sequence[str]) -> tuple[str, ...]:
        known = self._documents.get(document_id)
        ended = {r.recipient for r in known.deliveries.values() if r.state in ENDED} if known else set()
        recalled = {
            row.recipient
            for row in self._requests
            if row.document_id == document_id and row.state is RequestState.PENDING
        }
        return tuple(sorted((ended | recalled) & set(recipients)))

    @may_fail
    async def onward(self, document_id: str, sender: str) -> list[DocumentRow]:
        found = [self._documents[copy].row for source, copy in self._onward if source == document_id]
        found.sort(key=lambda row: (row.accepted_at, row.id))
        return [row for row in found if row.sender == sender][:100]

    @may_fail
    async def notices(self, agency: str, *, after: str | None, limit: int) -> list[NoticeRow]:
        own = [row for row in self._requests if row.recipient == agency]
        own.sort(key=lambda row: (row.asked_at, row.id))
        places = [row.id for row in own]
        if after is not None and after not in places:
            raise Refusal(Code.ARGUMENT_INVALID, field="after", detail="not a notice of this agency")
        first = 0 if after is None else places.index(after) + 1
        return [
            NoticeRow(
                request=row,
                document=self._documents[row.document_id].row,
                delivery=self._documents[row.document_id].deliveries[row.recipient],
                by=self._documents[row.package_id].row,
                onward=tuple(await self.onward(row.document_id, agency)),
            )
            for row in own[first:]
            if row.state in TOLD and row.id not in self._seen
        ][:limit]

    @may_fail
    async def see_notices(self, delivery_id: str, at: datetime) -> list[str]:
        ends = TOLD - {RequestState.ASKED}
        found = {
            r.id for r in self._requests if r.delivery_id == delivery_id and r.state in ends
        } - self._seen
        self._seen |= found
        return sorted(found)

    @may_fail
    async def changes(self, agency: str, *, after: str | None, limit: int) -> list[ChangeRow]:
        start = 0
        if after is not None:
            start = next((n for n in range(len(self._changes) + 1) if self._place(n) == after), -1)
            if start < 0:
                raise Refusal(
                    Code.ARGUMENT_INVALID, field="after", detail="not the id of a change of this hub"
                )
        found = []
        for serial, change in enumerate(self._changes, start=1):
            known = self._documents[change.document_id]
            if serial > start and agency in (known.row.sender, change.recipient):
                found.append(
                    ChangeRow(
                        id=self._place(serial),
                        at=change.at,
                        kind=change.kind,
                        value=change.value,
                        detail=change.detail,
                        document=known.row,
                        delivery=known.deliveries[change.recipient],
                    )
                )
        return found[:limit]

    @may_fail
    async def newest_change(self, agency: str) -> str:
        serials = [
            serial
            for serial, change in enumerate(self._changes, start=1)
            if agency in (self._documents[change.document_id].row.sender, change.recipient)
        ]
        return self._place(max(serials, default=0))

    def _place(self, serial: int) -> str:
        if serial == 0:
            return "0.0"
        change = self._changes[serial - 1]
        mark = sha256_hex(f"{change.document_id} {change.recipient} {change.at} {change.value}".encode())
        return f"0.{serial}.{mark[:12]}"


def _answered(code: StatusCode) -> RequestState:
    return RequestState.AGREED if code is StatusCode.AGREED else RequestState.DECLINED
