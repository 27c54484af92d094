"""Agencies hear of changes as they happen: BusinessService over the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lienthong.api.v1 import business_pb2 as pb
from lienthong.api.v1 import business_pb2_grpc
from lienthong.rpc import arguments, mapping, mapping_business
from lienthong.rpc.call import Context, caller, current
from lienthong.rpc.pipeline import closing

if TYPE_CHECKING:
    from lienthong.hub.application import Hub
    from lienthong.hub.status_port import ChangeRow, NoticeRow


class BusinessService(business_pb2_grpc.BusinessServiceServicer):
    """See proto/lienthong/api/v1/business.proto."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def WatchChanges(
        self, request: pb.WatchChangesRequest, context: Context
    ) -> AsyncIterator[pb.WatchChangesResponse]:
        """Runs until the client leaves; a certificate revoked meanwhile gets nothing more."""
        certificate = current().certificate
        after = arguments.optional(request.after, "after")
        async with closing(self._hub.watch_changes(caller(), after=after)) as found:
            async for place, change in found:
                await self._hub.identify(certificate)
                yield pb.WatchChangesResponse(place=place, change=self._change(change))

    async def ListNotices(self, request: pb.ListNoticesRequest, context: Context) -> pb.ListNoticesResponse:
        """One page; one item more is asked for to know whether there is a next."""
        size = arguments.count(request.page_size, default=100, most=500)
        after = arguments.optional(request.page_token, "page_token")
        rows = await self._hub.notices(caller(), after=after, limit=size + 1)
        return pb.ListNoticesResponse(
            notices=[self._notice(row) for row in rows[:size]],
            next_page_token=rows[size - 1].request.id if len(rows) > size else "",
        )

    async def AcknowledgeNotice(
        self, request: pb.AcknowledgeNoticeRequest, context: Context
    ) -> pb.AcknowledgeNoticeResponse:
        """Answers with the delivery."""
        delivery = arguments.required(request.delivery_id, "delivery_id")
        item = await self._hub.see_notice(caller(), delivery)
        return pb.AcknowledgeNoticeResponse(delivery_id=item.delivery.id)

    def _notice(self, row: NoticeRow) -> pb.Notice:
        directory = self._hub.directory
        return pb.Notice(
            document=mapping.document(row.document, directory),
            delivery=mapping.delivery(row.delivery, (), directory, current().language),
            request=mapping_business.request(row.request),
            by=mapping.document(row.by, directory),
            onward=[mapping.document(copy, directory) for copy in row.onward],
        )

    def _change(self, row: ChangeRow | None) -> pb.Change | None:
        if row is None:
            return None
        directory = self._hub.directory
        return pb.Change(
            at=mapping.timestamp(row.at),
            kind=row.kind,
            value=row.value,
            detail=row.detail or "",
            document=mapping.document(row.document, directory),
            delivery=mapping.delivery(row.delivery, (), directory, current().language),
        )
