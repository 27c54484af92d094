"""The part of the fake store about the event log: see tests/fakes/store.py."""

from __future__ import annotations

from lienthong.hub.rows import EventRow
from tests.fakes.failing import Failing, may_fail


class FakeEvents(Failing):
    """The `EventStore` port."""

    def __init__(self) -> None:
        super().__init__()
        self._events: list[EventRow] = []

    @may_fail
    async def append(self, event: EventRow) -> None:
        self._events.append(event)

    @may_fail
    async def events(self, *, document_id: str | None = None, limit: int = 100) -> list[EventRow]:
        if document_id is None:
            return self._events[::-1][:limit]
        return [event for event in self._events if event.document_id == document_id][:limit]
