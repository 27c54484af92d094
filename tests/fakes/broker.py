"""A broker in memory that keeps the port's promises, and breaks them on demand.

What a test may ask of it: `fail_next_publish`, `drop_next_publish` (confirmed, then lost with the broker's disk),
`duplicate_next_publish`, `block`, `lose_everything`, `kill_consumers` (unacknowledged messages come back). Every
published message is in `published`. `settled()` returns when nothing is queued, delayed or at work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Notification, Outcome, QueueRow, Retry, TransitDelivery, TransitHandler

Place = tuple[str, Lane]


@dataclass(slots=True)
class Held:
    """A message in a queue."""

    body: bytes
    attempt: int = 0
    reason: str | None = None
    redelivered: bool = False


@dataclass(slots=True)
class Consumption:
    """The consumers of one lane, or of the dead queue."""

    handler: TransitHandler
    places: list[Place]
    workers: list[asyncio.Task[None]] = field(default_factory=list)


class FakeBroker:
    """Implements `lienthong.hub.ports.Broker` in one process. `retry_delays` in seconds; none at all by default."""

    def __init__(
        self,
        *,
        retry_delays: Sequence[float] = (0, 0, 0, 0, 0),
        express_concurrency: int = 8,
        normal_concurrency: int = 8,
        dead_pause: float = 0.01,
    ) -> None:
        self._retry_delays = tuple(retry_delays)
        self._concurrency = {Lane.EXPRESS: express_concurrency, Lane.NORMAL: normal_concurrency}
        self._dead_pause = dead_pause
        self._queues: dict[Place, deque[Held]] = {}
        self._dead: deque[tuple[Place, Held]] = deque()
        self._at_work: dict[Place, list[Held]] = {}
        self._delayed: set[asyncio.Task[None]] = set()
        self._lanes: dict[Lane, Consumption] = {}
        self._dead_workers: list[asyncio.Task[None]] = []
        self._dead_at_work = 0
        self._subscribers: list[Callable[[Notification], Awaitable[None]]] = []
        self._changed = asyncio.Condition()
        self._stopping = False
        self._blocked = False
        self._failures = self._drops = self._duplicates = 0
        self.published: list[tuple[str, Lane, bytes]] = []
        self.notified: list[Notification] = []

    # --- what tests ask for -----------------------------------------------------------------------------

    def fail_next_publish(self, times: int = 1) -> None:
        """The next publishes raise `HubFault` and store nothing."""
        self._failures += times

    def drop_next_publish(self, times: int = 1) -> None:
        """The next publishes are confirmed and then lost."""
        self._drops += times

    def duplicate_next_publish(self, times: int = 1) -> None:
        """The next publishes are stored twice."""
        self._duplicates += times

    def block(self, blocked: bool = True) -> None:
        """Hold publishers back, as under a memory or disk alarm."""
        self._blocked = blocked

    async def lose_everything(self) -> None:
        """The broker's disk is gone: queues are there again (declared anew), empty."""
        async with self._changed:
            for task in self._delayed:
                task.cancel()
            for queue in self._queues.values():
                queue.clear()
            self._dead.clear()
            self._changed.notify_all()

    async def kill_consumers(self) -> None:
        """The consuming process dies: what it had in hand is delivered again."""
        for consumption in self._lanes.values():
            for worker in consumption.workers:
                worker.cancel()
            await asyncio.wait(consumption.workers)
        self._lanes = {}
        async with self._changed:
            for place, held in self._at_work.items():
                for message in reversed(held):
                    message.redelivered = True
                    self._queues[place].appendleft(message)
                held.clear()
            self._changed.notify_all()

    async def settled(self, seconds: float = 10) -> None:
        """Return when no message is queued, delayed, dead and collected, or at work."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(self._is_settled)

    def _is_settled(self) -> bool:
        waiting = any(self._queues.values()) or bool(self._delayed) or any(self._at_work.values())
        dead = self._dead_at_work or (self._dead_workers and self._dead)
        return not waiting and not dead

    # --- the port ---------------------------------------------------------------------------------------

    async def declare(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            for lane in Lane:
                self._queues.setdefault((node, lane), deque())
                self._at_work.setdefault((node, lane), [])

    async def publish(self, node: str, lane: Lane, body: bytes) -> None:
        await asyncio.sleep(0)
        if self._blocked:
            raise HubFault("the fake broker holds publishers back")
        if self._failures:
            self._failures -= 1
            raise HubFault("the fake broker was told to fail")
        if (node, lane) not in self._queues:
            raise HubFault(f"no queue takes messages for transit.{node}.{lane.value}")
        self.published.append((node, lane, body))
        if self._drops:
            self._drops -= 1
            return
        copies = 1
        if self._duplicates:
            self._duplicates -= 1
            copies = 2
        await self._put((node, lane), *(Held(body) for _ in range(copies)))

    async def _put(self, place: Place, *messages: Held) -> None:
        async with self._changed:
            self._queues[place].extend(messages)
            self._changed.notify_all()

    async def consume(self, nodes: Sequence[str], handler: TransitHandler) -> None:
        await self.declare(nodes)
        self._stopping = False
        for lane in Lane:
            fresh = lane not in self._lanes
            consumption = self._lanes.setdefault(lane, Consumption(handler, []))
            consumption.places += [(n, lane) for n in nodes if (n, lane) not in consumption.places]
            if fresh:
                consumption.workers = [
                    asyncio.create_task(self._work(consumption)) for _ in range(self._concurrency[lane])
                ]
        async with self._changed:
            self._changed.notify_all()

    async def _work(self, consumption: Consumption) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._stopping or any(self._queues[p] for p in consumption.places)
                )
                if self._stopping:
                    return
                place = next(p for p in consumption.places if self._queues[p])
                message = self._queues[place].popleft()
                self._at_work[place].append(message)
                # Next time the other queues come first.
                consumption.places.remove(place)
                consumption.places.append(place)
            outcome = await self._handle(consumption.handler, place, message)
            async with self._changed:
                self._at_work[place].remove(message)
                self._settle(place, message, outcome)
                self._changed.notify_all()

    async def _handle(self, handler: TransitHandler, place: Place, message: Held) -> Outcome | Retry:
        delivery = TransitDelivery(
            node=place[0],
            lane=place[1],
            body=message.body,
            attempt=message.attempt,
            redelivered=message.redelivered,
            reason=message.reason,
        )
        try:
            return await handler(delivery)
        except Exception as error:  # noqa: BLE001 - as the real broker: any fault of a handler is a retry
            return Retry(f"{type(error).__name__}: {error}")

    def _settle(self, place: Place, message: Held, outcome: Outcome | Retry) -> None:
        if outcome is Outcome.REQUEUE:
            message.redelivered = True
            self._queues[place].appendleft(message)
        elif outcome is Outcome.RETRY or isinstance(outcome, Retry):
            reason = (outcome.reason or None) if isinstance(outcome, Retry) else None
            if message.attempt < len(self._retry_delays):
                again = Held(message.body, message.attempt + 1, reason)
                task = asyncio.create_task(self._later(self._retry_delays[message.attempt], place, again))
                self._delayed.add(task)
            else:
                self._dead.append((place, Held(message.body, message.attempt, reason)))

    async def _later(self, delay: float, place: Place, message: Held) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.sleep(delay)
            async with self._changed:
                self._queues[place].append(message)
        finally:
            self._delayed.discard(task)
            with contextlib.suppress(asyncio.CancelledError):
                async with self._changed:
                    self._changed.notify_all()

    async def stop_consuming(self) -> None:
        workers = [worker for consumption in self._lanes.values() for worker in consumption.workers]
        self._stopping = True
        async with self._changed:
            self._changed.notify_all()
        if workers:
            await asyncio.wait(workers)
        self._lanes = {}
        self._stopping = False

    async def collect_dead(self, handler: TransitHandler) -> None:
        if not self._dead_workers:
            self._dead_workers = [asyncio.create_task(self._bury(handler)) for _ in range(2)]

    async def _bury(self, handler: TransitHandler) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: bool(self._dead))
                place, message = self._dead.popleft()
                self._dead_at_work += 1
            outcome = await self._handle(handler, place, message)
            if outcome is not Outcome.DONE:
                await asyncio.sleep(self._dead_pause)
            async with self._changed:
                self._dead_at_work -= 1
                if outcome is not Outcome.DONE:
                    self._dead.append((place, message))
                self._changed.notify_all()

    async def notify(self, notification: Notification) -> None:
        self.notified.append(dict(notification))
        for subscriber in tuple(self._subscribers):
            with contextlib.suppress(Exception):
                await subscriber(dict(notification))

    async def subscribe(self, handler: Callable[[Notification], Awaitable[None]]) -> None:
        if handler not in self._subscribers:
            self._subscribers.append(handler)

    async def queues(self, nodes: Sequence[str]) -> list[QueueRow]:
        rows = []
        for node in nodes:
            for lane in Lane:
                consumption = self._lanes.get(lane)
                rows.append(
                    QueueRow(
                        node=node,
                        lane=lane,
                        ready=len(self._queues.get((node, lane), ())),
                        unacked=len(self._at_work.get((node, lane), ())),
                        consumers=int(consumption is not None and (node, lane) in consumption.places),
                    )
                )
        return rows

    def blocked(self) -> bool:
        return self._blocked

    async def close(self) -> None:
        await self.stop_consuming()
        tasks = [*self._dead_workers, *self._delayed]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._dead_workers = []
