"""How does a file in the outbox become a document at the hub, exactly once? Take, prepare, submit, move.

Each lane has its own row, first come first served: an express document does not wait behind a large ordinary one.
Small new documents of a row go over one stream, in order, each answered for itself; what is about earlier documents
(a recall, an update, a status), or has the name of one before it, waits until those are decided.
Failures are of three kinds. The hub is away (nobody answered, it is overloaded, or it does not know our certificate):
the lane waits. Something that can pass concerns this document alone: it waits by itself and the others go on. The hub
says no: the document goes to failed/ with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from lienthong.domain.document import Lane
from lienthong.errors import Code, Language, Refusal
from lienthong_client.agent import job as jobs
from lienthong_client.agent.disk import Disk, free_place
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.job import Job
from lienthong_client.agent.outbox import Group, Outbox
from lienthong_client.agent.pace import AWAY, STUBBORN, Pace
from lienthong_client.agent.prepare import SMALL, Preparer, Ready
from lienthong_client.agent.settings import EventKind, OutboxSettings
from lienthong_client.agent.status import Status
from lienthong_client.agent.webhooks import Webhooks
from lienthong_client.cli import shapes
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Misuse, Unproven, Unreachable
from lienthong_client.profile import ProfileError
from lienthong_client.results import Accepted

T = TypeVar("T")
log = structlog.get_logger(__name__)

_PUT_BACK: dict[Language, str] = {
    "vi": "Sửa tệp trong source/ rồi đặt lại vào outbox/",
    "en": "Correct the file in source/ and put it back into outbox/",
}

#: refusals that say nothing about the document: the hub or our connection is not ready
HUB_WIDE = frozenset({Code.UNAVAILABLE, Code.RATE_LIMITED, Code.UNAUTHENTICATED, Code.NOT_PERMITTED})
_OURS = (Unproven, ProfileError)  #: no fault of the document
_MOST, _MOST_BYTES = 200, 16 << 20  #: documents, and bytes of them, in hand for one stream


@dataclass(slots=True)
class _Waiting:
    job: Job
    lane: Lane
    failures: int = 0
    due: float = 0.0


@dataclass(slots=True)
class _Row:
    failures: int = 0
    due: float = 0.0


@dataclass(slots=True)
class _Run:
    """Documents that go to the hub over one stream, where some are decided at once: so no two of one name."""

    jobs: list[_Waiting] = field(default_factory=list)
    documents: list[bytes | Path] = field(default_factory=list)
    size: int = 0
    names: set[str] | None = None  #: None: nothing more may join

    def takes(self, ready: Ready) -> bool:
        """Whether it may join."""
        if not self.jobs:
            return True
        room = len(self.jobs) < _MOST and self.size + len(ready.data or b"") <= _MOST_BYTES
        return room and bool(ready.names) and self.names is not None and not self.names & ready.names

    def add(self, waiting: _Waiting, ready: Ready) -> None:
        """Join."""
        self.names = (self.names or set()) | ready.names if ready.names else None
        self.jobs.append(waiting)
        self.documents.append(ready.path if ready.data is None else ready.data)
        self.size += len(ready.data or b"")

    def empty(self) -> tuple[list[_Waiting], list[bytes | Path]]:
        """All of it, and begin anew."""
        found = self.jobs, self.documents
        self.jobs, self.documents, self.size, self.names = [], [], 0, None
        return found


class Sender:
    """The way out. `take` and `send` again and again; `run` does it."""

    def __init__(
        self,
        *,
        client: AgencyClient,
        folders: Folders,
        disk: Disk,
        settings: OutboxSettings,
        language: Language,
        pace: Pace,
        webhooks: Webhooks,
        status: Status,
    ) -> None:
        self._client = client
        self._folders = folders
        self._disk = disk
        self._settings = settings
        self._language = language
        self._pace = pace
        self._webhooks = webhooks
        self._status = status
        self._outbox = Outbox(folders.outbox, settings)
        self._preparer = Preparer(client, disk, settings)
        self._jobs: dict[str, _Waiting] = {}
        self._rows = {lane: _Row() for lane in Lane}
        self._recovery = _Row()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._taking())
            for lane in Lane:
                tasks.create_task(self._sending(lane))

    async def _taking(self) -> None:
        while True:
            await self.take()
            await self._pace.wait(self._settings.poll)

    async def _sending(self, lane: Lane) -> None:
        while True:
            await self.send(lane)
            await self._pace.wait(self._settings.poll)

    # --- taking -----------------------------------------------------------------------------------------

    async def recover(self) -> None:
        """Go on with what stands in sending/ and in no row: an earlier agent's, or what the disk had no room for."""
        if self._pace.now() < self._recovery.due:
            return
        known = {waiting.job.folder for waiting in self._jobs.values()}
        for folder in sorted(self._folders.sending.iterdir()):
            if folder not in known:
                await self._guarded(self._resume, folder)

    async def take(self) -> None:
        """Look at the outbox and take what is ready."""
        await self.recover()
        try:
            groups = await asyncio.to_thread(self._outbox.ready, self._pace.now())
        except OSError as error:
            self._status.trouble("outbox", f"{self._folders.outbox}: {error.strerror}")
            return
        self._status.cure("outbox")
        self._status.ignored = self._outbox.ignored
        for group in groups:
            await self._guarded(self._begin, group)

    async def _resume(self, folder: Path) -> None:
        job = await asyncio.to_thread(Job.read, folder)
        if job is None:
            await asyncio.to_thread(self._disk.remove, folder)
            return
        log.info("job.resumed", job=job.id, name=job.name)
        await self._advance(job)

    async def _begin(self, group: Group) -> None:
        folders = self._folders
        at = self._pace.today()
        job = await asyncio.to_thread(Job.begin, self._disk, folders.sending, folders.outbox, group, at=at)
        if job is not None:
            log.info("job.taken", job=job.id, name=job.name, kind=job.kind.value)
            await self._advance(job)

    async def _guarded(self, step: Callable[[T], Awaitable[None]], thing: T) -> None:
        """A step whose failure must not end the loop: what is on disk stays, and `recover` tries it again."""
        try:
            await step(thing)
        except Exception as error:  # the boundary of one document
            pause = STUBBORN.pause(self._recovery.failures)
            self._recovery.due = self._pace.now() + pause
            self._recovery.failures += 1
            log.exception("job.stuck", step=step.__name__, seconds=pause)
            self._status.trouble("sending", f"{type(error).__name__}: {error}")
        else:
            self._recovery.failures = 0
            self._status.cure("sending")

    async def _advance(self, job: Job) -> None:
        """From whatever state it is in to a place in its row, or to its end."""
        if job.result is not None:
            await self._finish(job)
            return
        problem = await asyncio.to_thread(job.take, self._disk, self._folders.outbox) or job.reason
        if problem is not None:
            await self._fail(job, Misuse(Code.ARGUMENT_INVALID, field=job.name, detail=problem))
            return
        lane = Lane.NORMAL
        try:
            lane = await asyncio.to_thread(self._preparer.lane, job)
        except ProfileError as error:  # our own key, not the document
            self._status.trouble("profile", str(error))
        except Refusal as refusal:
            await self._fail(job, refusal)
            return
        self._jobs[job.id] = _Waiting(job, lane)

    # --- sending ----------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Documents taken and not decided."""
        return len(self._jobs)

    async def send(self, lane: Lane) -> None:
        """Submit everything of a lane that is due, in order, until the hub is away."""
        row = self._rows[lane]
        if self._pace.now() < row.due:
            return
        run = _Run()
        try:
            for waiting in sorted((w for w in self._jobs.values() if w.lane is lane), key=lambda w: w.job.id):
                if self._pace.now() < waiting.due:
                    continue
                if waiting.job.beside > SMALL:  # an upload of hours: what came before it does not wait
                    await self._submit_run(run, row)
                ready = await self._alone(waiting, partial(self._ready, waiting))
                if ready is not None:
                    if not run.takes(ready):
                        await self._submit_run(run, row)
                    run.add(waiting, ready)
            await self._submit_run(run, row)
        except (Unreachable, Refusal) as error:
            self._hub_away(row, error)

    async def _alone(self, waiting: _Waiting, step: Callable[[], Awaitable[T]]) -> T | None:
        """A step of one document: what may pass lets it wait, a no ends it. Raises what concerns the whole row."""
        try:
            try:
                return await step()
            except Refusal as refusal:
                if refusal.code in HUB_WIDE or refusal.retryable or isinstance(refusal, _OURS):
                    raise
                await self._fail(waiting.job, await self._explained(waiting.job, refusal))
        except Unreachable:
            raise
        except Exception as error:  # the boundary of one document: the others go on
            if isinstance(error, Refusal) and error.code in HUB_WIDE:
                raise
            self._wait(waiting, error)
        return None

    async def _explained(self, job: Job, refusal: Refusal) -> Refusal:
        """The hub has not got a file: say to the office which ones did not lie beside the edXML."""
        if refusal.code is not Code.ATTACHMENT_MISMATCH or not (names := await self._preparer.missing(job)):
            return refusal
        told = "không nằm cạnh tệp edXML trong outbox / did not lie beside the edXML in outbox"
        detail = f"{', '.join(names)}: {told}; {refusal.detail or ''}".rstrip("; ")
        return Refusal(refusal.code, field=refusal.field, detail=detail)

    async def _ready(self, waiting: _Waiting) -> Ready | None:
        """What is to be submitted; None when the job was decided already."""
        job = waiting.job
        if await asyncio.to_thread(lambda: job.result) is not None:
            await self._finish(job)
            return None
        return await self._preparer.ready(job)

    async def _submit_run(self, run: _Run, row: _Row) -> None:
        """Submit what is in `run`, one or many, and empty it. Raises what concerns the whole row."""
        jobs, documents = run.empty()
        if len(jobs) > 1:
            await self._submit_many(jobs, documents, row)
        else:
            for waiting, document in zip(jobs, documents, strict=True):
                await self._submit_one(waiting, document, row)

    async def _submit_one(self, waiting: _Waiting, document: bytes | Path, row: _Row) -> None:
        async def submit() -> None:
            await self._decide(waiting, await self._client.submit(document), row)

        await self._alone(waiting, submit)

    async def _submit_many(
        self, jobs: Sequence[_Waiting], documents: Sequence[bytes | Path], row: _Row
    ) -> None:
        """All over one stream; each is decided, on disk too, as its answer comes."""
        left = dict(enumerate(jobs))
        away: Refusal | None = None
        try:
            async with aclosing(self._client.submit_many(documents)) as answers:
                async for place, answer in answers:
                    waiting = left.pop(place)
                    if isinstance(answer, Refusal) and answer.code in HUB_WIDE:
                        away = answer
                        continue
                    await self._alone(waiting, partial(self._decide, waiting, answer, row))
        except Refusal as refusal:  # of the stream, not of a document
            if refusal.code in HUB_WIDE:
                raise
            log.warning("stream.refused", code=refusal.code.value, detail=refusal.detail)
            for place, waiting in left.items():
                await self._submit_one(waiting, documents[place], row)
        if away is not None:
            raise away

    async def _decide(self, waiting: _Waiting, answer: Accepted | Refusal, row: _Row) -> None:
        self._status.hub_answered()
        if isinstance(answer, Refusal):
            raise answer
        await self._succeed(waiting.job, answer)
        row.failures = 0

    async def _succeed(self, job: Job, accepted: Accepted) -> None:
        at = self._pace.today()

        def keep() -> None:
            self._disk.write(job.folder / jobs.ACCEPTANCE, accepted.acceptance_xml)
            job.decide(self._disk, "sent", shapes.submission(accepted), at=at)

        await asyncio.to_thread(keep)
        log.info("document.sent", job=job.id, name=job.name, document_id=accepted.document_id)
        await self._finish(job)

    async def _fail(self, job: Job, refusal: Refusal) -> None:
        at = self._pace.today()

        def keep() -> None:
            remedy = (
                _PUT_BACK[self._language] if isinstance(refusal, Misuse) else refusal.remedy(self._language)
            )
            text = [refusal.message(self._language), f"[{refusal.code}]", remedy]
            if refusal.field:
                text.insert(2, refusal.field)
            self._disk.write(job.folder / jobs.REASON, ("\n".join(text) + "\n").encode("utf-8", "replace"))
            job.decide(self._disk, "failed", shapes.error(refusal, self._language), at=at)

        await asyncio.to_thread(keep)
        log.warning(
            "document.failed", job=job.id, name=job.name, code=refusal.code.value, field=refusal.field
        )
        await self._finish(job)

    async def _finish(self, job: Job) -> None:
        """Tell those who want to know, then move the folder. Done again after a crash, it tells under the same id."""

        def move() -> Path:
            result = job.result or {}
            sent = result.get("state") == "sent"
            place = free_place(self._folders.sent if sent else self._folders.failed, job.name)
            if job.files:  # not told yet
                told = result | {"folder": f"{place.parent.name}/{place.name}"}
                self._webhooks.emit(EventKind.SENT if sent else EventKind.FAILED, job.id, told)
                self._status.count("sent" if sent else "failed", self._pace.today())
            job.finish(self._disk, place)
            return place

        place = await asyncio.to_thread(move)
        self._forget(job)
        log.info("job.done", job=job.id, folder=str(place))

    def _hub_away(self, row: _Row, error: Unreachable | Refusal) -> None:
        row.due = self._pace.now() + AWAY.pause(row.failures)
        row.failures += 1
        self._status.hub_away(error.message("en"), self._pace.now())

    def _wait(self, waiting: _Waiting, error: Exception) -> None:
        pause = STUBBORN.pause(waiting.failures)
        waiting.due = self._pace.now() + pause
        waiting.failures += 1
        self._status.trouble(f"job {waiting.job.name}", f"{type(error).__name__}: {error}")
        log.warning(
            "job.waits", job=waiting.job.id, name=waiting.job.name, reason=str(error), seconds=pause,
            exc_info=not isinstance(error, OSError | Refusal),
        )  # fmt: skip

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        self._preparer.forget(job)
        self._status.cure(f"job {job.name}")
