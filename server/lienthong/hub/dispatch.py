"""How an accepted document enters the linkage: published to its first node after the commit, in the background.

The store is the truth. What cannot be published now (broker away, queue full, process killed) stays unpublished
in the store, and the reconciler publishes it later. Publishing twice is harmless: hops are idempotent.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from lienthong.domain.evidence import EvidenceKind, SubmissionAcceptance
from lienthong.errors import HubFault
from lienthong.hub.payloads import Payloads
from lienthong.hub.ports import Broker, Clock, Store
from lienthong.hub.rows import DocumentRow
from lienthong.transit import records
from lienthong.transit.message import TransitMessage

log = structlog.get_logger(__name__)

#: seconds in which confirmations are gathered: one commit for all, when their documents are past
NOTE_AFTER = 0.2
DEFAULT_INLINE_LIMIT = 262_144  # bytes of a document that travel in the message itself


@dataclass(frozen=True, slots=True)
class _Job:
    document: DocumentRow
    acceptance: bytes
    recipients: tuple[str, ...]
    data: bytes | None


class Dispatcher:
    """Publishes documents to their first node and notes the broker's confirmation."""

    def __init__(
        self,
        store: Store,
        payloads: Payloads,
        broker: Broker,
        clock: Clock,
        *,
        inline_limit: int = DEFAULT_INLINE_LIMIT,
        backlog: int = 1_000,
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._broker = broker
        self._clock = clock
        self._inline_limit = inline_limit
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue(backlog)
        self._in_hand: set[str] = set()
        self._confirmed: list[str] = []
        self._noting: asyncio.Task[None] | None = None
        self._last = asyncio.Event()  # nothing more is to be gathered

    def enqueue(
        self, document: DocumentRow, acceptance: bytes, recipients: tuple[str, ...], data: bytes
    ) -> None:
        """Publish soon; `recipients` are those the acceptance names.

        Never waits and never fails: a full backlog leaves the document to the reconciler.
        """
        inline = data if len(data) <= self._inline_limit else None
        try:
            self._jobs.put_nowait(_Job(document, acceptance, recipients, inline))
            self._in_hand.add(document.id)
        except asyncio.QueueFull:
            log.warning("dispatch.backlog_full", document_id=document.id)

    async def run(self, stop: asyncio.Event, *, workers: int = 16) -> None:
        """Publish what is enqueued until `stop`, then what is left, then return."""
        self._last.clear()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._work()) for _ in range(workers)]
            await stop.wait()
            await self._jobs.join()
            self._last.set()
            for task in tasks:
                task.cancel()
            if self._noting is not None:
                await self._noting

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await self._publish(job.document, job.acceptance, job.recipients, job.data)
                self._note(job.document.id)
            except HubFault as fault:
                self._in_hand.discard(job.document.id)
                log.warning("dispatch.not_published", document_id=job.document.id, reason=str(fault))
            finally:
                self._jobs.task_done()

    def has(self, document_id: str) -> bool:
        """Whether the document waits here to be published, is just being, or is confirmed and not yet noted."""
        return document_id in self._in_hand

    def _note(self, document_id: str) -> None:
        """Note the confirmation soon, together with those that come meanwhile: one write for many documents.

        What a crash forgets here is published once more.
        """
        self._confirmed.append(document_id)
        if self._noting is None:
            self._noting = asyncio.create_task(self._note_all())

    async def _note_all(self) -> None:
        try:
            while self._confirmed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(NOTE_AFTER):
                        await self._last.wait()
                ids, self._confirmed = self._confirmed, []
                try:
                    await self._store.mark_published(ids, self._clock())
                except HubFault as fault:
                    log.warning("dispatch.not_noted", documents=len(ids), reason=str(fault))
                finally:
                    self._in_hand.difference_update(ids)
        finally:
            self._noting = None

    async def publish_again(self, document: DocumentRow) -> None:
        """Publish a stored document from its first node. Raises `HubFault` when it is not confirmed.

        A document forwarded to successors of closed agencies has an acceptance for each, and goes out under each.
        """
        evidence = await self._store.evidence(document.id)
        accepted = [row for row in evidence if row.kind is EvidenceKind.SUBMISSION_ACCEPTANCE]
        data = await self._payloads.get(document.sha256) if document.size <= self._inline_limit else None
        for row in sorted(accepted, key=lambda row: row.recipient is not None):
            acceptance = records.read_bytes(row.xml)
            if not isinstance(acceptance, SubmissionAcceptance):
                raise HubFault(f"document {document.id} has no readable SubmissionAcceptance")
            await self._publish(document, row.xml, acceptance.recipients, data)
        if accepted:
            await self._store.mark_published([document.id], self._clock())

    async def _publish(
        self, document: DocumentRow, acceptance: bytes, recipients: tuple[str, ...], data: bytes | None
    ) -> None:
        message = TransitMessage(
            document_id=document.id,
            document=data,
            blob=None if data is not None else document.sha256,
            acceptance=acceptance,
            hop_records=(),
            recipients=recipients,
        )
        await self._broker.publish(document.first_node, document.lane, message.encode())
