"""A linkage of separate processes: PostgreSQL, a RabbitMQ given by URL, hub and relays as services.

with Installation.prepared(folder, directory) as province:
    hub = province.start("hub")
    districts = province.start("relay", "--nodes", "H48.3*")
    province.agency("H48.31.05", "submit", "f.edxml")
    assert districts.stop() == 0                              # SIGTERM
    province.kill_broker(); province.start_broker()           # same port, what its disk holds
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lienthong.broker.private_node import PrivateNode
from tests.services import postgres
from tests.services.machine import BIN, Commands, free_port, listens, run

STOP_SECONDS = 30.0
#: as in production, only quicker
QUICK = {
    "LIENTHONG__RECONCILE__EVERY": "0.5",
    "LIENTHONG__RECONCILE__UNPUBLISHED_AFTER": "1",
    "LIENTHONG__BROKER__RETRY_DELAYS": "[1, 1, 2, 2, 4]",
}


class Service:
    """One running program."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | QUICK,
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> int:
        """SIGTERM, as systemd would; the exit code."""
        self._process.terminate()
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)


class Installation(Commands):
    """See the module. Made by `prepared`."""

    def __init__(self, state: Path, broker: PrivateNode, runner: asyncio.Runner) -> None:
        super().__init__(state)
        self._broker = broker
        self._runner = runner
        self._port = free_port()
        self._services: list[Service] = []

    @classmethod
    @contextmanager
    def prepared(cls, folder: Path, directory: Path) -> Iterator[Installation]:
        """State folder, database and broker, made by `lienthong init` and `migrate`; no service runs yet."""
        broker = PrivateNode(folder / "rabbitmq", disk_free=1_000_000)
        with asyncio.Runner() as runner:  # its processes belong to this loop
            made = cls(folder / "state", broker, runner)
            try:
                made.start_broker()
                made._initialise(directory)
                yield made
            finally:
                for service in made._services:
                    if service.running:
                        service.kill()
                runner.run(broker.kill())

    def _initialise(self, directory: Path) -> None:
        words: list[str | Path] = ["init", "--state", self.state, "--directory", directory]
        words += ["--agency-keys", "p256", "--hub-address", f"127.0.0.1:{self._port}"]
        words += ["--store-url", postgres.server().empty_database(), "--broker-url", self._broker.amqp_url]
        run("lienthong", *words, "--json")
        run("lienthong", "migrate", "--config", self.config)

    @property
    def config(self) -> Path:
        """The settings every service is given."""
        return self.state / "lienthong.toml"

    def start(self, program: str, *words: str) -> Service:
        """Start `hub` or `relay`; a hub is waited for."""
        name = f"{program}-{len(self._services)}"
        command = [str(BIN / "lienthong"), program, "--config", str(self.config), *words]
        service = Service(name, command, self.state.parent / f"{name}.log")
        self._services.append(service)
        if program == "hub":
            self.until(lambda: listens(self._port) or not service.running)
            assert service.running, service.log.read_text()
        return service

    def start_broker(self) -> None:
        """Start RabbitMQ, with what its disk holds."""
        self._runner.run(self._broker.start())

    def kill_broker(self) -> None:
        """SIGKILL."""
        self._runner.run(self._broker.kill())
