"""Do RabbitMQ's measured traps (PITFALLS 16 to 18) stay harmless?

Each test is named after its trap. Those that kill or starve the broker run on a node of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aio_pika
import httpx
import pytest

from lienthong.broker import PrivateNode, RabbitBroker, Topology
from lienthong.broker.publisher import MAX_BODY
from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Outcome, Retry, TransitDelivery
from tests.contract.broker_suite import NODE, Seen, until_ready
from tests.services.proxy import Proxy
from tests.services.rabbitmq import RETRY_DELAYS, rabbitmqctl

LEADER_SECONDS = (
    1.5  # trap 17: a quorum queue declared less than about 0.2 s before a kill never finds a leader
)


@pytest.fixture
async def own_node(tmp_path: Path) -> AsyncIterator[PrivateNode]:
    node = PrivateNode(tmp_path / "rabbit mq")
    await node.start()
    yield node
    await node.kill()


@pytest.fixture
async def own_broker(own_node: PrivateNode) -> AsyncIterator[RabbitBroker]:
    made = RabbitBroker(
        [own_node.amqp_url], retry_delays=RETRY_DELAYS, confirm_seconds=10, connect_seconds=30
    )
    yield made
    await made.close()


# --- 16: messages that vanish ---------------------------------------------------------------------------


async def test_trap_16_an_unroutable_message_is_not_confirmed_and_gone(broker: RabbitBroker) -> None:
    await broker.declare([NODE])
    with pytest.raises(HubFault, match="no queue takes messages"):
        await broker.publish("H48.99", Lane.NORMAL, b"x")


async def test_trap_16_unroutable_and_routable_in_flight_together_are_told_apart(
    broker: RabbitBroker,
) -> None:
    await broker.declare([NODE])
    nodes = [NODE if n % 3 else "H48.99" for n in range(90)]
    results = await asyncio.gather(
        *(broker.publish(n, Lane.NORMAL, b"x") for n in nodes), return_exceptions=True
    )
    assert [isinstance(r, HubFault) for r in results] == [n == "H48.99" for n in nodes]
    await until_ready(broker, NODE, Lane.NORMAL, 60)


async def test_trap_16_the_delivery_limit_ends_in_the_dead_letters(
    broker: RabbitBroker, rabbitmq: PrivateNode, rabbit_prefix: str
) -> None:
    """A message that kills its consumer at every delivery: taken, never answered, the connection gone."""
    dead = Seen()
    await broker.declare([NODE])
    await broker.publish(NODE, Lane.EXPRESS, b"poison")
    topology = Topology(prefix=rabbit_prefix)
    async with await aio_pika.connect(rabbitmq.amqp_url) as connection:
        deliveries = 0
        for _ in range(topology.delivery_limit + 1):
            async with connection.channel() as channel:
                queue = await channel.get_queue(topology.queue(NODE, Lane.EXPRESS), ensure=False)
                assert await queue.get(timeout=10) is not None
                deliveries += 1
    assert deliveries == topology.delivery_limit + 1
    await broker.collect_dead(dead)
    (letter,) = await dead.wait(1)
    assert (letter.node, letter.lane, letter.body) == (NODE, Lane.EXPRESS, b"poison")
    assert letter.reason is not None
    assert "delivered too often" in letter.reason


async def test_trap_16_expired_retries_return_to_their_queue_and_lane(broker: RabbitBroker) -> None:
    async def answer(delivery: TransitDelivery) -> Outcome | Retry:
        return Outcome.DONE if delivery.attempt == len(RETRY_DELAYS) else Outcome.RETRY

    seen = Seen(answer)
    places = [(f"H48.{n}", lane) for n in range(5) for lane in Lane]
    await broker.consume([f"H48.{n}" for n in range(5)], seen)
    for node, lane in places:
        await broker.publish(node, lane, f"{node} {lane.value}".encode())
    deliveries = await seen.wait(len(places) * 3)
    assert all(d.body == f"{d.node} {d.lane.value}".encode() for d in deliveries)
    assert sorted((d.node, d.lane, d.attempt) for d in deliveries) == sorted(
        (node, lane, attempt) for node, lane in places for attempt in range(3)
    )


async def test_trap_16_no_queue_drops_its_head_or_deletes_what_expires(
    broker: RabbitBroker, rabbitmq: PrivateNode, rabbit_prefix: str
) -> None:
    """As RabbitMQ itself reports them: quorum, dead letters at least once with reject-publish, to a live target."""
    await broker.declare([NODE])
    async with httpx.AsyncClient(base_url=rabbitmq.management_url, trust_env=False) as client:
        queues = (await client.get("/api/queues/%2F")).json()
        bindings = (await client.get("/api/bindings/%2F")).json()
    bound = {b["source"] for b in bindings}
    ours = {q["name"].removeprefix(rabbit_prefix): q for q in queues if q["name"].startswith(rabbit_prefix)}
    assert set(ours) == {
        f"transit.{NODE}.express",
        f"transit.{NODE}.normal",
        "dead",
        "retry.0.2s",
        "retry.0.3s",
    }
    for name, queue in ours.items():
        arguments = queue["arguments"]
        assert (queue["type"], queue["durable"]) == ("quorum", True)
        assert arguments["x-delivery-limit"] >= 20
        assert ("x-message-ttl" in arguments) == name.startswith("retry.")
        if name != "dead":
            assert arguments["x-dead-letter-exchange"] in bound
            assert "x-dead-letter-routing-key" not in arguments
            assert arguments["x-dead-letter-strategy"] == "at-least-once"
            assert arguments["x-overflow"] == "reject-publish"


async def test_trap_16_a_message_over_the_limit_is_refused_before_the_channel_closes(
    broker: RabbitBroker,
) -> None:
    await broker.declare([NODE])
    with pytest.raises(HubFault, match="exceeds"):
        await broker.publish(NODE, Lane.NORMAL, bytes(MAX_BODY + 1))
    await broker.publish(NODE, Lane.NORMAL, b"the channel is still open")


async def test_trap_16_a_message_is_never_nowhere_while_its_retry_is_refused(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode, rabbit_prefix: str
) -> None:
    """The retry exchange is gone: the message is held, and passed on once the exchange is back."""
    broker = rabbit_brokers(confirm_seconds=5)

    async def answer(delivery: TransitDelivery) -> Outcome | Retry:
        if delivery.attempt:
            return Outcome.DONE
        async with await aio_pika.connect(rabbitmq.amqp_url) as connection, connection.channel() as channel:
            await channel.exchange_delete(f"{rabbit_prefix}retry.0.2s")
        return Retry("first")

    seen = Seen(answer)
    await broker.consume([NODE], seen)
    await broker.publish(NODE, Lane.NORMAL, b"held")
    await seen.wait(1)
    await rabbit_brokers().declare([])  # another process of the installation starts, and declares everything
    async with asyncio.timeout(30):
        while not any(d.attempt == 1 for d in seen.deliveries):
            await seen.wait(len(seen.deliveries) + 1)
    assert set(seen.bodies) == {b"held"}


# --- 17: the broker is killed ---------------------------------------------------------------------------


async def test_trap_17_confirmed_messages_survive_a_killed_broker_and_consumers_resume(
    own_node: PrivateNode, own_broker: RabbitBroker
) -> None:
    seen = Seen()
    await own_broker.declare([NODE, "H48.1"])
    await own_broker.consume(["H48.1"], seen)
    await asyncio.sleep(LEADER_SECONDS)
    confirmed = [b"%d" % n for n in range(200)]
    await asyncio.gather(*(own_broker.publish(NODE, Lane.NORMAL, body) for body in confirmed))
    await own_node.kill()
    with pytest.raises(HubFault):
        await own_broker.publish(NODE, Lane.NORMAL, b"the broker is away")
    await own_node.start()
    await own_broker.consume([NODE], seen)
    await own_broker.publish("H48.1", Lane.EXPRESS, b"after")  # the consumer from before the kill
    await seen.wait(201, seconds=60)
    await own_broker.stop_consuming()
    assert {d.body for d in seen.deliveries if d.node == NODE} == set(confirmed)
    assert [d.body for d in seen.deliveries if d.node == "H48.1"] == [b"after"]


async def test_trap_17_a_lost_disk_is_declared_anew_and_consumed_again(
    own_node: PrivateNode, own_broker: RabbitBroker
) -> None:
    """The queued messages are gone, the store has them; what must come back by itself is the topology."""
    seen = Seen()
    await own_broker.consume([NODE], seen)
    await own_node.kill()
    shutil.rmtree(own_node.data_dir / "database")
    await own_node.start()
    async with asyncio.timeout(60):
        while not seen.deliveries:
            try:
                await own_broker.publish(NODE, Lane.NORMAL, b"anew")
            except HubFault:
                await asyncio.sleep(0.05)
                continue
            await seen.wait(1)
    assert set(seen.bodies) == {b"anew"}


@pytest.fixture
async def quick_broker(own_node: PrivateNode) -> AsyncIterator[RabbitBroker]:
    """One that loses its patience with a queue within seconds."""
    made = RabbitBroker(
        [own_node.amqp_url],
        retry_delays=RETRY_DELAYS,
        confirm_seconds=3,
        connect_seconds=30,
        answer_seconds=3,
        consume_seconds=3,
    )
    yield made
    await made.close()


async def leaderless(node: PrivateNode, queues: list[str]) -> set[str]:
    """Those of the queues whose leader never answers."""
    silent = set()
    for queue in queues:
        connection = await aio_pika.connect(node.amqp_url)
        underlay = await (await connection.channel()).get_underlay_channel()
        try:
            async with asyncio.timeout(2):
                await underlay.basic_get(queue, no_ack=True)
        except TimeoutError:
            silent.add(queue)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await connection.close()
    return silent


@pytest.mark.timeout(240)
async def test_trap_17_queues_without_a_leader_are_made_anew_and_hold_up_nobody_else(
    own_node: PrivateNode, quick_broker: RabbitBroker
) -> None:
    """Declared and killed at once, until RabbitMQ has come back with a queue that hangs: seen in most tries."""
    seen, topology = Seen(), Topology(retry_delays=RETRY_DELAYS)
    await quick_broker.consume([NODE], seen)
    await asyncio.sleep(LEADER_SECONDS)
    sick: set[str] = set()
    new: list[str] = []
    for turn in range(6):
        new = [f"H48.{turn}{number}" for number in range(4)]
        await quick_broker.declare(new)
        await own_node.kill()
        await own_node.start()
        sick = await leaderless(own_node, [topology.queue(n, lane) for n in new for lane in Lane])
        if sick:
            break
    assert sick, "RabbitMQ came back whole six times: the trap was not met"

    with contextlib.suppress(HubFault):
        await quick_broker.consume(new, seen)
    bodies = {f"{node} {lane}".encode(): (node, lane) for node in new for lane in Lane}

    async def insist(body: bytes) -> None:
        while True:
            with contextlib.suppress(HubFault):
                return await quick_broker.publish(*bodies[body], body)
            await asyncio.sleep(0.05)  # a publish on a broken link fails without letting anybody else run

    async with asyncio.timeout(60):
        while True:  # the other node is served although queues of the same relay hang
            with contextlib.suppress(HubFault):
                await quick_broker.publish(NODE, Lane.NORMAL, b"other")
                await seen.wait(1)
                break
            await asyncio.sleep(0.05)
    async with asyncio.timeout(120):
        await asyncio.gather(*(insist(body) for body in bodies))
        while not set(bodies).issubset(seen.bodies):
            await seen.wait(len(seen.bodies) + 1)
    assert await leaderless(own_node, sorted(sick)) == set()


@pytest.mark.timeout(120)
async def test_trap_17_a_slow_broker_keeps_its_queues(
    own_node: PrivateNode, quick_broker: RabbitBroker
) -> None:
    """A broker that stands still for longer than anybody's patience: nothing is deleted, the messages stay."""
    await quick_broker.declare([NODE])
    await asyncio.sleep(LEADER_SECONDS)
    await quick_broker.publish(NODE, Lane.NORMAL, b"kept")
    assert own_node.pid is not None
    os.kill(own_node.pid, signal.SIGSTOP)
    try:
        with pytest.raises(HubFault, match="no confirm"):
            await quick_broker.publish(NODE, Lane.NORMAL, b"unconfirmed")
        await asyncio.sleep(8)  # longer than an examination
    finally:
        os.kill(own_node.pid, signal.SIGCONT)
    seen = Seen()
    await quick_broker.consume([NODE], seen)
    async with asyncio.timeout(60):
        while b"kept" not in seen.bodies:
            await seen.wait(len(seen.bodies) + 1)


# --- 18: the broker holds publishers back ---------------------------------------------------------------


async def test_trap_18_publishers_under_an_alarm_are_told_and_consumers_go_on(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    broker = rabbit_brokers(confirm_seconds=2)
    release = asyncio.Event()

    async def answer(_: TransitDelivery) -> Outcome | Retry:
        await release.wait()
        return Outcome.DONE

    seen = Seen(answer)
    await broker.declare([NODE])
    await broker.publish(NODE, Lane.NORMAL, b"before")
    await broker.consume([NODE], seen)
    await seen.wait(1)
    assert not broker.blocked()
    await rabbitmqctl(rabbitmq, "set_vm_memory_high_watermark", "absolute", "1000000")
    try:
        async with asyncio.timeout(20):
            while not broker.blocked():
                # The alarm takes a moment to rise; then no publish may hang, or pretend.
                with contextlib.suppress(HubFault):
                    await broker.publish(NODE, Lane.EXPRESS, b"under the alarm")
        with pytest.raises(HubFault, match="holds publishers back"):
            await broker.publish(NODE, Lane.NORMAL, b"refused at once")
        release.set()
        await broker.declare(["H48.77"])  # acknowledging and declaring are not held back
        await broker.stop_consuming()
        await until_ready(broker, NODE, Lane.NORMAL, 0)
    finally:
        await rabbitmqctl(rabbitmq, "set_vm_memory_high_watermark", "0.4")
    async with asyncio.timeout(20):
        while broker.blocked():
            await asyncio.sleep(0.1)
    await broker.publish(NODE, Lane.NORMAL, b"after")


# --- the wire -------------------------------------------------------------------------------------------


async def test_a_cut_connection_leaves_every_publish_confirmed_or_refused_and_none_confirmed_lost(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    async with Proxy(rabbitmq.identity.amqp) as proxy:
        port = f":{rabbitmq.identity.amqp}/"
        broker = rabbit_brokers(urls=[rabbitmq.amqp_url.replace(port, f":{proxy.port}/")], confirm_seconds=5)
        await broker.declare([NODE])
        confirmed: set[bytes] = set()
        refused: set[bytes] = set()

        async def publish(body: bytes) -> None:
            try:
                await broker.publish(NODE, Lane.NORMAL, body)
                confirmed.add(body)
            except HubFault:
                refused.add(body)

        for cut in range(5):
            publishes = [asyncio.create_task(publish(b"%d-%d" % (cut, n) + bytes(5_000))) for n in range(200)]
            async with asyncio.timeout(20):
                while len(confirmed) + len(refused) < cut * 200 + 40 * cut + 1:
                    await asyncio.sleep(0)
            proxy.cut()
            await asyncio.wait_for(asyncio.gather(*publishes), 20)
        assert len(confirmed) + len(refused) == 1_000
        assert confirmed
        assert refused
        seen = Seen()
        direct = rabbit_brokers()
        await direct.consume([NODE], seen)
        async with asyncio.timeout(30):
            while not confirmed <= set(seen.bodies):
                await seen.wait(len(seen.deliveries) + 1)
        await direct.stop_consuming()


async def test_a_cut_connection_resumes_consumption_with_nothing_lost(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    async with Proxy(rabbitmq.identity.amqp) as proxy:
        port = f":{rabbitmq.identity.amqp}/"
        relay = rabbit_brokers(urls=[rabbitmq.amqp_url.replace(port, f":{proxy.port}/")])
        sender = rabbit_brokers()
        handled: set[bytes] = set()

        async def answer(delivery: TransitDelivery) -> Outcome | Retry:
            if len(handled) % 40 == 20:
                proxy.cut()  # with this very message in hand, and others waiting
            handled.add(delivery.body)
            return Outcome.DONE

        seen = Seen(answer)
        await relay.consume([NODE], seen)
        bodies = {b"%d" % n for n in range(200)}
        await asyncio.gather(*(sender.publish(NODE, Lane.NORMAL, body) for body in bodies))
        async with asyncio.timeout(60):
            while handled != bodies:
                await seen.wait(len(seen.deliveries) + 1)
        await until_ready(sender, NODE, Lane.NORMAL, 0)
        assert proxy.accepted > 4


async def test_a_broker_that_stops_answering_is_a_fault_within_the_time_set(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    async with Proxy(rabbitmq.identity.amqp) as proxy:
        port = f":{rabbitmq.identity.amqp}/"
        broker = rabbit_brokers(urls=[rabbitmq.amqp_url.replace(port, f":{proxy.port}/")], confirm_seconds=1)
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"1")
        proxy.hold_answers()
        with pytest.raises(HubFault, match="no confirm in 1 s"):
            await asyncio.wait_for(broker.publish(NODE, Lane.NORMAL, b"2"), 5)
        proxy.release_answers()
        await broker.publish(NODE, Lane.NORMAL, b"3")


async def test_with_one_cluster_member_away_the_next_url_is_used(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    async with Proxy(1) as nobody:
        away = f"amqp://guest:guest@127.0.0.1:{nobody.port}/"
        broker = rabbit_brokers(urls=[away, rabbitmq.amqp_url])
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"x")


async def test_a_broker_away_from_the_start_is_a_fault_and_is_found_later(
    rabbit_brokers: Callable[..., RabbitBroker], rabbitmq: PrivateNode
) -> None:
    async with Proxy(rabbitmq.identity.amqp) as proxy:
        proxy.refusing = True
        port = f":{rabbitmq.identity.amqp}/"
        broker = rabbit_brokers(
            urls=[rabbitmq.amqp_url.replace(port, f":{proxy.port}/")], connect_seconds=1, confirm_seconds=1
        )
        seen = Seen()
        with pytest.raises(HubFault, match="not reachable"):
            await broker.publish(NODE, Lane.NORMAL, b"x")
        with pytest.raises(HubFault, match="not reachable"):
            await broker.consume([NODE], seen)
        await broker.notify({"kind": "nobody hears"})
        proxy.refusing = False
        async with asyncio.timeout(30):
            while True:
                try:
                    await broker.consume([NODE], seen)
                    await broker.publish(NODE, Lane.NORMAL, b"found")
                    break
                except HubFault:
                    continue
        await seen.wait(1)
