"""Everything an agency's system does with the hub, in one object: `AgencyClient`.

    async with AgencyClient.from_profile("profile.toml") as client:
        accepted = await client.submit(client.sign(Path("draft.edxml").read_bytes()))
        for item in await client.inbox():
            received = await client.fetch(item.delivery_id)
            await client.acknowledge(received)

Every method raises `Refusal` (somebody said no, with a catalogue code) or `Unreachable` (nobody answered). What
is safe to repeat is repeated on `Unreachable`, as `Retry` says: submitting the same bytes again changes nothing.
Nothing the hub says is believed where a signature can prove it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from lienthong.api.v1 import directory_pb2, exchange_pb2, receipts_pb2
from lienthong.domain.agency import Agency
from lienthong.domain.delivery import DeliveryState
from lienthong.domain.document import Attachment, ManifestEntry
from lienthong.domain.evidence import ContentHandover
from lienthong.domain.ids import sha256_hex
from lienthong.edxml.attachments import read_attachments
from lienthong.edxml.bounds import Limits
from lienthong.edxml.repair import repair
from lienthong.edxml.writer import write
from lienthong.errors import Code, Language, Refusal
from lienthong.signing.keys import SigningKey
from lienthong.signing.sign import sign_package, sign_record
from lienthong.transit import records
from lienthong_client import mapping, mapping_business
from lienthong_client.business import BusinessCalls
from lienthong_client.channel import Connection
from lienthong_client.check import Checked, check_upload
from lienthong_client.compose import Draft, File, compose, province_name
from lienthong_client.content import BigFile, download_content, external_entries, upload_content
from lienthong_client.directory import DirectoryClient
from lienthong_client.errors import Unproven, Unreachable
from lienthong_client.profile import Profile
from lienthong_client.proof import RecordTrust, verify_acceptance, verify_evidence
from lienthong_client.receive import verify_received
from lienthong_client.results import (
    Accepted,
    Acknowledged,
    EvidenceItem,
    EvidenceSet,
    Figures,
    InboxItem,
    Overdue,
    Received,
    Tracking,
    Verified,
)
from lienthong_client.retry import PASSING, Retry
from lienthong_client.transfer import Download, Progress, upload, upload_many
from lienthong_client.watch import Interrupted, watch

T = TypeVar("T")

_TIMEOUT = 30.0  # seconds for a call that answers once
_PAGE = 500
_RETRY = Retry()
_LIMITS = Limits()


def _now() -> datetime:
    return datetime.now(UTC)


class AgencyClient(BusinessCalls):
    """An agency's connection to the hub. An async context manager; one instance serves many tasks of one loop.

    `retry`: how calls that may be repeated are repeated. `connect_timeout`: seconds until a silent network counts
    as `Unreachable`. `language`: of the hub's messages about single recipients. `clock`: the time signatures are
    made and verified at.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        retry: Retry = _RETRY,
        connect_timeout: float = 5.0,
        language: Language = "en",
        limits: Limits = _LIMITS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.profile = profile
        self._retry = retry
        self._limits = limits
        self._clock = clock
        self._trust_read: tuple[tuple[object, ...], RecordTrust] | None = None
        self._connection = Connection(profile, language=language, connect_timeout=connect_timeout)
        self.directory = DirectoryClient(self._connection, retry)  #: groups, and copies of the directory

    @classmethod
    def from_profile(cls, path: Path | str, **options: Any) -> Self:  # noqa: ANN401 - as __init__'s
        """A client for the profile at `path`; `options` as for the constructor."""
        return cls(Profile.load(path), **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls still running are cancelled."""
        await self._connection.close()

    # --- sending ----------------------------------------------------------------------------------------

    def sign(self, xml: bytes) -> bytes:
        """Strict, signed edXML out of any edXML a field system wrote (junk, BOM, old Signature removed).

        Raises `Refusal` XML_* or SCHEMA_INVALID for what cannot be read, ARGUMENT_INVALID for a key that cannot.
        """
        return sign_package(repair(xml, self._limits), self.signing_key, at=self._clock())

    async def submit(self, document: bytes | Path, *, on_progress: Progress | None = None) -> Accepted:
        """Give signed bytes to the hub exactly as they are; answers when they are durable there.

        The hub's signed acceptance is verified: it names these very bytes; `Unproven` when it does not verify.
        Recipients that cannot be served stand in the result with their error; when none can, the call raises.
        """
        data = document if isinstance(document, bytes) else await asyncio.to_thread(document.read_bytes)
        sha256 = sha256_hex(data)
        response = await self._retry.run(lambda: upload(self._connection, data, sha256, on_progress))
        return await asyncio.to_thread(self._accepted, response, sha256)

    async def submit_many(
        self, documents: Iterable[bytes | Path]
    ) -> AsyncGenerator[tuple[int, Accepted | Refusal], None]:
        """Give a backlog to the hub over one stream: (place in `documents`, what became of it), as it is decided.

        A refused document is an answer; so is `Unproven`. What the stream lost and what may pass soon is sent again, as
        `Retry` says while nothing gets through; then `Unreachable` is raised, or the passing refusal is the answer.
        """
        waiting = dict(enumerate(documents))
        fruitless = 0
        while waiting:
            before, passing = len(waiting), dict[int, Refusal]()
            try:
                async with aclosing(self._submit_round(waiting)) as answers:
                    async for place, answer in answers:
                        if isinstance(answer, Refusal) and answer.code in PASSING:
                            passing[place] = answer
                        else:
                            del waiting[place]
                            yield place, answer
            except Unreachable:
                if len(waiting) == before and fruitless + 1 >= self._retry.attempts:
                    raise
            fruitless = 0 if len(waiting) < before else fruitless + 1
            if fruitless >= self._retry.attempts:
                for place, refusal in passing.items():
                    del waiting[place]
                    yield place, refusal
            elif waiting:
                await asyncio.sleep(self._retry.pause(fruitless))

    async def _submit_round(
        self, waiting: Mapping[int, bytes | Path]
    ) -> AsyncGenerator[tuple[int, Accepted | Refusal], None]:
        """One stream with all of `waiting`."""
        places = list(waiting)
        digests: list[str] = []

        async def read() -> AsyncIterator[bytes]:
            for one in [waiting[place] for place in places]:
                data = one if isinstance(one, bytes) else await asyncio.to_thread(one.read_bytes)
                digests.append(sha256_hex(data))
                yield data

        async with aclosing(upload_many(self._connection, read())) as answers:
            async for at, answer in answers:
                yield places[at], await self._outcome(answer, digests[at])

    async def _outcome(self, answer: Any, sha256: str) -> Accepted | Refusal:  # noqa: ANN401
        if isinstance(answer, Refusal):
            return answer
        try:
            return await asyncio.to_thread(self._accepted, answer, sha256)
        except Unproven as unproven:
            return unproven

    def _accepted(self, response: Any, sha256: str) -> Accepted:  # noqa: ANN401
        """The hub's answer, once its signed acceptance verifies and says the same."""
        try:
            accepted = verify_acceptance(
                response.submission_acceptance,
                document_sha256=sha256,
                document_id=response.document_id,
                trust=self._trust.infrastructure,
                at=self._clock(),
            )
        except Refusal as refusal:
            raise Unproven(refusal.code, field=refusal.field, detail=refusal.detail) from refusal
        recipients = tuple(mapping.to_recipient_result(result) for result in response.recipients)
        served = {result.code for result in recipients if result.state is not DeliveryState.REFUSED}
        if not served <= set(accepted.recipients) or accepted.sender != self.profile.agency:
            raise Unproven(
                Code.CHAIN_BROKEN,
                field="submission_acceptance",
                detail="the signed acceptance does not say what the answer says",
            )
        return Accepted(
            document_id=accepted.document_id,
            sha256=sha256,
            recipients=recipients,
            acceptance=accepted,
            acceptance_xml=response.submission_acceptance,
            repeated=response.repeated_submission,
            warnings=tuple(mapping_business.to_warning(warning) for warning in response.warnings),
        )

    async def check(self, document: bytes | Path, *, on_progress: Progress | None = None) -> Checked:
        """What the hub would say to this document, signed or not yet, and whom it would reach; nothing is sent."""
        data = document if isinstance(document, bytes) else await asyncio.to_thread(document.read_bytes)
        return await self._retry.run(lambda: check_upload(self._connection, data, on_progress))

    async def compose(self, draft: Draft) -> bytes:
        """A whole signed document out of a draft; names come from the directory, groups become their members today.

        Nothing is sent.
        """
        sender = await self.agency(self.profile.agency)
        to = await self.directory.expand(draft.to)  # the signed document names each recipient
        recipients = await asyncio.gather(*(self._recipient(code) for code in to))
        province = province_name(await self._root_of(sender))
        document, attachments = compose(
            draft, sender=sender, province=province, recipients=recipients, now=self._clock()
        )
        xml = await asyncio.to_thread(write, document, attachments)
        return await asyncio.to_thread(sign_package, xml, self.signing_key, at=self._clock())

    async def send(self, draft: Draft, *, on_progress: Progress | None = None) -> Accepted:
        """`compose`, `upload` of every big file, and `submit` in one."""
        await self.upload_all(draft.files, on_progress=on_progress)
        return await self.submit(await self.compose(draft), on_progress=on_progress)

    async def upload(self, file: BigFile, *, on_progress: Progress | None = None) -> None:
        """Give the hub a file that travels beside its package, before the package is submitted.

        Goes on where an earlier try ended. Raises `Refusal` ARGUMENT_INVALID when the file changed since it was read,
        XML_TOO_LARGE and RATE_LIMITED over the hub's limits.
        """
        await upload_content(self._connection, file, retry=self._retry, on_progress=on_progress)

    async def upload_all(
        self, files: Iterable[File | BigFile], *, on_progress: Progress | None = None
    ) -> None:
        """`upload` of each `BigFile` among the files; the others travel in the package."""
        for file in files:
            if isinstance(file, BigFile):
                await self.upload(file, on_progress=on_progress)

    # --- receiving --------------------------------------------------------------------------------------

    async def inbox(self) -> list[InboxItem]:
        """Everything that waits for us, oldest first."""
        items: list[InboxItem] = []
        token = ""
        while True:
            request = exchange_pb2.ListInboxRequest(page_size=_PAGE, page_token=token)
            page = await self._unary(lambda: self._connection.exchange.ListInbox, request)
            items.extend(mapping.to_inbox_item(item) for item in page.items)
            token = page.next_page_token
            if not token:
                return items

    async def watch_inbox(
        self, *, only_new: bool = False, on_interrupted: Interrupted | None = None
    ) -> AsyncGenerator[InboxItem, None]:
        """What waits (unless `only_new`), then each delivery the moment it comes; each once, for ever.

        Reconnects by itself with growing pauses and tells `on_interrupted`. Raises `Unreachable` only when the
        hub was never reached, `Refusal` when it says no. Leave it through `contextlib.aclosing` to end the call
        at once.
        """
        known = {item.delivery_id for item in await self.inbox()} if only_new else set()
        items = watch(self._connection, known=known, retry=self._retry, on_interrupted=on_interrupted)
        async with aclosing(items):
            async for item in items:
                yield item

    async def fetch(self, delivery: str | InboxItem, *, on_progress: Progress | None = None) -> Received:
        """Fetch a document by delivery id or document id, and verify everything about it (see receive.py).

        A broken stream is resumed where it stopped. Raises the failing step's `Refusal`: SIGNATURE_INVALID,
        CERTIFICATE_*, SIGNER_NOT_SENDER, CHAIN_BROKEN …
        """
        reference = delivery if isinstance(delivery, str) else delivery.delivery_id
        trust = self._trust
        header, data = await Download(
            connection=self._connection,
            reference=reference,
            retry=self._retry,
            max_bytes=self._limits.max_bytes,
            on_progress=on_progress,
        ).run()
        items = await self._evidence_items(header.document.document_id)
        receipt = await asyncio.to_thread(
            verify_received,
            data,
            [item.xml for item in items],
            us=self.profile.agency,
            trust=trust,
            at=self._clock(),
            limits=self._limits,
        )
        return Received(
            delivery_id=header.delivery_id,
            document_id=receipt.proof.acceptance.document_id,
            verified=receipt.verified,
            proof=receipt.proof,
            evidence=items,
            binding=receipt.binding,
        )

    def attachments(self, received: Received) -> Sequence[Attachment]:
        """The document's files with their real bytes. Names are as the sender wrote them: see `save_files`.

        Raises `Refusal` ATTACHMENT_MISMATCH or ATTACHMENT_BOMB.
        """
        return tuple(read_attachments(received.verified.root, self._limits))

    async def download(
        self, received: Received, folder: Path, *, on_progress: Progress | None = None
    ) -> list[Path]:
        """Fetch the files that travel beside the document into `folder`, each verified by what the sender signed.

        A cut download goes on where it ended, in a later run too. Raises `Refusal` ATTACHMENT_MISMATCH, OSError.
        """
        return [
            await self.download_named(received.delivery_id, entry, folder, on_progress=on_progress)
            for entry in external_entries(received.package)
        ]

    async def download_named(
        self, document: str, entry: ManifestEntry, folder: Path, *, on_progress: Progress | None = None
    ) -> Path:
        """`download` of one file a document names, by the delivery's or the document's id."""
        return await download_content(
            self._connection, document, entry, folder, retry=self._retry, on_progress=on_progress
        )

    async def acknowledge(self, received: Verified) -> Acknowledged:
        """End the delivery with our signed ContentHandover for the bytes that were verified (a `Received`)."""
        now = self._clock()
        handover = ContentHandover(
            document_id=received.document_id,
            document_sha256=received.sha256,
            recipient=self.profile.agency,
            handed_over_at=now,
        )
        xml = await asyncio.to_thread(sign_record, records.write(handover), self.signing_key, at=now)
        request = exchange_pb2.AcknowledgeRequest(delivery_id=received.delivery_id, content_handover=xml)
        response = await self._unary(lambda: self._connection.exchange.Acknowledge, request)
        return Acknowledged(
            delivery_id=response.delivery_id,
            state=DeliveryState(response.state),
            handed_over_at=mapping.to_time(response.handed_over_at),
            handover_xml=xml,
        )

    # --- looking ----------------------------------------------------------------------------------------

    async def track(self, document: str) -> Tracking:
        """Where each delivery is. `document`: the hub's id, edXML's DocumentId or the SHA-256."""
        request = exchange_pb2.TrackRequest(document=document)
        return mapping.to_tracking(await self._unary(lambda: self._connection.exchange.Track, request))

    async def evidence(self, document: str, *, sha256: str | None = None) -> EvidenceSet:
        """All signed evidence of a document we sent or received, verified. `sha256`: of the bytes at hand."""
        items = await self._evidence_items(document)
        proof = await asyncio.to_thread(
            verify_evidence,
            [item.xml for item in items],
            document_sha256=sha256,
            trust=self._trust,
            at=self._clock(),
        )
        return EvidenceSet(document_id=proof.acceptance.document_id, items=items, proof=proof)

    async def overdue(
        self, *, side: str = "recipient", unfetched: bool = False, since: datetime | None = None
    ) -> list[Overdue]:
        """Documents not received within the day they came, those due first on top.

        `side`: "recipient" for what came to us, "sender" for what we sent. `since`: due at this moment or later.
        `unfetched`: those in an inbox still, due or not, instead.
        """
        found: list[Overdue] = []
        request = receipts_pb2.ListOverdueRequest(
            kind="unfetched" if unfetched else "late", side=side, since=since, page_size=_PAGE
        )
        while True:
            page = await self._unary(lambda: self._connection.receipts.ListOverdue, request)
            found.extend(mapping.to_overdue(item) for item in page.items)
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def figures(self, month: str) -> Figures | None:
        """What we sent and received in a month (`2026-03`), and how much of it in time; None where it was nothing."""
        request = receipts_pb2.GetFiguresRequest(month=month)
        response = await self._unary(lambda: self._connection.receipts.GetFigures, request)
        return next(map(mapping.to_figures, response.figures), None)

    async def find_agencies(self, text: str, *, limit: int = 20) -> list[Agency]:
        """Agencies by code or words of the name, diacritics ignored; at most 200."""
        request = directory_pb2.SearchAgenciesRequest(text=text, limit=limit)
        response = await self._unary(lambda: self._connection.directory.SearchAgencies, request)
        return [mapping.to_agency(agency) for agency in response.agencies]

    async def agency(self, code: str) -> Agency:
        """One agency by any of its codes. NOT_FOUND."""
        request = directory_pb2.GetAgencyRequest(code=code)
        response = await self._unary(lambda: self._connection.directory.GetAgency, request)
        return mapping.to_agency(response.agency)

    # --- inside -----------------------------------------------------------------------------------------

    @cached_property
    def signing_key(self) -> SigningKey:
        """The profile's key, loaded once. Raises `ProfileError`."""
        return self.profile.signing_key()

    @property
    def limits(self) -> Limits:
        """What a package may measure."""
        return self._limits

    def check_keys(self) -> None:
        """Read key and trust now rather than when they are first needed. Raises `ProfileError`."""
        _ = self.signing_key, self._trust

    @property
    def _trust(self) -> RecordTrust:
        """Read again when a file of it changed: revocation lists are renewed every few days."""
        state = self.profile.trust_state()
        if self._trust_read is None or self._trust_read[0] != state:
            trust = RecordTrust(
                infrastructure=self.profile.infrastructure_trust(), agencies=self.profile.agency_trust()
            )
            self._trust_read = (state, trust)
        return self._trust_read[1]

    async def _evidence_items(self, document: str) -> tuple[EvidenceItem, ...]:
        request = exchange_pb2.GetEvidenceRequest(document=document)
        response = await self._unary(lambda: self._connection.exchange.GetEvidence, request)
        return tuple(mapping.to_evidence(evidence) for evidence in response.evidence)

    async def _recipient(self, code: str) -> Agency:
        """The agency; a code nobody has goes as written, for the hub to refuse this one recipient."""
        try:
            return await self.agency(code)
        except Refusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return Agency(code=code, name=code, tier="")

    async def _root_of(self, agency: Agency) -> Agency:
        seen = {agency.code}
        while agency.parent is not None and agency.parent not in seen:
            seen.add(agency.parent)
            agency = await self.agency(agency.parent)
        return agency

    async def _unary(self, method: Callable[[], Callable[..., Awaitable[T]]], request: object) -> Any:  # noqa: ANN401
        connection = self._connection
        return await self._retry.run(
            lambda: connection.call(lambda: method()(request, metadata=connection.metadata, timeout=_TIMEOUT))
        )
