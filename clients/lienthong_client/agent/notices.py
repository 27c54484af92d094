"""How does an office that only looks into folders hear that a document was recalled, replaced or asked back?

    .notices/ID/files          notice.txt for people, notice.json for programs
    .notices/ID/record.json    both are there             -> files/ moves to notices/NAME in one rename
    (files/ gone)              it is in notices/          -> the hub is told that it was seen

The hub lists notices until they are seen; what is asked of the clerk is listed until the clerk answers. The record
stays a while, so that neither a crash nor a hub brought back from a copy makes a second file.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from lienthong.domain.request import RequestState
from lienthong.errors import Language, Refusal
from lienthong_client.agent.disk import Disk, free_place
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.job import short_name
from lienthong_client.agent.pace import Pace
from lienthong_client.agent.status import Status
from lienthong_client.cli import shapes
from lienthong_client.cli.notices import number_of, sender_of, told
from lienthong_client.cli.output import clean
from lienthong_client.cli.words import Words
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.results_business import Notice

log = structlog.get_logger(__name__)

FILES, RECORD, TEXT, JSON = "files", "record.json", "notice.txt", "notice.json"
_EVERY = 30.0  # seconds
_KEPT = timedelta(days=90)
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}")
_LANGUAGES: tuple[Language, ...] = ("vi", "en")


class Notices:
    """The notices' way into the folder. `run` looks again and again; `round` looks once."""

    def __init__(
        self, *, client: AgencyClient, folders: Folders, disk: Disk, pace: Pace, status: Status
    ) -> None:
        self._client = client
        self._folders = folders
        self._disk = disk
        self._pace = pace
        self._status = status

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.round()
            await self._pace.wait(_EVERY)

    async def round(self) -> None:
        """Put every notice into its file, and tell the hub of those that leave nothing to answer."""
        try:
            listed = await self._client.notices()
            for notice in listed:
                await self._take(notice)
            await asyncio.to_thread(self._forget, {_key(notice) for notice in listed})
        except (Unreachable, Refusal) as error:
            self._status.hub_away(error.message("en"), self._pace.now())
        except OSError as error:  # the disk: it is listed again
            self._status.trouble("notices", str(error))
        else:
            self._status.hub_answered()
            self._status.cure("notices")

    async def _take(self, notice: Notice) -> None:
        key = _key(notice)
        if not all(map(_ID.fullmatch, key.split(" "))):
            log.error(
                "notice.nameless", delivery_id=notice.delivery.delivery_id
            )  # an id is a folder's name here
            return
        await asyncio.to_thread(self._place, notice, self._folders.noticed / key)
        if notice.request.state is not RequestState.ASKED:
            await self._client.acknowledge_notice(notice.delivery.delivery_id)

    def _place(self, notice: Notice, stage: Path) -> None:
        files = stage / FILES
        if not (stage / RECORD).exists():
            self._disk.make(stage)
            self._disk.make(files)
            self._disk.write(files / JSON, _dump(shapes.notice(notice)))
            self._disk.write(files / TEXT, _text(notice).encode("utf-8", "replace"))
            self._disk.write(stage / RECORD, _dump({"at": self._pace.today().isoformat()}))
        if files.exists():
            place = free_place(self._folders.notices, _folder_name(notice))
            self._disk.move(files, place)
            log.info("notice.placed", delivery_id=notice.delivery.delivery_id, folder=place.name)

    def _forget(self, listed: Collection[str]) -> None:
        for stage in self._folders.noticed.iterdir():
            if stage.name in listed or not (stage / RECORD).exists():
                continue
            at = datetime.fromisoformat(json.loads((stage / RECORD).read_bytes())["at"])
            if self._pace.today() - at > _KEPT:
                self._disk.remove(stage)


def _key(notice: Notice) -> str:
    return f"{notice.delivery.delivery_id} {notice.request.package_id} {notice.request.kind.value}"


def _folder_name(notice: Notice) -> str:
    """As the document's folder in the inbox is called."""
    document = notice.document
    number = number_of(document).replace("/", "-").replace("\\", "-")
    return short_name(
        " ".join(part for part in (document.promulgation_date, document.sender, number) if part)
    )


def _text(notice: Notice) -> str:
    """Both languages: who reads it may not be who set the agent up."""
    document = notice.document
    parts = []
    for language in _LANGUAGES:
        words = Words(language)
        lines = [
            told(notice, words),
            f"{words('number')}: {number_of(document)}",
            f"{words('from')}: {sender_of(document)}",
            f"{words('subject')}: {document.subject}",
            f"{words('document')}: {document.document_id}",
        ]
        parts.append("\n".join(clean(line) for line in lines))
    return "\n\n".join(parts) + "\n"


def _dump(value: shapes.Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace")
