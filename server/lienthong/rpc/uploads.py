"""How does a whole package come in? A header, then chunks: for Submit and for Check, on one bounded memory.

An upload is refused before its first byte is read when its header says too much; afterwards the bytes may neither
exceed nor fall short of what the header announced. Uploads share the memory and must keep a minimum speed.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lienthong.api.v1 import check_pb2, exchange_pb2
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Caller
from lienthong.rpc import arguments
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.quota import ByteBudget

Part = exchange_pb2.SubmitRequest | check_pb2.CheckRequest


class Uploads:
    """Reads uploads. One for all services of a server."""

    def __init__(self, limits: RpcLimits, metrics: RpcMetrics, *, max_package: int) -> None:
        self._limits = limits
        self._metrics = metrics
        self._max_package = max_package
        self._budget = ByteBudget(max(limits.upload_memory, max_package))

    @asynccontextmanager
    async def receive(self, sender: Caller, requests: AsyncIterator[Part]) -> AsyncIterator[bytes]:
        """One package, whole; its memory counts while the block runs. Raises `Refusal` for a bad upload."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "header":
            raise arguments.invalid("header", "the first message must be the header")
        size, digest = self._announced(first.header)
        async with self._budget.reserve(sender.certificate_sha256, size, wait=self._limits.upload_wait):
            yield await self._read(requests, size, digest)

    def _announced(self, header: exchange_pb2.SubmitHeader) -> tuple[int, str]:
        if header.size == 0:
            raise arguments.invalid("size", "missing")
        if header.size > self._max_package:
            raise Refusal(Code.XML_TOO_LARGE, field="size", detail=f"at most {self._max_package} bytes")
        return header.size, arguments.sha256(header.sha256)

    async def _read(self, requests: AsyncIterator[Part], size: int, digest: str) -> bytes:
        """Exactly `size` bytes with SHA-256 `digest`, in the time the minimum speed allows."""
        data = io.BytesIO()  # getvalue() below hands out its buffer without a copy
        actual = hashlib.sha256()
        try:
            # twice: a silent client is cut, with its own words, before a slow one is
            async with asyncio.timeout(2 * self._limits.idle + size / self._limits.upload_rate):
                async for request in requests:
                    chunk = self._chunk(request)
                    if data.tell() + len(chunk) > size:
                        raise arguments.invalid("chunk", f"more than the {size} bytes announced")
                    data.write(chunk)
                    actual.update(chunk)
        except TimeoutError as error:
            raise Refusal(Code.UNAVAILABLE, detail="the upload is too slow") from error
        self._metrics.received.inc(data.tell())
        if data.tell() != size:
            raise arguments.invalid("size", f"{data.tell()} bytes came, {size} were announced: send again")
        if actual.hexdigest() != digest:
            raise arguments.invalid("sha256", "the upload was damaged: send again")
        return data.getvalue()

    def _chunk(self, request: Part) -> bytes:
        if request.WhichOneof("part") != "chunk":
            raise arguments.invalid("chunk", "only chunks may follow the header")
        if not 0 < len(request.chunk) <= self._limits.max_chunk:
            raise arguments.invalid("chunk", f"1 to {self._limits.max_chunk} bytes each")
        chunk: bytes = request.chunk
        return chunk
