"""How does a file in the outbox become a document at the hub, exactly once? Take, prepare, submit, move.

Each lane has its own row, first come first served: an express document does not wait behind a large ordinary one.
Failures are of three kinds. The hub is away (nobody answered, it is overloaded, or it does not know our certificate):
the lane waits. Something that can pass concerns this document alone: it waits by itself and the others go on. The hub
says no: the document goes to failed/ with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from lienthong.domain.document import Lane
from lienthong.edxml.names import DSIG
from lienthong.edxml.reader import parse, read_package
from lienthong.errors import Code, Language, Refusal
from lienthong_client.agent import job as jobs
from lienthong_client.agent.disk import Disk, free_place
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.job import Job
from lienthong_client.agent.letter import read_letter
from lienthong_client.agent.outbox import Group, Kind, Outbox
from lienthong_client.agent.pace import AWAY, STUBBORN, Pace
from lienthong_client.agent.settings import EventKind, OutboxSettings, Sign
from lienthong_client.agent.status import Status
from lienthong_client.agent.webhooks import Webhooks
from lienthong_client.cli import shapes
from lienthong_client.client import AgencyClient
from lienthong_client.compose import File, find_priority, read_files
from lienthong_client.content import BigFile
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


@dataclass(slots=True)
class _Waiting:
    job: Job
    lane: Lane
    failures: int = 0
    due: float = 0.0
    beside: list[BigFile] | None = None  #: files that travel beside the package, once looked at


@dataclass(slots=True)
class _Row:
    failures: int = 0
    due: float = 0.0


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
            lane = await asyncio.to_thread(self._settle_lane, job)
        except ProfileError as error:  # our own key, not the document
            self._status.trouble("profile", str(error))
        except Refusal as refusal:
            await self._fail(job, refusal)
            return
        self._jobs[job.id] = _Waiting(job, lane)

    def _settle_lane(self, job: Job) -> Lane:
        """The lane; edXML is signed by the way, a letter when the hub can be asked for names."""
        if (prepared := job.prepared) is not None:
            return prepared.lane
        if job.kind is Kind.LETTER:
            letter = read_letter(job.main.read_bytes())
            urgent = find_priority(letter.values.get("priority", "normal")) > 0
            return Lane.EXPRESS if urgent else Lane.NORMAL
        return self._prepare_edxml(job).lane

    def _prepare_edxml(self, job: Job) -> jobs.Prepared:
        limit = self._client.limits.max_bytes
        if job.main.stat().st_size > limit:
            raise Refusal(Code.XML_TOO_LARGE, detail=f"{job.main.stat().st_size} bytes, at most {limit}")
        data = job.main.read_bytes()
        must_sign = self._settings.sign is Sign.ALWAYS or (
            self._settings.sign is Sign.UNSIGNED and not _is_signed(data)
        )
        signed = self._client.sign(data) if must_sign else None
        package = read_package(parse(signed if signed is not None else data))
        return job.prepare(self._disk, signed, package.lane)

    async def _prepare_letter(self, waiting: _Waiting) -> jobs.Prepared:
        """Signed bytes, once; and the files that travel beside them at the hub, looked after before each submission.

        The hub forgets uploads nobody submits, and it may have been away for days. Digests are kept in memory.
        """
        job = waiting.job
        prepared = await asyncio.to_thread(lambda: job.prepared)
        if prepared is None or waiting.beside is None:
            files = await asyncio.to_thread(read_files, [job.source(file) for file in job.files[1:]])
            waiting.beside = [file for file in files if isinstance(file, BigFile)]
            if prepared is None:
                prepared = await self._compose(job, files)
        await self._client.upload_all(waiting.beside)
        return prepared

    async def _compose(self, job: Job, files: Sequence[File | BigFile]) -> jobs.Prepared:
        def settle(signed: bytes) -> jobs.Prepared:
            return job.prepare(self._disk, signed, read_package(parse(signed)).lane)

        letter = await asyncio.to_thread(lambda: read_letter(job.main.read_bytes()))
        signed = await self._client.compose(letter.draft(files, self._client.profile.sender))
        return await asyncio.to_thread(settle, signed)

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
        for waiting in sorted((w for w in self._jobs.values() if w.lane is lane), key=lambda w: w.job.id):
            if self._pace.now() < waiting.due:
                continue
            try:
                await self._attempt(waiting)
            except Unreachable as error:
                self._hub_away(row, error)
                return
            except Exception as error:  # noqa: BLE001 - the boundary of one document: the others go on
                if isinstance(error, Refusal) and error.code in HUB_WIDE:
                    self._hub_away(row, error)
                    return
                self._wait(waiting, error)
            else:
                row.failures = 0

    async def _attempt(self, waiting: _Waiting) -> None:
        """Submit, or fail for good. Raises what may pass."""
        job = waiting.job
        if await asyncio.to_thread(lambda: job.result) is not None:
            await self._finish(job)
            return
        try:
            await self._submit(waiting)
        except Refusal as refusal:
            if refusal.code in HUB_WIDE or refusal.retryable or isinstance(refusal, Unproven | ProfileError):
                raise
            await self._fail(job, refusal)

    async def _submit(self, waiting: _Waiting) -> None:
        job = waiting.job
        if job.kind is Kind.LETTER:
            prepared = await self._prepare_letter(waiting)
        else:
            prepared = await asyncio.to_thread(lambda: job.prepared or self._prepare_edxml(job))
        accepted = await self._client.submit(job.folder / prepared.file)
        self._status.hub_answered()
        await self._succeed(job, accepted)

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
        self._status.cure(f"job {job.name}")


def _is_signed(data: bytes) -> bool:
    """Whether there is an XML signature that signing would take out. Junk before the XML ends every signature."""
    try:
        root = parse(data)
    except Refusal:
        return False
    return next(root.iter(f"{{{DSIG}}}Signature"), None) is not None
