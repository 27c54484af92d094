"""How one process keeps others running: start, know when they are ready, start again when they die, stop them.

Each child has its own process group and log file, and tells that it is ready by systemd's protocol: the datagram
`READY=1` to the socket named in NOTIFY_SOCKET (sd_notify(3)). A child that dies is started again, ever more slowly.
Children that call `end_with_supervisor` end when this process is killed; the others, and those that hang, are found
by the next start through the process list it keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

STOP_SECONDS = 15.0  # then a child is killed
STEADY_SECONDS = 30.0  # a child that ran this long starts afresh with the first delay
FIRST_DELAY = 0.5  # seconds; doubled per death up to
LONGEST_DELAY = 30.0
STILLBORN = 3  # deaths before the first readiness after which a child is given up

SUPERVISOR_VARIABLE = "LIENTHONG_SUPERVISOR"  # the pid a child must not outlive

Say = Callable[[str], None]


class ChildFailed(Exception):
    """A child never got ready; the text has the end of its log."""


class AlreadyRunning(Exception):
    """Another supervisor works in this folder."""


@dataclass(slots=True, eq=False)
class Child:
    """One supervised program."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    was_ready: bool = False

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Keeps children running. `folder` holds the lock and the process list; `say` gets a line per event."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder = folder
        self._say = say
        self._children: list[Child] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._lock: IO[str] | None = None
        self._sockets = folder

    def acquire(self) -> None:
        """Take the folder for this process and end what a killed predecessor left. Raises `AlreadyRunning`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = (self._folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunning(f"process {holder} runs it already") from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock
        # the folder's own path may be too long for a socket (108 bytes)
        self._sockets = Path(tempfile.mkdtemp(prefix="lienthong-"))
        end_leftovers(self._folder / "processes.json", self._say)

    def add(self, child: Child) -> None:
        """Start `child` and keep it running."""
        self._children.append(child)
        self._tasks.append(asyncio.create_task(self._keep(child), name=child.name))

    async def ready(self) -> None:
        """Until every child is ready at the same time. Raises `ChildFailed` when one is given up before."""
        while not self._stopping and not all(child.ready.is_set() for child in self._children):
            waiting = [asyncio.create_task(c.ready.wait()) for c in self._children if not c.ready.is_set()]
            try:
                await asyncio.wait([*waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in waiting:
                    task.cancel()
            for kept in self._tasks:
                if kept.done():
                    kept.result()

    async def watch(self) -> None:
        """Until a child is given up, which raises `ChildFailed`."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stop the children, the last started first, and let go of the folder."""
        self._stopping = True
        for child in reversed(self._children):
            await _end(child)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._lock is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            (self._folder / "processes.json").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    async def _keep(self, child: Child) -> None:
        delay = FIRST_DELAY
        async with _ReadinessSocket(self._sockets / child.name, child) as notify:
            while not self._stopping:
                began = time.monotonic()
                code = await self._run_once(child, notify)
                if self._stopping:
                    return
                self._say(f"{child.name} ended ({_spoken(code)}); see {child.log}")
                if not child.was_ready and child.starts >= STILLBORN:
                    raise ChildFailed(f"{child.name} does not start:\n{tail(child.log, 15)}")
                delay = FIRST_DELAY if time.monotonic() - began > STEADY_SECONDS else delay
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)
                self._say(f"{child.name} is started again")

    async def _run_once(self, child: Child, notify: Path) -> int:
        child.ready.clear()
        child.log.parent.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    **child.environment,
                    "NOTIFY_SOCKET": str(notify),
                    SUPERVISOR_VARIABLE: str(os.getpid()),
                },
                start_new_session=True,  # a terminal's Ctrl-C reaches us alone, and we stop them in order
            )
        child.starts += 1
        self._write_list()
        code = await child.process.wait()
        child.ready.clear()
        return code

    def _write_list(self) -> None:
        rows = []
        for child in self._children:
            if child.process is not None and child.running:
                with contextlib.suppress(psutil.Error):
                    pid = child.process.pid
                    rows.append({"name": child.name, "pid": pid, "since": psutil.Process(pid).create_time()})
        fresh = self._folder / "processes.json.new"
        fresh.write_text(json.dumps(rows), "utf-8")
        fresh.replace(self._folder / "processes.json")


class _ReadinessSocket:
    """Receives sd_notify datagrams of one child."""

    def __init__(self, path: Path, child: Child) -> None:
        self._path = path
        self._child = child
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    async def __aenter__(self) -> Path:
        self._socket.bind(str(self._path))
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self._path

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        if b"READY=1" in self._socket.recv(4096).split(b"\n"):
            self._child.was_ready = True
            self._child.ready.set()


async def _end(child: Child) -> None:
    if child.process is None or not child.running:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.process.wait(), STOP_SECONDS)
            return


def end_with_supervisor() -> None:
    """For a child: ask the kernel (Linux) for SIGTERM when the supervisor is gone. Nothing happens without one."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None:
        return
    from lienthong.broker.private_node import die_with_parent  # RabbitMQ's client takes long to load

    die_with_parent()
    if os.getppid() != int(supervisor):  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def end_leftovers(path: Path, say: Say) -> None:
    """End processes of the list at `path` that still live and are the same ones (pid and time of start)."""
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return
    found = []
    for row in rows:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(row["pid"])
            if abs(process.create_time() - row["since"]) < 1:
                say(f"{row['name']} (process {row['pid']}) is left of an earlier run: it is ended")
                process.terminate()
                found.append(process)
    _, alive = psutil.wait_procs(found, timeout=STOP_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)
    path.unlink(missing_ok=True)


def tail(path: Path, lines: int) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _spoken(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
