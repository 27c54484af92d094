"""Agencies look each other up: DirectoryService over the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lienthong.api.v1 import directory_pb2 as pb
from lienthong.api.v1 import directory_pb2_grpc
from lienthong.rpc import arguments, mapping
from lienthong.rpc.call import Context

if TYPE_CHECKING:
    from lienthong.hub.application import Hub


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
