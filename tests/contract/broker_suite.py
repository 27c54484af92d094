"""What must every broker do? The port's contract, run on the fake and on RabbitMQ by the test modules beside this one.

A module subclasses `BrokerContract` and gives two fixtures: `broker` (retry delays of two short steps, handlers at
work per lane: 4, dead letters tried again at once) and nothing else. Nothing here sleeps: a `Seen` waits for what is
to come, with a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Broker, Notification, Outcome, Retry, TransitDelivery

DEADLINE = 20.0
NODE = "H48.31.05"
OTHER = "H48.31"
LAST_ATTEMPT = 2  # with two retry delays
CONCURRENCY = 4

Answer = Callable[[TransitDelivery], Awaitable[Outcome | Retry]]


class Seen:
    """A handler that notes every delivery and answers DONE, or what `answer` says."""

    def __init__(self, answer: Answer | None = None) -> None:
        self._answer = answer
        self._changed = asyncio.Condition()
        self.deliveries: list[TransitDelivery] = []

    async def __call__(self, delivery: TransitDelivery) -> Outcome | Retry:
        async with self._changed:
            self.deliveries.append(delivery)
            self._changed.notify_all()
        return Outcome.DONE if self._answer is None else await self._answer(delivery)

    async def wait(self, count: int, seconds: float = DEADLINE) -> list[TransitDelivery]:
        """The deliveries, once there are `count`."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.deliveries) >= count)
        return self.deliveries

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.deliveries]


async def until_ready(broker: Broker, node: str, lane: Lane, ready: int, seconds: float = DEADLINE) -> None:
    """Return when exactly `ready` messages wait in the queue."""
    async with asyncio.timeout(seconds):
        while [row.ready for row in await broker.queues([node]) if row.lane is lane] != [ready]:
            await asyncio.sleep(0.05)  # the broker tells nobody: it must be asked again


class BrokerContract:
    """The tests. `broker` is the implementation's."""

    async def test_a_published_message_is_consumed_once_and_acknowledged(self, broker: Broker) -> None:
        seen = Seen()
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"body \x00\xff")
        await broker.consume([NODE], seen)
        (delivery,) = await seen.wait(1)
        assert (delivery.node, delivery.lane, delivery.body) == (NODE, Lane.NORMAL, b"body \x00\xff")
        assert (delivery.attempt, delivery.redelivered, delivery.reason) == (0, False, None)
        await broker.stop_consuming()
        await until_ready(broker, NODE, Lane.NORMAL, 0)
        assert len(seen.deliveries) == 1

    async def test_nodes_and_lanes_are_apart(self, broker: Broker) -> None:
        seen = Seen()
        await broker.declare([NODE, OTHER])
        for node in (NODE, OTHER):
            for lane in Lane:
                await broker.publish(node, lane, f"{node} {lane.value}".encode())
        await broker.consume([NODE], seen)
        await seen.wait(2)
        await broker.stop_consuming()
        assert sorted(seen.bodies) == [b"H48.31.05 express", b"H48.31.05 normal"]
        assert all(d.body == f"{d.node} {d.lane.value}".encode() for d in seen.deliveries)
        assert {(r.lane, r.ready) for r in await broker.queues([OTHER])} == {
            (Lane.EXPRESS, 1),
            (Lane.NORMAL, 1),
        }

    async def test_declaring_again_changes_nothing(self, broker: Broker) -> None:
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.EXPRESS, b"kept")
        await broker.declare([NODE, OTHER])
        await broker.declare([])
        assert {(r.lane, r.ready) for r in await broker.queues([NODE])} == {
            (Lane.EXPRESS, 1),
            (Lane.NORMAL, 0),
        }

    async def test_an_unroutable_message_is_refused(self, broker: Broker) -> None:
        await broker.declare([NODE])
        with pytest.raises(HubFault):
            await broker.publish("H48.99", Lane.NORMAL, b"lost otherwise")
        await broker.publish(NODE, Lane.NORMAL, b"publishing goes on")

    async def test_many_publishes_at_once_all_arrive_once(self, broker: Broker) -> None:
        seen = Seen()
        await broker.declare([NODE, OTHER])
        await broker.consume([NODE, OTHER], seen)
        bodies = [str(n).encode() for n in range(300)]
        await asyncio.gather(
            *(
                broker.publish((NODE, OTHER)[n % 2], list(Lane)[n // 2 % 2], body)
                for n, body in enumerate(bodies)
            )
        )
        await seen.wait(300)
        await broker.stop_consuming()
        assert sorted(seen.bodies) == sorted(bodies)

    async def test_a_retry_comes_back_to_its_node_and_lane_with_the_reason(self, broker: Broker) -> None:
        async def answer(delivery: TransitDelivery) -> Outcome | Retry:
            return Retry("the store was away") if delivery.attempt == 0 else Outcome.DONE

        seen = Seen(answer)
        await broker.declare([NODE, OTHER])
        await broker.consume([NODE, OTHER], seen)
        await broker.publish(OTHER, Lane.EXPRESS, b"again")
        first, second = await seen.wait(2)
        assert (first.attempt, second.attempt) == (0, 1)
        assert (second.node, second.lane, second.body) == (OTHER, Lane.EXPRESS, b"again")
        assert (first.reason, second.reason) == (None, "the store was away")
        await broker.stop_consuming()
        await until_ready(broker, OTHER, Lane.EXPRESS, 0)

    async def test_a_handler_that_raises_gets_the_message_again(self, broker: Broker) -> None:
        async def answer(delivery: TransitDelivery) -> Outcome | Retry:
            if delivery.attempt == 0:
                raise ValueError("a defect")
            return Outcome.DONE

        seen = Seen(answer)
        await broker.declare([NODE])
        await broker.consume([NODE], seen)
        await broker.publish(NODE, Lane.NORMAL, b"again")
        _, second = await seen.wait(2)
        assert second.attempt == 1
        assert second.reason == "ValueError: a defect"

    async def test_after_the_last_retry_it_is_a_dead_letter(self, broker: Broker) -> None:
        async def answer(_: TransitDelivery) -> Outcome | Retry:
            return Retry("never")

        seen, dead = Seen(answer), Seen()
        await broker.declare([NODE])
        await broker.collect_dead(dead)
        await broker.consume([NODE], seen)
        await broker.publish(NODE, Lane.EXPRESS, b"poor")
        (letter,) = await dead.wait(1)
        assert [delivery.attempt for delivery in seen.deliveries] == [0, 1, LAST_ATTEMPT]
        assert (letter.node, letter.lane, letter.body) == (NODE, Lane.EXPRESS, b"poor")
        assert (letter.attempt, letter.reason) == (LAST_ATTEMPT, "never")

    async def test_a_dead_letter_that_cannot_be_stored_is_offered_again(self, broker: Broker) -> None:
        tries = 0

        async def bury(_: TransitDelivery) -> Outcome | Retry:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise HubFault("the store is away")
            return Outcome.DONE if tries > 2 else Outcome.RETRY

        dead = Seen(bury)

        async def answer(_: TransitDelivery) -> Outcome | Retry:
            return Outcome.RETRY

        await broker.declare([NODE])
        await broker.collect_dead(dead)
        await broker.consume([NODE], answer)
        await broker.publish(NODE, Lane.NORMAL, b"poor")
        letters = await dead.wait(3)
        assert {(letter.node, letter.lane, letter.attempt) for letter in letters} == {
            (NODE, Lane.NORMAL, LAST_ATTEMPT)
        }

    async def test_requeue_hands_the_message_back_untouched(self, broker: Broker) -> None:
        async def answer(delivery: TransitDelivery) -> Outcome | Retry:
            return Outcome.DONE if delivery.redelivered else Outcome.REQUEUE

        seen = Seen(answer)
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"back")
        await broker.consume([NODE], seen)
        _, second = await seen.wait(2)
        assert (second.body, second.attempt, second.redelivered) == (b"back", 0, True)

    async def test_express_overtakes_a_backlog_of_a_thousand(self, broker: Broker) -> None:
        release = asyncio.Event()
        express = Seen()

        async def handler(delivery: TransitDelivery) -> Outcome | Retry:
            if delivery.lane is Lane.EXPRESS:
                return await express(delivery)
            await release.wait()
            return Outcome.DONE

        await broker.declare([NODE])
        await asyncio.gather(*(broker.publish(NODE, Lane.NORMAL, b"%d" % n) for n in range(1_000)))
        await broker.consume([NODE], handler)
        await until_ready(broker, NODE, Lane.NORMAL, 1_000 - CONCURRENCY)
        await broker.publish(NODE, Lane.EXPRESS, "hỏa tốc".encode())
        await express.wait(1, seconds=5)
        assert [r.ready for r in await broker.queues([NODE]) if r.lane is Lane.NORMAL] == [
            1_000 - CONCURRENCY
        ]
        release.set()
        await until_ready(broker, NODE, Lane.NORMAL, 0)

    async def test_handlers_at_work_are_bounded_per_lane(self, broker: Broker) -> None:
        at_work = most = 0
        release = asyncio.Event()

        async def answer(_: TransitDelivery) -> Outcome | Retry:
            nonlocal at_work, most
            at_work += 1
            most = max(most, at_work)
            await release.wait()
            at_work -= 1
            return Outcome.DONE

        seen = Seen(answer)
        await broker.declare([NODE, OTHER])
        for n in range(20):
            await broker.publish((NODE, OTHER)[n % 2], Lane.NORMAL, b"x")
        await broker.consume([NODE, OTHER], seen)
        await seen.wait(CONCURRENCY)
        release.set()
        await seen.wait(20)
        assert most == CONCURRENCY

    async def test_stopping_finishes_what_is_in_hand_and_hands_back_the_rest(self, broker: Broker) -> None:
        release = asyncio.Event()
        finished: list[bytes] = []

        async def answer(delivery: TransitDelivery) -> Outcome | Retry:
            await release.wait()
            finished.append(delivery.body)
            return Outcome.DONE

        seen = Seen(answer)
        await broker.declare([NODE])
        for n in range(30):
            await broker.publish(NODE, Lane.NORMAL, b"%d" % n)
        await broker.consume([NODE], seen)
        await seen.wait(CONCURRENCY)
        stopping = asyncio.create_task(broker.stop_consuming())
        await asyncio.sleep(0)
        assert not stopping.done()
        release.set()
        await stopping
        assert sorted(finished) == sorted(seen.bodies)
        assert len(finished) == CONCURRENCY
        await until_ready(broker, NODE, Lane.NORMAL, 30 - CONCURRENCY)
        rest = Seen()
        await broker.consume([NODE], rest)
        await rest.wait(30 - CONCURRENCY)
        await broker.stop_consuming()
        assert sorted(finished + rest.bodies, key=int) == [b"%d" % n for n in range(30)]

    async def test_nodes_may_be_added_to_consumption(self, broker: Broker) -> None:
        seen = Seen()
        await broker.consume([NODE], seen)
        await broker.consume([OTHER], seen)
        await broker.publish(NODE, Lane.NORMAL, b"1")
        await broker.publish(OTHER, Lane.EXPRESS, b"2")
        await seen.wait(2)
        assert {(d.node, d.lane) for d in seen.deliveries} == {(NODE, Lane.NORMAL), (OTHER, Lane.EXPRESS)}
        assert {row.consumers for row in await broker.queues([NODE, OTHER])} == {1}

    async def test_notifications_reach_every_subscriber_once(self, broker: Broker) -> None:
        first: asyncio.Queue[Notification] = asyncio.Queue()
        second: asyncio.Queue[Notification] = asyncio.Queue()

        async def broken(_: Notification) -> None:
            raise ValueError("a defect")

        await broker.declare([])
        await broker.notify({"kind": "nobody listens"})
        await broker.subscribe(broken)
        await broker.subscribe(first.put)
        await broker.subscribe(second.put)
        await broker.subscribe(second.put)
        sent = {"kind": "consigned", "recipient": "H48.31", "document_id": "0196"}
        await broker.notify(sent)
        async with asyncio.timeout(DEADLINE):
            assert [dict(await first.get()), dict(await second.get())] == [sent, sent]
        await broker.notify({"kind": "end"})
        async with asyncio.timeout(DEADLINE):
            assert dict(await second.get()) == {"kind": "end"}

    async def test_what_many_tell_at_once_reaches_every_subscriber_in_order(self, broker: Broker) -> None:
        told: asyncio.Queue[Notification] = asyncio.Queue()
        await broker.subscribe(told.put)
        sent = [{"kind": "consigned", "document_id": str(number)} for number in range(50)]
        await asyncio.gather(*(broker.notify(each) for each in sent))
        await broker.notify({"kind": "end"})
        async with asyncio.timeout(DEADLINE):
            assert [dict(await told.get()) for _ in range(51)] == [*sent, {"kind": "end"}]

    async def test_queues_that_are_not_there_count_as_empty(self, broker: Broker) -> None:
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"x")
        rows = await broker.queues(["H48.98", NODE, "H48.99"])
        assert [(r.node, r.lane) for r in rows] == [
            (n, lane) for n in ("H48.98", NODE, "H48.99") for lane in Lane
        ]
        assert [r.ready for r in rows if r.node == NODE and r.lane is Lane.NORMAL] == [1]
        assert sum(r.ready for r in rows) == 1
        assert sum(r.consumers for r in rows) == 0

    async def test_closing_twice_does_nothing_more(self, broker: Broker) -> None:
        await broker.consume([NODE], Seen())
        assert not broker.blocked()
        await broker.close()
        await broker.close()
