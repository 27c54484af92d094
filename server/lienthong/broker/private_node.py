"""How does one machine get a RabbitMQ of its own? A private node: own data folder, loopback only, own port and cookie.

Everything the node is lives in its data folder: `node.json` (ports and password, chosen once and kept), the
configuration written from it at each start, the cookie, the database, the log. Nothing of the distribution's
RabbitMQ service is read or touched, and no listener is opened beyond 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

import aio_pika
import httpx
import structlog

from lienthong.errors import HubFault

log = structlog.get_logger(__name__)

#: Debian's /usr/sbin/rabbitmq-server insists on the user rabbitmq; the script behind it does not.
PROGRAMS = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
LOOPBACK = "127.0.0.1"
#: Below the kernel's usual range for outgoing connections, so that a kept port is still free at the next start.
PORTS = range(20_000, 32_000)
START_SECONDS = 60.0
START_TRIES = 3  #: only when a port was lost between its choice and its use
STOP_SECONDS = 30.0
PR_SET_PDEATHSIG = 1

CONFIGURATION = """\
# Written by Lienthong at each start; changes made here are lost.
listeners.tcp.1 = {loopback}:{amqp}
management.tcp.ip = {loopback}
management.tcp.port = {management}
management.rates_mode = none
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
disk_free_limit.absolute = {disk_free}
collect_statistics_interval = {statistics}
background_gc_enabled = true
background_gc_target_interval = 30000
raft.wal_max_size_bytes = 67108864
raft.segment_max_entries = 1024
log.console = false
log.file.level = info
log.file.rotation.size = 10485760
log.file.rotation.count = 3
"""


#: A quorum queue tells its numbers at every tick, and each tick costs some 0.2 ms of processor time: a thousand nodes'
#: 2,000 queues at RabbitMQ's 5 s take a tenth of a core while nothing happens. 3.10 knows no line for it in the
#: configuration file, hence the Erlang term.
ADVANCED = "[{{rabbit, [{{quorum_tick_interval, {tick}}}]}}].\n"
TICK_MS = 5_000  # at least
LONGEST_TICK_MS = 60_000
NODES_PER_TICK_SECOND = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """What a node keeps from its first start on, in `node.json` (mode 0600)."""

    name: str
    user: str
    password: str
    amqp: int
    management: int
    distribution: int
    epmd: int


class PrivateNode:
    """A RabbitMQ node that belongs to this process and ends with it.

    `amqp_port` 0 chooses a free port at first start and keeps it. `disk_free` is how many bytes must stay free on
    the disk before RabbitMQ holds publishers back. `nodes`: how many nodes of the linkage it will serve, roughly; the
    more, the less often their queues tell their numbers, which are then up to a minute old in the management API.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        amqp_port: int = 0,
        disk_free: int = 200_000_000,
        nodes: int = 0,
        program: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._amqp_port = amqp_port
        self._disk_free = disk_free
        self._tick = min(LONGEST_TICK_MS, max(TICK_MS, nodes * 1000 // NODES_PER_TICK_SECOND))
        self._program = program
        self._identity: NodeIdentity | None = None
        self._server: asyncio.subprocess.Process | None = None
        self._epmd: asyncio.subprocess.Process | None = None
        self._lock: IO[str] | None = None

    # --- what callers use -------------------------------------------------------------------------------

    @property
    def identity(self) -> NodeIdentity:
        """Ports and password; known once the node was started."""
        if self._identity is None:
            raise HubFault("the private RabbitMQ node was not started yet")
        return self._identity

    @property
    def amqp_url(self) -> str:
        """With user and password: not for logs."""
        identity = self.identity
        return f"amqp://{identity.user}:{quote(identity.password)}@{LOOPBACK}:{identity.amqp}/"

    @property
    def management_url(self) -> str:
        """Of the management API, with user and password: not for logs."""
        identity = self.identity
        return f"http://{identity.user}:{quote(identity.password)}@{LOOPBACK}:{identity.management}"

    @property
    def pid(self) -> int | None:
        """Of the running server."""
        return self._server.pid if self._server is not None and self._server.returncode is None else None

    @property
    def log_file(self) -> Path:
        """RabbitMQ's own log."""
        return self.data_dir / "log" / "rabbitmq.log"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the node; `rabbitmqctl` run with it in `data_dir` talks to this node."""
        identity = self.identity
        folder = self._folder
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_", "NOTIFY_"))
        }
        return inherited | {
            "HOME": str(folder),
            "RUNNING_UNDER_SYSTEMD": "true",  # the start script then becomes the server: one process, one pid
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # not the distribution's
            "RABBITMQ_NODENAME": identity.name,
            "RABBITMQ_MNESIA_BASE": str(folder / "database"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": str(folder / "log" / "rabbitmq.log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_DIST_PORT": str(identity.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(identity.epmd),
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    @property
    def _folder(self) -> Path:
        """The data folder as RabbitMQ is told it.

        3.10 hands its database's path to df unquoted, so that a space disables the disk alarm, and its management
        plugin dies of a letter beyond Latin-1 (7897 in "một"). The working folder has a plain name for itself.
        """
        plain = re.fullmatch(r"[\w./+@=:-]+", str(self.data_dir), re.ASCII)
        return self.data_dir if plain else Path("/proc/self/cwd")

    async def start(self) -> None:
        """Start, and return when AMQP and the management API answer.

        Raises `HubFault` when RabbitMQ is not installed, a fixed port is taken, the folder is in use, or the node
        dies while starting (with the end of its log).
        """
        if self.pid is not None:
            return
        program = self._program or find_program()
        began = time.monotonic()
        for tries_left in reversed(range(START_TRIES)):
            try:
                await self._start(program)
            except HubFault:
                if not tries_left or not self._lost_a_port():
                    raise
                log.warning("broker.node_port_lost", again=True)
            else:
                break
        log.info("broker.node_started", port=self.identity.amqp, seconds=round(time.monotonic() - began, 1))

    def _lost_a_port(self) -> bool:
        """Whether somebody else took a port of ours between its choice and its use."""
        identity = self._identity
        return identity is not None and not all(
            port_is_free(port)
            for port in (identity.amqp, identity.management, identity.distribution, identity.epmd)
        )

    async def _start(self, program: Path) -> None:
        self._prepare_folder()
        try:
            await self._end_leftover()
            self._identity = self._settle_identity()
            self._write_files()
            self._epmd = await self._spawn(
                find_epmd(), "-address", LOOPBACK, "-port", str(self.identity.epmd)
            )
            self._server = await self._spawn(str(program))
            (self.data_dir / "pid").write_text(str(self._server.pid))
            await self._until_ready(time.monotonic() + START_SECONDS)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> None:
        """Stop cleanly: queues are synced, then the node ends. Kills it after half a minute."""
        if self._server is not None and self._server.returncode is None:
            self._server.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._server.wait()
            except TimeoutError:
                log.warning("broker.node_stop_forced", seconds=STOP_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End the node with SIGKILL, as a crash would. `start` brings it back with what was on disk."""
        for process in (self._server, self._epmd):
            if process is not None:
                if process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.wait()
        self._server = self._epmd = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def watch(self) -> None:
        """Run until cancelled: whenever the node dies by itself, start it again, ever more slowly.

        Raises `HubFault` when five starts in a row fail.
        """
        failures = 0
        while True:
            if self._server is not None:
                code = await self._server.wait()
                log.error("broker.node_died", code=code, log_tail=self._log_tail(5))
                await self.kill()
            try:
                await asyncio.sleep(min(2.0**failures - 1, 15))
                await self.start()
                failures = 0
            except HubFault as fault:
                failures += 1
                log.error("broker.node_restart_failed", attempt=failures, fault=str(fault))  # noqa: TRY400 - ours, its text says all
                if failures == 5:
                    raise

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- how it is done ---------------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        for folder in (
            self.data_dir,
            self.data_dir / "database",
            self.data_dir / "generated",
            self.log_file.parent,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.data_dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise HubFault(f"another process runs the private RabbitMQ node in {self.data_dir}") from error
        self._lock = lock

    async def _end_leftover(self) -> None:
        """End a server whose parent was killed before it could stop it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            while (pid := self._leftover()) is not None and time.monotonic() < deadline:
                log.warning("broker.node_leftover", pid=pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                await asyncio.sleep(0.5)

    def _leftover(self) -> int | None:
        """The process in the pid file, if it lives and is a server of this folder (Linux; None elsewhere)."""
        try:
            pid = int((self.data_dir / "pid").read_text())
            environment = Path(f"/proc/{pid}/environ").read_bytes()  # empty once it is a zombie
            folder = Path(f"/proc/{pid}/cwd").readlink()
        except (OSError, ValueError):
            return None
        mine = folder == self.data_dir.resolve() and b"\0RABBITMQ_NODENAME=" in environment
        return pid if mine else None

    def _settle_identity(self) -> NodeIdentity:
        """The kept identity, with every port that has been taken meanwhile replaced."""
        file = self.data_dir / "node.json"
        if file.exists():
            identity = NodeIdentity(**json.loads(file.read_text()))
        else:
            name = f"lienthong-{secrets.token_hex(4)}@localhost"
            identity = NodeIdentity(
                name=name,
                user="lienthong",
                password=secrets.token_urlsafe(24),
                amqp=0,
                management=0,
                distribution=0,
                epmd=0,
            )
        if self._amqp_port:
            identity = replace(identity, amqp=self._amqp_port)
            if not port_is_free(self._amqp_port):
                raise HubFault(f"port {self._amqp_port} for the private RabbitMQ node is taken")
        identity = replace(
            identity,
            amqp=kept_or_free(identity.amqp),
            management=kept_or_free(identity.management),
            distribution=kept_or_free(identity.distribution),
            epmd=kept_or_free(identity.epmd),
        )
        write_private(file, json.dumps(asdict(identity), indent=1))
        return identity

    def _write_files(self) -> None:
        identity = self.identity
        text = CONFIGURATION.format(
            loopback=LOOPBACK,
            amqp=identity.amqp,
            management=identity.management,
            user=identity.user,
            password=identity.password,
            disk_free=self._disk_free,
            statistics=self._tick,
        )
        write_private(self.data_dir / "rabbitmq.conf", text)
        write_private(self.data_dir / "advanced.config", ADVANCED.format(tick=self._tick))
        write_private(self.data_dir / "enabled_plugins", "[rabbitmq_management].\n")
        cookie = self.data_dir / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secrets.token_hex(20), mode=0o400)

    async def _spawn(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        with (self.log_file.parent / f"{Path(program).name}.log").open("wb") as output:
            return await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                cwd=self.data_dir,
                start_new_session=True,  # Ctrl-C stops us, and we stop the node when everything else has stopped
                preexec_fn=die_with_parent,
            )

    async def _until_ready(self, deadline: float) -> None:
        while True:
            if self._server is None or self._server.returncode is not None:
                raise HubFault(f"the private RabbitMQ node died while starting:\n{self._log_tail(25)}")
            if await self._answers():
                return
            if time.monotonic() > deadline:
                raise HubFault(
                    f"the private RabbitMQ node is not up after {START_SECONDS:.0f} s:\n{self._log_tail(25)}"
                )
            await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        if port_is_free(self.identity.amqp) or port_is_free(self.identity.management):
            return False
        try:
            connection = await aio_pika.connect(self.amqp_url, timeout=5)
            await connection.close()
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                return (await client.get(f"{self.management_url}/api/overview")).is_success
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError, httpx.HTTPError):
            return False

    def _log_tail(self, lines: int) -> str:
        found: list[str] = []
        for file in (*self.log_file.parent.glob("rabbitmq-server.log"), self.log_file):
            with contextlib.suppress(OSError):
                found += file.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(found)


def find_program() -> Path:
    """Where RabbitMQ's start script is; `HubFault` naming the package when there is none."""
    for candidate in (*PROGRAMS, shutil.which("rabbitmq-server")):
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise HubFault(
        "RabbitMQ is not installed: apt-get install rabbitmq-server (or run scripts/system-packages.sh demo)"
    )


def find_epmd() -> str:
    """Erlang's port mapper, which a node needs beside it."""
    if found := shutil.which("epmd"):
        return found
    if erl := shutil.which("erl"):
        for candidate in sorted(Path(erl).resolve().parent.parent.glob("**/erts-*/bin/epmd")):
            return str(candidate)
    raise HubFault("Erlang's epmd is not installed: apt-get install erlang-base")


def port_is_free(port: int) -> bool:
    """Whether 127.0.0.1:`port` can be listened on; port 0 never is."""
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def kept_or_free(port: int) -> int:
    """`port`, or another where it is taken."""
    return port if port_is_free(port) else free_port()


def free_port() -> int:
    """A loopback port nobody listens on now, drawn at random so that two starters seldom meet."""
    for port in random.sample(PORTS, 200):
        if port_is_free(port):
            return port
    raise HubFault(f"no free port between {PORTS.start} and {PORTS.stop}")


def write_private(file: Path, text: str, *, mode: int = 0o600) -> None:
    """Write a file only its owner may read, replacing the one before in one step."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as out:
        out.write(text)
    fresh.replace(file)


_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end the child when this process is killed and cannot stop it."""
    with contextlib.suppress(AttributeError):
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
