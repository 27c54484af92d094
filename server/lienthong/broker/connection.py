"""How does a process stay connected to RabbitMQ? A link: one connection that is made again whenever it breaks.

A link owns its connection and one `set_up` that opens what its user needs on it (channels, declarations,
consumers). When anything on it breaks, the whole connection is dropped and built anew, at the next URL where there
are several (a cluster), ever more slowly. So there is one road to a working state, the same at start and after a
failure, and nothing is restored piecemeal.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from yarl import URL

from lienthong.errors import HubFault

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
SET_UP_SECONDS = 120.0
HEARTBEAT_SECONDS = 15
ALARM_POLL_SECONDS = 0.25
STEADY_SECONDS = 5.0  #: a connection that lived this long was a good one: the next wait is short again

SetUp = Callable[[AbstractConnection], Awaitable[None]]


class Link:
    """One connection to RabbitMQ, kept up until `close`. `name` appears in RabbitMQ's list of connections."""

    def __init__(self, urls: Sequence[str], *, name: str, set_up: SetUp) -> None:
        if not urls:
            raise HubFault("no RabbitMQ URL is configured")
        self._urls = tuple(urls)
        self._name = name
        self._set_up = set_up
        self._up = asyncio.Event()
        self._drop = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False
        self._last_fault = "not connected yet"
        self.blocked = False

    async def ready(self, seconds: float) -> AbstractConnection:
        """The connection, once it is up and set up; the first call starts keeping it up.

        Raises `HubFault` when that takes longer than `seconds`, or after `close`.
        """
        if self._closed:
            raise HubFault("the link to RabbitMQ is closed")
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"amqp link {self._name}")
        if not self._up.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._up.wait()
            except TimeoutError:
                raise HubFault(f"RabbitMQ is not reachable: {self._last_fault}") from None
        if self._connection is None:
            raise HubFault(f"RabbitMQ is not reachable: {self._last_fault}")
        return self._connection

    def drop(self, reason: str) -> None:
        """Something on the connection is broken: build it anew."""
        if self._up.is_set():
            log.warning("broker.link_dropped", link=self._name, reason=reason)
        self._up.clear()
        self._drop.set()

    def watch(self, channel: AbstractChannel) -> None:
        """Drop the connection when the broker closes `channel`."""
        channel.close_callbacks.add(self._channel_closed)

    def unwatch(self, channel: AbstractChannel) -> None:
        """Before closing `channel` on purpose."""
        channel.close_callbacks.discard(self._channel_closed)

    def _channel_closed(self, _: object, exception: BaseException | None) -> None:
        if self._up.is_set():
            self.drop(f"channel closed: {exception!r}")

    async def close(self) -> None:
        """Close the connection and keep it closed."""
        self._closed = True
        self._up.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
            self._keeper = None

    async def _keep(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        for url in itertools.cycle(self._urls):
            if (
                self._closed
            ):  # Python 3.11 may swallow a cancellation that meets the end of what was waited for
                return
            began = loop.time()
            try:
                with as_hub_faults("connecting"):
                    await self._once(url)
            except HubFault as fault:
                self._last_fault = str(fault)
                log.warning("broker.link_failed", link=self._name, failure=self._last_fault, attempt=failures)
            except Exception as error:  # whatever set-up raises, the link must not end in silence
                self._last_fault = repr(error)
                log.exception("broker.link_set_up_failed", link=self._name)
            failures = 0 if loop.time() - began > STEADY_SECONDS else failures + 1
            if not self._closed:
                spread = random.uniform(0.8, 1.2)  # noqa: S311 - only spreads load
                await asyncio.sleep(min(0.1 * 2.0**failures, 5.0) * spread)

    async def _once(self, url: str) -> None:
        """Connect, set up, and stay until the connection is gone."""
        self._drop.clear()
        address = URL(url).update_query(heartbeat=HEARTBEAT_SECONDS)
        connection = await aio_pika.connect(
            address, timeout=CONNECT_SECONDS, client_properties={"connection_name": self._name}
        )
        try:
            async with asyncio.timeout(SET_UP_SECONDS):
                await self._set_up(connection)
            self._connection = connection
            self._up.set()
            log.info("broker.link_up", link=self._name)
            await self._until_down(connection)
        finally:
            self._up.clear()
            self.blocked = False
            self._connection = None
            with contextlib.suppress(HubFault), as_hub_faults("closing"):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.close()

    async def _until_down(self, connection: AbstractConnection) -> None:
        transport = connection.transport
        if transport is None:
            return
        closing = transport.connection.closing
        dropped = asyncio.ensure_future(self._drop.wait())
        try:
            while not self._closed:
                done, _ = await asyncio.wait(
                    (closing, dropped), timeout=ALARM_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return
                await self._notice_alarm(transport.connection.ready)
        finally:
            dropped.cancel()
            closing.cancel()

    async def _notice_alarm(self, ready: Callable[[], Awaitable[None]]) -> None:
        """aiormq keeps connection.blocked to itself, except that `ready` waits while it lasts."""
        try:
            async with asyncio.timeout(0.05):
                await ready()
            blocked = False
        except TimeoutError:
            blocked = True
        if blocked != self.blocked:
            self.blocked = blocked
            report = log.error if blocked else log.info
            report("broker.publishers_blocked" if blocked else "broker.publishers_unblocked", link=self._name)


@contextlib.contextmanager
def as_hub_faults(doing: str) -> Iterator[None]:
    """Raise `HubFault` for everything a lost connection, a refusal by the broker or a timeout raises inside.

    aiormq ends calls in flight on a broken connection with CancelledError although nobody cancelled the task that
    made them; taken for a cancellation that would end the task in silence.
    """
    try:
        yield
    except TimeoutError as error:
        raise HubFault(f"{doing}: RabbitMQ did not answer in time") from error
    except CONNECTION_EXCEPTIONS as error:
        raise HubFault(f"{doing}: {type(error).__name__} {error}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise HubFault(f"{doing}: the connection to RabbitMQ broke") from error
