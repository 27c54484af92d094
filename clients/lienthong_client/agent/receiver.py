"""How does a delivery become a folder in inbox/, exactly once, with a receipt? By the hub's push, then four steps.

    (the hub's push)           fetched and verified: document, certificate, transit record, consignment
    .arriving/ID/beside        files that travel beside their package, as far as they came
    .arriving/ID/files         written and synced
    .arriving/ID/record.json   all of it is there           -> files/ moves to inbox/NAME in one rename
    (files/ gone)              it is in the inbox           -> webhooks are told, the receipt is signed and sent
    (.arriving/ID gone)        the hub has the receipt

After a crash the folder says which step comes next; the office may have taken the folder out of the inbox meanwhile.
What is not believed is noted in refused/ and tried again later, ever more slowly: a revocation list may be late.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from lienthong.domain.document import Document, Lane
from lienthong.errors import Code, Language, Refusal
from lienthong_client.agent.disk import Disk, free_place
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.job import short_name
from lienthong_client.agent.pace import AWAY, STUBBORN, Pace
from lienthong_client.agent.settings import EventKind, InboxSettings
from lienthong_client.agent.status import Status
from lienthong_client.agent.webhooks import Webhooks
from lienthong_client.cli import shapes
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.files import names_like, save_received
from lienthong_client.results import InboxItem, Received
from lienthong_client.retry import PASSING, Retry

log = structlog.get_logger(__name__)

FILES, BESIDE, RECORD, NOTE = "files", "beside", "record.json", "delivery.json"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
#: the delivery ended without us: nothing is left to fetch or to acknowledge
_OVER = frozenset(
    {
        Code.NOT_FOUND, Code.STATE_ILLEGAL, Code.DOCUMENT_RECALLED, Code.DOCUMENT_SUPERSEDED,
        Code.DEADLINE_PASSED,
    }
)  # fmt: skip
_DISBELIEF = Retry(first=60.0, factor=4.0, ceiling=21_600.0)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a receipt needs of a document that was verified before."""

    delivery_id: str
    document_id: str
    sha256: str


class Receiver:
    """The way in. `recover` and `receive` are its steps; `run` does it all."""

    def __init__(
        self,
        *,
        client: AgencyClient,
        folders: Folders,
        disk: Disk,
        settings: InboxSettings,
        language: Language,
        pace: Pace,
        webhooks: Webhooks,
        status: Status,
    ) -> None:
        self._client = client
        self._folders = folders
        self._disk = disk
        self._language = language
        self._pace = pace
        self._webhooks = webhooks
        self._status = status
        self._room = {lane: asyncio.Semaphore(settings.parallel) for lane in Lane}
        self._known: set[str] = set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            for delivery in self.unfinished():
                self._start(tasks, delivery, Lane.NORMAL)
            failures = 0
            while True:
                try:
                    async with aclosing(self._client.watch_inbox(on_interrupted=self._interrupted)) as items:
                        async for item in items:
                            failures = 0
                            self._status.hub_answered()
                            self._start(tasks, item.delivery_id, _lane(item))
                except (Unreachable, Refusal) as error:
                    self._status.hub_away(error.message("en"), self._pace.now())
                await self._pace.wait(AWAY.pause(failures))
                failures += 1

    def unfinished(self) -> list[str]:
        """Deliveries an earlier agent had in hand."""
        return sorted(folder.name for folder in self._folders.arriving.iterdir())

    def _start(self, tasks: asyncio.TaskGroup, delivery: str, lane: Lane) -> None:
        if _ID.fullmatch(delivery) is None:
            log.error("delivery.nameless", delivery_id=delivery)  # an id is a folder's name here
        elif delivery not in self._known:
            self._known.add(delivery)
            tasks.create_task(self._until_done(delivery, lane))

    def _interrupted(self, reason: Unreachable | Refusal, seconds: float) -> None:
        self._status.hub_away(reason.message("en"), self._pace.now())

    async def _until_done(self, delivery: str, lane: Lane) -> None:
        failures = 0
        while True:
            async with self._room[lane]:
                try:
                    await self.receive(delivery)
                except Exception as error:  # noqa: BLE001 - the boundary of one delivery: logged, tried again
                    pause = await self._failed(delivery, error, failures)
                else:
                    pause = None
            if pause is None:
                self._known.discard(delivery)
                return
            failures += 1
            await self._pace.wait(pause)

    async def _failed(self, delivery: str, error: Exception, failures: int) -> float | None:
        """Say so; the seconds until the next try, None when there is nothing left to try."""
        if isinstance(error, Unreachable) or (isinstance(error, Refusal) and error.code in PASSING):
            self._status.hub_away(error.message("en"), self._pace.now())
            return AWAY.pause(failures)
        if isinstance(error, Refusal) and error.code in _OVER:
            log.info("delivery.over", delivery_id=delivery, code=error.code.value)
            await asyncio.to_thread(self._let_go, delivery, error)
            return None
        self._status.trouble(f"delivery {delivery}", f"{type(error).__name__}: {error}")
        if isinstance(error, Refusal) and not error.retryable:
            log.error("delivery.refused", delivery_id=delivery, code=error.code.value, field=error.field)
            await asyncio.to_thread(self._note, delivery, error)
            return _DISBELIEF.pause(failures)
        log.warning("delivery.waits", delivery_id=delivery, reason=str(error), exc_info=not _expected(error))
        return STUBBORN.pause(failures)

    # --- one delivery -----------------------------------------------------------------------------------

    async def receive(self, delivery: str) -> None:
        """From wherever it stands to the end. Raises what went wrong."""
        stage = self._folders.arriving / delivery
        if not (stage / RECORD).exists():
            received = await self._client.fetch(delivery)
            if received.delivery_id != delivery:
                raise Refusal(Code.CHAIN_BROKEN, field="delivery_id", detail="the hub gave another delivery")
            await asyncio.to_thread(self._disk.make, stage)
            beside = await self._client.download(received, stage / BESIDE)
            await asyncio.to_thread(self._write, stage, received, beside)
        arrived = await asyncio.to_thread(self._place, stage)
        await self._client.acknowledge(arrived)
        self._status.hub_answered()
        await asyncio.to_thread(self._clear, delivery)
        log.info("document.received", delivery_id=delivery, document_id=arrived.document_id)

    def _write(self, stage: Path, received: Received, beside: list[Path]) -> None:
        files = stage / FILES
        self._disk.remove(files)
        self._disk.make(files)
        saved: Json = {**save_received(files, received, self._client.attachments(received))}
        for path in beside:
            folder = files / "attachments"
            folder.mkdir(exist_ok=True)
            place = next(p for name in names_like(path.name) if not (p := folder / name).exists())
            place.hardlink_to(path)  # after a crash before the record, the next try finds it where it was
            saved["attachments"].append(str(place))
        note = {"agency": self._client.profile.agency, **shapes.received(received, _relative(saved, files))}
        self._disk.write(files / NOTE, _dump(note))
        self._disk.settle(files)
        record = {
            "delivery_id": received.delivery_id,
            "document_id": received.document_id,
            "sha256": received.sha256,
            "name": _folder_name(received),
            "note": note,
        }
        self._disk.write(stage / RECORD, _dump(record))

    def _place(self, stage: Path) -> Arrived:
        """Into the inbox, and tell."""
        record: Json = json.loads((stage / RECORD).read_bytes())
        if (stage / FILES).exists():
            place = free_place(self._folders.inbox, record["name"])
            record["folder"] = f"{place.parent.name}/{place.name}"
            self._disk.write(stage / RECORD, _dump(record))
            self._disk.move(stage / FILES, place)
            self._status.count("received", self._pace.today())
        told = record["note"] | {"folder": record["folder"]}
        self._webhooks.emit(EventKind.RECEIVED, record["delivery_id"], told)
        return Arrived(
            delivery_id=record["delivery_id"], document_id=record["document_id"], sha256=record["sha256"]
        )

    def _clear(self, delivery: str) -> None:
        self._disk.remove(self._folders.arriving / delivery)
        self._disk.remove(self._folders.refused / f"{delivery}.json")
        self._status.cure(f"delivery {delivery}")

    def _let_go(self, delivery: str, refusal: Refusal) -> None:
        """It ended. Where its folder is in the inbox already, the office must know that it has no receipt."""
        stage = self._folders.arriving / delivery
        placed = (stage / RECORD).exists() and not (stage / FILES).exists()
        self._clear(delivery)
        if placed:
            self._note(delivery, refusal)

    def _note(self, delivery: str, refusal: Refusal) -> None:
        path = self._folders.refused / f"{delivery}.json"
        if path.exists():
            return
        note = {"delivery_id": delivery, "at": shapes.moment(self._pace.today())}
        note |= shapes.error(refusal, self._language)
        self._webhooks.emit(EventKind.REFUSED, delivery, note)
        self._disk.write(path, _dump(note))
        self._status.count("refused", self._pace.today())


def _lane(item: InboxItem) -> Lane:
    return Lane.EXPRESS if item.document.lane == Lane.EXPRESS else Lane.NORMAL


def _folder_name(received: Received) -> str:
    """`2026-03-02 H48.31.05 212-UBND-VX`: what a clerk looks for."""
    package = received.package
    if isinstance(package, Document):
        number = f"{package.code_number}-{package.code_notation}".replace("/", "-").replace("\\", "-")
        return short_name(f"{package.promulgation_date:%Y-%m-%d} {received.sender} {number}")
    return short_name(f"{package.timestamp:%Y-%m-%d} {received.sender} status {package.status_code}")


def _relative(saved: Json, folder: Path) -> Json:
    def relative(value: Any) -> Any:  # noqa: ANN401 - a path or a list of them
        if isinstance(value, list):
            return [relative(item) for item in value]
        return str(Path(value).relative_to(folder))

    return {key: relative(value) for key, value in saved.items()}


def _expected(error: Exception) -> bool:
    return isinstance(error, OSError | Refusal)


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
