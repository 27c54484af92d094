"""The bare pipeline: how fast could any program be that verifies at every hop over this broker?

Its own minimal code: each hop consumes, verifies with plain signxml, publishes to the next queue with a confirm, and
acknowledges; quorum queues and persistent messages as Lienthong's. No store, no records, no chain, no routing.

    python -m bench.pipeline URL PREFIX HOPS CERTIFICATE THREADS NOTES     # one worker process for every hop
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from cryptography import x509

from bench.machine import NotReady
from bench.yardsticks import signxml_verifier

AT_WORK = 4  # messages in work at once, as a relay's lane
ARGUMENTS: dict[str, object] = {"x-queue-type": "quorum"}
READY_SECONDS = 30.0


def persistent(body: bytes, started: float) -> aio_pika.Message:
    """A message that carries when its way began."""
    return aio_pika.Message(
        body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, headers={"started": repr(started)}
    )


# --- the worker process ---------------------------------------------------------------------------------


async def work(
    url: str, prefix: str, hops: int, certificate: x509.Certificate, threads: bool, notes: str
) -> None:
    """Serve every hop until killed. `notes`: a file for when each message was taken and verified; "" for none."""
    verify = signxml_verifier(certificate)
    consuming, publishing = await aio_pika.connect(url), await aio_pika.connect(url)
    out = await publishing.channel(publisher_confirms=True, on_return_raises=True)
    slots = asyncio.Semaphore(AT_WORK)
    out_of = open(notes, "a", buffering=1) if notes else None  # noqa: ASYNC230, SIM115 - ends with the process

    def hop(number: int) -> Callable[[AbstractIncomingMessage], Awaitable[None]]:
        async def receive(message: AbstractIncomingMessage) -> None:
            async with slots:
                taken = time.time()
                if threads:
                    await asyncio.to_thread(verify, message.body)
                else:
                    verify(message.body)
                started = str(message.headers["started"])
                if out_of is not None:
                    seen = {"started": started, "hop": number, "taken": taken, "verified": time.time()}
                    out_of.write(json.dumps(seen) + "\n")
                copy = persistent(message.body, float(started))
                await out.default_exchange.publish(copy, f"{prefix}{number + 1}", mandatory=True)
                await message.ack()

        return receive

    for number in range(1, hops + 1):
        channel = await consuming.channel(publisher_confirms=False)
        await channel.set_qos(AT_WORK)
        queue = await channel.get_queue(f"{prefix}{number}")
        await queue.consume(hop(number))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


# --- the benchmark's side -------------------------------------------------------------------------------


class Pipeline:
    """Queues 1 to `hops` with worker processes between them, and a last queue that is counted here."""

    def __init__(
        self,
        url: str,
        certificate: Path,
        *,
        hops: int,
        processes: int = 1,
        threads: bool = False,
        notes: Path | None = None,
    ) -> None:
        self._url = url
        self._certificate = certificate
        self._hops = hops
        self._number = processes
        self._threads = threads
        self._notes = "" if notes is None else str(notes)
        self._prefix = f"bare-{os.getpid()}-{time.monotonic_ns()}."
        self._processes: list[asyncio.subprocess.Process] = []
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._changed = asyncio.Event()
        self.arrived: list[float] = []  #: seconds on the way, of each message that came out
        self.came: dict[str, float] = {}  #: when, by the text of when its way began

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect(self._url)
        self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        for number in range(1, self._hops + 2):
            await self._channel.declare_queue(
                f"{self._prefix}{number}",
                durable=True,
                arguments=ARGUMENTS,  # type: ignore[arg-type]
            )
        self._last = await self._channel.get_queue(f"{self._prefix}{self._hops + 1}")
        self._tag = await self._last.consume(self._count, no_ack=False)
        await asyncio.gather(*(self._start() for _ in range(self._number)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            await process.wait()
        assert self._channel is not None
        assert self._connection is not None
        await self._last.cancel(self._tag)
        for number in range(1, self._hops + 2):
            await self._channel.queue_delete(f"{self._prefix}{number}")
        await self._connection.close()

    async def _start(self) -> None:
        words = [
            self._url,
            self._prefix,
            str(self._hops),
            str(self._certificate),
            str(int(self._threads)),
            self._notes,
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.pipeline", *words, stdout=asyncio.subprocess.PIPE
        )
        self._processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            if await process.stdout.readline() != b"ready\n":
                raise NotReady("the bare pipeline does not start")

    async def _count(self, message: AbstractIncomingMessage) -> None:
        started, now = str(message.headers["started"]), time.time()
        self.came[started] = now
        self.arrived.append(now - float(started))
        await message.ack()
        self._changed.set()

    async def publish(self, body: bytes) -> None:
        """Into the first queue, confirmed."""
        assert self._channel is not None
        message = persistent(body, time.time())
        await self._channel.default_exchange.publish(message, f"{self._prefix}1", mandatory=True)

    async def publish_all(self, bodies: Sequence[bytes]) -> None:
        """All of them."""
        for start in range(0, len(bodies), 64):
            await asyncio.gather(*(self.publish(body) for body in bodies[start : start + 64]))

    async def until(self, number: int) -> None:
        """Wait until so many have come out."""
        async with asyncio.timeout(300):
            while len(self.arrived) < number:
                self._changed.clear()
                await self._changed.wait()

    @contextlib.contextmanager
    def asleep(self) -> Iterator[None]:
        """Inside, no worker works (SIGSTOP)."""
        for process in self._processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self._processes:
                process.send_signal(signal.SIGCONT)


if __name__ == "__main__":
    _url, _prefix, _hops, _certificate, _threads, _notes = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        _loaded = x509.load_pem_x509_certificate(Path(_certificate).read_bytes())
        asyncio.run(work(_url, _prefix, int(_hops), _loaded, _threads == "1", _notes))
