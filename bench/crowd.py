"""Many senders in processes of their own, so that the hub is measured and not the sender's Python.

What they send is serialised and their connections are opened before the clock starts; after `go` they do nothing but
send and take answers. Connections are new for each round: the kernel deals them out to hubs that share a port, and no
round's deal is the next one's. Their processor time is counted and told, because they share the machine with the hub.

    async with Crowd(state, Way.MANY) as crowd:
        await crowd.prepare(documents, at_once=32)
        answers = await crowd.go()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from bench.documents import Signed
from bench.load import Answer
from lienthong.api.v1 import exchange_pb2 as pb
from lienthong_client.channel import secure_channel
from lienthong_client.profile import Profile
from lienthong_client.transfer import CHUNK

PROCESSES = 2
CONNECTIONS = (
    16  #: of each process, as hundreds of agencies have: few would leave one hub with most of the work
)
SERVICE = "/lienthong.api.v1.ExchangeService"
T = TypeVar("T")


class Way(StrEnum):
    """How documents are handed in."""

    UNARY = "unary"  #: one Submit call each
    MANY = "many"  #: SubmitMany, one stream per connection


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What one process got, by the places of its documents, and the processor time it used."""

    answers: dict[int, Answer] = field(repr=False)
    used: float


class Crowd:
    """Processes that send. `used`: their processor seconds of the last `go`."""

    def __init__(self, state: Path, way: Way, *, processes: int = PROCESSES) -> None:
        self._state = state
        self.way = way
        self._pools = [
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) for _ in range(processes)
        ]  # one each: what was prepared must meet its go
        self._places: list[range] = []
        self.used = 0.0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools:
            await asyncio.to_thread(pool.shutdown)

    async def prepare(self, documents: Sequence[Signed], *, at_once: int) -> None:
        """Give every process its share."""
        parts = min(len(self._pools), at_once)
        self._places = [range(part, len(documents), parts) for part in range(parts)]
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(
                loop.run_in_executor(
                    pool,
                    _prepare,
                    self._state,
                    self.way,
                    {place: documents[place] for place in places},
                    at_once // parts,
                )
                for pool, places in zip(self._pools, self._places, strict=False)
            )
        )

    async def go(self) -> list[Answer]:
        """Send everything; the answers in the documents' order. Raises when one was refused."""
        loop = asyncio.get_running_loop()
        working = self._pools[: len(self._places)]
        shares = await asyncio.gather(*(loop.run_in_executor(pool, _go) for pool in working))
        self.used = sum(share.used for share in shares)
        found = {place: answer for share in shares for place, answer in share.answers.items()}
        return [found[place] for place in range(len(found))]


# --- in the process -------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Work:
    way: Way
    requests: dict[int, list[bytes]]  #: serialised messages of each document
    channels: list[grpc.aio.Channel]  #: connected
    at_once: int  #: on each channel


_loop: asyncio.AbstractEventLoop | None = None
_work: _Work | None = None


def _run(work: Coroutine[Any, Any, T]) -> T:
    """On the process's one event loop: connections live from `_prepare` to `_go`."""
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
    return _loop.run_until_complete(work)


def _prepare(state: Path, way: Way, documents: dict[int, Signed], at_once: int) -> None:
    requests = {place: _messages(way, place, document) for place, document in documents.items()}
    sender = next(iter(documents.values())).sender
    number = min(CONNECTIONS, at_once)
    channels = _run(_connect(Profile.load(state / "agencies" / sender / "profile.toml"), number))
    global _work
    _work = _Work(way=way, requests=requests, channels=channels, at_once=at_once // number)


async def _connect(profile: Profile, number: int) -> list[grpc.aio.Channel]:
    channels = [secure_channel(profile) for _ in range(number)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    return channels


def _messages(way: Way, place: int, document: Signed) -> list[bytes]:
    data = document.data
    header = pb.SubmitHeader(size=len(data), sha256=document.sha256)
    chunks = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    made: list[Any]
    if way is Way.UNARY:
        made = [pb.SubmitRequest(header=header), *(pb.SubmitRequest(chunk=chunk) for chunk in chunks)]
    else:
        made = [pb.SubmitManyRequest(tag=place, header=header, chunk=chunks[0])]
        made += [pb.SubmitManyRequest(tag=place, chunk=chunk) for chunk in chunks[1:]]
    return [message.SerializeToString() for message in made]


def _go() -> _Sent:
    assert _work is not None
    return _run(_send(_work))


async def _send(work: _Work) -> _Sent:
    places, number = list(work.requests), len(work.channels)
    send = _unary if work.way is Way.UNARY else _many
    try:
        began = time.process_time()
        found = await asyncio.gather(
            *(
                send(channel, {place: work.requests[place] for place in places[at::number]}, work.at_once)
                for at, channel in enumerate(work.channels)
            )
        )
        used = time.process_time() - began
    finally:
        await asyncio.gather(*(channel.close() for channel in work.channels))
    return _Sent(answers={place: answer for share in found for place, answer in share.items()}, used=used)


async def _unary(
    channel: grpc.aio.Channel, requests: dict[int, list[bytes]], at_once: int
) -> dict[int, Answer]:
    call: Any = channel.stream_unary(f"{SERVICE}/Submit", response_deserializer=pb.SubmitResponse.FromString)
    slots = asyncio.Semaphore(max(1, at_once))

    async def one(messages: list[bytes]) -> Answer:
        async with slots:
            began = time.perf_counter()
            return _answer(await call(iter(messages)), began)

    answers = await asyncio.gather(*(one(messages) for messages in requests.values()))
    return dict(zip(requests, answers, strict=True))


async def _many(
    channel: grpc.aio.Channel, requests: dict[int, list[bytes]], at_once: int
) -> dict[int, Answer]:
    slots = asyncio.Semaphore(max(1, at_once))
    began: dict[int, float] = {}

    async def messages() -> AsyncIterator[bytes]:
        for place, parts in requests.items():
            await slots.acquire()
            began[place] = time.perf_counter()
            for part in parts:
                yield part

    method: Any = channel.stream_stream(
        f"{SERVICE}/SubmitMany", response_deserializer=pb.SubmitManyResponse.FromString
    )
    call = method(messages())
    found: dict[int, Answer] = {}
    while (response := await call.read()) is not grpc.aio.EOF:
        if response.WhichOneof("outcome") != "accepted":
            raise RuntimeError(f"refused: {response.refused!r}")
        found[response.tag] = _answer(response.accepted, began[response.tag])
        slots.release()
    return found


def _answer(response: pb.SubmitResponse, began: float) -> Answer:
    ended = time.perf_counter()
    return Answer(
        seconds=ended - began,
        at=ended,
        document_id=response.document_id,
        acceptance=response.submission_acceptance,
    )
