"""The directory as an agency's system uses it: groups of recipients, and a copy of all agencies kept up to date.

copy = await client.directory.sync(Path("agencies.csv"))    # the first time whole, then what changed
codes = await client.directory.expand(["@communes:H48.31", "H48.11"])
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from lienthong.api.v1 import directory_pb2
from lienthong.domain.agency import Agency, Directory, Environment
from lienthong.domain.directory_csv import read_csv, write_csv
from lienthong.domain.directory_file import read_agencies, write_agencies
from lienthong.domain.groups import is_group
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Refusal
from lienthong_client import mapping
from lienthong_client.channel import Connection
from lienthong_client.retry import Retry

T = TypeVar("T")

_TIMEOUT = 60.0  # seconds for one answer
_SYNC_TIMEOUT = 600.0  # seconds for a whole directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A named list of recipients."""

    name: str
    owner: str  #: "" for the operators'
    members: tuple[str, ...]
    updated_at: datetime | None
    updated_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a synchronisation did."""

    version: int
    changed: int  #: agencies written anew
    agencies: int  #: in the copy
    whole: bool  #: everything was fetched


class DirectoryClient:
    """See the module. Made by `AgencyClient`."""

    def __init__(self, connection: Connection, retry: Retry) -> None:
        self._connection = connection
        self._retry = retry

    async def resolve(self, expression: str) -> list[Agency]:
        """The agencies a group names today. NOT_FOUND when there are none, ARGUMENT_INVALID when it is no group."""
        request = directory_pb2.ResolveGroupRequest(expression=expression)
        response = await self._ask(lambda stub: stub.ResolveGroup, request)
        return [mapping.to_agency(agency) for agency in response.agencies]

    async def expand(self, recipients: Iterable[str]) -> list[str]:
        """Codes as given, groups as the codes they name today; each once, in order."""
        codes: dict[str, None] = {}
        for recipient in recipients:
            if is_group(recipient):
                codes.update(dict.fromkeys(agency.code for agency in await self.resolve(recipient)))
            else:
                codes[recipient] = None
        return list(codes)

    async def groups(self) -> list[Group]:
        """The lists we may use: the operators', then our own."""
        response = await self._ask(lambda stub: stub.ListGroups, directory_pb2.ListGroupsRequest())
        return [_group(group) for group in response.groups]

    async def put_group(self, name: str, members: Iterable[str]) -> Group:
        """Keep a list of ours, of codes and group expressions."""
        request = directory_pb2.PutGroupRequest(name=name.removeprefix("@"), members=list(members))
        return _group((await self._ask(lambda stub: stub.PutGroup, request)).group)

    async def delete_group(self, name: str) -> None:
        """Give up a list of ours. NOT_FOUND."""
        request = directory_pb2.DeleteGroupRequest(name=name.removeprefix("@"))
        await self._ask(lambda stub: stub.DeleteGroup, request)

    async def sync(self, file: Path, *, include_test: bool = False) -> Synced:
        """Bring a copy of the directory up to date: CSV or YAML by the file's name, its version beside it.

        A copy that was changed by hand, or of another hub, is fetched whole. `Directory.of(read…).at(day)` makes a
        directory of it that knows which agencies take documents on a day.
        """
        known, since = await asyncio.to_thread(_read_copy, file)  # () and 0 where there is none
        parts = await self._changed(since)
        version, whole = parts[-1].version, parts[-1].whole
        changed = [mapping.to_agency(agency) for part in parts for agency in part.agencies]
        agencies = {} if whole else {agency.code: agency for agency in known}
        agencies |= {agency.code: agency for agency in changed}
        kept = [
            agency
            for _, agency in sorted(agencies.items())
            if include_test or agency.environment is not Environment.TEST
        ]
        if whole or changed:
            await asyncio.to_thread(_write_copy, file, kept, version)
        return Synced(version=version, changed=len(changed), agencies=len(kept), whole=whole)

    async def _changed(self, since: int) -> list[Any]:
        request = directory_pb2.SyncAgenciesRequest(since=since)
        connection = self._connection

        async def collect() -> list[Any]:
            call = connection.directory.SyncAgencies(
                request, metadata=connection.metadata, timeout=_SYNC_TIMEOUT
            )
            return [part async for part in call]

        return await self._retry.run(lambda: connection.call(collect))

    async def _ask(self, method: Callable[[Any], Callable[..., Awaitable[T]]], request: object) -> Any:  # noqa: ANN401
        connection = self._connection
        return await self._retry.run(
            lambda: connection.call(
                lambda: method(connection.directory)(request, metadata=connection.metadata, timeout=_TIMEOUT)
            )
        )


def read_copy(file: Path) -> Directory:
    """The directory a synchronised file holds, for every day. Raises `Refusal` ARGUMENT_INVALID, OSError."""
    return Directory.of(_parsed(file, file.read_text("utf-8-sig")))


def _group(message: Any) -> Group:  # noqa: ANN401 - a protobuf message
    return Group(
        name=message.name,
        owner=message.owner,
        members=tuple(message.members),
        updated_at=mapping.to_time(message.updated_at),
        updated_by=message.updated_by,
    )


def _parsed(file: Path, text: str) -> tuple[Agency, ...]:
    return read_csv(text) if file.suffix.lower() in (".csv", ".tsv", ".txt") else read_agencies(text)


def _beside(file: Path) -> Path:
    return file.with_name(file.name + ".version")


def _read_copy(file: Path) -> tuple[tuple[Agency, ...], int]:
    """The copy and its version; nothing and 0 where it is not just as it was written."""
    with suppress(OSError, ValueError, KeyError, TypeError, Refusal):
        data = file.read_bytes()
        noted = json.loads(_beside(file).read_text("utf-8"))
        if noted["sha256"] == sha256_hex(data):
            return _parsed(file, data.decode("utf-8-sig")), int(noted["version"])
    return (), 0


def _write_copy(file: Path, agencies: list[Agency], version: int) -> None:
    as_table = file.suffix.lower() in (".csv", ".tsv", ".txt")
    data = (write_csv(agencies) if as_table else write_agencies(agencies)).encode()
    note = json.dumps({"version": version, "sha256": sha256_hex(data)})
    _replace(file, data)  # first: a crash in between makes the next one fetch the whole
    _replace(_beside(file), note.encode())


def _replace(file: Path, data: bytes) -> None:
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(file)
