"""What callers can ask about the directory as a whole: copies kept up to date, and groups of recipients."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lienthong.domain.agency import Agency
from lienthong.domain.groups import Groups, check_list
from lienthong.errors import Code, Refusal
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.identity import Caller
from lienthong.hub.knowledge import Knowledge
from lienthong.hub.ports import Clock, Store
from lienthong.hub.rows import EventRow

OPERATORS = ""  #: owner of the lists everybody may use
MOST_LISTS = 1_000  #: of one owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What brings a copy of the directory up to `version`."""

    version: int
    whole: bool  #: these are all agencies, not only the changed ones
    agencies: list[Agency]  #: as written, with what changes on days to come


class Register:
    """See the module."""

    def __init__(self, store: Store, knowledge: Knowledge, clock: Clock) -> None:
        self._store = store
        self._knowledge = knowledge
        self._clock = clock

    async def changed(self, since: int) -> Delta:
        """The agencies written since version `since`; all of them for 0 and for a version this hub never had."""
        version, agencies = await self._store.changed_agencies(since)
        if 0 < since <= version:
            return Delta(version=version, whole=False, agencies=agencies)
        if since:
            version, agencies = await self._store.changed_agencies(0)
        return Delta(version=version, whole=True, agencies=agencies)

    async def resolve(self, caller: Caller, expression: str) -> list[Agency]:
        """The agencies a group expression names for this caller today, by code; see `domain.groups`."""
        lists: dict[str, tuple[str, ...]] = {}
        for row in await self.groups(caller):  # the operators' first, so that one's own wins
            lists[row.name] = row.members
        groups = Groups(directory=self._knowledge.now.directory, asking=caller.agency, lists=lists)
        return await asyncio.to_thread(groups.resolve, expression)

    async def groups(self, caller: Caller) -> list[GroupRow]:
        """The lists the caller may use, the operators' first."""
        return await self._store.groups(sorted({OPERATORS, _owner(caller)}))

    async def put_group(self, caller: Caller, name: str, members: Sequence[str]) -> GroupRow:
        """Keep a list of the caller's; codes are kept in canonical form."""
        owner = _owner(caller)
        kept = [row for row in await self._store.groups([owner]) if row.name != name]
        if len(kept) >= MOST_LISTS:
            raise Refusal(Code.ARGUMENT_INVALID, field="name", detail=f"{MOST_LISTS} lists are kept already")
        row = GroupRow(
            owner=owner,
            name=name,
            members=check_list(name, members, self._knowledge.now.directory),
            updated_at=self._clock(),
            updated_by=caller.actor,
        )
        detail = {"name": name, "members": len(row.members)}
        await self._store.put_group(row, event=self._event(caller, "group.kept", detail))
        return row

    async def delete_group(self, caller: Caller, name: str) -> None:
        """Give up a list of the caller's; NOT_FOUND."""
        event = self._event(caller, "group.deleted", {"name": name})
        if not await self._store.delete_group(_owner(caller), name, event=event):
            raise Refusal(Code.NOT_FOUND, field="name", detail=name)

    def _event(self, caller: Caller, kind: str, detail: dict[str, object]) -> EventRow:
        return EventRow(at=self._clock(), actor=caller.actor, kind=kind, subject=caller.agency, detail=detail)


def _owner(caller: Caller) -> str:
    return caller.agency or OPERATORS
