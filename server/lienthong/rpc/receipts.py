"""Both sides and operators see who is late: ReceiptService over the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lienthong.api.v1 import receipts_pb2 as pb
from lienthong.api.v1 import receipts_pb2_grpc
from lienthong.domain.day import read_month
from lienthong.hub.receipt_port import FigureRow, OverdueKind
from lienthong.hub.receipts import Side
from lienthong.rpc import arguments, mapping
from lienthong.rpc.call import Context, caller, current

if TYPE_CHECKING:
    from lienthong.domain.agency import Directory
    from lienthong.hub.application import Hub


class ReceiptService(receipts_pb2_grpc.ReceiptServiceServicer):
    """See proto/lienthong/api/v1/receipts.proto."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def ListOverdue(self, request: pb.ListOverdueRequest, context: Context) -> pb.ListOverdueResponse:
        """One page; one item more is asked for to know whether there is a next."""
        size = arguments.count(request.page_size, default=100, most=500)
        items = await self._hub.receipts.overdue(
            caller(),
            arguments.choice(request.kind, "kind", OverdueKind, default=OverdueKind.LATE),
            side=arguments.choice(request.side, "side", Side, default=Side.RECIPIENT),
            sender=arguments.optional(request.sender, "sender"),
            recipient=arguments.optional(request.recipient, "recipient"),
            since=arguments.moment(request, "since"),
            after=arguments.optional(request.page_token, "page_token"),
            limit=size + 1,
        )
        page = items[:size]
        directory, language = self._hub.directory, current().language
        return pb.ListOverdueResponse(
            items=[
                pb.OverdueItem(
                    document=mapping.document(item.document, directory),
                    delivery=mapping.delivery(item.delivery, (), directory, language),
                )
                for item in page
            ],
            next_page_token=page[-1].delivery.id if len(items) > size else "",
        )

    async def GetFigures(self, request: pb.GetFiguresRequest, context: Context) -> pb.GetFiguresResponse:
        """Every agency's figures, or the calling agency's own."""
        try:
            month = read_month(request.month)
        except ValueError as error:
            raise arguments.invalid("month", "not a month as yyyy-MM") from error
        rows = await self._hub.receipts.figures(caller(), month)
        return pb.GetFiguresResponse(figures=[_figures(row, self._hub.directory) for row in rows])


def _figures(row: FigureRow, directory: Directory) -> pb.Figures:
    return pb.Figures(
        agency=row.agency,
        name=mapping.name_of(directory, row.agency),
        sent=row.sent,
        received=row.received,
        on_time=row.on_time,
        late=row.late,
        waiting=row.waiting,
        withdrawn=row.withdrawn,
    )
