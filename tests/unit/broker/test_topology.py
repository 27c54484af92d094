"""Are names, keys and arguments of the topology as documented?"""

from __future__ import annotations

import pytest

from lienthong.broker.consumer import read_attempt, read_reason
from lienthong.broker.topology import Topology, read_routing_key
from lienthong.domain.document import Lane


def test_routing_keys_are_read_back() -> None:
    for node in ("H48", "H48.31.05", "000.00.31.H48", "express", "a.normal"):
        for lane in Lane:
            assert read_routing_key(Topology().routing_key(node, lane)) == (node, lane)


@pytest.mark.parametrize(
    "key", ["", "transit", "transit.H48", "transit..express", "transit.H48.slow", "other.H48.normal"]
)
def test_foreign_routing_keys_are_nobodys(key: str) -> None:
    assert read_routing_key(key) is None


def test_retries_follow_the_delays_and_then_end() -> None:
    topology = Topology()
    names = [topology.retry(attempt) for attempt in range(7)]
    assert names == ["retry.30s", "retry.60s", "retry.120s", "retry.240s", "retry.480s", None, None]


def test_a_prefix_stands_before_names_and_never_in_routing_keys() -> None:
    topology = Topology(prefix="t1-", retry_delays=(0.2,))
    exchanges, queues = topology.base()
    names = [e.name for e in exchanges] + [q.name for q in (*queues, *topology.of_node("H48"))]
    assert all(name.startswith("t1-") for name in names)
    assert [q.routing_key for q in topology.of_node("H48")] == ["transit.H48.express", "transit.H48.normal"]
    assert topology.retry(0) == "t1-retry.0.2s"


def test_retry_queues_expire_into_the_transit_exchange_with_their_key() -> None:
    topology = Topology()
    _, queues = topology.base()
    waits = {q.name: q.arguments["x-message-ttl"] for q in queues if q.name.startswith("retry.")}
    assert waits == {
        "retry.30s": 30_000,
        "retry.60s": 60_000,
        "retry.120s": 120_000,
        "retry.240s": 240_000,
        "retry.480s": 480_000,
    }
    assert all(q.arguments["x-dead-letter-exchange"] == topology.transit for q in queues if q.name in waits)
    assert all("x-dead-letter-routing-key" not in q.arguments for q in queues)


def test_every_queue_is_a_quorum_queue_with_a_delivery_limit() -> None:
    topology = Topology()
    for queue in (*topology.base()[1], *topology.of_node("H48")):
        assert queue.arguments["x-queue-type"] == "quorum"
        assert int(queue.arguments["x-delivery-limit"]) >= 20


@pytest.mark.parametrize("header", [None, "1", -1, True, 1.5, b"1"])
def test_nonsense_in_the_attempt_header_counts_as_the_first_try(header: object) -> None:
    assert read_attempt({"attempt": header}) == 0
    assert read_attempt({}) == 0
    assert read_attempt({"attempt": 3}) == 3


def test_the_reason_is_the_handlers_or_the_brokers() -> None:
    assert read_reason({"reason": "the store was away"}) == "the store was away"
    assert read_reason({"reason": 7}) is None
    assert read_reason({"reason": ""}) is None
    assert read_reason({}) is None
    assert "too often" in (read_reason({"x-first-death-reason": "delivery_limit"}) or "")
