"""Does the broker in memory keep the contract, and fail when told to?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lienthong.domain.document import Lane
from lienthong.errors import HubFault
from lienthong.hub.ports import Outcome, TransitDelivery
from tests.contract.broker_suite import CONCURRENCY, NODE, BrokerContract, Seen
from tests.fakes.broker import FakeBroker


@pytest.fixture
async def broker() -> AsyncIterator[FakeBroker]:
    made = FakeBroker(
        retry_delays=(0.01, 0.01),
        express_concurrency=CONCURRENCY,
        normal_concurrency=CONCURRENCY,
        dead_pause=0.01,
    )
    yield made
    await made.close()


async def _hang(_: TransitDelivery) -> Outcome:
    await asyncio.Event().wait()
    return Outcome.DONE


class TestFakeBroker(BrokerContract):
    async def test_it_fails_drops_and_duplicates_on_demand(self, broker: FakeBroker) -> None:
        seen = Seen()
        await broker.consume([NODE], seen)
        broker.fail_next_publish()
        with pytest.raises(HubFault):
            await broker.publish(NODE, Lane.NORMAL, b"failed")
        broker.drop_next_publish()
        await broker.publish(NODE, Lane.NORMAL, b"dropped")
        broker.duplicate_next_publish()
        await broker.publish(NODE, Lane.NORMAL, b"twice")
        await broker.settled()
        assert seen.bodies == [b"twice", b"twice"]

    async def test_blocked_publishers_are_refused(self, broker: FakeBroker) -> None:
        await broker.declare([NODE])
        broker.block()
        assert broker.blocked()
        with pytest.raises(HubFault):
            await broker.publish(NODE, Lane.NORMAL, b"held back")
        broker.block(False)
        await broker.publish(NODE, Lane.NORMAL, b"through")

    async def test_killed_consumers_get_their_messages_again(self, broker: FakeBroker) -> None:
        seen = Seen()

        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"again")
        hang = Seen(_hang)
        await broker.consume([NODE], hang)
        await hang.wait(1)
        await broker.kill_consumers()
        await broker.consume([NODE], seen)
        (delivery,) = await seen.wait(1)
        assert delivery.redelivered

    async def test_a_lost_disk_loses_what_was_queued(self, broker: FakeBroker) -> None:
        await broker.declare([NODE])
        await broker.publish(NODE, Lane.NORMAL, b"gone")
        await broker.lose_everything()
        assert sum(row.ready for row in await broker.queues([NODE])) == 0
