"""Lienthong's real processes for a benchmark: a private RabbitMQ, a hub, relays, and looks at their store.

async with Machine(folder, directory=DIRECTORY) as machine:       # RabbitMQ, keys, hub
    await machine.start_relays()
    await machine.until_consigned(400)
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from lienthong.broker.private_node import PrivateNode, free_port
from lienthong.settings import load
from lienthong.store.database import open_engine

ROOT = Path(__file__).resolve().parent.parent
FOUR_TIERS = ROOT / "directory" / "four-tier-sample.yaml"
PROVINCE = ROOT / "directory" / "quang-ngai.yaml"
COMMUNE, DISTRICT, HEAD, DEPARTMENT = "H48.31.05", "H48.31", "H48", "H48.11"  # a way through the four tiers
BIN = Path(sys.executable).parent
READY_SECONDS = 90.0
POLL = 0.01

#: one sender stands for a whole province here
ENVIRONMENT = {"LIENTHONG__LIMITS__RATE": "1000000", "LIENTHONG__LIMITS__BURST": "1000000"}


class NotReady(Exception):
    """A process did not start; the text has the end of its log."""


@dataclass(slots=True)
class Program:
    """One running hub or relay."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid


@dataclass(slots=True, eq=False)
class Machine:
    """See the module. `relays` processes serve every node each, `hubs` share the port.

    `store_url` "" is SQLite in the folder. With `observe` the programs note what passes their ports into `noted`.
    """

    folder: Path
    directory: Path = FOUR_TIERS
    store_url: str = ""
    relays: int = 1
    hubs: int = 1
    observe: bool = False
    address: str = ""  #: of the hub
    programs: dict[str, Program] = field(default_factory=dict)
    _node: PrivateNode | None = None
    _engine: sa.Engine | None = None

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folder / "state"

    @property
    def noted(self) -> Path:
        """Where observed programs note; complete when they have ended."""
        return self.folder / "noted.jsonl"

    @property
    def node(self) -> PrivateNode:
        """The running RabbitMQ."""
        assert self._node is not None
        return self._node

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._node = PrivateNode(self.folder / "rabbitmq")
        await self._node.start()
        try:
            await self._initialise()
            await self.start("hub")
            for number in range(2, self.hubs + 1):
                await self.start("hub", name=f"hub-{number}", words=("--beside",))
            await self.until_declared()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _initialise(self) -> None:
        words = ["init", "--state", str(self.state), "--directory", str(self.directory)]
        self.address = f"127.0.0.1:{free_port()}"
        words += ["--hub-address", self.address, "--broker-url", self.node.amqp_url]
        words += ["--store-url", self.store_url] if self.store_url else []
        process = await asyncio.create_subprocess_exec(
            BIN / "lienthong", *words, stdout=asyncio.subprocess.DEVNULL
        )
        if await process.wait():
            raise NotReady("`lienthong init` failed")
        self._engine = open_engine(self.store())

    def store(self) -> str:
        """The store's URL."""
        return load(self.state / "lienthong.toml").store.url

    async def start(self, part: str, *, name: str | None = None, words: Sequence[str] = ()) -> Program:
        """Start `hub` or `relay` and wait until it says that it serves."""
        name = name or part
        log = self.folder / f"{name}.log"
        address = self.folder / f"{name}.socket"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(str(address))
            ready.setblocking(False)
            environment = {k: v for k, v in os.environ.items() if not k.startswith("LIENTHONG")}
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *self._program(),
                    part,
                    *words,
                    "--config",
                    self.state / "lienthong.toml",
                    stdout=output,
                    stderr=output,
                    env=environment
                    | ENVIRONMENT
                    | {"LIENTHONG__HUB__PROCESSES": str(self.hubs)}
                    | {"NOTIFY_SOCKET": str(address)},
                )
            self.programs[name] = program = Program(name, process, log)
            try:
                async with asyncio.timeout(READY_SECONDS):
                    await asyncio.get_running_loop().sock_recv(ready, 64)
            except TimeoutError as error:
                raise NotReady(f"{name}:\n{log.read_text()[-2000:]}") from error
        return program

    def _program(self) -> list[str]:
        if self.observe:
            return [sys.executable, "-m", "bench.observed", str(self.noted)]
        return [str(BIN / "lienthong")]

    async def until_declared(self) -> None:
        """Wait until the hub has declared the nodes' queues: what it publishes before waits for its reconciler."""
        log = self.programs["hub"].log
        await _until(lambda: "broker.declared" in log.read_text("utf-8"), READY_SECONDS, self._logs)

    async def start_relays(self) -> None:
        """Start the relays that do not run."""
        for number in range(1, self.relays + 1):
            if f"relay-{number}" not in self.programs:
                await self.start("relay", name=f"relay-{number}")

    async def stop_programs(self) -> None:
        """Stop relays and hub."""
        for program in reversed(self.programs.values()):
            if program.process.returncode is None:
                program.process.terminate()
                await program.process.wait()
        self.programs = {}

    async def stop(self) -> None:
        """Stop everything."""
        await self.stop_programs()
        if self._engine is not None:
            self._engine.dispose()
        await self.node.stop()

    @contextmanager
    def relays_asleep(self) -> Iterator[None]:
        """Inside, no relay works (SIGSTOP): what is submitted piles up before them."""
        asleep = [p for name, p in self.programs.items() if name.startswith("relay")]
        for program in asleep:
            os.kill(program.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for program in asleep:
                os.kill(program.pid, signal.SIGCONT)

    def pids(self) -> dict[str, int]:
        """Of hub, relays and broker."""
        assert self.node.pid is not None
        return {name: p.pid for name, p in self.programs.items()} | {"broker": self.node.pid}

    # --- looks at the store -----------------------------------------------------------------------------

    def count(self, question: str) -> int:
        """The one number a query answers."""
        assert self._engine is not None
        with self._engine.connect() as connection:
            return int(connection.execute(sa.text(question)).scalar_one())

    def consigned(self) -> int:
        """Deliveries that wait in inboxes."""
        return self.count("SELECT count(*) FROM deliveries WHERE state = 'CONSIGNED'")

    async def until_consigned(self, deliveries: int, *, seconds: float = 300.0) -> None:
        """Wait until so many deliveries wait in inboxes."""
        await _until(lambda: self.consigned() >= deliveries, seconds, self._logs)

    async def until_idle(self) -> None:
        """Wait until nothing is on its way: a relay put to sleep in the middle of a write holds the store's lock."""
        on_the_way = "SELECT count(*) FROM deliveries WHERE state IN ('ACCEPTED', 'IN_TRANSIT')"
        await _until(lambda: self.count(on_the_way) == 0, 300.0, self._logs)

    async def until_published(self, *, seconds: float = 300.0) -> None:
        """Wait until the broker has confirmed every accepted document."""
        question = "SELECT count(*) FROM documents WHERE published_at IS NULL"
        await _until(lambda: self.count(question) == 0, seconds, self._logs)

    def _logs(self) -> str:
        return "\n".join(f"{p.name}:\n{p.log.read_text()[-1000:]}" for p in self.programs.values())


async def _until(holds: object, seconds: float, explain: object) -> None:
    assert callable(holds)
    assert callable(explain)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise NotReady(f"waited {seconds:.0f} s in vain\n{explain()}")
        await asyncio.sleep(POLL)
