"""Stands in for `lienthong.hub.register.Register` on one directory that does not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from lienthong.domain.agency import Agency, Directory
from lienthong.domain.groups import Groups, check_list
from lienthong.errors import Code, Refusal
from lienthong.hub.directory_port import GroupRow
from lienthong.hub.identity import Caller
from lienthong.hub.register import Delta


class FakeRegister:
    """See `Register`."""

    def __init__(self, directory: Callable[[], Directory]) -> None:
        self._directory = directory
        self.lists: dict[tuple[str, str], GroupRow] = {}
        self.version = 7

    async def changed(self, since: int) -> Delta:
        whole = not 0 < since <= self.version
        agencies = list(self._directory()) if whole else []
        return Delta(version=self.version, whole=whole, agencies=agencies)

    async def resolve(self, caller: Caller, expression: str) -> list[Agency]:
        lists = {row.name: row.members for row in await self.groups(caller)}
        groups = Groups(directory=self._directory(), asking=caller.agency, lists=lists)
        return groups.resolve(expression)

    async def groups(self, caller: Caller) -> list[GroupRow]:
        return [row for (owner, _), row in sorted(self.lists.items()) if owner in ("", caller.agency or "")]

    async def put_group(self, caller: Caller, name: str, members: Sequence[str]) -> GroupRow:
        row = GroupRow(
            owner=caller.agency or "",
            name=name,
            members=check_list(name, members, self._directory()),
            updated_at=datetime(2026, 3, 2, tzinfo=UTC),
            updated_by=caller.actor,
        )
        self.lists[row.owner, name] = row
        return row

    async def delete_group(self, caller: Caller, name: str) -> None:
        if self.lists.pop((caller.agency or "", name), None) is None:
            raise Refusal(Code.NOT_FOUND, field="name", detail=name)
