"""Agencies send and fetch files that travel beside their package: ContentService over the hub.

Nothing is gathered here: each chunk is on its way to the disk before the next is read, so these calls need no share of
the upload memory and no end of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lienthong.api.v1 import content_pb2 as pb
from lienthong.api.v1 import content_pb2_grpc
from lienthong.rpc import arguments
from lienthong.rpc.call import Context, caller, go_ahead
from lienthong.rpc.limits import FETCH_CHUNK, RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.pipeline import closing

if TYPE_CHECKING:
    from lienthong.hub.application import Hub


class ContentService(content_pb2_grpc.ContentServiceServicer):
    """See proto/lienthong/api/v1/content.proto."""

    def __init__(self, hub: Hub, limits: RpcLimits, metrics: RpcMetrics) -> None:
        self._hub = hub
        self._limits = limits
        self._metrics = metrics

    async def Stat(self, request: pb.StatRequest, context: Context) -> pb.StatResponse:
        """How far the caller's upload is."""
        state = await self._hub.content.state(caller(), arguments.sha256(request.sha256), request.size)
        return pb.StatResponse(offset=state.offset, complete=state.complete)

    async def Upload(
        self, request_iterator: AsyncIterator[pb.UploadRequest], context: Context
    ) -> pb.UploadResponse:
        """Pass the chunks on as they come."""
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("part") != "header":
            raise arguments.invalid("header", "the first message must be the header")
        header = first.header
        state = await self._hub.content.upload(
            caller(),
            arguments.sha256(header.sha256),
            header.size,
            header.offset,
            self._chunks(request_iterator, header.size - header.offset),
        )
        return pb.UploadResponse(offset=state.offset, complete=state.complete)

    async def _chunks(self, requests: AsyncIterator[pb.UploadRequest], size: int) -> AsyncIterator[bytes]:
        await go_ahead(size)  # nothing is asked of this before the header is taken
        async for request in requests:
            if request.WhichOneof("part") != "chunk":
                raise arguments.invalid("chunk", "only chunks may follow the header")
            if not 0 < len(request.chunk) <= self._limits.max_chunk:
                raise arguments.invalid("chunk", f"1 to {self._limits.max_chunk} bytes each")
            self._metrics.received.inc(len(request.chunk))
            yield request.chunk

    async def Download(
        self, request: pb.DownloadRequest, context: Context
    ) -> AsyncIterator[pb.DownloadResponse]:
        """Header, then the bytes from the offset."""
        reference = arguments.required(request.delivery_id, "delivery_id")
        digest = arguments.sha256(request.sha256)
        content, pieces = await self._hub.content.download(caller(), reference, digest, offset=request.offset)
        async with closing(pieces):
            header = pb.DownloadHeader(size=content.size, name=content.name, media_type=content.media_type)
            yield pb.DownloadResponse(header=header)
            async for piece in pieces:
                for start in range(0, len(piece), FETCH_CHUNK):
                    chunk = piece[start : start + FETCH_CHUNK]
                    self._metrics.sent.inc(len(chunk))
                    yield pb.DownloadResponse(chunk=chunk)
