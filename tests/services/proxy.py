"""A TCP proxy on loopback whose connections a test can cut, or let hang, at the moment it chooses."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self


class Proxy:
    """Forwards 127.0.0.1:`port` to `target_port`. Use with `async with`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers_flow = asyncio.Event()
        self._answers_flow.set()
        self.port = 0
        self.accepted = 0
        self.refusing = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self) -> None:
        """Break every connection now, with a reset, whatever is on its way."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def hold_answers(self) -> None:
        """From now on nothing comes back from the target; what is sent still arrives."""
        self._answers_flow.clear()

    def release_answers(self) -> None:
        """Let answers through again."""
        self._answers_flow.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.refusing:
                return
            self.accepted += 1
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(target_writer)
            try:
                await asyncio.gather(
                    self._pump(reader, target_writer, None),
                    self._pump(target_reader, writer, self._answers_flow),
                )
            finally:
                self._writers.discard(target_writer)
                target_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # cut: that is what this proxy is for
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event | None
    ) -> None:
        while data := await reader.read(65_536):
            if gate is not None:
                await gate.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
