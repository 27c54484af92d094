"""Agencies look each other up: DirectoryService over the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lienthong.api.v1 import common_pb2, directory_pb2_grpc
from lienthong.api.v1 import directory_pb2 as pb
from lienthong.hub.directory_port import GroupRow
from lienthong.rpc import arguments, mapping
from lienthong.rpc.call import Context, caller
from lienthong.rpc.stamps import timestamp

if TYPE_CHECKING:
    from lienthong.hub.application import Hub


PART = 1_000  # agencies per message: well under a client's bound of 4 MiB


class DirectoryService(directory_pb2_grpc.DirectoryServiceServicer):
    """See proto/lienthong/api/v1/directory.proto."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def SearchAgencies(
        self, request: pb.SearchAgenciesRequest, context: Context
    ) -> pb.SearchAgenciesResponse:
        """By code or words of the name."""
        text = arguments.required(request.text, "text", longest=200)
        limit = arguments.count(request.limit, default=20, most=200)
        found = await self._hub.search_agencies(text, limit=limit)
        return pb.SearchAgenciesResponse(agencies=[mapping.agency(each) for each in found])

    async def GetAgency(self, request: pb.GetAgencyRequest, context: Context) -> pb.GetAgencyResponse:
        """One agency by any of its codes."""
        found = await self._hub.agency(arguments.required(request.code, "code", longest=100))
        return pb.GetAgencyResponse(agency=mapping.agency(found))

    async def SyncAgencies(
        self, request: pb.SyncAgenciesRequest, context: Context
    ) -> AsyncIterator[pb.SyncAgenciesResponse]:
        """In parts of `PART` agencies; one empty part when nothing changed."""
        delta = await self._hub.register.changed(request.since)
        for start in range(0, max(len(delta.agencies), 1), PART):
            part = [mapping.agency(each) for each in delta.agencies[start : start + PART]]
            yield pb.SyncAgenciesResponse(version=delta.version, whole=delta.whole, agencies=part)

    async def ResolveGroup(
        self, request: pb.ResolveGroupRequest, context: Context
    ) -> pb.ResolveGroupResponse:
        """Who a group expression names today."""
        expression = arguments.required(request.expression, "expression", longest=200)
        found = await self._hub.register.resolve(caller(), expression)
        agencies = [common_pb2.Agency(code=a.code, name=a.name, tier=a.tier) for a in found]
        return pb.ResolveGroupResponse(agencies=agencies)

    async def ListGroups(self, request: pb.ListGroupsRequest, context: Context) -> pb.ListGroupsResponse:
        """The caller's lists and the operators'."""
        rows = await self._hub.register.groups(caller())
        return pb.ListGroupsResponse(groups=[_group(row) for row in rows])

    async def PutGroup(self, request: pb.PutGroupRequest, context: Context) -> pb.PutGroupResponse:
        """Keep a list of the caller's."""
        row = await self._hub.register.put_group(
            caller(),
            arguments.required(request.name, "name", longest=63),
            [arguments.required(member, "members", longest=200) for member in request.members],
        )
        return pb.PutGroupResponse(group=_group(row))

    async def DeleteGroup(self, request: pb.DeleteGroupRequest, context: Context) -> pb.DeleteGroupResponse:
        """Give up a list of the caller's."""
        await self._hub.register.delete_group(caller(), arguments.required(request.name, "name", longest=63))
        return pb.DeleteGroupResponse()


def _group(row: GroupRow) -> pb.Group:
    return pb.Group(
        name=row.name,
        owner=row.owner,
        members=row.members,
        updated_at=timestamp(row.updated_at),
        updated_by=row.updated_by,
    )
