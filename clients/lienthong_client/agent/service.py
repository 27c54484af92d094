"""The agent as a service: everything put together, started, kept running and stopped cleanly.

Stopping is safe at any moment, because every step is durable by itself; so calls in hand are simply cut off.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import structlog

from lienthong.errors import Code, Refusal
from lienthong_client.agent.disk import Disk
from lienthong_client.agent.folders import Folders
from lienthong_client.agent.follower import Follower
from lienthong_client.agent.notices import Notices
from lienthong_client.agent.pace import Pace
from lienthong_client.agent.receiver import Receiver
from lienthong_client.agent.sender import Sender
from lienthong_client.agent.settings import AgentSettings
from lienthong_client.agent.status import Status, serve_status
from lienthong_client.agent.webhooks import Webhooks
from lienthong_client.client import AgencyClient
from lienthong_client.errors import Misuse, Unreachable
from lienthong_client.retry import Retry

log = structlog.get_logger(__name__)

_HEARTBEAT = 30.0  # seconds
_RETRY = Retry(attempts=2, ceiling=15.0)  # the agent has patience of its own


class Agent:
    """One agency's folders, served until `stop` is set. Raises `Misuse` before it starts when it cannot work."""

    def __init__(
        self, settings: AgentSettings, *, disk: Disk | None = None, pace: Pace | None = None
    ) -> None:
        self.settings = settings
        self.disk = disk or Disk()
        self.pace = pace or Pace()
        self.client = AgencyClient.from_profile(settings.profile, retry=_RETRY, language=settings.language)
        self.folders = Folders.make(settings.folder)
        agency = self.client.profile.agency
        self.status = Status(
            agency=agency, folders=self.folders, pace=self.pace, patience=settings.status.patience
        )
        self.webhooks = Webhooks(
            settings.webhooks,
            agency=agency,
            folders=self.folders,
            disk=self.disk,
            pace=self.pace,
            status=self.status,
        )
        self.sender = Sender(
            client=self.client,
            folders=self.folders,
            disk=self.disk,
            settings=settings.outbox,
            language=settings.language,
            pace=self.pace,
            webhooks=self.webhooks,
            status=self.status,
        )
        self.receiver = Receiver(
            client=self.client,
            folders=self.folders,
            disk=self.disk,
            settings=settings.inbox,
            language=settings.language,
            pace=self.pace,
            webhooks=self.webhooks,
            status=self.status,
        )

        self.follower = Follower(
            client=self.client,
            folders=self.folders,
            disk=self.disk,
            pace=self.pace,
            webhooks=self.webhooks,
            status=self.status,
        )

        self.notices = Notices(
            client=self.client, folders=self.folders, disk=self.disk, pace=self.pace, status=self.status
        )

    async def run(self, stop: asyncio.Event, *, on_ready: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set."""
        self.client.check_keys()
        with ExitStack() as stack:
            stack.enter_context(self.folders.locked())
            if self.settings.status.listen is not None:
                stack.callback(self._serve_status(self.settings.status.listen))
            log.info("agent.started", agency=self.client.profile.agency, folder=str(self.folders.root))
            on_ready()
            try:
                await self._work(stop)
            finally:
                await self.client.close()
                log.info("agent.stopped")

    def _serve_status(self, listen: str) -> Callable[[], None]:
        host, _, port = listen.rpartition(":")
        try:
            return serve_status(self.status, host.strip("[]"), int(port))[1]
        except (OSError, OverflowError) as error:
            raise Misuse(
                Code.ARGUMENT_INVALID, field="[status] listen", detail=f"{listen}: {error}"
            ) from error

    async def _work(self, stop: asyncio.Event) -> None:
        loops = [
            self.sender.run(),
            self.receiver.run(),
            self.follower.run(),
            self.webhooks.run(),
            *([self.notices.run()] if self.settings.inbox.notices else []),
            self._heartbeat(),
            stop.wait(),
        ]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result

    async def _heartbeat(self) -> None:
        """Ask the hub about ourselves now and then: an idle office should know that its hub is away."""
        while True:
            try:
                await self.client.agency(self.client.profile.agency)
            except (Unreachable, Refusal) as error:
                self.status.hub_away(error.message("en"), self.pace.now())
            else:
                self.status.hub_answered()
            await self.pace.wait(_HEARTBEAT)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def tell_systemd(state: str) -> None:
    """`READY=1` or `STOPPING=1` to whoever started us, by sd_notify(3), if it asked."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client, suppress(OSError):
            client.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)
