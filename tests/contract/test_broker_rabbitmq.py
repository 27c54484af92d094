"""Does the broker on a real RabbitMQ keep the contract?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lienthong.broker import RabbitBroker
from tests.contract.broker_suite import CONCURRENCY, BrokerContract


@pytest.fixture
async def broker(rabbit_brokers: Callable[..., RabbitBroker]) -> RabbitBroker:
    made = rabbit_brokers(express_concurrency=CONCURRENCY, normal_concurrency=CONCURRENCY)
    await made.declare([])
    return made


class TestRabbitBroker(BrokerContract):
    pass
