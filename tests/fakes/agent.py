"""What an agent under test needs: time that jumps, a disk that fails where it is told, a system that takes webhooks."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from lienthong.domain.document import Lane
from lienthong_client.agent import Agent, AgentSettings
from lienthong_client.agent.disk import Disk
from lienthong_client.agent.pace import Pace


class JumpingPace(Pace):
    """Time stands still until `jump`; waiting is jumping."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.start = datetime.now(UTC)

    def now(self) -> float:
        return 1_000_000.0 + self.passed

    def today(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def jump(self, **time: float) -> None:
        self.passed += timedelta(**time).total_seconds()

    async def wait(self, seconds: float) -> None:
        self.passed += seconds
        await asyncio.sleep(0.001)


class PowerCut(BaseException):
    """Everything stops here: no handler in between may go on."""


class FailingDisk(Disk):
    """Counts its operations and raises `error` at number `at` (from 1), before or after doing it."""

    def __init__(
        self, at: int = 0, *, after: bool = False, error: Callable[[], BaseException] = PowerCut
    ) -> None:
        self.count = 0
        self._at = at
        self._after = after
        self._error = error

    def _do(self, operation: Callable[[], None]) -> None:
        self.count += 1
        if self.count == self._at and not self._after:
            raise self._error()
        operation()
        if self.count == self._at:
            raise self._error()

    def make(self, folder: Path) -> None:
        self._do(lambda: Disk.make(self, folder))

    def write(self, path: Path, data: bytes) -> None:
        self._do(lambda: Disk.write(self, path, data))

    def move(self, source: Path, target: Path) -> None:
        self._do(lambda: Disk.move(self, source, target))

    def settle(self, folder: Path) -> None:
        self._do(lambda: Disk.settle(self, folder))

    def remove(self, path: Path) -> None:
        self._do(lambda: Disk.remove(self, path))


@dataclass
class Call:
    """One webhook call that came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class HookServer:
    """Takes calls; `answers` are the next ones' status codes, then 204."""

    calls: list[Call] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    url: str = ""
    came: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextmanager
    def running(cls, port: int = 0) -> Iterator[HookServer]:
        taken = cls()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                taken.calls.append(Call(dict(self.headers.items()), body))
                self.send_response(taken.answers.pop(0) if taken.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()
                taken.came.set()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", port), Handler)
        taken.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class Office:
    """One office's folder, agents on it, and what became of its files."""

    def __init__(self, root: Path, profile: Path, stack: AsyncExitStack, **outbox: Any) -> None:
        self.pace = JumpingPace()
        self.settings = AgentSettings.model_validate(
            {"profile": profile, "folder": root, "outbox": outbox, "language": "en"}
        )
        self.root = root
        self._stack = stack
        self.outbox = Agent(self.settings).folders.outbox

    def agent(self, disk: Disk | None = None) -> Agent:
        made = Agent(self.settings, disk=disk, pace=self.pace)
        self._stack.push_async_callback(made.client.close)
        return made

    def put(self, name: str, data: bytes | str) -> Path:
        path = self.outbox / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    async def work(self, agent: Agent) -> None:
        """Look, let the files settle, look again, send."""
        await agent.sender.take()
        self.pace.jump(seconds=3)
        await agent.sender.take()
        for lane in Lane:
            await agent.sender.send(lane)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.root / folder).iterdir())

    def result(self, place: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / place / "result.json").read_bytes())
        return found
