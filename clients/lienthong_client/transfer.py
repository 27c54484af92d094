"""How bytes go up and come down: chunks, progress, resuming, and what was announced against what came."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from lienthong.api.v1 import exchange_pb2
from lienthong.domain.ids import sha256_hex
from lienthong.errors import Code, Refusal
from lienthong_client.asking import Asking
from lienthong_client.channel import Connection
from lienthong_client.errors import Unreachable, to_refusal
from lienthong_client.retry import PASSING, Retry

CHUNK = 256 * 1024  # bytes
_IDLE = 60.0  # seconds without a chunk before the stream counts as broken

#: called with (bytes so far, bytes in all)
Progress = Callable[[int, int], None]


async def upload(connection: Connection, data: bytes, sha256: str, on_progress: Progress | None) -> Any:  # noqa: ANN401
    """One Submit call; gives the raw SubmitResponse."""

    asking = Asking()

    async def parts() -> AsyncIterator[exchange_pb2.SubmitRequest]:
        header = exchange_pb2.SubmitHeader(size=len(data), sha256=sha256)
        yield exchange_pb2.SubmitRequest(header=header)
        if not await asking.allowed(len(data)):
            return
        for start in range(0, len(data), CHUNK):
            yield exchange_pb2.SubmitRequest(chunk=data[start : start + CHUNK])
            if on_progress is not None:
                on_progress(min(start + CHUNK, len(data)), len(data))

    timeout = 60 + len(data) / (64 * 1024)  # seconds: a slow line of 64 KiB/s is still served
    return await connection.call(
        lambda: asking.about(
            connection.exchange.Submit(parts(), metadata=connection.metadata, timeout=timeout)
        )
    )


async def upload_many(
    connection: Connection, documents: AsyncIterable[bytes]
) -> AsyncGenerator[tuple[int, Any], None]:
    """One SubmitMany call: (place of the document, raw SubmitResponse or the hub's `Refusal`), as they are decided.

    Raises `Unreachable` or `Refusal` when the stream ends early: documents without an answer may have been accepted.
    """
    await connection.ready()

    async def parts() -> AsyncIterator[exchange_pb2.SubmitManyRequest]:
        place = 0
        async for data in documents:
            header = exchange_pb2.SubmitHeader(size=len(data), sha256=sha256_hex(data))
            yield exchange_pb2.SubmitManyRequest(tag=place, header=header, chunk=data[:CHUNK])
            for start in range(CHUNK, len(data), CHUNK):
                yield exchange_pb2.SubmitManyRequest(tag=place, chunk=data[start : start + CHUNK])
            place += 1

    call = connection.exchange.SubmitMany(parts(), metadata=connection.metadata)
    async with aclosing(connection.stream(call, idle_timeout=_IDLE)) as answers:
        async for answer in answers:
            accepted = answer.WhichOneof("outcome") == "accepted"
            yield answer.tag, answer.accepted if accepted else to_refusal(answer.refused)


@dataclass(slots=True, kw_only=True)
class Download:
    """One document on its way down. `run` resumes after a cut until `retry` tries bring no new byte."""

    connection: Connection
    reference: str  #: delivery id or document id
    retry: Retry
    max_bytes: int
    on_progress: Progress | None = None
    header: exchange_pb2.FetchHeader | None = None
    data: bytearray = field(default_factory=bytearray)

    async def run(self) -> tuple[exchange_pb2.FetchHeader, bytes]:
        """The hub's header and the bytes it announced.

        Raises `Refusal` SIGNATURE_INVALID when the bytes are not those announced, XML_TOO_LARGE when they are too
        many, and `Unreachable`.
        """
        while True:
            before = len(self.data)
            try:
                await self.retry.run(self._resume)
                break
            except (Unreachable, Refusal) as error:
                lasting = isinstance(error, Refusal) and error.code not in PASSING
                if lasting or len(self.data) == before:
                    raise
        if self.header is None:
            raise Unreachable(self.connection.address, "the hub sent no header")
        data = bytes(self.data)
        announced = self.header.document.sha256
        if sha256_hex(data) != announced:
            raise Refusal(
                Code.SIGNATURE_INVALID,
                field="sha256",
                detail=f"{len(data)} bytes came whose SHA-256 is not the announced {announced[:16]}…",
            )
        return self.header, data

    async def _resume(self) -> None:
        await self.connection.ready()
        request = exchange_pb2.FetchRequest(delivery_id=self.reference, offset=len(self.data))
        call = self.connection.exchange.Fetch(request, metadata=self.connection.metadata)
        async with aclosing(self.connection.stream(call, idle_timeout=_IDLE)) as messages:
            async for message in messages:
                if message.WhichOneof("part") == "header":
                    self._take_header(message.header)
                else:
                    self._take(message.chunk)
        if self.header is not None and len(self.data) < self.header.document.size:
            raise Unreachable(self.connection.address, f"the stream ended after {len(self.data)} bytes")

    def _take_header(self, header: exchange_pb2.FetchHeader) -> None:
        if header.document.size > self.max_bytes:
            raise Refusal(
                Code.XML_TOO_LARGE, detail=f"{header.document.size} bytes announced, at most {self.max_bytes}"
            )
        if self.header is not None and self.header.document.sha256 != header.document.sha256:
            raise Refusal(
                Code.SIGNATURE_INVALID, field="sha256", detail="the document changed while it was fetched"
            )
        self.header = header

    def _take(self, chunk: bytes) -> None:
        if self.header is None or len(self.data) + len(chunk) > self.header.document.size:
            raise Refusal(Code.SIGNATURE_INVALID, field="size", detail="more bytes came than were announced")
        self.data += chunk
        if self.on_progress is not None:
            self.on_progress(len(self.data), self.header.document.size)
