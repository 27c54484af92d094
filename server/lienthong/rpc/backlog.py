"""How does a backlog of documents come in over one stream? Each is accepted or refused for itself.

One document after the other is read, and up to `IN_HAND`, of `IN_HAND_BYTES` together, are decided at once; the stream
is read no further while so many wait, which is what holds a client back. Rate, memory and identity are those of single
submissions: each document spends one call's worth of the client's rate, reserves its memory, and its sender is asked
for again, so that a certificate revoked meanwhile sends nothing more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from lienthong.api.v1 import exchange_pb2 as pb
from lienthong.errors import Code, Refusal
from lienthong.hub.gate import SMALL, Room
from lienthong.hub.identity import Caller
from lienthong.rpc import arguments, mapping
from lienthong.rpc.call import Call
from lienthong.rpc.interceptors import told
from lienthong.rpc.limits import RpcLimits
from lienthong.rpc.metrics import RpcMetrics
from lienthong.rpc.uploads import Upload, Uploads

if TYPE_CHECKING:
    from lienthong.hub.application import Hub

IN_HAND = 32  #: documents of one stream that are decided at once
IN_HAND_BYTES = 8 << 20  #: of those that are not small; a larger one is alone


class Backlog:
    """One stream of documents and its answers."""

    def __init__(
        self,
        hub: Hub,
        uploads: Uploads,
        limits: RpcLimits,
        metrics: RpcMetrics,
        spend: Callable[[str], None],
        call: Call,
        requests: AsyncIterator[pb.SubmitManyRequest],
    ) -> None:
        """`spend` takes one call's worth of the rate of a certificate, or raises."""
        self._hub = hub
        self._uploads = uploads
        self._limits = limits
        self._metrics = metrics
        self._spend = spend
        self._call = call
        self._requests = requests
        self._back: pb.SubmitManyRequest | None = None  # read already, and of the next document
        self._refused: int | None = None  # the document whose further bytes nobody wants
        self._places = asyncio.Semaphore(IN_HAND)
        self._room = Room(IN_HAND_BYTES)
        self._answers: asyncio.Queue[pb.SubmitManyResponse | None] = asyncio.Queue()

    async def answers(self) -> AsyncIterator[pb.SubmitManyResponse]:
        """One for each document, as they are decided; documents in hand are answered before a fault of the stream."""
        reading = asyncio.create_task(self._read_all())
        try:
            while (answer := await self._answers.get()) is not None:
                yield answer
            await reading
        finally:
            reading.cancel()
            await asyncio.wait([reading])

    async def _read_all(self) -> None:
        deciding: set[asyncio.Task[None]] = set()
        try:
            while (message := await self._message()) is not None:
                if message.HasField("header") or message.tag != self._refused:
                    await self._places.acquire()
                    task = asyncio.create_task(await self._read(message))
                    deciding.add(task)
                    task.add_done_callback(deciding.discard)
        except asyncio.CancelledError:  # the client left
            for task in deciding:
                task.cancel()
            raise
        finally:
            if deciding:
                await asyncio.wait(deciding)
            self._answers.put_nowait(None)

    async def _message(self) -> pb.SubmitManyRequest | None:
        if self._back is not None:
            message, self._back = self._back, None
            return message
        return await anext(self._requests, None)

    async def _read(self, first: pb.SubmitManyRequest) -> Coroutine[None, None, None]:
        """Read the document that begins with `first`; what is to be done with it."""
        held = AsyncExitStack()
        try:
            sender, upload = await self._begin(first, held)
            if not upload.complete:
                await self._fill(first.tag, upload, first.header.size)
            self._metrics.received.inc(upload.came)
            data = upload.whole()
        except Refusal as refusal:
            await held.aclose()
            self._refused = first.tag
            return self._answer(first.tag, refusal)
        except BaseException:  # the client left: its memory goes back now, not when the collector comes
            await held.aclose()
            raise
        return self._decide(first.tag, sender, data, held)

    async def _begin(self, first: pb.SubmitManyRequest, held: AsyncExitStack) -> tuple[Caller, Upload]:
        if not first.HasField("header"):
            raise arguments.invalid("header", "a document begins with its header")
        sender = await self._hub.identify(self._call.certificate)
        self._spend(sender.certificate_sha256)
        size, digest = self._uploads.announced(first.header)
        if size > SMALL:
            await held.enter_async_context(self._room.hold(size))
        await held.enter_async_context(self._uploads.reserve(sender, size))
        upload = Upload(size, digest, self._limits.max_chunk)
        if first.chunk:
            upload.add(first.chunk)
        return sender, upload

    async def _fill(self, tag: int, upload: Upload, size: int) -> None:
        try:
            async with asyncio.timeout(self._uploads.patience(size)):
                while not upload.complete:
                    message = await self._message()
                    if message is None or message.HasField("header") or message.tag != tag:
                        self._back = message
                        return
                    upload.add(message.chunk)
        except TimeoutError as error:
            raise Refusal(Code.UNAVAILABLE, detail="the upload is too slow") from error

    async def _decide(self, tag: int, sender: Caller, data: bytes, held: AsyncExitStack) -> None:
        async with held:
            try:
                submission = await self._hub.submit(sender, data)
            except Exception as error:  # noqa: BLE001 - the boundary: an answer for this document alone
                await self._answer(tag, error)
                return
        self._places.release()
        accepted = mapping.submission(submission, self._call.language)
        self._answers.put_nowait(pb.SubmitManyResponse(tag=tag, accepted=accepted))

    async def _answer(self, tag: int, error: Exception) -> None:
        refusal, status = told(self._call, error)
        self._metrics.of(self._call.method).refused(refusal.code).inc()
        self._places.release()
        self._answers.put_nowait(pb.SubmitManyResponse(tag=tag, refused=status.SerializeToString()))
