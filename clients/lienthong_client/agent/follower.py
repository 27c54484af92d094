"""How do other systems hear what became of documents later? Every change the hub tells of becomes a webhook's event.

    .changes.json       the place in the hub's changes up to which everything is written down

The event is written down before the place, so a crash in between writes it once more, under the same id: the change's
own place. Nobody follows while no webhook wants to hear of it; from the day one does, it hears what comes from then on.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import structlog

from lienthong.domain.delivery import DeliveryState
from lienthong.domain.request import RequestState
from lienthong.errors import Code, Refusal
from lienthong_client.agent.disk import Disk
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.pace import AWAY, Pace
from lienthong_client.agent.settings import EventKind
from lienthong_client.agent.status import Status
from lienthong_client.agent.webhooks import Webhooks
from lienthong_client.cli import shapes
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Unreachable
from lienthong_client.results_business import FIRST_PLACE, Change

log = structlog.get_logger(__name__)

_SKIPPED = 200  #: changes nobody is told of until their place is written down all the same
_PLAIN = re.compile(r"[\w.-]{1,80}")
#: on its way: the acceptance told of it, and the next news is that it arrived
_ON_THE_WAY = frozenset({DeliveryState.ACCEPTED.value, DeliveryState.IN_TRANSIT.value})
#: how a delivery to us ends without our doing
_ENDED = frozenset({DeliveryState.WITHDRAWN, DeliveryState.EXPIRED, DeliveryState.REFUSED})
_ASKED_OF_US = frozenset({RequestState.ASKED, RequestState.WITHDRAWN, RequestState.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """The last change we saw."""

    place: str
    at: datetime  #: its time; while we start over, that of the last one we saw before
    again: bool = False  #: we start over: what is older than `at` was told


class Follower:
    """The later life of documents. `run` follows; `take` writes one change down."""

    def __init__(
        self,
        *,
        client: AgencyClient,
        folders: Folders,
        disk: Disk,
        pace: Pace,
        webhooks: Webhooks,
        status: Status,
    ) -> None:
        self._client = client
        self._path = folders.changes
        self._disk = disk
        self._pace = pace
        self._webhooks = webhooks
        self._status = status
        self._reached: _Reached | None = None
        self._skipped = 0
        self._failures = 0

    async def run(self) -> None:
        """For ever."""
        if not self._webhooks.wants(EventKind.CHANGED):
            await asyncio.to_thread(self._disk.remove, self._path)
            await asyncio.Event().wait()
        while True:
            try:
                await self._follow()
            except (Unreachable, Refusal) as error:
                await self._failed(error)
            except OSError as error:  # the disk: what is not written down comes again
                self._status.trouble("changes", str(error))
            await self._pace.wait(AWAY.pause(self._failures))
            self._failures += 1

    async def _follow(self) -> None:
        self._reached = await asyncio.to_thread(self._read)
        after = None if self._reached is None else self._reached.place
        changes = self._client.watch_changes(
            after, on_interrupted=self._interrupted, on_place=self._begin if after is None else None
        )
        async with aclosing(changes):
            async for change in changes:
                self._status.hub_answered()
                await asyncio.to_thread(self.take, change)
                self._failures = 0
                self._status.cure("changes")

    async def _failed(self, error: Unreachable | Refusal) -> None:
        if isinstance(error, Refusal) and error.code is Code.ARGUMENT_INVALID:
            await asyncio.to_thread(self._start_over)
            return
        self._interrupted(error, 0)

    def _interrupted(self, reason: Unreachable | Refusal, seconds: float) -> None:
        self._status.hub_away(reason.message("en"), self._pace.now())

    def take(self, change: Change) -> None:
        """Tell of it, when it is news, and write its place down."""
        at, before = change.at or self._pace.today(), self._reached
        again = before is not None and before.again and at < before.at
        self._reached = _Reached(place=change.place, at=before.at if again and before else at, again=again)
        role = None if again else self._role(change)
        if role is not None:
            self._webhooks.emit(EventKind.CHANGED, _subject(change), {"role": role, **shapes.change(change)})
            log.info("delivery.changed", place=change.place, kind=change.kind, value=change.value)
        self._skipped = 0 if role is not None else self._skipped + 1
        if role is not None or self._skipped >= _SKIPPED:
            self._skipped = 0
            self._keep(self._reached)

    def _role(self, change: Change) -> str | None:
        """What we are of the delivery; None where it is no news to us: what we did ourselves, or see anyhow."""
        request = change.value.rpartition(" ")[2] if change.kind == "request" else None
        if request == RequestState.PENDING:
            return None
        if change.document.sender == self._client.profile.agency:
            return None if change.value in _ON_THE_WAY else "sender"
        told = request in _ASKED_OF_US if request is not None else change.value in _ENDED
        return "recipient" if told else None

    def _begin(self, place: str) -> None:
        self._reached = _Reached(place=place, at=self._pace.today())
        self._keep(self._reached)

    def _start_over(self) -> None:
        """The hub does not know our place: it was made anew, or brought back from a copy. Go through all it has.

        What is older than the last change we saw was told already, under the hub's old numbers.
        """
        kept = self._read()
        log.warning("changes.place_lost", place=kept and kept.place)
        if kept is None or kept.place == FIRST_PLACE:
            self._disk.remove(self._path)
        else:
            self._keep(_Reached(place=FIRST_PLACE, at=kept.at, again=True))

    def _keep(self, reached: _Reached) -> None:
        kept = {"place": reached.place, "at": reached.at.isoformat(), "again": reached.again}
        self._disk.write(self._path, json.dumps(kept).encode())

    def _read(self) -> _Reached | None:
        try:
            found = json.loads(self._path.read_bytes())
            at = datetime.fromisoformat(found["at"])
            return _Reached(place=str(found["place"]), at=at, again=found["again"] is True)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            log.warning("changes.place_lost", path=str(self._path))
            return None


def _subject(change: Change) -> str:
    """The place, when it can be a file's name."""
    if _PLAIN.fullmatch(change.place):
        return change.place
    return sha256(change.place.encode()).hexdigest()
