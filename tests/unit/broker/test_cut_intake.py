"""A connection that was cut while its messages waited for a handler: they are let go, nothing is raised."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from lienthong.broker.consumer import Intake, Source
from lienthong.domain.document import Lane
from lienthong.hub.ports import Outcome, TransitDelivery

SOURCE = Source(queue="transit.H48.normal", place=("H48", Lane.NORMAL))


class _Channel:
    """aiormq's, as far as an intake looks at it."""

    def __init__(self) -> None:
        self.is_closed = False
        self.settled: list[tuple[str, int]] = []

    async def basic_ack(self, tag: int, *, wait: bool) -> None:
        if self.is_closed:
            raise ChannelInvalidStateError("closed")
        self.settled.append(("ack", tag))

    async def basic_nack(self, tag: int, *, requeue: bool, wait: bool) -> None:
        self.settled.append(("nack", tag))


def message(channel: _Channel, tag: int) -> DeliveredMessage:
    """A message as aiormq hands it over."""
    deliver = Basic.Deliver(consumer_tag="c", delivery_tag=tag, routing_key="transit.H48.normal")
    return DeliveredMessage(delivery=deliver, header=ContentHeader(), body=b"x", channel=cast("Any", channel))


def intake(channel: _Channel, seen: list[TransitDelivery], *, cut: bool) -> Intake:
    """One that is cut, if so, while its handler works."""

    async def handler(delivery: TransitDelivery) -> Outcome:
        seen.append(delivery)
        channel.is_closed = channel.is_closed or cut
        return Outcome.DONE

    async def nothing(*_: object) -> None:
        return None

    return Intake(
        ["amqp://nowhere"],
        name="test",
        handler=handler,
        pass_on=nothing,
        declare=nothing,
        heal=nothing,
        concurrency=1,
    )


@pytest.mark.parametrize("cut", [False, True])
async def test_what_waits_behind_a_cut_is_let_go(cut: bool) -> None:
    channel, seen = _Channel(), list[TransitDelivery]()
    receive = intake(channel, seen, cut=cut)
    receiver = receive._receiver(SOURCE)
    for tag in (1, 2):
        await receiver(message(channel, tag))
    for task in tuple(receive._at_work):
        await task
    assert channel.settled == ([] if cut else [("ack", 1), ("ack", 2)])
    assert [(d.node, d.body, d.attempt, d.reason) for d in seen] == [("H48", b"x", 0, None)] * (2 - cut)
