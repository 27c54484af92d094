"""How does a whole package come in? A header, then chunks: for Submit and for Check, on one bounded memory.

An upload is refused before its first byte is read when its header says too much; afterwards the bytes may neither
exceed nor fall short of what the header announced. Uploads share the memory and must keep a minimum speed.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from lienthong.api.v1 import check_pb2, exchange_pb2
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong.hub.identity import Caller
from lienthong.rpc import arguments
from lienthong.rpc.call import go_ahead
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
        size, digest = self.announced(first.header)
        async with self.reserve(sender, size):
            await go_ahead(size)
            yield await self._read(requests, size, digest)

    def reserve(self, sender: Caller, size: int) -> AbstractAsyncContextManager[None]:
        """Hold memory for `size` bytes while the block runs."""
        return self._budget.reserve(sender.certificate_sha256, size, wait=self._limits.upload_wait)

    def announced(self, header: exchange_pb2.SubmitHeader) -> tuple[int, str]:
        """Size and SHA-256; raises `Refusal` for what cannot be taken, before a byte of it is read."""
        if header.size == 0:
            raise arguments.invalid("size", "missing")
        if header.size > self._max_package:
            raise Refusal(Code.XML_TOO_LARGE, field="size", detail=f"at most {self._max_package} bytes")
        return header.size, arguments.sha256(header.sha256)

    async def _read(self, requests: AsyncIterator[Part], size: int, digest: str) -> bytes:
        """Exactly `size` bytes with SHA-256 `digest`, in the time the minimum speed allows."""
        upload = Upload(size, digest, self._limits.max_chunk)
        try:
            async with asyncio.timeout(self.patience(size)):
                async for request in requests:
                    if request.WhichOneof("part") != "chunk":
                        raise arguments.invalid("chunk", "only chunks may follow the header")
                    upload.add(request.chunk)
        except TimeoutError as error:
            raise Refusal(Code.UNAVAILABLE, detail="the upload is too slow") from error
        self._metrics.received.inc(upload.came)
        return upload.whole()

    def patience(self, size: int) -> float:
        """Seconds an upload may take."""
        # twice: a silent client is cut, with its own words, before a slow one is
        return 2 * self._limits.idle + size / self._limits.upload_rate


class Upload:
    """The bytes of one package as they come, held against what was announced. Raises `Refusal` for what is not that."""

    def __init__(self, size: int, sha256: str, max_chunk: int) -> None:
        self._size = size
        self._sha256 = sha256
        self._max_chunk = max_chunk
        self._data = io.BytesIO()  # getvalue() hands out its buffer without a copy

    @property
    def came(self) -> int:
        """Bytes so far."""
        return self._data.tell()

    @property
    def complete(self) -> bool:
        """Whether as many bytes came as were announced."""
        return self._data.tell() == self._size

    def add(self, chunk: bytes) -> None:
        """The next bytes."""
        if not 0 < len(chunk) <= self._max_chunk:
            raise arguments.invalid("chunk", f"1 to {self._max_chunk} bytes each")
        if self._data.tell() + len(chunk) > self._size:
            raise arguments.invalid("chunk", f"more than the {self._size} bytes announced")
        self._data.write(chunk)

    def whole(self) -> bytes:
        """All of them, if they are those announced."""
        if not self.complete:
            raise arguments.invalid(
                "size", f"{self.came} bytes came, {self._size} were announced: send again"
            )
        data = self._data.getvalue()
        if sha256_hex(data) != self._sha256:
            raise arguments.invalid("sha256", "the upload was damaged: send again")
        return data
