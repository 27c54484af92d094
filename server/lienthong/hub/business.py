"""What a package says or asks about documents sent earlier, made ready to be written in its own acceptance.

A status names the document in ResponseFor, by its DocumentId or, without one, by number, date and agency where exactly
one new document fits; it must come from one of the document's recipients, 13 from its sender.
A recall or update names it in Bussiness/DocumentId, else in the header's own DocumentId or in ResponseFor (the
public SDK does each), else by the number and date in one of these, where exactly one fits: several are a refusal, for a
recall that takes nothing back must not look like one that does. A replacement lists documents with agencies. A name
this hub never took a document under is no refusal: the package travels like any other, its sender is warned and an
event is kept.

A new document whose ResponseFor names one its sender received, sent to agencies that did not get it, passes it on. When
that one is taken back from or replaced at whoever passed it on, the one who asks is warned of the copies, and a notice
tells the other of them. They are not withdrawn: they are another agency's documents, and only it takes them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date

from lienthong.domain.agency import Directory
from lienthong.domain.document import BusinessType, Document, Package, ResponseFor, StatusPackage
from lienthong.domain.ids import new_id
from lienthong.domain.request import RequestKind
from lienthong.domain.status import ANSWERS, StatusCode, read_code
from lienthong.edxml.rules import Finding
from lienthong.errors import Code, Refusal
from lienthong.hub.ports import Store
from lienthong.hub.rows import DeliveryRow, DocumentRow
from lienthong.hub.status_port import NewRequest, NewStatus

TARGET_UNKNOWN = "target-unknown"
TARGET_AMBIGUOUS = "target-ambiguous"
ONWARD_COPIES = "onward-copies"

_RESPONSE_FOR = "MessageHeader/ResponseFor/DocumentId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What accepting a package does to earlier documents."""

    status: NewStatus | None = None
    requests: tuple[NewRequest, ...] = ()
    onward: tuple[str, ...] = ()  #: documents its sender received and passes on with it
    refused: dict[str, Refusal] = field(default_factory=dict)  #: recipients (canonical) that must not get it
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    document: DocumentRow
    deliveries: dict[str, DeliveryRow]  # by recipient


class Business:
    """Finds what packages are about. Reads only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def effects(
        self, sender: str, package: Package, recipients: list[str], directory: Directory
    ) -> Effects:
        """What `sender`'s package for `recipients` (canonical codes) does. Raises `Refusal` STATUS_ILLEGAL."""
        if isinstance(package, StatusPackage):
            effects = await self._status(sender, package, directory)
        else:
            match package.business.type:
                case BusinessType.RECALL:
                    effects = await self._recall(sender, package, recipients, directory)
                case BusinessType.UPDATE:
                    effects = await self._update(sender, package, recipients, directory)
                case BusinessType.REPLACE:
                    effects = await self._replace(sender, package, recipients, directory)
                case _:
                    return await self._new(sender, package, recipients, directory)
        return replace(effects, warnings=(*effects.warnings, *await self._copies(effects.requests)))

    # --- documents passed on ----------------------------------------------------------------------------

    async def _new(
        self, sender: str, package: Document, recipients: list[str], directory: Directory
    ) -> Effects:
        """It passes a document on when it names one its sender received, and goes to agencies that did not get it."""
        sources: list[str] = []
        for named in package.response_for[:_CANDIDATES]:
            author = directory.find(named.organ_id or "")
            if author is None or author.code == sender:
                continue
            name = named.document_id or await self._numbered(author.code, named)
            sources += [
                target.document.id
                for target in (await self._targets(author.code, name) if name else ())
                if sender in target.deliveries and {*recipients} - {author.code, *target.deliveries}
            ]
        return Effects(onward=tuple(dict.fromkeys(sources)))

    async def _copies(self, requests: Iterable[NewRequest]) -> list[Finding]:
        """What the sender should know of copies that what it asks does not reach."""
        found = []
        for request in requests:
            if request.kind is not RequestKind.UPDATE:
                for copy in await self._store.onward(request.document_id, request.recipient):
                    reached = [way.recipient for way in await self._store.deliveries(copy.id)]
                    found.append(_passed_on(request.recipient, copy, reached))
        return found

    # --- statuses ---------------------------------------------------------------------------------------

    async def _status(self, sender: str, package: StatusPackage, directory: Directory) -> Effects:
        code, _ = read_code(package.status_code)  # a code written otherwise is a finding of the rules already
        other = directory.find(package.response_for.organ_id or "")
        if other is None:
            return _unknown(_RESPONSE_FOR, package.response_for.document_id)
        asks = code is StatusCode.TAKE_BACK
        author, recipient = (sender, other.code) if asks else (other.code, sender)
        name = package.response_for.document_id or await self._numbered(author, package.response_for)
        if name is None:
            return _unknown(_RESPONSE_FOR, package.response_for.code)
        targets = await self._targets(author, name)
        if not targets:
            return await self._foreign(sender, code, name, other.code)
        target = next((t for t in targets if recipient in t.deliveries), None)
        if target is None:
            raise Refusal(
                Code.STATUS_ILLEGAL,
                field="MessageHeader/From/OrganId",
                detail=f"{name}: {recipient} is not a recipient",
            )
        if code in ANSWERS:
            target = await self._asked_about(target, recipient)
        delivery = target.deliveries[recipient]
        status = NewStatus(
            document_id=target.document.id,
            delivery_id=delivery.id,
            recipient=recipient,
            sender=sender,
            code=code,
            written=package.status_code,
            said_at=package.timestamp,
            description=package.description,
            department=package.staff.department if package.staff else None,
            staff=package.staff.staff if package.staff else None,
        )
        asked = [_request(RequestKind.RECALL, target, recipient, package.description)] if asks else []
        return Effects(status=status, requests=tuple(asked))

    async def _numbered(self, author: str, named: ResponseFor) -> str | None:
        """The DocumentId of the one new document of `author` under this number, promulgated on this day."""
        names = await self._fitting(author, named.code, _day(named.promulgation_date))
        return names[0] if len(names) == 1 else None

    async def _fitting(self, author: str, code: str | None, day: date | None) -> list[str]:
        """DocumentIds of the new documents of `author` under this number, promulgated on this day."""
        number, slash, notation = (code or "").strip().partition("/")
        if not (number and slash and notation and day):
            return []
        rows = await self._store.numbered(author, number, notation, day.year)
        same_day = (row.edxml_document_id for row in rows if row.promulgation_date == day.isoformat())
        return list(dict.fromkeys(name for name in same_day if name is not None))

    async def _foreign(self, sender: str, code: StatusCode, name: str, other: str) -> Effects:
        """Not a document of the author's: somebody else's (13 by a recipient), or one this hub never had."""
        if code is StatusCode.TAKE_BACK and await self._store.sent(other, name):
            detail = f"{name}: only its sender asks for it back, not {sender}"
            raise Refusal(Code.STATUS_ILLEGAL, field="MessageHeader/StatusCode", detail=detail)
        return _unknown(_RESPONSE_FOR, name)

    async def _asked_about(self, target: _Target, recipient: str) -> _Target:
        """An answer may name the recall or update itself: then it is about what that one named."""
        if target.document.business_type == BusinessType.NEW:
            return target
        for request in await self._store.requests(target.document.id):
            if request.package_id == target.document.id and request.recipient == recipient:
                document = await self._store.document(request.document_id)
                if document is not None:
                    return await self._target(document)
        return target

    # --- recall, update, replace ------------------------------------------------------------------------

    async def _recall(
        self, sender: str, package: Document, recipients: list[str], directory: Directory
    ) -> Effects:
        target, unknown = await self._named(sender, package, {BusinessType.RECALL}, directory)
        if target is None:
            return unknown
        kind, reason = RequestKind.RECALL, package.business.reason
        return Effects(
            requests=tuple(
                _request(kind, target, code, reason) for code in recipients if code in target.deliveries
            ),
            refused=_strangers(recipients, [target]),
        )

    async def _update(
        self, sender: str, package: Document, recipients: list[str], directory: Directory
    ) -> Effects:
        target, unknown = await self._named(
            sender, package, {BusinessType.RECALL, BusinessType.UPDATE}, directory
        )
        if target is None:
            return unknown
        reason = package.business.reason
        listed = package.business.receivers
        removed = _codes(directory, (r.organ_id for r in listed if not r.added))
        added = _codes(directory, (r.organ_id for r in listed if r.added))
        taken = [_request(RequestKind.RECALL, target, c, reason) for c in removed if c in target.deliveries]
        asked = [
            _request(RequestKind.UPDATE, target, code, reason)
            for code in recipients
            if code in target.deliveries and code not in removed
        ]
        return Effects(
            requests=(*taken, *asked),
            refused=_strangers([code for code in recipients if code not in added], [target]),
        )

    async def _replace(
        self, sender: str, package: Document, recipients: list[str], directory: Directory
    ) -> Effects:
        requests: list[NewRequest] = []
        found: list[_Target] = []
        warnings: list[Finding] = []
        for number, item in enumerate(package.business.replacements, start=1):
            targets = await self._targets(sender, item.document_id)
            if not targets:
                path = f"TraceHeaderList/Bussiness/ReplacementInfoList/ReplacementInfo[{number}]/DocumentId"
                warnings += _unknown(path, item.document_id).warnings
                continue
            target = targets[0]
            found.append(target)
            listed = _codes(directory, item.organ_ids) or recipients
            requests += [
                _request(RequestKind.REPLACE, target, code, package.business.reason)
                for code in listed
                if code in target.deliveries
            ]
        refused = _strangers(recipients, found) if found and not warnings else {}
        return Effects(requests=tuple(requests), refused=refused, warnings=tuple(warnings))

    async def _named(
        self, sender: str, package: Document, never: set[BusinessType], directory: Directory
    ) -> tuple[_Target | None, Effects]:
        """The document a recall or update speaks of; where Bussiness names one, nothing else counts.

        What no DocumentId finds is looked for by number and date, the header's own first. RULE_VIOLATED
        (target-ambiguous) where several documents fit.
        """
        path = "TraceHeaderList/Bussiness/DocumentId"
        names = [(path, package.business.document_id)]
        if package.business.document_id is None:
            names = [("MessageHeader/DocumentId", package.document_id)]
            names += [
                (f"MessageHeader/ResponseFor[{n}]", r.document_id)
                for n, r in enumerate(package.response_for, 1)
            ]
        for _, name in names:
            if name:
                for target in await self._targets(sender, name):
                    if target.document.business_type not in never:
                        return target, Effects()
        if package.business.document_id is None:
            for field, code, day in _numbers(sender, package, directory):
                fitting = await self._fitting(sender, code, day)
                if len(fitting) > 1:
                    raise _ambiguous(field, code, day, fitting)
                for target in await self._targets(sender, fitting[0]) if fitting else ():
                    if target.document.business_type not in never:
                        return target, Effects()
        return None, _unknown(names[0][0], names[0][1])

    async def _targets(self, sender: str, name: str) -> list[_Target]:
        return [await self._target(row) for row in (await self._store.sent(sender, name))[:_CANDIDATES]]

    async def _target(self, row: DocumentRow) -> _Target:
        deliveries = await self._store.deliveries(row.id)
        return _Target(document=row, deliveries={way.recipient: way for way in deliveries})


_CANDIDATES = 20  #: packages under one DocumentId that are looked at: the document and the newest about it


def _request(kind: RequestKind, target: _Target, recipient: str, reason: str | None) -> NewRequest:
    return NewRequest(
        id=new_id(),
        kind=kind,
        document_id=target.document.id,
        delivery_id=target.deliveries[recipient].id,
        recipient=recipient,
        reason=reason,
    )


def _codes(directory: Directory, written: Iterable[str]) -> list[str]:
    """Canonical codes of those the directory knows, each once."""
    found = (directory.find(code) for code in written)
    return list(dict.fromkeys(agency.code for agency in found if agency is not None))


def _numbers(
    sender: str, package: Document, directory: Directory
) -> Iterator[tuple[str, str | None, date | None]]:
    """(path, number and notation, date) of what may be the sender's own document: in the header, in ResponseFor."""
    yield "MessageHeader/Code", f"{package.code_number}/{package.code_notation}", package.promulgation_date
    for place, named in enumerate(package.response_for[:_CANDIDATES], 1):
        author = directory.find(named.organ_id or sender)
        if author is not None and author.code == sender and not named.document_id:
            yield f"MessageHeader/ResponseFor[{place}]/Code", named.code, _day(named.promulgation_date)


def _ambiguous(path: str, code: str | None, day: date | None, names: list[str]) -> Refusal:
    found = f"{code}, {day}: {len(names)} documents ({'; '.join(names[:_CANDIDATES])})"
    detail = f"{TARGET_AMBIGUOUS}: {found}; name one in Bussiness/DocumentId"
    return Refusal(Code.RULE_VIOLATED, field=path, detail=detail, rule=TARGET_AMBIGUOUS)


def _day(written: str | None) -> date | None:
    """`yyyy/MM/dd`, or with `-` as some write it; None where it is none."""
    try:
        return date.fromisoformat((written or "").strip().replace("/", "-"))
    except ValueError:
        return None


def _strangers(recipients: list[str], targets: list[_Target]) -> dict[str, Refusal]:
    """A package about a document reaches only those who got the document."""
    known = {code for target in targets for code in target.deliveries}
    return {
        code: Refusal(
            Code.RULE_VIOLATED,
            field="MessageHeader/To",
            detail=f"business-recipients: {code}",
            rule="business-recipients",
        )
        for code in recipients
        if code not in known
    }


def _passed_on(recipient: str, copy: DocumentRow, reached: list[str]) -> Finding:
    number = f"{copy.code_number}/{copy.code_notation}"
    to = ", ".join(reached[:_CANDIDATES]) + (" …" if len(reached) > _CANDIDATES else "")
    return Finding(
        rule=ONWARD_COPIES,
        field="MessageHeader/To",
        detail_vi=f"{recipient} đã chuyển tiếp bằng văn bản {number} ({copy.id}) đến {to}; bản đó chưa bị thu hồi",
        detail_en=f"{recipient} passed it on as {number} ({copy.id}) to {to}; that copy is not withdrawn",
        blocking=False,
    )


def _unknown(path: str, name: str | None) -> Effects:
    finding = Finding(
        rule=TARGET_UNKNOWN,
        field=path,
        detail_vi=f"Hub chưa từng nhận văn bản {name or '(không nêu)'}; gói vẫn được chuyển",
        detail_en=f"this hub never took a document {name or '(none named)'}; the package is carried all the same",
        blocking=False,
    )
    return Effects(warnings=(finding,))
