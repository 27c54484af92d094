"""Does the broker on a real RabbitMQ keep the contract?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lienthong.broker import RabbitBroker
from lienthong.domain.document import Lane
from tests.contract.broker_suite import CONCURRENCY, BrokerContract, Seen


@pytest.fixture
async def broker(rabbit_brokers: Callable[..., RabbitBroker]) -> RabbitBroker:
    made = rabbit_brokers(express_concurrency=CONCURRENCY, normal_concurrency=CONCURRENCY)
    await made.declare([])
    return made


class TestRabbitBroker(BrokerContract):
    pass


async def test_a_queue_comes_into_being_with_the_first_message_where_that_is_wanted(
    rabbit_brokers: Callable[..., RabbitBroker],
) -> None:
    broker = rabbit_brokers(on_demand=True)
    await asyncio.gather(*(broker.publish("H48.77", Lane.NORMAL, b"x") for _ in range(20)))
    seen = Seen()
    await broker.consume(["H48.77"], seen)
    assert [d.body for d in await seen.wait(20)] == [b"x"] * 20
