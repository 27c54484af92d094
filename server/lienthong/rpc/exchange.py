"""Agencies send and receive: ExchangeService over the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from lienthong.api.v1 import exchange_pb2 as pb
from lienthong.api.v1 import exchange_pb2_grpc
from lienthong.rpc import arguments, mapping
from lienthong.rpc.backlog import Backlog
from lienthong.rpc.call import Context, caller, current
from lienthong.rpc.limits import FETCH_CHUNK, RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.pipeline import closing
from lienthong.rpc.uploads import Uploads

if TYPE_CHECKING:
    from lienthong.hub.application import Hub

MAX_EVIDENCE = 262_144  # bytes of one signed record; ours stay under 20 KB


class ExchangeService(exchange_pb2_grpc.ExchangeServiceServicer):
    """See proto/lienthong/api/v1/exchange.proto."""

    def __init__(
        self,
        hub: Hub,
        uploads: Uploads,
        metrics: RpcMetrics,
        limits: RpcLimits,
        spend: Callable[[str], None],
    ) -> None:
        """`spend`: one call's worth of a certificate's rate."""
        self._hub = hub
        self._uploads = uploads
        self._metrics = metrics
        self._limits = limits
        self._spend = spend

    async def Submit(
        self, request_iterator: AsyncIterator[pb.SubmitRequest], context: Context
    ) -> pb.SubmitResponse:
        """Read one package whole, then let the hub decide."""
        sender = caller()
        async with self._uploads.receive(sender, request_iterator) as data:
            submission = await self._hub.submit(sender, data)
        return mapping.submission(submission, current().language)

    async def SubmitMany(
        self, request_iterator: AsyncIterator[pb.SubmitManyRequest], context: Context
    ) -> AsyncIterator[pb.SubmitManyResponse]:
        """See `backlog.py`."""
        backlog = Backlog(
            self._hub,
            self._uploads,
            self._limits,
            self._metrics,
            self._spend,
            current(),
            request_iterator,
        )
        async with closing(backlog.answers()) as answers:
            async for answer in answers:
                yield answer

    async def ListInbox(self, request: pb.ListInboxRequest, context: Context) -> pb.ListInboxResponse:
        """One page; one item more is asked for to know whether there is a next."""
        size = arguments.count(request.page_size, default=100, most=500)
        after = arguments.optional(request.page_token, "page_token")
        items = await self._hub.inbox(caller(), after=after, limit=size + 1)
        page = items[:size]
        return pb.ListInboxResponse(
            items=[mapping.inbox_item(item, self._hub.directory) for item in page],
            next_page_token=page[-1].delivery.id if len(items) > size else "",
        )

    async def WatchInbox(
        self, request: pb.WatchInboxRequest, context: Context
    ) -> AsyncIterator[pb.WatchInboxResponse]:
        """Runs until the client leaves; a certificate revoked meanwhile gets nothing more."""
        certificate = current().certificate
        async with closing(self._hub.watch_inbox(caller(), only_new=request.only_new)) as items:
            async for item in items:
                await self._hub.identify(certificate)
                yield pb.WatchInboxResponse(item=mapping.inbox_item(item, self._hub.directory))

    async def Fetch(self, request: pb.FetchRequest, context: Context) -> AsyncIterator[pb.FetchResponse]:
        """Header, then the bytes from the offset."""
        reference = arguments.required(request.delivery_id, "delivery_id")
        item, content = await self._hub.fetch(caller(), reference, offset=request.offset)
        async with closing(content) as pieces:
            if request.offset > item.document.size:
                raise arguments.invalid("offset", f"the document has {item.document.size} bytes")
            document = mapping.document(item.document, self._hub.directory)
            yield pb.FetchResponse(header=pb.FetchHeader(delivery_id=item.delivery.id, document=document))
            async for piece in pieces:
                for start in range(0, len(piece), FETCH_CHUNK):
                    chunk = piece[start : start + FETCH_CHUNK]
                    self._metrics.sent.inc(len(chunk))
                    yield pb.FetchResponse(chunk=chunk)

    async def Acknowledge(self, request: pb.AcknowledgeRequest, context: Context) -> pb.AcknowledgeResponse:
        """Hands the signed ContentHandover to the hub, which verifies it."""
        delivery_id = arguments.required(request.delivery_id, "delivery_id")
        if not request.content_handover:
            raise arguments.invalid("content_handover", "missing")
        if len(request.content_handover) > MAX_EVIDENCE:
            raise arguments.invalid("content_handover", f"at most {MAX_EVIDENCE} bytes")
        row = await self._hub.acknowledge(caller(), delivery_id, request.content_handover)
        return pb.AcknowledgeResponse(
            delivery_id=row.id, state=row.state, handed_over_at=mapping.timestamp(row.handed_over_at)
        )

    async def Track(self, request: pb.TrackRequest, context: Context) -> pb.TrackResponse:
        """Every delivery of the document the caller may see."""
        tracking = await self._hub.track(caller(), arguments.required(request.document, "document"))
        directory = self._hub.directory
        return pb.TrackResponse(
            document=mapping.document(tracking.document, directory),
            deliveries=mapping.deliveries(tracking, directory, current().language),
        )

    async def GetEvidence(self, request: pb.GetEvidenceRequest, context: Context) -> pb.GetEvidenceResponse:
        """All signed evidence of the document."""
        document, items = await self._hub.evidence(caller(), arguments.required(request.document, "document"))
        return pb.GetEvidenceResponse(
            document_id=document.id, evidence=[mapping.evidence(item) for item in items]
        )
