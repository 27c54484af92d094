"""Statuses, recalls, updates and replacements: the part of `AgencyClient` about documents sent and received before.

Each is a signed package like any other; the hub reads it, records it with the document it names, and carries it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from typing import Any

from lienthong.api.v1 import business_pb2
from lienthong.domain.agency import Agency
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
from lienthong.domain.request import ENDED
from lienthong.domain.status import StatusCode, read_code
from lienthong.edxml.writer import write
from lienthong.errors import Code, Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_package
from lienthong_client import mapping
from lienthong_client.channel import Connection
from lienthong_client.compose import Draft
from lienthong_client.errors import Unreachable
from lienthong_client.profile import Profile
from lienthong_client.results import Accepted, DocumentSummary, Tracking
from lienthong_client.results_business import Change, Notice, Recalled
from lienthong_client.retry import PASSING, Retry
from lienthong_client.transfer import Progress
from lienthong_client.watch import Interrupted

_PAGE = 500
_AT_ONCE = 8  # status packages of one recall on their way at a time


class BusinessCalls(ABC):
    """What `AgencyClient` can say and ask about documents."""

    profile: Profile
    _clock: Callable[[], datetime]
    _connection: Connection
    _retry: Retry

    async def set_status(
        self,
        document: str,
        code: str | StatusCode,
        *,
        description: str | None = None,
        to: str | None = None,
        staff: StaffInfo | None = None,
    ) -> Accepted:
        """Say a status of a document: 01 to 06, 15 and 16 of one we received, 13 of one we sent, asked of `to`.

        `document`: the hub's id, edXML's DocumentId or the SHA-256. Raises `Refusal` STATUS_ILLEGAL for a step that
        the document's present status does not allow.
        """
        found = await self.track(document)
        return await self._say(
            found.document, read_code(code)[0], description=description, to=to, staff=staff
        )

    async def recall(self, document: str, reason: str, *, to: Sequence[str] = ()) -> list[Recalled]:
        """Ask for a document back, from some recipients or (without any) from all that have not ended.

        Where it is not handed over yet it is withdrawn at once; else the recipient's clerk is asked. Each recipient
        gets the reason; each result says what became of it, and `evidence` holds the proof.
        """
        found = await self.track(document)
        wanted = {(await self.agency(code)).code for code in to}
        missing = wanted - {delivery.recipient for delivery in found.deliveries}
        if missing:
            raise Refusal(Code.NOT_FOUND, field="to", detail=", ".join(sorted(missing)))
        concerned = [
            delivery.recipient
            for delivery in found.deliveries
            if delivery.recipient in wanted or (not wanted and delivery.state not in ENDED)
        ]
        turns = asyncio.Semaphore(_AT_ONCE)

        async def ask(recipient: str) -> Accepted | Refusal:
            async with turns:
                try:
                    return await self._say(
                        found.document, StatusCode.TAKE_BACK, description=reason, to=recipient
                    )
                except Refusal as refusal:
                    return refusal

        answers = dict(zip(concerned, await asyncio.gather(*map(ask, concerned)), strict=True))
        after = await self.track(found.document.document_id)
        return [
            Recalled(
                recipient=delivery.recipient,
                delivery=delivery,
                request=delivery.requests[-1] if delivery.requests else None,
                refusal=answer if isinstance(answer, Refusal) else None,
                warnings=() if isinstance(answer, Refusal) else answer.warnings,
            )
            for delivery in after.deliveries
            if (answer := answers.get(delivery.recipient)) is not None
        ]

    async def update(
        self,
        document: str,
        draft: Draft,
        reason: str,
        *,
        removed: Sequence[str] = (),
        on_progress: Progress | None = None,
    ) -> Accepted:
        """`as_update`, sent."""
        made = await self.as_update(document, draft, reason, removed=removed)
        return await self.send(made, on_progress=on_progress)

    async def as_update(
        self, document: str, draft: Draft, reason: str, *, removed: Sequence[str] = ()
    ) -> Draft:
        """`draft` as the corrected form of a document. New recipients are added, `removed` ones taken out."""
        found = await self.track(document)
        had = {delivery.recipient for delivery in found.deliveries}
        gone = [(await self.agency(code)).code for code in removed]
        new = [code for code in [(await self._recipient(code)).code for code in draft.to] if code not in had]
        receivers = [Receiver(organ_id=code, added=False) for code in gone]
        receivers += [Receiver(organ_id=code, added=True) for code in new]
        business = Business(
            type=BusinessType.UPDATE,
            reason=reason,
            document_id=_name(found.document),
            document_info_changed=True,
            receivers_changed=bool(receivers),
            receivers=tuple(receivers),
        )
        return replace(draft, business=business)

    async def replace(
        self,
        document: str,
        draft: Draft,
        reason: str,
        *,
        agencies: Sequence[str] = (),
        on_progress: Progress | None = None,
    ) -> Accepted:
        """`as_replacement`, sent."""
        made = await self.as_replacement(document, draft, reason, agencies=agencies)
        return await self.send(made, on_progress=on_progress)

    async def as_replacement(
        self, document: str, draft: Draft, reason: str, *, agencies: Sequence[str] = ()
    ) -> Draft:
        """`draft` in place of a document, which is superseded for `agencies` (without any: for `draft.to`)."""
        found = await self.track(document)
        listed = [(await self._recipient(code)).code for code in agencies or draft.to]
        item = Replacement(document_id=_name(found.document), organ_ids=tuple(listed))
        business = Business(type=BusinessType.REPLACE, reason=reason, replacements=(item,))
        return replace(draft, business=business)

    async def notices(self) -> list[Notice]:
        """What we have to hear of documents we received or were to receive, oldest first.

        Recalled and replaced ones stay until `acknowledge_notice`, questions until we answer with status 15 or 16.
        """
        found: list[Notice] = []
        request = business_pb2.ListNoticesRequest(page_size=_PAGE)
        while True:
            page = await self._unary(lambda: self._connection.business.ListNotices, request)
            found.extend(mapping.to_notice(notice) for notice in page.notices)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def acknowledge_notice(self, delivery: str) -> None:
        """We have seen how this delivery (or document) ended. A repeat changes nothing."""
        request = business_pb2.AcknowledgeNoticeRequest(delivery_id=delivery)
        await self._unary(lambda: self._connection.business.AcknowledgeNotice, request)

    async def watch_changes(
        self,
        after: str | None = None,
        *,
        on_interrupted: Interrupted | None = None,
        on_place: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[Change, None]:
        """Every change of documents we sent or receive, from now on or behind `after` (`Change.place`), for ever.

        `on_place` is told the place where each connection begins: who keeps it misses nothing, whenever it stops.
        Reconnects by itself and misses nothing. Raises `Unreachable` only when the hub was never reached, `Refusal`
        when it says no: ARGUMENT_INVALID of `after` when the hub was made anew or brought back from a copy since. Then
        `FIRST_PLACE` gives all there is.
        """
        failures, connected_once = 0, False
        while True:
            try:
                connected_once = await self._connection.ready() or connected_once
                request = business_pb2.WatchChangesRequest(after=after or "")
                call = self._connection.business.WatchChanges(request, metadata=self._connection.metadata)
                async with aclosing(self._connection.stream(call, idle_timeout=None)) as messages:
                    async for message in messages:
                        failures, after = 0, message.place
                        if message.HasField("change"):
                            yield mapping.to_change(message)
                        elif on_place is not None:
                            on_place(message.place)
                raise Unreachable(self._connection.address, "the hub ended the stream")  # noqa: TRY301
            except (Unreachable, Refusal) as error:
                if isinstance(error, Refusal) and error.code not in PASSING:
                    raise
                if not connected_once and failures + 1 >= self._retry.attempts:
                    raise
                pause = self._retry.pause(failures)
                failures += 1
                if on_interrupted is not None:
                    on_interrupted(error, pause)
                await asyncio.sleep(pause)

    async def _say(
        self,
        document: DocumentSummary,
        code: StatusCode,
        *,
        description: str | None,
        to: str | None,
        staff: StaffInfo | None = None,
    ) -> Accepted:
        if code is StatusCode.TAKE_BACK and to is None:
            raise Refusal(Code.ARGUMENT_INVALID, field="to", detail="13 is asked of one recipient")
        sender = await self.agency(self.profile.agency)
        package = StatusPackage(
            sender=Organization(organ_id=sender.code, organ_name=sender.name),
            response_for=ResponseFor(
                organ_id=to or document.sender,
                code=f"{document.code_number}/{document.code_notation}",
                promulgation_date=document.promulgation_date.replace("-", "/"),
                document_id=_name(document),
            ),
            status_code=code.value,
            timestamp=self._clock().replace(microsecond=0),
            description=description,
            staff=staff,
        )
        xml = await asyncio.to_thread(write, package)
        return await self.submit(
            await asyncio.to_thread(sign_package, xml, self.signing_key, at=self._clock())
        )

    # what the rest of the client does

    @abstractmethod
    async def _unary(self, method: Callable[[], Callable[..., Awaitable[Any]]], request: object) -> Any: ...  # noqa: ANN401

    @property
    @abstractmethod
    def signing_key(self) -> SigningKey:
        """See `AgencyClient.signing_key`."""
        ...

    @abstractmethod
    async def track(self, document: str) -> Tracking:
        """See `AgencyClient.track`."""
        ...

    @abstractmethod
    async def agency(self, code: str) -> Agency:
        """See `AgencyClient.agency`."""
        ...

    @abstractmethod
    async def _recipient(self, code: str) -> Agency: ...

    @abstractmethod
    async def submit(self, document: bytes, *, on_progress: Progress | None = None) -> Accepted:
        """See `AgencyClient.submit`."""
        ...

    @abstractmethod
    async def send(self, draft: Draft, *, on_progress: Progress | None = None) -> Accepted:
        """See `AgencyClient.send`."""
        ...


def _name(document: DocumentSummary) -> str:
    """The edXML DocumentId; a status package has none, so nothing is said about one."""
    if not document.edxml_document_id:
        raise Refusal(Code.ARGUMENT_INVALID, field="document", detail=f"a {document.kind} package")
    return document.edxml_document_id
